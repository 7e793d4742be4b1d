package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/fabric/docker"
	"github.com/icelab-go/icelab/lab/fabric/netns"
	"github.com/icelab-go/icelab/lab/fabric/vnet"
)

// AnyFabric is the name that Open takes for the first fabric that works here.
const AnyFabric = "auto"

// FabricVariable is the environment variable that names the fabric where the
// program does not.
const FabricVariable = "ICELAB_ON"

// kind is a sort of fabric, and how to get one.
type kind struct {
	name, about string
	// labs is the most labs at once that pay on two cores, and worth how many
	// scenarios make a further lab worth bringing up: both found by measuring.
	labs, worth int
	// patience is how long auto waits to hear whether it works here.
	patience time.Duration
	open     func(ctx context.Context, progress func(string)) (fabric.Fabric, error)
}

// kinds are all that auto tries, in this order.
var kinds = []kind{
	{"docker", "every node is a container", 3, 10, 2 * time.Second,
		func(ctx context.Context, progress func(string)) (fabric.Fabric, error) {
			return interfaced(docker.New(ctx, progress))
		}},
	{"netns", "every node is a process in a network namespace of its own", 8, 1, 20 * time.Second,
		func(ctx context.Context, _ func(string)) (fabric.Fabric, error) { return interfaced(netns.New(ctx)) }},
	{"vnet", "every node is a set of goroutines in this one process; UDP only", 8, 1, 20 * time.Second,
		func(context.Context, func(string)) (fabric.Fabric, error) { return vnet.New(), nil }},
}

// interfaced keeps a nil pointer from becoming a fabric.
func interfaced[F fabric.Fabric](f F, err error) (fabric.Fabric, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

// FabricNames are the names that Open takes.
func FabricNames() []string {
	names := []string{AnyFabric}
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// DefaultFabric is what ICELAB_ON names, or else AnyFabric.
func DefaultFabric() string {
	if name := os.Getenv(FabricVariable); name != "" {
		return name
	}
	return AnyFabric
}

// Chosen says which fabric a lab lives on, and why on this one.
type Chosen struct {
	On string `json:"on"`
	// Why is why those before it were passed over, or else what was found.
	Why string `json:"why,omitempty"`
}

// Open gets the fabric of a name: docker, netns or vnet; auto takes the first of
// them that works here. When it is not to be had the error is, or wraps, a
// *fabric.Unavailable. Progress is told in a phrase what takes long; it may be
// nil. A fabric that is an io.Closer has to be closed after its labs.
func Open(ctx context.Context, on string, progress func(string)) (fabric.Fabric, Chosen, error) {
	if on == AnyFabric {
		return first(ctx, kinds, progress)
	}
	for _, k := range kinds {
		if k.name == on {
			f, err := k.open(ctx, progress)
			return f, Chosen{On: on, Why: found(f)}, err
		}
	}
	return nil, Chosen{}, fmt.Errorf("no fabric is called %q: want %s", on, strings.Join(FabricNames(), ", "))
}

// first opens the first of the kinds that works here.
func first(ctx context.Context, all []kind, progress func(string)) (fabric.Fabric, Chosen, error) {
	var passed []string
	var missing []error
	for _, k := range all {
		f, err := k.soon(ctx, progress)
		if err == nil {
			if len(passed) == 0 {
				passed = []string{found(f)}
			}
			return f, Chosen{On: k.name, Why: strings.Join(passed, "; ")}, nil
		}
		if ctx.Err() != nil {
			return nil, Chosen{}, context.Cause(ctx)
		}
		passed = append(passed, k.name+": "+reason(err).Why)
		missing = append(missing, err)
	}
	return nil, Chosen{}, errors.Join(missing...)
}

// soon opens a fabric, unless that takes longer than a fallback should wait.
func (k kind) soon(ctx context.Context, progress func(string)) (fabric.Fabric, error) {
	soon, cancel := context.WithTimeout(ctx, k.patience)
	defer cancel()
	f, err := k.open(soon, progress)
	if err != nil && soon.Err() != nil && ctx.Err() == nil {
		why := fmt.Sprintf("no answer within %s", k.patience)
		return nil, &fabric.Unavailable{Fabric: k.name, Why: why, Remedy: "see what keeps it, and try again with --on " + k.name}
	}
	return f, err
}

// found says what a fabric that works was found to be.
func found(f fabric.Fabric) string {
	if s, ok := f.(fmt.Stringer); ok {
		return s.String()
	}
	return ""
}

// reason finds why a fabric cannot be had, and what to do about it.
func reason(err error) fabric.Unavailable {
	var missing *fabric.Unavailable
	if errors.As(err, &missing) {
		return *missing
	}
	return fabric.Unavailable{Why: err.Error()}
}

// Availability says whether a fabric works on this machine.
type Availability struct {
	Name      string `json:"name"`
	About     string `json:"about"`
	Available bool   `json:"available"`
	// Why is what was found, or why it does not work.
	Why string `json:"why,omitempty"`
	// Remedy is what to do about a fabric that is not available.
	Remedy string `json:"remedy,omitempty"`
}

// Fabrics tries every fabric out, in the order of Open's auto. It takes a tenth of
// a second, and two seconds where an engine hangs. Nothing is built, and nothing
// stays.
func Fabrics(ctx context.Context) []Availability {
	list := make([]Availability, len(kinds))
	var all sync.WaitGroup
	for i, k := range kinds {
		all.Go(func() { list[i] = k.available(ctx) })
	}
	all.Wait()
	return list
}

func (k kind) available(ctx context.Context) Availability {
	a := Availability{Name: k.name, About: k.about}
	f, err := k.soon(ctx, nil)
	if err != nil {
		missing := reason(err)
		a.Why, a.Remedy = missing.Why, missing.Remedy
		return a
	}
	a.Available, a.Why = true, found(f)
	_ = release(f)
	return a
}

// Auto starts a lab on the fabric that ICELAB_ON names, or else on the first of
// docker, netns and vnet that works here.
func Auto(ctx context.Context) (*Lab, error) { return startOn(ctx, DefaultFabric()) }

// Docker starts a lab on the Docker engine that the environment names.
func Docker(ctx context.Context) (*Lab, error) { return startOn(ctx, "docker") }

// Netns starts a lab on network namespaces of Linux, as root or, where user
// namespaces are allowed, as an ordinary user.
func Netns(ctx context.Context) (*Lab, error) { return startOn(ctx, "netns") }

// VNet starts a lab in this process, on a virtual network. That works anywhere,
// but some scenarios are not supported there.
func VNet(ctx context.Context) (*Lab, error) { return startOn(ctx, "vnet") }

// startOn starts a lab that closes its fabric too.
func startOn(ctx context.Context, on string) (*Lab, error) {
	f, chosen, err := Open(ctx, on, nil)
	if err != nil {
		return nil, err
	}
	l, err := Start(ctx, f)
	if err != nil {
		return nil, errors.Join(err, release(f))
	}
	l.chosen, l.closing = chosen, func() error { return release(f) }
	return l, nil
}

// On says which fabric the lab lives on, and why. It is empty for one that was
// started with Start.
func (l *Lab) On() Chosen { return l.chosen }

func release(f fabric.Fabric) error {
	if c, ok := f.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Parallel is how many labs at once suit a fabric and a number of scenarios. On
// Docker that is few: bringing a lab up takes seconds there, and an engine has
// addresses for about thirty networks. Elsewhere it is more, since scenarios
// mostly wait. The services of a compose file are one lab.
func Parallel(on fabric.Fabric, scenarios int) int {
	var name string
	switch on.(type) {
	case *docker.Fabric:
		name = "docker"
	case *netns.Fabric:
		name = "netns"
	case *vnet.Fabric:
		name = "vnet"
	}
	for _, k := range kinds {
		if k.name == name {
			return min(k.labs, (scenarios+k.worth-1)/k.worth)
		}
	}
	return 1
}
