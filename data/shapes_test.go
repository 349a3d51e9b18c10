package data

import (
	"crypto/sha256"
	"fmt"
	"math"
	"testing"
)

// The hashes were recorded once, on amd64.
func TestShapesGolden(t *testing.T) {
	for _, c := range []struct {
		seed  uint64
		split Split
		want  string
	}{
		{1, Train, "730ebdbd16f8c00b"},
		{1, Test, "760a3befc3d9d8da"},
		{7, Train, "67015b5ceb09dd2e"},
	} {
		d, err := shapes(c.seed, c.split).Limit(500)
		if err != nil {
			t.Fatal(err)
		}
		d.Load()
		hash := sha256.New()
		hash.Write(d.Pixels)
		hash.Write(d.Labels)
		if got := fmt.Sprintf("%x", hash.Sum(nil)[:8]); got != c.want {
			t.Errorf("seed %d, %s: hash %s, want %s", c.seed, c.split, got, c.want)
		}
	}
}

func TestShapesShape(t *testing.T) {
	for split, n := range map[Split]int{Train: 20000, Test: 4000} {
		d := shapes(3, split)
		if err := d.Validate(); err != nil {
			t.Error(err)
		}
		if d.N != n || d.H != 32 || d.W != 32 || d.C != 3 {
			t.Errorf("%s: shape [%d %d %d %d], want [%d 32 32 3]", split, d.N, d.H, d.W, d.C, n)
		}
		var counts [6]float64
		for _, label := range d.Labels {
			counts[label]++
		}
		for label, count := range counts {
			want := float64(n) / 6
			if math.Abs(count-want) > 4*math.Sqrt(want) {
				t.Errorf("%s: label %d occurs %v times, want about %v", split, label, count, want)
			}
		}
	}
}

// TestShapesBrightness: a colour takes the brightness that it is lit with, and
// so grey tells nothing of a figure's kind.
func TestShapesBrightness(t *testing.T) {
	for kind, f := range figures {
		for _, luma := range []float32{0.2, 0.4, 0.6, 0.85} {
			c := f.hue.lit(luma)
			if off := math.Abs(float64(c.luma() - luma)); off > 1e-6 {
				t.Errorf("figure %d lit with %v has luma %v", kind, luma, c.luma())
			}
			for _, v := range c {
				if v < 0 || v > 1 {
					t.Errorf("figure %d lit with %v is %v, want numbers in [0, 1]", kind, luma, c)
				}
			}
		}
	}
}
