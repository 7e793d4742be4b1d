package peers

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// usePort makes pion gather from Config.Port.
//
// pion's own port range is for every UDP socket: with a range of one port the
// host and the server-reflexive candidates of an address would race for it (ice
// v4.4.0, listenUDPInPortRange), and the loser is not gathered. So the sockets
// of host candidates are opened here, and the others use any port.
func (p *Peer) usePort(settings *webrtc.SettingEngine) error {
	port := p.config.Port
	switch {
	case port == 0:
		return nil
	case !p.forcing.types[Host]:
		return settings.SetEphemeralUDPPortRange(port, port)
	}
	p.hosts = &portMux{addresses: p.usedAddresses, open: func() (*ice.MultiUDPMuxDefault, error) { return p.openPort(port) }}
	if err := p.hosts.renew(); err != nil {
		return err
	}
	settings.SetICEUDPMux(p.hosts)
	return nil
}

func (p *Peer) openPort(port uint16) (*ice.MultiUDPMuxDefault, error) {
	options := []ice.UDPMuxFromPortOption{
		ice.UDPMuxFromPortWithNetworks(ice.NetworkTypeUDP4),
		ice.UDPMuxFromPortWithNet(p.net),
		ice.UDPMuxFromPortWithLogger(p.journal.NewLogger("ice")),
	}
	if p.config.Loopback {
		options = append(options, ice.UDPMuxFromPortWithLoopback())
	}
	if len(p.config.Interfaces) > 0 {
		options = append(options, ice.UDPMuxFromPortWithInterfaceFilter(p.usesInterface))
	}
	mux, err := ice.NewMultiUDPMuxFromPort(int(port), options...)
	if err != nil {
		remedy := "choose another port"
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			remedy = "another program has it: choose another port"
		case errors.Is(err, syscall.EACCES):
			remedy = "ports below 1024 need a privilege: choose a higher port"
		}
		return nil, fmt.Errorf("%w: %s", err, remedy)
	}
	return mux, nil
}

// closePort closes the sockets of host candidates that pion did not open.
func (p *Peer) closePort() {
	if p.hosts != nil {
		_ = p.hosts.Close()
	}
}

func (p *Peer) usesInterface(name string) bool { return slices.Contains(p.config.Interfaces, name) }
