package netns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/topology"
)

func TestMain(m *testing.M) {
	if os.Getenv(victimVariable) != "" {
		fmt.Fprintln(os.Stderr, victim())
		os.Exit(1)
	}
	if os.Getenv(starvedVariable) != "" {
		fmt.Println(starved())
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// newFabric skips the test where there can be none.
func newFabric(t testing.TB) *Fabric {
	t.Helper()
	f, err := New(t.Context())
	var missing *fabric.Unavailable
	if errors.As(err, &missing) {
		require.Missing(t, "netns", err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// up brings a topology up that goes with the test.
func up(t testing.TB, f *Fabric, of topology.Topology) *lab {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	nodes, err := f.Up(ctx, of)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := nodes.Down(); err != nil {
			t.Error(err)
		}
	})
	return nodes.(*lab)
}
