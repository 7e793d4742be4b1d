package scenarios

import "time"

// Duration is a length of time that reads and writes itself as Go does: "5s",
// "300ms". In a scenario it is more than zero and at most ten minutes.
type Duration time.Duration

const maxDuration = Duration(10 * time.Minute)

// String formats d as a time.Duration: "1.5s".
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = Duration(v)
	return nil
}
