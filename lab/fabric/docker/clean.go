package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// settling is how long a network without containers may belong to a lab that is
// just coming up, when its owner cannot be asked.
const settling = 2 * time.Minute

// Cleaned counts what Clean removed.
type Cleaned struct {
	Containers int `json:"containers"`
	Networks   int `json:"networks"`
	Images     int `json:"images"`
}

// Clean removes every container and network of every lab on this engine,
// whether its owner lives or not, and the images of earlier builds. The latest
// image stays.
func (f *Fabric) Clean(ctx context.Context) (Cleaned, error) {
	cleaned, err := f.clean(ctx, everything)
	if err == nil {
		cleaned.Images, err = f.removeImages(ctx, time.Now())
	}
	return cleaned, err
}

// scope says which labs are cleaned away.
type scope int

const (
	dead       scope = iota // those whose owner is gone
	everything              // all
)

func (f *Fabric) clean(ctx context.Context, which scope) (Cleaned, error) {
	var cleaned Cleaned
	ours := make(client.Filters).Add("label", labLabel)
	containers, err := f.docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ours})
	if err != nil {
		return cleaned, fmt.Errorf("list containers: %w", err)
	}
	inUse := map[string]bool{}
	for _, c := range containers.Items {
		// A running container of a lab that died ends by itself. One that was
		// created and never started has no stream whose end would remove it.
		if which == dead && (c.State == container.StateRunning || !gone(c.Labels[ownerLabel], time.Unix(c.Created, 0))) {
			inUse[c.Labels[labLabel]] = true
			continue
		}
		if err := removeContainer(ctx, f.docker, c.ID); err != nil {
			return cleaned, err
		}
		cleaned.Containers++
	}
	networks, err := f.docker.NetworkList(ctx, client.NetworkListOptions{Filters: ours})
	if err != nil {
		return cleaned, fmt.Errorf("list networks: %w", err)
	}
	for _, n := range networks.Items {
		if which == dead && (inUse[n.Labels[labLabel]] || !gone(n.Labels[ownerLabel], n.Created)) {
			continue
		}
		if err := removeNetwork(ctx, f.docker, n.ID); err != nil {
			return cleaned, err
		}
		cleaned.Networks++
	}
	return cleaned, nil
}

// gone reports whether the process that made something has ended. Of a process
// on another host, or in another PID namespace, only the age tells.
func gone(owner string, created time.Time) bool {
	host, pid, _ := strings.Cut(owner, "/")
	here, _ := os.Hostname()
	id, err := strconv.Atoi(pid)
	if host != here || err != nil {
		return time.Since(created) > settling
	}
	process, err := os.FindProcess(id)
	return err != nil || errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
