"""An aiortc callee: answers over TcpSocketSignaling and echoes until a bye.

usage: callee.py listen|connect HOST PORT

"connect" is the helper as it is: the side that receives first connects.
"listen" makes it listen, as a server does.
"""

import asyncio
import sys

from aiortc import RTCIceCandidate, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.signaling import BYE, TcpSocketSignaling


async def main(way, host, port):
    signaling = TcpSocketSignaling(host, int(port))
    await signaling.connect()
    if way == "listen":
        print("ready", flush=True)
        await signaling._connect(True)

    pc = RTCPeerConnection()

    @pc.on("datachannel")
    def on_datachannel(channel):
        print("channel:", channel.label, flush=True)

        @channel.on("message")
        def on_message(message):
            channel.send("aiortc echoes: " + message if isinstance(message, str) else message)

    while True:
        received = await signaling.receive()
        if isinstance(received, RTCSessionDescription):
            await pc.setRemoteDescription(received)
            if received.type == "offer":
                await pc.setLocalDescription(await pc.createAnswer())
                await signaling.send(pc.localDescription)
        elif isinstance(received, RTCIceCandidate):
            await pc.addIceCandidate(received)
        else:
            print("last:", "bye" if received is BYE else repr(received), flush=True)
            break
    await pc.close()
    await signaling.close()


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 20))
