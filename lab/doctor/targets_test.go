package doctor

import (
	"slices"
	"strings"
	"testing"
)

func TestWhatIsExamined(t *testing.T) {
	for name, row := range map[string]struct {
		targets []string
		urls    []string
		wrong   string
	}{
		"a host":         {targets: []string{"turn.example.org"}, urls: Usual("turn.example.org")},
		"an address":     {targets: []string{"203.0.113.5"}, urls: Usual("203.0.113.5")},
		"an IPv6 one":    {targets: []string{"2001:db8::5"}, urls: Usual("2001:db8::5")},
		"with brackets":  {targets: []string{"[2001:db8::5]"}, urls: Usual("2001:db8::5")},
		"URLs":           {targets: []string{"turn:a", "stun:b"}, urls: []string{"turn:a", "stun:b"}},
		"one twice":      {targets: []string{"turn:a", "turn:a"}, urls: []string{"turn:a"}},
		"a bad URL":      {targets: []string{"turn://a"}, urls: []string{"turn://a"}}, // a finding, not a mistake
		"a host's port":  {targets: []string{"a:3478"}, wrong: "turn:a:3478"},
		"another scheme": {targets: []string{"https://a"}, wrong: "turn:HOST"},
		"nothing":        {wrong: "no server"},
	} {
		t.Run(name, func(t *testing.T) {
			urls, _, err := expand(row.targets)
			if row.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), row.wrong) {
					t.Errorf("error %v, want one with %q", err, row.wrong)
				}
				return
			}
			if err != nil || !slices.Equal(urls, row.urls) {
				t.Errorf("%v, %v; want %v", urls, err, row.urls)
			}
		})
	}
	if Usual("2001:db8::5")[0] != "turn:[2001:db8::5]:3478?transport=udp" {
		t.Error(Usual("2001:db8::5"))
	}
}
