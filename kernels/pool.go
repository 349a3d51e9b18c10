package kernels

import "fmt"

// MaxPool2D takes the maximum of each channel in each window: x [N H W C] →
// [N OH OW C]. Padding never wins. Of equal maxima the first in row-major order
// is the one that gradients reach; a NaN is larger than any number, and the
// last NaN counts, as in PyTorch.
//
// Max pooling, MaxPool2DGrad and MaxPool2DSelect are a closed set: with the
// choice of the maxima held fixed, as it is almost everywhere, the gradient of
// each by its second operand, or by its only one, is another of them.
type MaxPool2D struct {
	Kernel [2]int // rows and columns of a window
	Stride [2]int // rows and columns from window to window; 0 means the kernel's
	Pad    Padding
}

// MaxPool2DGrad is the gradient of MaxPool2D: (x [N H W C], dy [N OH OW C]) →
// dx [N H W C], each dy added at the place of its window's maximum.
type MaxPool2DGrad struct {
	Kernel, Stride [2]int
	Pad            Padding
}

// MaxPool2DSelect picks what lies at the maxima of another array, and is the
// adjoint of MaxPool2DGrad: (x [N H W C], g [N H W C]) → [N OH OW C], the
// element of g at the place of each window's maximum of x.
type MaxPool2DSelect struct {
	Kernel, Stride [2]int
	Pad            Padding
}

// AvgPool2D takes the mean of each channel in each window: x [N H W C] →
// [N OH OW C].
type AvgPool2D struct {
	Kernel [2]int // rows and columns of a window
	Stride [2]int // rows and columns from window to window; 0 means the kernel's
	Pad    Padding
	// CountPad divides by the whole window, as PyTorch does unless told
	// otherwise; else by its part inside the image, as TensorFlow.
	CountPad bool
}

// AvgPool2DGrad is the gradient of AvgPool2D on images of H rows and W columns,
// and so its adjoint: dy [N OH OW C] → dx [N H W C].
type AvgPool2DGrad struct {
	Kernel, Stride [2]int
	Pad            Padding
	CountPad       bool
	H, W           int
}

// PoolGeometry is the sizes of a pooling.
type PoolGeometry struct {
	N, H, W, C int // the image
	OH, OW     int // the windows
	KH, KW     int // the size of a window
	SH, SW     int // the strides
	Top, Left  int // rows and columns of padding before the image
}

// Image returns the shape [N H W C].
func (g *PoolGeometry) Image() Shape { return Shape{g.N, g.H, g.W, g.C} }

// Result returns the shape [N OH OW C].
func (g *PoolGeometry) Result() Shape { return Shape{g.N, g.OH, g.OW, g.C} }

// Rows returns the image's rows under window row i; there is at least one.
func (g *PoolGeometry) Rows(i int) (from, to int) {
	from = i*g.SH - g.Top
	return max(from, 0), min(from+g.KH, g.H)
}

// Columns returns the image's columns under window column j; there is at least
// one.
func (g *PoolGeometry) Columns(j int) (from, to int) {
	from = j*g.SW - g.Left
	return max(from, 0), min(from+g.KW, g.W)
}

// RowsOver returns the window rows that cover row h of the image.
func (g *PoolGeometry) RowsOver(h int) (from, to int) { return over(h+g.Top, g.KH, g.SH, g.OH) }

// ColumnsOver returns the window columns that cover column w of the image.
func (g *PoolGeometry) ColumnsOver(w int) (from, to int) { return over(w+g.Left, g.KW, g.SW, g.OW) }

// over returns which of n windows of k elements, s apart, cover a place.
func over(place, k, s, n int) (from, to int) {
	return max((place-k+s)/s, 0), min(place/s+1, n)
}

// Count returns the divisor of the mean in window i, j.
func (g *PoolGeometry) Count(i, j int, countPad bool) int {
	if countPad {
		return g.KH * g.KW
	}
	top, bottom := g.Rows(i)
	left, right := g.Columns(j)
	return (bottom - top) * (right - left)
}

// newPoolGeometry returns the geometry of a pooling of image x.
func newPoolGeometry(s Spec, kernel, stride [2]int, pad Padding, x Shape) (*PoolGeometry, error) {
	if len(x) != 4 {
		return nil, fmt.Errorf("%s: image %v, want [N H W C]", s.Name(), x)
	}
	for axis := range stride {
		if stride[axis] == 0 {
			stride[axis] = kernel[axis]
		}
	}
	g := &PoolGeometry{N: x[0], H: x[1], W: x[2], C: x[3], KH: kernel[0], KW: kernel[1], SH: stride[0], SW: stride[1]}
	for axis, to := range [2]struct{ out, before *int }{{&g.OH, &g.Top}, {&g.OW, &g.Left}} {
		var err error
		if *to.out, *to.before, err = pad.Place(axis, x[1+axis], kernel[axis], stride[axis]); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name(), err)
		}
		if p := [2][2]int{pad.H, pad.W}[axis]; max(p[0], p[1]) >= kernel[axis] {
			return nil, fmt.Errorf("%s: padding of %d+%d %s, want less than the kernel's %d: a window must meet the image",
				s.Name(), p[0], p[1], axisNames[axis], kernel[axis])
		}
	}
	return g, nil
}

// wants returns an error unless got has the shape that the geometry implies.
func (g *PoolGeometry) wants(s Spec, name string, got, want Shape) error {
	if !got.Equal(want) {
		return fmt.Errorf("%s: %s %v, want %v for image %v", s.Name(), name, got, want, g.Image())
	}
	return nil
}

// Name returns "maxpool2d".
func (MaxPool2D) Name() string { return "maxpool2d" }

// Name returns "maxpool2dgrad".
func (MaxPool2DGrad) Name() string { return "maxpool2dgrad" }

// Name returns "maxpool2dselect".
func (MaxPool2DSelect) Name() string { return "maxpool2dselect" }

// Name returns "avgpool2d".
func (AvgPool2D) Name() string { return "avgpool2d" }

// Name returns "avgpool2dgrad".
func (AvgPool2DGrad) Name() string { return "avgpool2dgrad" }

// Geometry returns the sizes for operands of these shapes.
func (s MaxPool2D) Geometry(in ...Shape) (*PoolGeometry, error) {
	if err := arity(s, 1, in); err != nil {
		return nil, err
	}
	return newPoolGeometry(s, s.Kernel, s.Stride, s.Pad, in[0])
}

// Geometry returns the sizes for operands of these shapes.
func (s MaxPool2DGrad) Geometry(in ...Shape) (*PoolGeometry, error) {
	if err := arity(s, 2, in); err != nil {
		return nil, err
	}
	g, err := newPoolGeometry(s, s.Kernel, s.Stride, s.Pad, in[0])
	if err != nil {
		return nil, err
	}
	return g, g.wants(s, "gradient", in[1], g.Result())
}

// Geometry returns the sizes for operands of these shapes.
func (s MaxPool2DSelect) Geometry(in ...Shape) (*PoolGeometry, error) {
	if err := arity(s, 2, in); err != nil {
		return nil, err
	}
	g, err := newPoolGeometry(s, s.Kernel, s.Stride, s.Pad, in[0])
	if err != nil {
		return nil, err
	}
	return g, g.wants(s, "array to select from", in[1], g.Image())
}

// Geometry returns the sizes for operands of these shapes.
func (s AvgPool2D) Geometry(in ...Shape) (*PoolGeometry, error) {
	if err := arity(s, 1, in); err != nil {
		return nil, err
	}
	return newPoolGeometry(s, s.Kernel, s.Stride, s.Pad, in[0])
}

// Geometry returns the sizes for operands of these shapes.
func (s AvgPool2DGrad) Geometry(in ...Shape) (*PoolGeometry, error) {
	if err := arity(s, 1, in); err != nil {
		return nil, err
	}
	if len(in[0]) != 4 {
		return nil, fmt.Errorf("%s: gradient %v, want [N OH OW C]", s.Name(), in[0])
	}
	g, err := newPoolGeometry(s, s.Kernel, s.Stride, s.Pad, Shape{in[0][0], s.H, s.W, in[0][3]})
	if err != nil {
		return nil, err
	}
	return g, g.wants(s, "gradient", in[0], g.Result())
}

// Infer returns the shape [N OH OW C].
func (s MaxPool2D) Infer(in ...Shape) (Shape, error) { return poolResult(s.Geometry(in...)) }

// Infer returns the image's shape.
func (s MaxPool2DGrad) Infer(in ...Shape) (Shape, error) { return poolImage(s.Geometry(in...)) }

// Infer returns the shape [N OH OW C].
func (s MaxPool2DSelect) Infer(in ...Shape) (Shape, error) { return poolResult(s.Geometry(in...)) }

// Infer returns the shape [N OH OW C].
func (s AvgPool2D) Infer(in ...Shape) (Shape, error) { return poolResult(s.Geometry(in...)) }

// Infer returns the image's shape [N H W C].
func (s AvgPool2DGrad) Infer(in ...Shape) (Shape, error) { return poolImage(s.Geometry(in...)) }

func poolResult(g *PoolGeometry, err error) (Shape, error) {
	if err != nil {
		return nil, err
	}
	return g.Result(), nil
}

func poolImage(g *PoolGeometry, err error) (Shape, error) {
	if err != nil {
		return nil, err
	}
	return g.Image(), nil
}

// Ref computes the maxima.
func (s MaxPool2D) Ref(out Array, in ...Array) {
	g := mustFit(s.Geometry(in[0].Shape))
	g.eachMaximum(in[0].Data, func(window, place int) { out.Data[window] = in[0].Data[place] })
}

// Ref adds each gradient at its maximum.
func (s MaxPool2DGrad) Ref(out Array, in ...Array) {
	g := mustFit(s.Geometry(in[0].Shape, in[1].Shape))
	clear(out.Data)
	g.eachMaximum(in[0].Data, func(window, place int) { out.Data[place] += in[1].Data[window] })
}

// Ref picks the elements at the maxima.
func (s MaxPool2DSelect) Ref(out Array, in ...Array) {
	g := mustFit(s.Geometry(in[0].Shape, in[1].Shape))
	g.eachMaximum(in[0].Data, func(window, place int) { out.Data[window] = in[1].Data[place] })
}

// Ref computes the means.
func (s AvgPool2D) Ref(out Array, in ...Array) {
	g := mustFit(s.Geometry(in[0].Shape))
	clear(out.Data)
	g.eachPlace(func(window, place, i, j int) {
		out.Data[window] += in[0].Data[place] / float64(g.Count(i, j, s.CountPad))
	})
}

// Ref spreads each gradient over its window.
func (s AvgPool2DGrad) Ref(out Array, in ...Array) {
	g := mustFit(s.Geometry(in[0].Shape))
	clear(out.Data)
	g.eachPlace(func(window, place, i, j int) {
		out.Data[place] += in[0].Data[window] / float64(g.Count(i, j, s.CountPad))
	})
}

// eachPlace calls f for every element of the result and every element of the
// image that its window holds, in row-major order, with their offsets and the
// window's row and column.
func (g *PoolGeometry) eachPlace(f func(window, place, i, j int)) {
	for window := range g.Result().Size() {
		n, i, j, c := window/(g.OH*g.OW*g.C), window/(g.OW*g.C)%g.OH, window/g.C%g.OW, window%g.C
		top, bottom := g.Rows(i)
		left, right := g.Columns(j)
		for h := top; h < bottom; h++ {
			for w := left; w < right; w++ {
				f(window, ((n*g.H+h)*g.W+w)*g.C+c, i, j)
			}
		}
	}
}

// eachMaximum calls f for every element of the result with its offset and that
// of the maximum in the image.
func (g *PoolGeometry) eachMaximum(x []float64, f func(window, place int)) {
	at := make([]int, g.Result().Size())
	for i := range at {
		at[i] = -1
	}
	g.eachPlace(func(window, place, _, _ int) {
		if best := at[window]; best < 0 || x[place] > x[best] || x[place] != x[place] {
			at[window] = place
		}
	})
	for window, place := range at {
		f(window, place)
	}
}
