package data

import (
	"math"
	"testing"
)

// The vectors are the known answers that the authors of Philox publish.
func TestPhilox(t *testing.T) {
	cases := []struct {
		counter [4]uint32
		key     uint64
		want    [4]uint32
	}{
		{[4]uint32{}, 0, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{1<<32 - 1, 1<<32 - 1, 1<<32 - 1, 1<<32 - 1}, 1<<64 - 1,
			[4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822,
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	}
	for _, c := range cases {
		if got := philox(c.counter, c.key); got != c.want {
			t.Errorf("philox(%x, %x) = %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

func TestDistributions(t *testing.T) {
	const n = 200000
	r := newRandom(3, streamTrain, 0)
	var sum, square, uniform float64
	var counts [7]int
	for range n {
		b := float64(r.bell())
		if !(math.Abs(b) <= 3.47) {
			t.Fatalf("bell gave %v", b)
		}
		sum += b
		square += b * b
		u := r.uniform(2, 5)
		if u < 2 || u >= 5 {
			t.Fatalf("uniform(2, 5) gave %v", u)
		}
		uniform += float64(u)
		counts[r.below(7)]++
	}
	// Five standard errors each.
	if mean := sum / n; !(math.Abs(mean) <= 5/math.Sqrt(n)) {
		t.Errorf("bell has mean %v", mean)
	}
	if variance := square / n; !(math.Abs(variance-1) <= 0.02) {
		t.Errorf("bell has variance %v", variance)
	}
	if mean := uniform / n; !(math.Abs(mean-3.5) <= 0.01) {
		t.Errorf("uniform(2, 5) has mean %v", mean)
	}
	for v, c := range counts {
		if !(math.Abs(float64(c)-n/7.0) <= 5*math.Sqrt(n/7.0)) {
			t.Errorf("below(7) gave %d %d times of %d", v, c, n)
		}
	}
}
