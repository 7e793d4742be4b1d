package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/icelab-go/icelab/turnserver"
)

// turnFaults is what --fault asks for.
type turnFaults struct {
	turnserver.Faults
	// badCertificate is what is wrong with the certificate that is made.
	badCertificate string
}

// faultsHelp is a line for each fault.
const faultsHelp = `  drop-answers=METHOD[/N]  lose all answers, or each Nth, to binding, allocate,
                           refresh, create-permission or channel-bind
  no-realm                 challenges without a realm
  stale-nonce              438 and another nonce for every request
  stun-only                400 for every allocation, as from a STUN server
  secure-stun              401 for Binding requests without credentials
  no-udp-relay             442 for every allocation
  relay-deaf               nothing from other hosts reaches a relay, as behind a
                           firewall
  clock-offset=DURATION    a clock that is ahead, or behind with -DURATION, where
                           credentials expire
  tls-max=VERSION          TLS 1.0, 1.1, 1.2 or 1.3 at most
  certificate=WRONG        a certificate made for this run that is expired, or has
                           a wrong-name`

// droppable are the methods whose answers can be lost.
var droppable = []turnserver.Method{turnserver.Binding, turnserver.Allocate, turnserver.Refresh, turnserver.CreatePermission, turnserver.ChannelBind}

// faultWords sets each fault, whose value is empty where none was given.
var faultWords = map[string]func(f *turnFaults, value string) error{
	"drop-answers": func(f *turnFaults, value string) error {
		method, each, given := strings.Cut(value, "/")
		every := 1
		if given {
			var err error
			if every, err = strconv.Atoi(each); err != nil {
				return fmt.Errorf("write METHOD or METHOD/N, such as allocate/2")
			}
		}
		if !slices.Contains(droppable, turnserver.Method(method)) {
			return fmt.Errorf("no such method: write one of binding, allocate, refresh, create-permission, channel-bind")
		}
		if every < 1 {
			return fmt.Errorf("write METHOD/N with N from 1")
		}
		if f.DropAnswers == nil {
			f.DropAnswers = map[turnserver.Method]int{}
		}
		f.DropAnswers[turnserver.Method(method)] = every
		return nil
	},
	"no-realm":     bare(func(f *turnFaults) { f.NoRealm = true }),
	"stale-nonce":  bare(func(f *turnFaults) { f.StaleNonce = true }),
	"stun-only":    bare(func(f *turnFaults) { f.STUNOnly = true }),
	"secure-stun":  bare(func(f *turnFaults) { f.SecureSTUN = true }),
	"no-udp-relay": bare(func(f *turnFaults) { f.NoUDPRelay = true }),
	"relay-deaf":   bare(func(f *turnFaults) { f.RelayDeaf = true }),
	"clock-offset": func(f *turnFaults, value string) (err error) {
		if f.ClockOffset, err = time.ParseDuration(value); err != nil {
			return fmt.Errorf("write a duration, such as 5m or -1h")
		}
		return nil
	},
	"tls-max": func(f *turnFaults, value string) error {
		var known bool
		if f.TLSMax, known = tlsVersions[value]; !known {
			return fmt.Errorf("write 1.0, 1.1, 1.2 or 1.3")
		}
		return nil
	},
	"certificate": func(f *turnFaults, value string) error {
		if value != expiredCertificate && value != wrongName {
			return fmt.Errorf("write %s or %s", expiredCertificate, wrongName)
		}
		f.badCertificate = value
		return nil
	},
}

var tlsVersions = map[string]uint16{"1.0": 0x0301, "1.1": 0x0302, "1.2": 0x0303, "1.3": 0x0304}

func bare(set func(*turnFaults)) func(*turnFaults, string) error {
	return func(f *turnFaults, value string) error {
		if value != "" {
			return fmt.Errorf("it takes no value")
		}
		set(f)
		return nil
	}
}

// parseFaults reads the values of --fault.
func parseFaults(all []string) (f turnFaults, err error) {
	for _, text := range all {
		name, value, _ := strings.Cut(text, "=")
		set, known := faultWords[name]
		if !known {
			return f, fmt.Errorf("--fault %s: no such fault: write one of %s", text, strings.Join(slices.Sorted(maps.Keys(faultWords)), ", "))
		}
		if err := set(&f, value); err != nil {
			return f, fmt.Errorf("--fault %s: %w", text, err)
		}
	}
	return f, nil
}
