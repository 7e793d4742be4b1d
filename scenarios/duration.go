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

// Offset is a length of time that may be negative: "-1h". In a scenario it is at
// most a day, to either side.
type Offset time.Duration

// String formats o as a time.Duration: "-1h0m0s".
func (o Offset) String() string { return time.Duration(o).String() }

// MarshalText implements encoding.TextMarshaler.
func (o Offset) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *Offset) UnmarshalText(text []byte) error { return (*Duration)(o).UnmarshalText(text) }
