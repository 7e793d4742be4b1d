package netns

import (
	"context"

	"golang.org/x/sys/unix"
)

// Fabric makes labs out of network namespaces. Any number can be up at once.
type Fabric struct {
	// asUser makes the namespaces in a user namespace.
	asUser bool
}

// New tries out whether this machine lets this user make network namespaces with
// bridges and NATs in them. If not, the error is a *fabric.Unavailable. It takes
// about 40 ms and leaves nothing.
func New(ctx context.Context) (*Fabric, error) {
	f := &Fabric{asUser: !privileged()}
	if err := f.try(ctx); err != nil {
		return nil, err
	}
	return f, nil
}

// String says as whom the nodes run.
func (f *Fabric) String() string {
	if f.asUser {
		return "as an ordinary user, in a user namespace"
	}
	return "as root"
}

// privileged reports whether a node could do its work without a user namespace.
func privileged() bool {
	if unix.Geteuid() != 0 {
		return false
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var has [2]unix.CapUserData
	if err := unix.Capget(&header, &has[0]); err != nil {
		return false
	}
	// The last one is for the TURN server's port 443.
	const need = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_BIND_SERVICE
	return has[0].Effective&need == need
}
