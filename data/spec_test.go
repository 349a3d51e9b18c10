package data

import (
	"slices"
	"testing"
)

func TestCutCommas(t *testing.T) {
	for text, want := range map[string][]string{
		"":              {""},
		"dir":           {"dir"},
		"dir,a=1,b":     {"dir", "a=1", "b"},
		"a,,b,c":        {"a,b", "c"},
		"a,,,c":         {"a,", "c"},
		"dir,":          {"dir", ""},
		"C:\\d,x=\\,,1": {"C:\\d", "x=\\,1"},
	} {
		if got := cutCommas(text); !slices.Equal(got, want) {
			t.Errorf("%q is cut to %q, want %q", text, got, want)
		}
	}
}

// TestOptions reads options of every form through a kind of the test's own.
func TestOptions(t *testing.T) {
	k := kind{name: "k", path: "FILE", options: []string{"n=NUMBER", "x=NUMBER", "w=WORD", "on", "seed=NUMBER"}}
	read := func(parts ...string) (n int, x float64, w string, seed uint64, err error) {
		s := &spec{text: "k:f", given: map[string]string{}}
		for _, part := range parts {
			if err := s.take(part, k); err != nil {
				return 0, 0, "", 0, err
			}
		}
		n, x, w, seed = s.whole("n", 4, 1, 9), s.number("x", 0.5, 0, 1), s.word("w", "a", "a", "b"), s.seed(3)
		return n, x, w, seed, s.err
	}
	if n, x, w, seed, err := read(); n != 4 || x != 0.5 || w != "a" || seed != 3 || err != nil {
		t.Errorf("defaults %v %v %v %v, %v", n, x, w, seed, err)
	}
	if n, x, w, seed, err := read("n=9", "on", "x=1e-1", "w=b", "seed=18446744073709551615"); n != 9 || x != 0.1 || w != "b" || seed != 1<<64-1 || err != nil {
		t.Errorf("options %v %v %v %v, %v", n, x, w, seed, err)
	}
	for part, want := range map[string]string{
		"n=10":    `data "k:f": option n: want a whole number from 1 to 9, got "10"`,
		"n=x":     `data "k:f": option n: want a whole number from 1 to 9, got "x"`,
		"x=NaN":   `data "k:f": option x: want a number from 0 to 1, got "NaN"`,
		"w=c":     `data "k:f": option w: want a or b, got "c"`,
		"seed=-1": `data "k:f": option seed: want a whole number from 0 to 18446744073709551615, got "-1"`,
		"n":       `data "k:f": option "n"; want k:FILE,n=NUMBER,x=NUMBER,w=WORD,on,seed=NUMBER`,
		"n=":      `data "k:f": option "n="; want k:FILE,n=NUMBER,x=NUMBER,w=WORD,on,seed=NUMBER`,
		"on=1":    `data "k:f": option "on=1"; want k:FILE,n=NUMBER,x=NUMBER,w=WORD,on,seed=NUMBER`,
		"m=1":     `data "k:f": unknown option "m=1"; want k:FILE,n=NUMBER,x=NUMBER,w=WORD,on,seed=NUMBER; a comma that belongs to the path is written twice`,
	} {
		if _, _, _, _, err := read(part); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", part, err, want)
		}
	}
	if _, _, _, _, err := read("n=1", "n=1"); err == nil {
		t.Error("an option that stands there twice")
	}
}
