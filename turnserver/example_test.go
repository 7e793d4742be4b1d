package turnserver_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/pion/turn/v4"

	"github.com/icelab-go/icelab/turnserver"
)

// A client is turned away, and the server says why.
func ExampleStart() {
	localhost := netip.MustParseAddr("127.0.0.1")
	server, err := turnserver.Start(turnserver.Config{
		Listen:       []turnserver.Listener{{Network: "udp", Address: netip.AddrPortFrom(localhost, 0)}},
		RelayAddress: localhost,
		Users:        map[string]string{"alice": "a secret"},
	})
	if err != nil {
		fmt.Println(err)

		return
	}
	defer server.Close()

	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)

		return
	}
	defer conn.Close()
	client, err := turn.NewClient(&turn.ClientConfig{
		Conn: conn, TURNServerAddr: server.Addresses()[0].Address.String(), Username: "alice", Password: "a guess",
	})
	if err != nil {
		fmt.Println(err)

		return
	}
	defer client.Close()
	_ = client.Listen()
	_, err = client.Allocate()
	fmt.Println("client:", err)

	events, err := server.WaitEvents(context.Background(), 0)
	for _, e := range events {
		fmt.Println("server:", e.Kind, e.Username, e.Code, e.Reason)
	}
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// client: Allocate error response (error 400: )
	// server: auth-failed alice 400 wrong password
}
