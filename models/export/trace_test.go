package export

import (
	"math"
	"testing"
)

// TestTrace: a step from 0 to 1 is dark at the lower left and at the upper
// right, white elsewhere; what lies behind is grey; a NaN leaves a gap.
func TestTrace(t *testing.T) {
	series := Image{H: 1, W: 200, C: 1, Pix: make([]float32, 200)}
	for i := 100; i < 200; i++ {
		series.Pix[i] = 1
	}
	for i := 50; i < 60; i++ {
		series.Pix[i] = float32(math.NaN())
	}
	behind := Image{H: 1, W: 200, C: 1, Pix: make([]float32, 200)}
	for i := range behind.Pix {
		behind.Pix[i] = 0.5
	}
	im, err := Trace(series, behind)
	if err != nil {
		t.Fatal(err)
	}
	if im.H != traceHeight || im.W != 200 || im.C != 3 || len(im.Pix) != 3*im.H*im.W {
		t.Fatalf("a picture of %d×%d×%d", im.H, im.W, im.C)
	}
	darkest := func(x, from, to int) float32 {
		least := float32(1)
		for y := from; y < to; y++ {
			least = min(least, im.Pix[3*(y*im.W+x)])
		}
		return least
	}
	third := im.H / 3
	for _, c := range []struct {
		x, from, to int
		what        string
		want        float32
	}{
		{20, 2 * third, im.H, "0 below", 0}, {20, 0, third, "nothing above", 1},
		{180, 0, third, "1 above", 0}, {180, 2 * third, im.H, "nothing below", 1},
		{20, third, 2 * third, "grey in the middle", 0.68},
		{55, 2 * third, im.H, "a gap", 1},
	} {
		if got := darkest(c.x, c.from, c.to); !(math.Abs(float64(got-c.want)) <= 0.16) {
			t.Errorf("column %d: %g, want %s (%g)", c.x, got, c.what, c.want)
		}
	}
}

func TestTraceRow(t *testing.T) {
	im, err := Trace(Image{H: 1, W: 1, C: 5, Pix: []float32{0, 1, 0, 1, 0}})
	if err != nil || im.W != traceMinWidth {
		t.Fatalf("a row of five columns: %d pixels wide, %v", im.W, err)
	}
	if _, err := Trace(Image{H: 2, W: 1, C: 1, Pix: []float32{0, 1}}); err == nil {
		t.Error("an image of two rows: no error")
	}
	if _, err := Trace(Image{H: 1, W: 2, C: 1, Pix: []float32{0, 1}}, Image{H: 1, W: 1, C: 1, Pix: []float32{0}}); err == nil {
		t.Error("two sizes: no error")
	}
}
