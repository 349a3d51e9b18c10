package kernels

import "fmt"

// Conv2D is the cross-correlation that deep learning calls convolution:
//
//	(x [N H W Ci], w [KH KW Ci Co], …) → [N OH OW Co]
//	sum[n,i,j,o] = Σ x[n, i·Stride[0]+kh−top, j·Stride[1]+kw−left, c] · w[kh,kw,c,o]
//
// over kh, kw and c, where places outside the image count for nothing.
type Conv2D struct {
	Stride [2]int // rows and columns from window to window; 0 means 1
	Pad    Padding
	Epilogue
}

// Conv2DInputGrad is the gradient of Conv2D by its image, and so its transpose:
//
//	(dy [N OH OW Co], w [KH KW Ci Co], …) → [N H W Ci]
//
// It is also the forward pass of a transposed convolution of dy, whose output
// has Ci channels; TransposedSize gives H and W.
type Conv2DInputGrad struct {
	Stride [2]int // of the convolution
	Pad    Padding
	H, W   int // the image of the convolution; OH and OW must follow from it
	Epilogue
}

// Conv2DFilterGrad is the gradient of Conv2D by its filter:
//
//	(x [N H W Ci], dy [N OH OW Co]) → [KH KW Ci Co]
type Conv2DFilterGrad struct {
	Stride [2]int // of the convolution
	Pad    Padding
	KH, KW int
}

// ConvGeometry is the sizes of a convolution and of its gradients.
type ConvGeometry struct {
	N, H, W, Ci int // the image
	KH, KW      int // the filter
	OH, OW, Co  int // the result
	SH, SW      int // the strides
	Top, Left   int // zero rows and columns before the image
}

// Image returns the shape [N H W Ci].
func (g *ConvGeometry) Image() Shape { return Shape{g.N, g.H, g.W, g.Ci} }

// Filter returns the shape [KH KW Ci Co].
func (g *ConvGeometry) Filter() Shape { return Shape{g.KH, g.KW, g.Ci, g.Co} }

// Result returns the shape [N OH OW Co].
func (g *ConvGeometry) Result() Shape { return Shape{g.N, g.OH, g.OW, g.Co} }

// Flops counts a multiply-add of every filter element at every place of the
// result, those that meet padding included.
func (g *ConvGeometry) Flops() int64 {
	return 2 * int64(g.N) * int64(g.OH*g.OW) * int64(g.KH*g.KW) * int64(g.Ci) * int64(g.Co)
}

// newGeometry returns the geometry of a convolution of image x by filter w.
func newGeometry(s Spec, stride [2]int, pad Padding, x, w Shape) (*ConvGeometry, error) {
	if len(x) != 4 || x[0] < 0 || x[3] < 1 {
		return nil, fmt.Errorf("%s: image %v, want [N H W C] with at least 1 channel", s.Name(), x)
	}
	if len(w) != 4 || w[2] < 1 || w[3] < 1 {
		return nil, fmt.Errorf("%s: filter %v, want [KH KW Ci Co] with at least 1 channel each", s.Name(), w)
	}
	if w[2] != x[3] {
		return nil, fmt.Errorf("%s: filter %v wants %d input channels, got %d", s.Name(), w, w[2], x[3])
	}
	stride = oneIfZero(stride)
	g := &ConvGeometry{N: x[0], H: x[1], W: x[2], Ci: x[3], KH: w[0], KW: w[1], Co: w[3], SH: stride[0], SW: stride[1]}
	var err error
	if g.OH, g.Top, err = pad.Place(0, g.H, g.KH, g.SH); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name(), err)
	}
	if g.OW, g.Left, err = pad.Place(1, g.W, g.KW, g.SW); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name(), err)
	}
	return g, nil
}

// checkResult holds the operand dy to the result that the geometry implies.
func (g *ConvGeometry) checkResult(s Spec, dy Shape) error {
	if !dy.Equal(g.Result()) {
		return fmt.Errorf("%s: gradient %v, want %v, the result of image %v and filter %v", s.Name(), dy, g.Result(), g.Image(), g.Filter())
	}
	return nil
}

// Name returns "conv2d".
func (Conv2D) Name() string { return "conv2d" }

// Name returns "conv2dinputgrad".
func (Conv2DInputGrad) Name() string { return "conv2dinputgrad" }

// Name returns "conv2dfiltergrad".
func (Conv2DFilterGrad) Name() string { return "conv2dfiltergrad" }

// Geometry returns the sizes for operands of these shapes.
func (s Conv2D) Geometry(in ...Shape) (*ConvGeometry, error) {
	if err := arity(s, 2+s.Epilogue.Operands(), in); err != nil {
		return nil, err
	}
	return newGeometry(s, s.Stride, s.Pad, in[0], in[1])
}

// Geometry returns the sizes for operands of these shapes.
func (s Conv2DInputGrad) Geometry(in ...Shape) (*ConvGeometry, error) {
	if err := arity(s, 2+s.Epilogue.Operands(), in); err != nil {
		return nil, err
	}
	dy, w := in[0], in[1]
	if len(dy) != 4 || len(w) != 4 {
		return nil, fmt.Errorf("%s: gradient %v and filter %v, want [N OH OW Co] and [KH KW Ci Co]", s.Name(), dy, w)
	}
	if dy[3] != w[3] {
		return nil, fmt.Errorf("%s: filter %v wants %d channels of the gradient, got %d", s.Name(), w, w[3], dy[3])
	}
	g, err := newGeometry(s, s.Stride, s.Pad, Shape{dy[0], s.H, s.W, w[2]}, w)
	if err != nil {
		return nil, err
	}
	return g, g.checkResult(s, dy)
}

// Geometry returns the sizes for operands of these shapes.
func (s Conv2DFilterGrad) Geometry(in ...Shape) (*ConvGeometry, error) {
	if err := arity(s, 2, in); err != nil {
		return nil, err
	}
	x, dy := in[0], in[1]
	if len(x) != 4 || len(dy) != 4 {
		return nil, fmt.Errorf("%s: image %v and gradient %v, want [N H W Ci] and [N OH OW Co]", s.Name(), x, dy)
	}
	g, err := newGeometry(s, s.Stride, s.Pad, x, Shape{s.KH, s.KW, x[3], dy[3]})
	if err != nil {
		return nil, err
	}
	return g, g.checkResult(s, dy)
}

// Infer returns the result's shape [N OH OW Co].
func (s Conv2D) Infer(in ...Shape) (Shape, error) {
	g, err := s.Geometry(in...)
	if err != nil {
		return nil, err
	}
	return g.Result(), s.Epilogue.check(s, g.Result(), in[2:])
}

// Infer returns the image's shape [N H W Ci].
func (s Conv2DInputGrad) Infer(in ...Shape) (Shape, error) {
	g, err := s.Geometry(in...)
	if err != nil {
		return nil, err
	}
	return g.Image(), s.Epilogue.check(s, g.Image(), in[2:])
}

// Infer returns the filter's shape [KH KW Ci Co].
func (s Conv2DFilterGrad) Infer(in ...Shape) (Shape, error) {
	g, err := s.Geometry(in...)
	if err != nil {
		return nil, err
	}
	return g.Filter(), nil
}

// Flops is ConvGeometry.Flops; the epilogue is not counted.
func (s Conv2D) Flops(_ Shape, in ...Shape) int64 { return countFlops(s.Geometry(in...)) }

// Flops is ConvGeometry.Flops; the epilogue is not counted.
func (s Conv2DInputGrad) Flops(_ Shape, in ...Shape) int64 { return countFlops(s.Geometry(in...)) }

// Flops is ConvGeometry.Flops.
func (s Conv2DFilterGrad) Flops(_ Shape, in ...Shape) int64 { return countFlops(s.Geometry(in...)) }

// countFlops returns 0 for operands that do not fit.
func countFlops(g *ConvGeometry, err error) int64 {
	if err != nil {
		return 0
	}
	return g.Flops()
}

// Ref computes the convolution.
func (s Conv2D) Ref(out Array, in ...Array) {
	g := mustFit(s.Geometry(shapesOf(in)...))
	clear(out.Data)
	g.eachTap(func(image, filter, result int) {
		y := out.Data[result:][:g.Co]
		for c, x := range in[0].Data[image:][:g.Ci] {
			for o, w := range in[1].Data[filter+c*g.Co:][:g.Co] {
				y[o] += x * w
			}
		}
	})
	s.Epilogue.ref(out, in[2:])
}

// Ref computes the gradient by the image.
func (s Conv2DInputGrad) Ref(out Array, in ...Array) {
	g := mustFit(s.Geometry(shapesOf(in)...))
	clear(out.Data)
	g.eachTap(func(image, filter, result int) {
		dy := in[0].Data[result:][:g.Co]
		for c := range g.Ci {
			sum := 0.0
			for o, w := range in[1].Data[filter+c*g.Co:][:g.Co] {
				sum += dy[o] * w
			}
			out.Data[image+c] += sum
		}
	})
	s.Epilogue.ref(out, in[2:])
}

// Ref computes the gradient by the filter.
func (s Conv2DFilterGrad) Ref(out Array, in ...Array) {
	g := mustFit(s.Geometry(shapesOf(in)...))
	clear(out.Data)
	g.eachTap(func(image, filter, result int) {
		for c, x := range in[0].Data[image:][:g.Ci] {
			dw := out.Data[filter+c*g.Co:][:g.Co]
			for o, dy := range in[1].Data[result:][:g.Co] {
				dw[o] += x * dy
			}
		}
	})
}

// eachTap calls f for every place of the result and every filter tap that lies
// on the image there, with the offsets of the place's channels in the image, of
// the tap's channels in the filter and of the channels in the result.
func (g *ConvGeometry) eachTap(f func(image, filter, result int)) {
	for place := range g.N * g.OH * g.OW {
		n, i, j := place/(g.OH*g.OW), place/g.OW%g.OH, place%g.OW
		for kh := range g.KH {
			h := i*g.SH + kh - g.Top
			if h < 0 || h >= g.H {
				continue
			}
			for kw := range g.KW {
				w := j*g.SW + kw - g.Left
				if w < 0 || w >= g.W {
					continue
				}
				f(((n*g.H+h)*g.W+w)*g.Ci, (kh*g.KW+kw)*g.Ci*g.Co, place*g.Co)
			}
		}
	}
}

// shapesOf returns the shapes of the operands.
func shapesOf(in []Array) []Shape {
	shapes := make([]Shape, len(in))
	for i := range in {
		shapes[i] = in[i].Shape
	}
	return shapes
}

// mustFit returns g for operands that Infer has accepted.
func mustFit[G any](g G, err error) G {
	if err != nil {
		panic(err)
	}
	return g
}
