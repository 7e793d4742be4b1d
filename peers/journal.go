package peers

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/logging"
)

// LogLine is a line pion logged. Most failures of ICE exist as such lines only.
type LogLine struct {
	Scope string `json:"scope"` // "ice", "turnc", "dtls", "sctp", "pc" ...
	Level string `json:"level"` // "error", "warn", "info", "debug", "trace"
	Text  string `json:"text"`

	// FirstMS and LastMS say when it was logged first and last, Count how often.
	FirstMS float64 `json:"first_ms"`
	LastMS  float64 `json:"last_ms"`
	Count   int     `json:"count"`
}

// journalLines is how many different lines a journal keeps; the one that was
// silent for longest makes room.
const journalLines = 200

// telling are the beginnings of lines below "warn" that carry a failure's
// reason. The text is compared before it is formatted, so the thousands of other
// trace lines cost nothing.
var telling = []struct{ level, prefix string }{
	{"info", "Failed to send packet"},                // TURN refused a permission
	{"info", "Ignoring remote candidate"},            // ICE-TCP active
	{"info", "No Permission or Channel exists"},      // a relay dropped the other side's packet
	{"debug", "Discard message: transaction source"}, // answered from elsewhere (RFC 8445 section 7.2.5.2.1)
	{"debug", "Failed to resolve STUN host"},
	{"debug", "Failed to listen "}, // Config.Port is taken
	{"debug", "Failed to read: "},  // the connection to the TURN server ended
	{"debug", "Failed to handle inbound message"},
	{"trace", "Maximum requests reached for pair"}, // a check timed out
}

// muted are warnings that say nothing: they follow from how force tells pion not
// to gather srflx candidates.
var muted = []string{
	"Address rewrite mapping did not provide usable external IPs",
}

// journal is a pion logger factory that keeps the telling lines.
type journal struct {
	mu     sync.Mutex
	lines  []journalLine
	closed bool
}

type journalLine struct {
	scope, level, text string
	first, last        time.Time
	count              int
}

func (j *journal) NewLogger(scope string) logging.LeveledLogger {
	return scopedLogger{j: j, scope: scope}
}

// seal stops the journal: sockets are about to be closed under pion's feet, and
// what it says about that is no failure.
func (j *journal) seal() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
}

func (j *journal) add(scope, level, text string, now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	for i := range j.lines {
		if l := &j.lines[i]; l.scope == scope && l.level == level && l.text == text {
			l.last, l.count = now, l.count+1
			return
		}
	}
	if len(j.lines) >= journalLines {
		oldest := 0
		for i := range j.lines {
			if j.lines[i].last.Before(j.lines[oldest].last) {
				oldest = i
			}
		}
		j.lines = slices.Delete(j.lines, oldest, oldest+1)
	}
	j.lines = append(j.lines, journalLine{scope, level, text, now, now, 1})
}

func (j *journal) snapshot(ms func(time.Time) float64) []LogLine {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := make([]LogLine, len(j.lines))
	for i, l := range j.lines {
		lines[i] = LogLine{
			Scope: l.scope, Level: l.level, Text: l.text,
			FirstMS: ms(l.first), LastMS: ms(l.last), Count: l.count,
		}
	}
	return lines
}

// scopedLogger implements pion's logging.LeveledLogger.
type scopedLogger struct {
	j     *journal
	scope string
}

func (l scopedLogger) keep(level, format string) bool {
	if level == "warn" || level == "error" {
		return !slices.ContainsFunc(muted, func(m string) bool { return strings.Contains(format, m) })
	}
	for _, t := range telling {
		if t.level == level && strings.HasPrefix(format, t.prefix) {
			return true
		}
	}
	return false
}

func (l scopedLogger) log(level, text string) {
	if l.keep(level, text) {
		l.j.add(l.scope, level, text, time.Now())
	}
}

func (l scopedLogger) logf(level, format string, args []any) {
	if l.keep(level, format) {
		// pion writes %w in some of its log formats, which fmt does not know.
		format = strings.ReplaceAll(format, "%w", "%v")
		l.j.add(l.scope, level, fmt.Sprintf(format, args...), time.Now())
	}
}

func (l scopedLogger) Trace(msg string)               { l.log("trace", msg) }
func (l scopedLogger) Tracef(format string, a ...any) { l.logf("trace", format, a) }
func (l scopedLogger) Debug(msg string)               { l.log("debug", msg) }
func (l scopedLogger) Debugf(format string, a ...any) { l.logf("debug", format, a) }
func (l scopedLogger) Info(msg string)                { l.log("info", msg) }
func (l scopedLogger) Infof(format string, a ...any)  { l.logf("info", format, a) }
func (l scopedLogger) Warn(msg string)                { l.log("warn", msg) }
func (l scopedLogger) Warnf(format string, a ...any)  { l.logf("warn", format, a) }
func (l scopedLogger) Error(msg string)               { l.log("error", msg) }
func (l scopedLogger) Errorf(format string, a ...any) { l.logf("error", format, a) }
