package peers

import (
	"context"
	"errors"
)

// Restart makes an offer that restarts ICE (RFC 8445 section 9).
func (p *Peer) Restart(context.Context) (string, error) { return "", errors.New("not built yet") }
