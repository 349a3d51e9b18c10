package bench

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRoofline holds roofline.md to the programs of today: go run
// ./cmd/hourglass bench --roofline h200 > bench/roofline.md writes it anew.
func TestRoofline(t *testing.T) {
	var got bytes.Buffer
	if err := Roofline(&got, "h200"); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("roofline.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the plans have changed (-want +got):\n%s", diff)
	}
	for _, name := range []string{"seed-conv", "deep-conv", "encode-1"} {
		if !strings.Contains(got.String(), "\n## "+name+": ") {
			t.Errorf("%s is missing", name)
		}
	}
	if err := Roofline(&got, "abacus"); err == nil || !strings.Contains(err.Error(), `"abacus", want one of h200`) {
		t.Errorf("an unknown card gives %v", err)
	}
}

// TestWorkOfAStep: seed-conv's arithmetic is what the package's documentation
// says, and Adam reads four arrays of the weights' size and writes three.
func TestWorkOfAStep(t *testing.T) {
	w, err := find("seed-conv")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := w.work(cards["h200"].Info)
	if err != nil {
		t.Fatal(err)
	}
	flops, adam := 0.0, work{}
	for _, s := range steps {
		flops += s.flops
		if s.name == "adam" {
			adam = s
		}
	}
	if flops < 5.06e9 || flops > 5.08e9 {
		t.Errorf("a step is %.4g operations, want 5.07e9", flops)
	}
	const weights = 32*9 + 32 + 32*64*9 + 64 + 3136*2 + 2 + 2*3136 + 3136 + 64*64*9 + 64 + 64*32*9 + 32 + 32*9 + 1
	if least := 4.0 * 7 * weights; adam.bytes < least || adam.bytes > 1.01*least {
		t.Errorf("adam moves %.0f bytes, want a little over %.0f", adam.bytes, least)
	}
}
