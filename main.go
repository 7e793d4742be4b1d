// Command icelab is a connectivity lab for WebRTC.
package main

import (
	"os"

	"github.com/icelab-go/icelab/lab/cli"
)

func main() { os.Exit(cli.Main()) }
