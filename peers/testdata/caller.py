"""An aiortc caller: offers over TcpSocketSignaling, sends, prints the echoes.

usage: caller.py listen|connect HOST PORT MESSAGE...

"listen" is the helper as it is: the side that sends first listens. "connect"
makes it connect, for a server that listens itself.
"""

import asyncio
import sys

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.signaling import BYE, TcpSocketSignaling


async def main(way, host, port, messages):
    signaling = TcpSocketSignaling(host, int(port))
    await signaling.connect()
    if way == "connect":
        await signaling._connect(False)

    pc = RTCPeerConnection()
    channel = pc.createDataChannel("chat")
    echoes = asyncio.Queue()
    opened = asyncio.Event()
    channel.on("open", opened.set)
    channel.on("message", echoes.put_nowait)

    await pc.setLocalDescription(await pc.createOffer())
    await signaling.send(pc.localDescription)
    answer = await signaling.receive()
    assert isinstance(answer, RTCSessionDescription), answer
    assert answer.type == "answer"
    await pc.setRemoteDescription(answer)
    await opened.wait()
    for message in messages:
        channel.send(message)
        print("echo:", await echoes.get(), flush=True)
    channel.send(bytes(range(256)))
    binary = await echoes.get()
    print("binary:", "verbatim" if binary == bytes(range(256)) else repr(binary), flush=True)

    await signaling.send(BYE)
    last = await signaling.receive()
    print("last:", "bye" if last is BYE else repr(last), flush=True)
    await pc.close()
    await signaling.close()


asyncio.run(asyncio.wait_for(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]), 20))
