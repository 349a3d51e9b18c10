package kernels

import (
	"math/rand/v2"
	"testing"
)

func TestInferConv(t *testing.T) {
	x, w := Shape{8, 28, 26, 3}, Shape{3, 3, 3, 16}
	conv := Conv2D{Stride: [2]int{2, 2}, Pad: Same}
	back := Conv2DInputGrad{Stride: [2]int{2, 2}, Pad: Same, H: 28, W: 26}
	filter := Conv2DFilterGrad{Stride: [2]int{2, 2}, Pad: Same, KH: 3, KW: 3}
	epilogue := func(e Epilogue) Conv2D { return Conv2D{Stride: conv.Stride, Pad: Same, Epilogue: e} }
	testInfer(t, []infer{
		{conv, []Shape{x, w}, "[8 14 13 16]"},
		{Conv2D{}, []Shape{x, w}, "[8 26 24 16]"},
		{Conv2D{Pad: Explicit(1, 0, 2, 3)}, []Shape{x, w}, "[8 27 29 16]"},
		{Conv2D{Stride: [2]int{3, 0}, Pad: Same}, []Shape{{0, 7, 7, 3}, w}, "[0 3 7 16]"},
		{epilogue(Epilogue{Bias: true, Fn: ReLU}), []Shape{x, w, {16}}, "[8 14 13 16]"},
		{epilogue(Epilogue{Bias: true, Grad: ReLUGrad}), []Shape{x, w, {16}, {8, 14, 13, 16}}, "[8 14 13 16]"},
		{back, []Shape{{8, 14, 13, 16}, w}, "[8 28 26 3]"},
		{filter, []Shape{x, {8, 14, 13, 16}}, "[3 3 3 16]"},

		{conv, []Shape{x}, "conv2d: wants 2 operands, got 1"},
		{conv, []Shape{{28, 26, 3}, w}, "conv2d: image [28 26 3], want [N H W C] with at least 1 channel"},
		{conv, []Shape{x, {3, 3, 3, 0}}, "conv2d: filter [3 3 3 0], want [KH KW Ci Co] with at least 1 channel each"},
		{conv, []Shape{x, {3, 3, 4, 8}}, "conv2d: filter [3 3 4 8] wants 4 input channels, got 3"},
		{conv, []Shape{{8, 0, 26, 3}, w}, "conv2d: input has 0 rows, want at least 1"},
		{conv, []Shape{x, {3, 0, 3, 8}}, "conv2d: kernel has 0 columns, want at least 1"},
		{Conv2D{Stride: [2]int{1, -2}}, []Shape{x, w}, "conv2d: stride is -2 columns, want at least 1"},
		{Conv2D{}, []Shape{{8, 2, 26, 3}, w}, "conv2d: kernel of 3 rows is larger than the input's 2, 2 with its padding"},
		{Conv2D{Pad: Explicit(0, 0, -1, 0)}, []Shape{x, w}, "conv2d: padding of -1+0 columns, want none below 0"},
		{Conv2D{Pad: Padding{Mode: PadSame, W: [2]int{1, 0}}}, []Shape{x, w}, "conv2d: padding is same and 1+0 columns, want one of them"},
		{Conv2D{Pad: Padding{Mode: 7}}, []Shape{x, w}, "conv2d: padding mode 7 is neither PadExplicit (0) nor PadSame (1)"},
		{back, []Shape{{8, 14, 12, 16}, w}, "conv2dinputgrad: gradient [8 14 12 16], want [8 14 13 16], the result of image [8 28 26 3] and filter [3 3 3 16]"},
		{back, []Shape{{8, 14, 13, 15}, w}, "conv2dinputgrad: filter [3 3 3 16] wants 16 channels of the gradient, got 15"},
		{back, []Shape{{8, 14}, w}, "conv2dinputgrad: gradient [8 14] and filter [3 3 3 16], want [N OH OW Co] and [KH KW Ci Co]"},
		{filter, []Shape{x, {7, 14, 13, 16}}, "conv2dfiltergrad: gradient [7 14 13 16], want [8 14 13 16], the result of image [8 28 26 3] and filter [3 3 3 16]"},
		{filter, []Shape{x, {8}}, "conv2dfiltergrad: image [8 28 26 3] and gradient [8], want [N H W Ci] and [N OH OW Co]"},
		{epilogue(Epilogue{Bias: true}), []Shape{x, w}, "conv2d: wants 3 operands, got 2"},
		{epilogue(Epilogue{Bias: true}), []Shape{x, w, {3}}, "conv2d: bias has shape [3], want [16]"},
		{epilogue(Epilogue{Grad: ReLUGrad}), []Shape{x, w, {16}}, "conv2d: operand of relugrad has shape [16], want [8 14 13 16] as the result"},
		{epilogue(Epilogue{Fn: ReLU, Grad: ReLUGrad}), []Shape{x, w, {8, 14, 13, 16}}, "conv2d: epilogue of both relu and relugrad, want one of them"},
		{epilogue(Epilogue{Fn: Add}), []Shape{x, w}, "conv2d: epilogue function add, want a function of one number"},
		{epilogue(Epilogue{Grad: ReLU}), []Shape{x, w, {8, 14, 13, 16}}, "conv2d: epilogue gradient relu, want a function of two numbers"},
	})
}

func TestInferMatMul(t *testing.T) {
	bias := MatMul{Epilogue: Epilogue{Bias: true}}
	testInfer(t, []infer{
		{MatMul{}, []Shape{{5, 7}, {7, 2}}, "[5 2]"},
		{MatMul{TransA: true}, []Shape{{7, 5}, {7, 2}}, "[5 2]"},
		{MatMul{TransB: true}, []Shape{{5, 7}, {2, 7}}, "[5 2]"},
		{MatMul{TransA: true, TransB: true}, []Shape{{7, 5}, {2, 7}}, "[5 2]"},
		{MatMul{}, []Shape{{0, 7}, {7, 2}}, "[0 2]"},
		{bias, []Shape{{5, 7}, {7, 2}, {2}}, "[5 2]"},
		{MatMul{}, []Shape{{5, 7}, {2, 7}}, "matmul: [5 7] by [2 7]: the left has 7 columns, the right 2 rows, want as many"},
		{MatMul{TransA: true}, []Shape{{5, 7}, {7, 2}}, "matmul: [5 7]ᵀ by [7 2]: the left has 5 columns, the right 7 rows, want as many"},
		{MatMul{}, []Shape{{5, 7, 1}, {7, 2}}, "matmul: operands [5 7 1] and [7 2], want two matrices"},
		{MatMul{}, []Shape{{5, 7}}, "matmul: wants 2 operands, got 1"},
		{bias, []Shape{{5, 7}, {7, 2}, {5}}, "matmul: bias has shape [5], want [2]"},
	})
}

func TestTransposedSize(t *testing.T) {
	for _, try := range []struct {
		in, kernel, stride [2]int
		pad                Padding
		extra              [2]int
		h, w               int
		err                string
	}{
		{in: [2]int{7, 14}, kernel: [2]int{3, 3}, stride: [2]int{2, 2}, pad: Same, h: 14, w: 28},
		{in: [2]int{7, 14}, kernel: [2]int{3, 3}, h: 9, w: 16},
		{in: [2]int{7, 7}, kernel: [2]int{3, 4}, stride: [2]int{2, 3}, pad: Explicit(1, 1, 0, 2), extra: [2]int{1, 2}, h: 14, w: 22},
		{in: [2]int{1, 1}, kernel: [2]int{1, 1}, stride: [2]int{2, 2}, pad: Same, h: 2, w: 2},
		{in: [2]int{7, 7}, kernel: [2]int{3, 3}, stride: [2]int{2, 2}, extra: [2]int{0, 2},
			err: "transposed convolution: output padding of 2 columns, want 0 to 1, below the stride"},
		{in: [2]int{7, 7}, kernel: [2]int{3, 3}, stride: [2]int{2, 2}, pad: Same, extra: [2]int{1, 0},
			err: "transposed convolution: output padding of 1 rows, want 0 under same padding, which fixes the size"},
		{in: [2]int{1, 7}, kernel: [2]int{3, 3}, pad: Explicit(2, 1, 0, 0),
			err: "transposed convolution: makes 0 rows of 1 with kernel 3, stride 1 and pad 2 1 0 0, want at least 1"},
		{in: [2]int{7, 7}, kernel: [2]int{3, 3}, pad: Explicit(-1, 0, 0, 0),
			err: "transposed convolution: padding of -1+0 rows, want none below 0"},
		{in: [2]int{0, 7}, kernel: [2]int{3, 3},
			err: "transposed convolution: input of 0 rows, kernel 3, stride 1, want all at least 1"},
		{in: [2]int{7, 7}, kernel: [2]int{3, 3}, stride: [2]int{1, -1},
			err: "transposed convolution: input of 7 columns, kernel 3, stride -1, want all at least 1"},
	} {
		h, w, err := TransposedSize(try.in, try.kernel, try.stride, try.pad, try.extra)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if h != try.h || w != try.w || got != try.err {
			t.Errorf("%+v: got %d×%d %s", try, h, w, got)
		}
		if err != nil {
			continue
		}
		s := Conv2DInputGrad{Stride: try.stride, Pad: try.pad, H: h, W: w}
		if _, err := s.Infer(Shape{1, try.in[0], try.in[1], 2}, Shape{try.kernel[0], try.kernel[1], 3, 2}); err != nil {
			t.Errorf("%+v: %v", try, err)
		}
	}
}

func TestConvGolden(t *testing.T) {
	for _, c := range goldens(t, "conv2d") {
		t.Run(c.Name, func(t *testing.T) {
			x, w, dy := c.tensor(t, "x"), c.tensor(t, "w"), c.tensor(t, "dy")
			h, wd, k := x.Shape[1], x.Shape[2], c.Options.Kernel
			stride, pad := [2]int{c.Options.Stride, c.Options.Stride}, c.padding(t)
			c.holds(t, Conv2D{Stride: stride, Pad: pad}, "y", x, w)
			c.holds(t, Conv2DInputGrad{Stride: stride, Pad: pad, H: h, W: wd}, "dx", dy, w)
			c.holds(t, Conv2DFilterGrad{Stride: stride, Pad: pad, KH: k, KW: k}, "dw", x, dy)
		})
	}
}

func TestTransposedConvGolden(t *testing.T) {
	for _, c := range goldens(t, "conv_transpose2d") {
		t.Run(c.Name, func(t *testing.T) {
			x, w, dy := c.tensor(t, "x"), c.tensor(t, "w"), c.tensor(t, "dy")
			k, s, extra := c.Options.Kernel, c.Options.Stride, c.Options.OutputPadding
			stride := [2]int{s, s}
			pad := Same
			if p := c.Options.Pads; c.Options.Padding != "same" {
				pad = Explicit(p[0], p[1], p[2], p[3])
			}
			h, wd, err := TransposedSize([2]int{x.Shape[1], x.Shape[2]}, [2]int{k, k}, stride, pad, [2]int{extra, extra})
			if err != nil {
				t.Fatal(err)
			}
			c.holds(t, Conv2DInputGrad{Stride: stride, Pad: pad, H: h, W: wd}, "y", x, w)
			c.holds(t, Conv2D{Stride: stride, Pad: pad}, "dx", dy, w)
			c.holds(t, Conv2DFilterGrad{Stride: stride, Pad: pad, KH: k, KW: k}, "dw", dy, x)
		})
	}
}

func TestMatMulGolden(t *testing.T) {
	for _, c := range goldens(t, "dense") {
		x, w, b, dy := c.tensor(t, "x"), c.tensor(t, "w"), c.tensor(t, "b"), c.tensor(t, "dy")
		c.holds(t, MatMul{Epilogue: Epilogue{Bias: true}}, "y", x, w, b)
		c.holds(t, MatMul{TransB: true}, "dx", dy, w)
		c.holds(t, MatMul{TransA: true}, "dw", x, dy)
		c.holds(t, MatMul{TransA: true, TransB: true}, "dw", x, apply(t, Transpose{DimsOf(1, 0)}, dy))
	}
}

// TestConvAdjoint holds the three convolutions to be each other's adjoints, on
// integers, whose sums are exact.
func TestConvAdjoint(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(s Shape) Array {
		a := NewArray(s)
		for i := range a.Data {
			a.Data[i] = float64(r.IntN(19) - 9)
		}
		return a
	}
	dot := func(a, b Array) (sum float64) {
		for i := range a.Data {
			sum += a.Data[i] * b.Data[i]
		}
		return sum
	}
	for range 300 {
		x := draw(Shape{1 + r.IntN(2), 1 + r.IntN(8), 1 + r.IntN(8), 1 + r.IntN(3)})
		w := draw(Shape{1 + r.IntN(5), 1 + r.IntN(5), x.Shape[3], 1 + r.IntN(3)})
		s := Conv2D{Stride: [2]int{r.IntN(4), r.IntN(4)}, Pad: Same}
		if r.IntN(2) == 0 {
			s.Pad = Explicit(r.IntN(4), r.IntN(4), r.IntN(4), r.IntN(4))
		}
		out, err := s.Infer(x.Shape, w.Shape)
		if err != nil {
			continue // the kernel is larger than the image
		}
		dy := draw(out)
		want := dot(apply(t, s, x, w), dy)
		dx := apply(t, Conv2DInputGrad{Stride: s.Stride, Pad: s.Pad, H: x.Shape[1], W: x.Shape[2]}, dy, w)
		dw := apply(t, Conv2DFilterGrad{Stride: s.Stride, Pad: s.Pad, KH: w.Shape[0], KW: w.Shape[1]}, x, dy)
		if a, b := dot(dx, x), dot(dw, w); a != want || b != want {
			t.Errorf("%+v of %v and %v: ⟨y,dy⟩ = %v, ⟨x,dx⟩ = %v, ⟨w,dw⟩ = %v", s, x.Shape, w.Shape, want, a, b)
		}
	}
}

func TestFlops(t *testing.T) {
	x, w, dy := Shape{2, 8, 8, 3}, Shape{3, 3, 3, 5}, Shape{2, 4, 4, 5}
	conv := Conv2D{Stride: [2]int{2, 2}, Pad: Same}
	want := int64(2 * 2 * 4 * 4 * 3 * 3 * 3 * 5)
	for _, try := range []struct {
		got, want int64
	}{
		{conv.Flops(dy, x, w), want},
		{Conv2DInputGrad{Stride: conv.Stride, Pad: Same, H: 8, W: 8}.Flops(x, dy, w), want},
		{Conv2DFilterGrad{Stride: conv.Stride, Pad: Same, KH: 3, KW: 3}.Flops(w, x, dy), want},
		{MatMul{TransB: true}.Flops(Shape{5, 2}, Shape{5, 7}, Shape{2, 7}), 2 * 5 * 2 * 7},
	} {
		if try.got != try.want {
			t.Errorf("%d operations, want %d", try.got, try.want)
		}
	}
}
