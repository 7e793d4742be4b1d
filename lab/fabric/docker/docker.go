// Package docker is the fabric of containers: every node is a container made
// from one static image, every segment an internal network with a VXLAN on top.
package docker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/testcontainers/testcontainers-go"

	"github.com/moby/moby/client"

	"github.com/icelab-go/icelab/lab/fabric"
)

// Image is the tag of the image that every node is made from.
const Image = "icelab:dev"

// Labels mark what the fabric makes, so that it can be found again.
const (
	labLabel   = "icelab.lab"
	nodeLabel  = "icelab.node"
	ownerLabel = "icelab.owner"
)

// Fabric makes labs on one Docker engine. Any number can be up at once.
type Fabric struct {
	docker   *testcontainers.DockerClient
	progress func(string)
	imaging  sync.Mutex
}

// New connects to the engine that the environment names (DOCKER_HOST, the
// current context, rootless). Without one that runs Linux containers the error
// is a *fabric.Unavailable. Progress is told, in a phrase, what takes long; it
// may be nil.
func New(ctx context.Context, progress func(string)) (_ *Fabric, err error) {
	// testcontainers panics over an engine that stops answering half-way.
	defer func() {
		if p := recover(); p != nil {
			err = unavailable(fmt.Errorf("the engine stopped answering: %v", p))
		}
	}()
	if progress == nil {
		progress = func(string) {}
	}
	// testcontainers passes over an engine that does not answer and takes the
	// next it finds: not when the user has named one.
	if os.Getenv("DOCKER_HOST") != "" {
		ping, err := answers(ctx)
		if err != nil {
			return nil, unavailable(err)
		}
		if err := runsLinux(ping); err != nil {
			return nil, err
		}
	}
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	ping, err := docker.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	if err != nil {
		return nil, errors.Join(unavailable(err), docker.Close())
	}
	if err := runsLinux(ping); err != nil {
		return nil, errors.Join(err, docker.Close())
	}
	return &Fabric{docker: docker, progress: progress}, nil
}

// String says where the engine is.
func (f *Fabric) String() string {
	return "the engine answers at " + strings.TrimPrefix(f.docker.DaemonHost(), "unix://")
}

// answers asks the engine that DOCKER_HOST names whether it is there.
func answers(ctx context.Context) (client.PingResult, error) {
	named, err := client.New(client.FromEnv)
	if err != nil {
		return client.PingResult{}, err
	}
	defer named.Close()
	return named.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
}

func runsLinux(engine client.PingResult) error {
	if engine.OSType == "" || engine.OSType == "linux" {
		return nil
	}
	return &fabric.Unavailable{
		Fabric: "docker", Why: "the engine runs " + engine.OSType + " containers", Remedy: "switch it to Linux containers",
	}
}

// Close ends the connection to the engine. Labs that are up stay so.
func (f *Fabric) Close() error { return f.docker.Close() }

// unavailable finds the one cause a user can act on.
func unavailable(err error) error {
	u := &fabric.Unavailable{Fabric: "docker", Why: firstLine(err), Remedy: "install Docker, or set DOCKER_HOST to an engine"}
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = "/var/run/docker.sock"
	}
	switch {
	case errors.Is(err, fs.ErrPermission) || strings.Contains(err.Error(), "permission denied"):
		u.Why = "no permission to use " + host
		u.Remedy = "add yourself to the group docker and log in again, or run as root"
	case errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "Cannot connect to the Docker daemon") ||
		strings.Contains(err.Error(), "connection refused"):
		u.Why = "no engine answers at " + host
		u.Remedy = "start it (systemctl start docker, or Docker Desktop), or set DOCKER_HOST to another"
	case strings.Contains(err.Error(), "rootless Docker not found") || strings.Contains(err.Error(), "socket not found") || errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "no such file"):
		u.Why = "there is no socket at " + host
	}
	return u
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// newID names a lab: eight hexadecimal digits.
func newID() string {
	var b [4]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// owner identifies this process to a later one on the same host.
func owner() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
