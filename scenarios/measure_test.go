package scenarios

import (
	"math/rand/v2"
	"testing"
)

func TestMeasuresAreWrittenAsPeopleDo(t *testing.T) {
	for want, s := range map[string]share{"0%": 0, "2%": 0.02, "0.5%": 0.005, "7%": 0.07, "0.07%": 0.0007, "12.5%": 0.125, "100%": 1} {
		if text, err := s.MarshalText(); err != nil || string(text) != want {
			t.Errorf("%g is written %s, %v; want %s", float64(s), text, err, want)
		}
	}
	for want, r := range map[string]rate{"8kbit": 8000, "8001bit": 8001, "1500kbit": 1_500_000, "5mbit": 5_000_000, "1gbit": 1e9, "1000gbit": maxRate} {
		if text, err := r.MarshalText(); err != nil || string(text) != want {
			t.Errorf("%d is written %s, %v; want %s", r, text, err, want)
		}
	}
}

// A scenario in JSON is the same scenario, down to the last bit of a share.
func TestMeasuresAreReadAsTheyWereWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		s, r := share(random.Float64()), rate(1+random.Uint64N(maxRate))
		var gotShare share
		var gotRate rate
		text, _ := s.MarshalText()
		if err := gotShare.UnmarshalText(text); err != nil || gotShare != s {
			t.Fatalf("%g is written %s and read %g, %v", float64(s), text, float64(gotShare), err)
		}
		text, _ = r.MarshalText()
		if err := gotRate.UnmarshalText(text); err != nil || gotRate != r {
			t.Fatalf("%d is written %s and read %d, %v", r, text, gotRate, err)
		}
	}
}
