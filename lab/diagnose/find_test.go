package diagnose

import (
	"slices"
	"strings"
	"testing"
)

func TestACauseIsFoundByCodeAndName(t *testing.T) {
	for _, c := range Causes() {
		for _, word := range []string{
			c.Code, strings.ToLower(c.Code), c.Name, strings.ToLower(c.Name),
			strings.ReplaceAll(strings.ToLower(c.Name), "_", "-"), c.Code + "_" + c.Name, " " + c.Code + "\n",
		} {
			if found, ok := Find(word); !ok || found.Code != c.Code {
				t.Errorf("%q finds %q, want %s", word, found.Code, c.Code)
			}
		}
	}
	for _, word := range []string{"", "A", "A0", "A15", "H1", "A1_AUTH_EXPIRED", "AUTH"} {
		if c, ok := Find(word); ok {
			t.Errorf("%q finds %s", word, c.Code)
		}
	}
}

func TestAWrongWordSuggestsWhatWasMeant(t *testing.T) {
	for _, tt := range []struct {
		word string
		want []string
	}{
		{"AUTH_BAD_PASWORD", []string{"A1"}},
		{"auth-bad-passwort", []string{"A1"}},
		{"udp_bloked", []string{"B3"}},
		{"hairpin", []string{"D7", "F3"}},
		{"firewalled", []string{"B6", "D2"}},
		{"QUOTA_EXCEEDED", []string{"C1"}},
		{"certificate", []string{"B8", "B9", "B10"}},
		{"Z9", nil},
		{"", nil},
		{"kangaroo", nil},
		{strings.Repeat("relay ", 1000), nil},
	} {
		var got []string
		for _, c := range Similar(tt.word) {
			got = append(got, c.Code)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%.30q suggests %v, want %v", tt.word, got, tt.want)
		}
	}
}

func TestChangingWhatIsReturnedDoesNotChangeTheOrder(t *testing.T) {
	all := Causes()
	all[0].Code = "changed"
	if c := Causes()[0]; c.Code != "A1" {
		t.Errorf("the first cause is now %s", c.Code)
	}
}
