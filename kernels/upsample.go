package kernels

import "fmt"

// Upsample2D enlarges images by whole factors: x [N H W C] →
// [N H·Scale[0] W·Scale[1] C].
type Upsample2D struct {
	Scale [2]int // of rows and columns, at least 1
	Mode  UpsampleMode
}

// Upsample2DGrad is the gradient of Upsample2D, and so its adjoint:
// dy [N H·Scale[0] W·Scale[1] C] → dx [N H W C]. Each one's gradient is the
// other.
type Upsample2DGrad struct {
	Scale [2]int
	Mode  UpsampleMode
}

// UpsampleMode is a rule for the pixels of an enlarged image.
type UpsampleMode uint8

// The rules.
const (
	// Nearest repeats each pixel.
	Nearest UpsampleMode = iota
	// Bilinear interpolates between the two nearest rows and columns, pixels
	// being squares of which the centre has the value (PyTorch's
	// align_corners=False); beyond the outermost centres the image is constant.
	Bilinear
)

// String returns the rule's name in lower case.
func (m UpsampleMode) String() string {
	if m > Bilinear {
		return fmt.Sprintf("mode(%d)", uint8(m))
	}
	return [...]string{"nearest", "bilinear"}[m]
}

// A Tap is a place along an axis and its weight in a sum.
type Tap struct {
	At     int
	Weight float64
}

// Taps returns the sum that makes each place of an axis of in elements after
// its enlargement by scale. Both axes are enlarged by the same rule, one after
// the other. No weight is 0.
func (m UpsampleMode) Taps(in, scale int) [][]Tap {
	taps := make([][]Tap, in*scale)
	for o := range taps {
		if m == Nearest {
			taps[o] = []Tap{{o / scale, 1}}
			continue
		}
		// the centre of o lies at (o+½)/scale − ½: in units of 1/(2·scale)
		unit := 2 * scale
		centre := max(2*o+1-scale, 0)
		at, past := centre/unit, float64(centre%unit)/float64(unit)
		if past == 0 || at == in-1 {
			taps[o] = []Tap{{at, 1}}
			continue
		}
		taps[o] = []Tap{{at, 1 - past}, {at + 1, past}}
	}
	return taps
}

// Name returns "upsample2d".
func (Upsample2D) Name() string { return "upsample2d" }

// Name returns "upsample2dgrad".
func (Upsample2DGrad) Name() string { return "upsample2dgrad" }

// Infer returns the enlarged shape.
func (s Upsample2D) Infer(in ...Shape) (Shape, error) {
	if err := checkUpsample(s, s.Scale, s.Mode, in); err != nil {
		return nil, err
	}
	x := in[0]
	return Shape{x[0], x[1] * s.Scale[0], x[2] * s.Scale[1], x[3]}, nil
}

// Infer returns the shape before the enlargement.
func (s Upsample2DGrad) Infer(in ...Shape) (Shape, error) {
	if err := checkUpsample(s, s.Scale, s.Mode, in); err != nil {
		return nil, err
	}
	dy := in[0]
	for axis, scale := range s.Scale {
		if dy[1+axis]%scale != 0 {
			return nil, fmt.Errorf("%s: gradient %v has %d %s, want a multiple of the scale %d", s.Name(), dy, dy[1+axis], axisNames[axis], scale)
		}
	}
	return Shape{dy[0], dy[1] / s.Scale[0], dy[2] / s.Scale[1], dy[3]}, nil
}

func checkUpsample(s Spec, scale [2]int, m UpsampleMode, in []Shape) error {
	if err := arity(s, 1, in); err != nil {
		return err
	}
	if len(in[0]) != 4 {
		return fmt.Errorf("%s: image %v, want [N H W C]", s.Name(), in[0])
	}
	if m > Bilinear {
		return fmt.Errorf("%s: unknown %v, want Nearest or Bilinear", s.Name(), m)
	}
	for axis, by := range scale {
		if by < 1 {
			return fmt.Errorf("%s: scale %d of %s, want at least 1", s.Name(), by, axisNames[axis])
		}
	}
	return nil
}

// Ref enlarges the images.
func (s Upsample2D) Ref(out Array, in ...Array) {
	clear(out.Data)
	eachUpsampleTap(s.Mode, s.Scale, in[0].Shape, func(large, small int, weight float64) {
		out.Data[large] += weight * in[0].Data[small]
	})
}

// Ref adds up the gradients of each pixel.
func (s Upsample2DGrad) Ref(out Array, in ...Array) {
	clear(out.Data)
	eachUpsampleTap(s.Mode, s.Scale, out.Shape, func(large, small int, weight float64) {
		out.Data[small] += weight * in[0].Data[large]
	})
}

// eachUpsampleTap calls f with the offsets of each element of the enlargement of
// an image and of each element that it is a sum of.
func eachUpsampleTap(m UpsampleMode, scale [2]int, image Shape, f func(large, small int, weight float64)) {
	n, h, w, channels := image[0], image[1], image[2], image[3]
	rows, columns := m.Taps(h, scale[0]), m.Taps(w, scale[1])
	large := 0
	for b := range n {
		for _, inRow := range rows {
			for _, inColumn := range columns {
				for c := range channels {
					for _, r := range inRow {
						for _, q := range inColumn {
							f(large, ((b*h+r.At)*w+q.At)*channels+c, r.Weight*q.Weight)
						}
					}
					large++
				}
			}
		}
	}
}
