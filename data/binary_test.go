package data

import (
	"hash/fnv"
	"math"
	"slices"
	"testing"
)

func TestBinarized(t *testing.T) {
	const n = 400
	d := &Dataset{Name: "levels", N: n, H: 16, W: 16, C: 1, Pixels: make([]byte, n*256), Labels: make([]uint8, n)}
	for i := range d.Pixels {
		d.Pixels[i] = byte(i)
	}
	b := d.Binarized(1, Train)
	if err := b.Validate(); err != nil {
		t.Fatal(err)
	}
	sums := make([]float64, 256)
	for i, v := range b.Pixels {
		if v != 0 && v != 255 {
			t.Fatalf("value %d, want 0 or 255", v)
		}
		sums[i%256] += float64(v) / 255
	}
	for v, sum := range sums {
		p := float64(v) / 255
		if off := math.Abs(sum/n - p); !(off <= 4.5*math.Sqrt(p*(1-p)/n)) {
			t.Errorf("%d of 255 is bright %v of the time, want %v", v, sum/n, p)
		}
	}
	if again := d.Binarized(1, Train); !slices.Equal(again.Pixels, b.Pixels) {
		t.Error("a second draw differs")
	}
	for _, other := range []*Dataset{d.Binarized(2, Train), d.Binarized(1, Test)} {
		if slices.Equal(other.Pixels, b.Pixels) {
			t.Error("another seed or split makes the same draw")
		}
	}
	if d.Pixels[100] != 100 {
		t.Error("the original changed")
	}
}

func TestOpenBinary(t *testing.T) {
	d, err := Open("binary:series:seed=2", Test)
	if err != nil {
		t.Fatal(err)
	}
	if d.Name != "binary:series:seed=2 test" || d.Labels == nil {
		t.Errorf("%s, labels %v", d.Name, d.Labels != nil)
	}
	h := fnv.New64a()
	h.Write(d.Pixels)
	if got := h.Sum64(); got != 0x1ca8bc28318901a8 {
		t.Errorf("hash %#x, want 0x1ca8bc28318901a8", got)
	}
	_, err = Open("binary:", Train)
	wantError(t, err, `data "binary:"`, "binary:SPEC")
	_, err = Open("binary:minst:d", Train)
	wantError(t, err, `data "minst:d"`, "unknown")
}
