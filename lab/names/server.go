package names

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"golang.org/x/net/dns/dnsmessage"
)

// Fault is what becomes of a question for the name.
type Fault string

// The faults. The zero value is none.
const (
	// NXDomain: there is no such name.
	NXDomain Fault = "nxdomain"
	// ServFail: the server could not find out.
	ServFail Fault = "servfail"
	// Silent: nothing is answered, whatever is asked.
	Silent Fault = "silent"
	// WrongAddress: an address where nobody is (RFC 5737).
	WrongAddress Fault = "wrong-address"
)

// nobody is in TEST-NET-1 (RFC 5737).
var nobody = netip.MustParseAddr("192.0.2.1")

// Config says what a Server answers. It travels as JSON, but for its Net.
type Config struct {
	// Listen is where it is asked. Port 0 asks the system for a free one.
	Listen netip.AddrPort `json:"listen"`
	// Name is the one name it knows, without a final dot, and Address its A record.
	// It has no other records.
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"`
	Fault   Fault      `json:"fault,omitempty"`

	// Net replaces the system's network stack; nil is the system's own.
	Net transport.Net `json:"-"`
}

// timeToLive of an answer, in seconds: short, since a lab changes.
const timeToLive = 1

func (c Config) validate() error {
	switch {
	case !c.Listen.IsValid():
		return errors.New("dns server: nothing to listen on: give an address and a port")
	case !c.Address.Is4():
		return fmt.Errorf("dns server: address %s of %q: give an IPv4 address", c.Address, c.Name)
	}
	switch c.Fault {
	case "", NXDomain, ServFail, Silent, WrongAddress:
	default:
		return fmt.Errorf("dns server: fault %q: use %s, %s, %s or %s", c.Fault, NXDomain, ServFail, Silent, WrongAddress)
	}
	if _, err := dnsmessage.NewName(c.Name + "."); err != nil || c.Name == "" {
		return fmt.Errorf("dns server: name %q: give one of at most 254 bytes", c.Name)
	}
	return nil
}

// Server answers until it is closed.
type Server struct {
	config Config
	conn   net.PacketConn
	work   sync.WaitGroup
}

// Start makes a server that listens.
func Start(c Config) (*Server, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.Net == nil {
		system, err := stdnet.NewNet()
		if err != nil {
			return nil, fmt.Errorf("dns server: read this host's addresses: %w", err)
		}
		c.Net = system
	}
	conn, err := c.Net.ListenUDP("udp4", net.UDPAddrFromAddrPort(c.Listen))
	if err != nil {
		return nil, fmt.Errorf("dns server: listen on %s: %w", c.Listen, err)
	}
	s := &Server{config: c, conn: conn}
	s.work.Go(s.serve)
	return s, nil
}

// Address is where the server listens.
func (s *Server) Address() netip.AddrPort {
	at, _ := netip.ParseAddrPort(s.conn.LocalAddr().String())
	return at
}

// Close ends it.
func (s *Server) Close() error {
	err := s.conn.Close()
	s.work.Wait()
	return err
}

func (s *Server) serve() {
	buffer := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if answer := s.config.answer(buffer[:n]); answer != nil {
			_, _ = s.conn.WriteTo(answer, from)
		}
	}
}

// answer returns what a question is answered with, nil for nothing.
func (c Config) answer(question []byte) []byte {
	var p dnsmessage.Parser
	header, err := p.Start(question)
	if err != nil || header.Response {
		return nil
	}
	asked, err := p.Question()
	if err != nil || c.Fault == Silent {
		return nil
	}
	answer := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: header.ID, Response: true, OpCode: header.OpCode, Authoritative: true,
			RecursionDesired: header.RecursionDesired, RecursionAvailable: true,
		},
		Questions: []dnsmessage.Question{asked},
	}
	known := strings.EqualFold(asked.Name.String(), c.Name+".")
	switch {
	case header.OpCode != 0:
		answer.RCode = dnsmessage.RCodeNotImplemented
	case c.Fault == ServFail:
		answer.RCode = dnsmessage.RCodeServerFailure
	case !known || c.Fault == NXDomain:
		answer.RCode = dnsmessage.RCodeNameError
	case asked.Type == dnsmessage.TypeA && asked.Class == dnsmessage.ClassINET:
		address := c.Address
		if c.Fault == WrongAddress {
			address = nobody
		}
		answer.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: asked.Name, Class: dnsmessage.ClassINET, TTL: timeToLive},
			Body:   &dnsmessage.AResource{A: address.As4()},
		}}
	}
	packed, err := answer.Pack()
	if err != nil {
		return nil
	}
	return packed
}
