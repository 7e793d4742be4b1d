package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// mainPackage is the command that plays every role in the image.
const mainPackage = "github.com/icelab-go/icelab"

// binaryLabel holds the SHA-256 of the binary in an image.
const binaryLabel = "icelab.binary"

// ensureImage returns the ID of an image that holds this very program, making
// it when the engine has none. Nodes run by ID, so that a tag that another
// build moves meanwhile changes nothing here.
func (f *Fabric) ensureImage(ctx context.Context) (string, error) {
	// Of labs that come up beside each other one makes it.
	f.imaging.Lock()
	defer f.imaging.Unlock()
	info, err := f.docker.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", fmt.Errorf("ask the engine for its version: %w", err)
	}
	if info.Os != "linux" {
		return "", fmt.Errorf("the engine runs %s containers: switch it to Linux containers", info.Os)
	}
	binary, err := f.staticBinary(ctx, info.Arch)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(binary)
	digest := hex.EncodeToString(sum[:])
	have, err := f.docker.ImageInspect(ctx, Image)
	switch {
	case err == nil && have.Config != nil && have.Config.Labels[binaryLabel] == digest:
		return have.ID, nil
	case err != nil && !cerrdefs.IsNotFound(err):
		return "", fmt.Errorf("inspect: %w", err)
	}
	f.progress("making the image " + Image)
	return f.importImage(ctx, binary, digest)
}

// staticBinary returns a static Linux build of this program for the engine's
// architecture: the running binary when it is one (a release), else a fresh
// build of the same source (go run, go test, another system).
func (f *Fabric) staticBinary(ctx context.Context, arch string) ([]byte, error) {
	if self, err := os.Executable(); err == nil && runtime.GOOS == "linux" && runtime.GOARCH == arch && isStaticIcelab(self) {
		return os.ReadFile(self)
	}
	dir, err := buildDir()
	if err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "icelab-linux-"+arch)
	if _, err := os.Stat(out); err != nil {
		f.progress("building icelab for the image (the first time takes a minute)")
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, mainPackage)
	// With its work folder beside the result the Go tool renames it into place,
	// so that another lab never reads half a file.
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=", "GOTMPDIR="+dir)
	var stderr bytes.Buffer
	build.Stderr = &stderr
	if err := build.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, errors.New("this binary is not static and there is no Go toolchain to build one: build icelab with CGO_ENABLED=0")
		}
		return nil, fmt.Errorf("go build %s: %w: %s", mainPackage, err, strings.TrimSpace(stderr.String()))
	}
	return os.ReadFile(out)
}

// buildDir keeps the built binary from run to run, so that the Go tool links it
// only when the source has changed.
func buildDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "icelab")
	return dir, os.MkdirAll(dir, 0o755)
}

// isStaticIcelab reports whether the file, which is running now, is this
// command (and not a test that uses the lab as a library), linked statically.
func isStaticIcelab(path string) bool {
	if info, ok := debug.ReadBuildInfo(); !ok || info.Path != mainPackage {
		return false
	}
	file, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return false
		}
	}
	return true
}

// importImage makes an image of one file. Importing a root file system is the
// fastest way and needs no builder.
func (f *Fabric) importImage(ctx context.Context, binary []byte, digest string) (string, error) {
	var root bytes.Buffer
	archive := tar.NewWriter(&root)
	if err := archive.WriteHeader(&tar.Header{Name: "icelab", Mode: 0o755, Size: int64(len(binary))}); err != nil {
		return "", err
	}
	if _, err := archive.Write(binary); err != nil {
		return "", err
	}
	if err := archive.Close(); err != nil {
		return "", err
	}
	name, tag, _ := strings.Cut(Image, ":")
	response, err := f.docker.ImageImport(ctx,
		client.ImageImportSource{Source: &root, SourceName: "-"}, name,
		client.ImageImportOptions{Tag: tag, Changes: []string{
			`ENTRYPOINT ["/icelab"]`,
			`LABEL ` + binaryLabel + `=` + digest,
		}})
	if err != nil {
		return "", fmt.Errorf("import: %w", err)
	}
	defer response.Close()
	id, err := importedID(response)
	if err == nil {
		_, err = f.removeImages(ctx, time.Now().Add(-superseded))
	}
	return id, err
}

// superseded is how long an image stays that a later build has taken the tag
// from: a lab may be about to start nodes from it.
const superseded = 10 * time.Minute

// removeImages removes those that have lost their tag to a later build, made
// before a time, and counts them. One that a lab still runs on stays.
func (f *Fabric) removeImages(ctx context.Context, before time.Time) (int, error) {
	ours := make(client.Filters).Add("label", binaryLabel).Add("dangling", "true")
	images, err := f.docker.ImageList(ctx, client.ImageListOptions{Filters: ours})
	if err != nil {
		return 0, fmt.Errorf("list images: %w", err)
	}
	removed := 0
	for _, i := range images.Items {
		if !time.Unix(i.Created, 0).Before(before) {
			continue
		}
		_, err := f.docker.ImageRemove(ctx, i.ID, client.ImageRemoveOptions{})
		switch {
		case err == nil:
			removed++
		case !cerrdefs.IsConflict(err) && !cerrdefs.IsNotFound(err):
			return removed, fmt.Errorf("remove image: %w", err)
		}
	}
	return removed, nil
}

// importedID reads the engine's progress to its end: the last status is the
// image's ID.
func importedID(progress io.Reader) (string, error) {
	var id string
	for decoder := json.NewDecoder(progress); ; {
		var m struct{ Status, Error string }
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", fmt.Errorf("import: %w", err)
		}
		if m.Error != "" {
			return "", fmt.Errorf("import: %s", m.Error)
		}
		id = m.Status
	}
	if !strings.HasPrefix(id, "sha256:") {
		return "", fmt.Errorf("import: the engine answered %q instead of an image ID", id)
	}
	return id, nil
}
