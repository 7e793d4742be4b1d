package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// The files of a report.
const (
	HTMLFile    = "report.html"
	JSONFile    = "report.json"
	JUnitFile   = "junit.xml"
	CaptureFile = "capture.pcapng"
)

// Write writes all files of a report into a folder, which is made. A run of one
// case has its capture beside the others; of several, each has a folder of its own
// for it, named like the case. A case without packets has none.
func Write(folder string, r Run) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make the folder of the report: %w", err)
	}
	captures := captures(r.Cases)
	for i, c := range r.Cases {
		if captures[i] == "" {
			continue
		}
		path := filepath.Join(folder, filepath.FromSlash(captures[i]))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make the folder of a capture: %w", err)
		}
		// Who reads the secrets in it can decrypt what it holds, and no more: they
		// are of sessions that have ended.
		if err := write(path, func(out io.Writer) error { return WriteCapture(out, r.Version, c) }); err != nil {
			return err
		}
	}
	for name, to := range map[string]func(io.Writer) error{
		HTMLFile:  func(out io.Writer) error { return WriteHTML(out, r, captures) },
		JSONFile:  func(out io.Writer) error { return WriteJSON(out, r, captures) },
		JUnitFile: func(out io.Writer) error { return WriteJUnit(out, r) },
	} {
		if err := write(filepath.Join(folder, name), to); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, to func(io.Writer) error) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	defer func() {
		if closed := file.Close(); err == nil && closed != nil {
			err = fmt.Errorf("write the report: %w", closed)
		}
	}()
	if err := to(file); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// captures are the paths of the cases' captures in the folder of the report, with
// slashes; empty for a case without packets.
func captures(cases []Case) []string {
	paths, taken := make([]string, len(cases)), map[string]bool{}
	for i, c := range cases {
		switch {
		case c.Evidence == nil || len(c.Evidence.Packets) == 0:
		case len(cases) == 1:
			paths[i] = CaptureFile
		default:
			own := folderName(c.Name)
			for n := 2; taken[own]; n++ {
				own = fmt.Sprintf("%s-%d", folderName(c.Name), n)
			}
			taken[own] = true
			paths[i] = own + "/" + CaptureFile
		}
	}
	return paths
}

// folderName is a name with nothing in it that is special in a path.
func folderName(name string) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, name)
	if safe == "" {
		return "case"
	}
	return safe
}
