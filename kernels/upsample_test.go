package kernels

import (
	"math/rand/v2"
	"testing"
)

func TestUpsampleGolden(t *testing.T) {
	for op, mode := range map[string]UpsampleMode{"upsample_nearest": Nearest, "upsample_bilinear": Bilinear} {
		for _, c := range goldens(t, op) {
			scale := [2]int{c.Options.Scale, c.Options.Scale}
			c.holds(t, Upsample2D{scale, mode}, "y", c.tensor(t, "x"))
			c.holds(t, Upsample2DGrad{scale, mode}, "dx", c.tensor(t, "dy"))
		}
	}
}

func TestUpsampleAdjoint(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, mode := range []UpsampleMode{Nearest, Bilinear} {
		for _, scale := range [][2]int{{1, 1}, {2, 3}, {5, 1}, {4, 2}} {
			small := Shape{2, 3, 4, 2}
			s := Upsample2D{scale, mode}
			large, err := s.Infer(small)
			if err != nil {
				t.Fatal(err)
			}
			adjoint(t, r, small, large,
				func(u Array) Array { return apply(t, s, u) },
				func(v Array) Array { return apply(t, Upsample2DGrad(s), v) })
		}
	}
}

// TestUpsampleTaps checks that weights sum to 1 and none is 0, so constants stay.
func TestUpsampleTaps(t *testing.T) {
	for _, mode := range []UpsampleMode{Nearest, Bilinear} {
		for in := 1; in <= 5; in++ {
			for scale := 1; scale <= 6; scale++ {
				for o, taps := range mode.Taps(in, scale) {
					sum := 0.0
					for _, tap := range taps {
						sum += tap.Weight
						if tap.Weight <= 0 || tap.At < 0 || tap.At >= in {
							t.Errorf("%v %d·%d: place %d has tap %v", mode, in, scale, o, tap)
						}
					}
					if sum != 1 {
						t.Errorf("%v %d·%d: the weights of place %d sum to %v", mode, in, scale, o, sum)
					}
				}
			}
		}
	}
}

func TestUpsampleErrors(t *testing.T) {
	x, twice := Shape{2, 4, 6, 3}, [2]int{2, 2}
	for _, c := range []struct {
		s    Spec
		in   []Shape
		want string
	}{
		{Upsample2D{Scale: twice}, []Shape{{4, 6}}, "upsample2d: image [4 6], want [N H W C]"},
		{Upsample2D{}, []Shape{x}, "upsample2d: scale 0 of rows, want at least 1"},
		{Upsample2D{Scale: twice, Mode: 7}, []Shape{x}, "upsample2d: unknown mode(7), want Nearest or Bilinear"},
		{Upsample2DGrad{Scale: twice}, []Shape{x, x}, "upsample2dgrad: wants 1 operands, got 2"},
		{Upsample2DGrad{Scale: [2]int{2, 4}}, []Shape{x}, "upsample2dgrad: gradient [2 4 6 3] has 6 columns, want a multiple of the scale 4"},
	} {
		if _, err := c.s.Infer(c.in...); err == nil || err.Error() != c.want {
			t.Errorf("%+v: got error %v, want %s", c.s, err, c.want)
		}
	}
}
