package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	tclog "github.com/testcontainers/testcontainers-go/log"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/fabric/compose"
)

// onCompose is the fabric that only exists inside docker-compose.yml.
const onCompose = "compose"

// fabricFlags say where the labs live, and how many there are.
type fabricFlags struct {
	on, control string
	parallel    int

	flags *pflag.FlagSet
	names []string
}

// add adds the flags to a command's, with what else than the library's fabrics
// --on takes.
func (f *fabricFlags) add(flags *pflag.FlagSet, more ...string) {
	f.flags, f.names = flags, append(lab.FabricNames(), more...)
	flags.StringVar(&f.on, "on", lab.DefaultFabric(), "where the labs live: "+oneOf(f.names)+
		"\n(auto is the first that works here, see icelab fabrics;\n"+
		lab.FabricVariable+" in the environment changes the default)")
	flags.IntVar(&f.parallel, "parallel", 0, "how many labs play at once; 0 is what suits the fabric")
	if slices.Contains(more, onCompose) {
		flags.StringVar(&f.control, "control", "/control", "with --on compose: the folder of the nodes' sockets")
		_ = flags.MarkHidden("control")
	}
}

// addMany adds the flags of a command that plays on several fabrics, one after the
// other.
func (f *fabricFlags) addMany(flags *pflag.FlagSet, on *[]string) {
	f.flags, f.names = flags, lab.FabricNames()
	flags.StringSliceVar(on, "on", []string{lab.DefaultFabric()}, "where the labs live, one or more of `FABRICS`: "+oneOf(f.names)+
		"\n(see icelab fabrics; "+lab.FabricVariable+" in the environment changes the default)")
	flags.IntVar(&f.parallel, "parallel", 0, "how many labs play at once; 0 is what suits the fabric")
}

// each are the flags for each of the fabrics, which are checked.
func (f fabricFlags) each(on []string) ([]fabricFlags, error) {
	var all []fabricFlags
	for _, f.on = range on {
		if err := f.check(); err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// check refuses values that cannot be.
func (f *fabricFlags) check() error {
	if !slices.Contains(f.names, f.on) {
		flag := "--on"
		if !f.flags.Changed("on") {
			flag = lab.FabricVariable
		}
		return exit{exitUsage, fmt.Errorf("%s %q: want %s", flag, f.on, oneOf(f.names))}
	}
	if f.parallel < 0 {
		return exit{exitUsage, fmt.Errorf("--parallel %d: want 1 or more, or 0 for what suits the fabric", f.parallel)}
	}
	if f.on == onCompose && f.parallel > 1 {
		return exit{exitUsage, errors.New("--parallel: the services of docker-compose.yml are one lab; leave it out")}
	}
	return nil
}

func (f *fabricFlags) open(ctx context.Context, progress func(string)) (fabric.Fabric, lab.Chosen, error) {
	if f.on == onCompose {
		return compose.New(f.control), lab.Chosen{On: onCompose, Why: "the services of docker-compose.yml"}, nil
	}
	quietTestcontainers()
	return lab.Open(ctx, f.on, progress)
}

func closeFabric(f fabric.Fabric) error {
	if c, ok := f.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// oneOf lists words: "a, b or c".
func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// labJSON is what JSON outputs say of the labs.
type labJSON struct {
	lab.Chosen
	Parallel int     `json:"parallel"`
	UpMS     float64 `json:"up_ms"`
}

// onLine tells where the labs live and why there.
func onLine(c lab.Chosen) string {
	if c.Why == "" {
		return "on " + c.On
	}
	return fmt.Sprintf("on %s (%s)", c.On, c.Why)
}

// quietTestcontainers keeps that library from writing to the terminal and from
// pulling its reaper: the lab ends its own containers. Who sets the variable
// decides for himself.
func quietTestcontainers() {
	const reaper = "TESTCONTAINERS_RYUK_DISABLED"
	if _, set := os.LookupEnv(reaper); !set {
		os.Setenv(reaper, "true")
	}
	tclog.SetDefault(discard{})
}

type discard struct{}

func (discard) Printf(string, ...any) {}
