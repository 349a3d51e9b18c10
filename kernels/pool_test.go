package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestPoolGolden(t *testing.T) {
	for _, c := range goldens(t, "max_pool2d") {
		o := c.Options
		s := MaxPool2D{Kernel: [2]int{o.Kernel, o.Kernel}, Stride: [2]int{o.Stride, o.Stride}, Pad: c.padding(t)}
		c.holds(t, s, "y", c.tensor(t, "x"))
		c.holds(t, MaxPool2DGrad(s), "dx", c.tensor(t, "x"), c.tensor(t, "dy"))
	}
	for _, c := range goldens(t, "avg_pool2d") {
		o, x := c.Options, c.tensor(t, "x")
		s := AvgPool2D{Kernel: [2]int{o.Kernel, o.Kernel}, Stride: [2]int{o.Stride, o.Stride}, Pad: c.padding(t), CountPad: o.CountIncludePad}
		c.holds(t, s, "y", x)
		back := AvgPool2DGrad{Kernel: s.Kernel, Stride: s.Stride, Pad: s.Pad, CountPad: s.CountPad, H: x.Shape[1], W: x.Shape[2]}
		c.holds(t, back, "dx", c.tensor(t, "dy"))
	}
}

// padding returns the padding that the case names; where that is "same", the
// recorded zeros must follow from our rule.
func (c goldenCase) padding(t *testing.T) Padding {
	o := c.Options
	explicit := Explicit(o.Pads[0], o.Pads[1], o.Pads[2], o.Pads[3])
	if o.Padding != "same" {
		return explicit
	}
	x := c.tensor(t, "x").Shape
	for axis := range 2 {
		_, before, err := Same.Place(axis, x[1+axis], o.Kernel, o.Stride)
		if err != nil || before != o.Pads[2*axis] {
			t.Errorf("%s: %d zeros before axis %d (error %v), want %d", c.Name, before, axis, err, o.Pads[2*axis])
		}
	}
	return Same
}

// TestMaxPoolTies holds the choice among equal maxima, and NaN, to PyTorch's.
func TestMaxPoolTies(t *testing.T) {
	nan, low := math.NaN(), math.Inf(-1)
	for _, c := range []struct {
		x    [4]float64
		at   int
		what string
	}{
		{[4]float64{1, 3, 3, 3}, 1, "the first of equals"},
		{[4]float64{0, 0, 0, 0}, 0, "the first of all"},
		{[4]float64{low, low, low, low}, 0, "the first of all −Inf"},
		{[4]float64{nan, 5, 1, 1}, 0, "NaN before a larger number"},
		{[4]float64{5, nan, 7, 1}, 1, "NaN between numbers"},
		{[4]float64{nan, 5, nan, 1}, 2, "the last NaN"},
	} {
		x := Array{Shape{1, 2, 2, 1}, c.x[:]}
		y := apply(t, MaxPool2D{Kernel: [2]int{2, 2}}, x)
		if g := y.Data[0]; g != c.x[c.at] && g == g {
			t.Errorf("%s: maximum %v, want %v", c.what, g, c.x[c.at])
		}
		dx := apply(t, MaxPool2DGrad{Kernel: [2]int{2, 2}}, x, Array{Shape{1, 1, 1, 1}, []float64{1}})
		for i, d := range dx.Data {
			if d != truth(i == c.at) {
				t.Errorf("%s: gradient %v, want a 1 at element %d", c.what, dx.Data, c.at)
				break
			}
		}
	}
}

// TestPoolAdjoint checks ⟨A u, v⟩ = ⟨u, Aᵀ v⟩ for pairs of adjoint operations.
func TestPoolAdjoint(t *testing.T) {
	for _, pad := range []Padding{Valid, Same, Explicit(1, 2, 0, 1)} {
		for _, stride := range [][2]int{{}, {1, 2}, {2, 1}, {4, 5}} {
			r := rand.New(rand.NewPCG(1, 2))
			kernel := [2]int{3, 2}
			image := Shape{2, 9, 8, 3}
			most := MaxPool2D{kernel, stride, pad}
			result, err := most.Infer(image)
			if err != nil {
				t.Fatal(err)
			}
			x := normal(r, image)
			adjoint(t, r, image, result,
				func(u Array) Array { return apply(t, MaxPool2DSelect(most), x, u) },
				func(v Array) Array { return apply(t, MaxPool2DGrad(most), x, v) })
			for _, countPad := range []bool{false, true} {
				adjoint(t, r, image, result,
					func(u Array) Array { return apply(t, AvgPool2D{kernel, stride, pad, countPad}, u) },
					func(v Array) Array { return apply(t, AvgPool2DGrad{kernel, stride, pad, countPad, 9, 8}, v) })
			}
		}
	}
}

func normal(r *rand.Rand, s Shape) Array {
	a := NewArray(s)
	for i := range a.Data {
		a.Data[i] = r.NormFloat64()
	}
	return a
}

func adjoint(t *testing.T, r *rand.Rand, from, to Shape, forward, backward func(Array) Array) {
	t.Helper()
	u, v := normal(r, from), normal(r, to)
	there, back := dot(forward(u), v), dot(u, backward(v))
	if !(math.Abs(there-back) <= 1e-12*(1+math.Abs(there))) {
		t.Errorf("⟨Au, v⟩ = %v, ⟨u, Aᵀv⟩ = %v", there, back)
	}
}

func dot(a, b Array) float64 {
	sum := 0.0
	for i, v := range a.Data {
		sum += v * b.Data[i]
	}
	return sum
}

// TestRowsOver holds the windows over a place to the places under a window.
func TestRowsOver(t *testing.T) {
	for k := 1; k <= 4; k++ {
		for s := 1; s <= 5; s++ {
			for top := range k {
				g, err := newPoolGeometry(MaxPool2D{}, [2]int{k, 1}, [2]int{s, 1}, Explicit(top, k-1, 0, 0), Shape{1, 11, 1, 1})
				if err != nil {
					t.Fatal(err)
				}
				for h := range g.H {
					first, last := g.RowsOver(h)
					for i := range g.OH {
						from, to := g.Rows(i)
						if (i >= first && i < last) != (h >= from && h < to) {
							t.Errorf("kernel %d, stride %d, padding %d: windows %d to %d over row %d, but window %d holds rows %d to %d", k, s, top, first, last, h, i, from, to)
						}
					}
				}
			}
		}
	}
}

func TestPoolErrors(t *testing.T) {
	x := Shape{2, 6, 6, 3}
	two := [2]int{2, 2}
	for _, c := range []struct {
		s    Spec
		in   []Shape
		want string
	}{
		{MaxPool2D{Kernel: two}, []Shape{{6, 6, 3}}, "maxpool2d: image [6 6 3], want [N H W C]"},
		{MaxPool2D{}, []Shape{x}, "maxpool2d: kernel has 0 rows, want at least 1"},
		{MaxPool2D{Kernel: two, Stride: [2]int{-1, 1}}, []Shape{x}, "maxpool2d: stride is -1 rows, want at least 1"},
		{MaxPool2D{Kernel: [2]int{2, 9}}, []Shape{x}, "maxpool2d: kernel of 9 columns is larger than the input's 6, 6 with its padding"},
		{MaxPool2D{Kernel: two, Pad: Explicit(0, 0, 2, 0)}, []Shape{x}, "maxpool2d: padding of 2+0 columns, want less than the kernel's 2: a window must meet the image"},
		{MaxPool2DGrad{Kernel: two}, []Shape{x, x}, "maxpool2dgrad: gradient [2 6 6 3], want [2 3 3 3] for image [2 6 6 3]"},
		{MaxPool2DSelect{Kernel: two}, []Shape{x, {2, 3, 3, 3}}, "maxpool2dselect: array to select from [2 3 3 3], want [2 6 6 3] for image [2 6 6 3]"},
		{AvgPool2D{Kernel: two}, []Shape{x, x}, "avgpool2d: wants 1 operands, got 2"},
		{AvgPool2DGrad{Kernel: two}, []Shape{{2, 3, 3, 3}}, "avgpool2dgrad: input has 0 rows, want at least 1"},
		{AvgPool2DGrad{Kernel: two, H: 8, W: 6}, []Shape{{2, 3, 3, 3}}, "avgpool2dgrad: gradient [2 3 3 3], want [2 4 3 3] for image [2 8 6 3]"},
	} {
		if _, err := c.s.Infer(c.in...); err == nil || err.Error() != c.want {
			t.Errorf("%+v: got error %v, want %s", c.s, err, c.want)
		}
	}
}
