package lab_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	tclog "github.com/testcontainers/testcontainers-go/log"
	"go.uber.org/goleak"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/fabric"
	fabricdocker "github.com/icelab-go/icelab/lab/fabric/docker"
)

func TestMain(m *testing.M) {
	// The lab ends its own containers: testcontainers' reaper, an image to be
	// pulled, is not needed.
	os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	tclog.SetDefault(silent{})
	goleak.VerifyTestMain(m)
}

type silent struct{}

func (silent) Printf(string, ...any) {}

// proveMatrix plays a matrix on Docker, where every cell has to pass.
func proveMatrix(t *testing.T, plan lab.MatrixPlan) []lab.Cell {
	t.Helper()
	engine, err := fabricdocker.New(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	cells, err := lab.Matrix(t.Context(), engine, plan)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cells {
		if c.Verdict != lab.Passed {
			t.Errorf("%s → %s, TURN %t: %s: %s", c.Caller, c.Callee, c.Turn, c.Verdict, c.Reason)
		}
	}
	return cells
}

// docker brings a lab up that ends with the test.
func docker(t *testing.T) *lab.Lab {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	l, err := lab.Docker(ctx)
	var missing *fabric.Unavailable
	if errors.As(err, &missing) {
		require.Missing(t, "docker", err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}
