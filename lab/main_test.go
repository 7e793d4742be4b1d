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

// docker brings a lab up that ends with the test.
func docker(t *testing.T) *lab.Lab {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
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
