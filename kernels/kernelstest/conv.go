package kernelstest

import (
	"math"

	"hourglass/kernels"
)

// convTol bounds the error of float32 sums of up to some thousand terms.
const convTol = 1e-5

// window is how a filter moves over an image.
type window struct {
	h, w   int // the image
	kh, kw int
	stride [2]int
	pad    kernels.Padding
}

// windows meet every combination of what the kernels treat apart: strides below,
// at and above the kernel's size, odd and even sizes, borders on each side,
// kernels larger than the image, images of one row.
var windows = []window{
	{1, 1, 1, 1, [2]int{}, kernels.Valid},
	{1, 1, 3, 3, [2]int{1, 1}, kernels.Same},
	{5, 6, 3, 3, [2]int{1, 1}, kernels.Valid},
	{5, 6, 3, 3, [2]int{1, 1}, kernels.Same},
	{8, 8, 3, 3, [2]int{2, 2}, kernels.Same},
	{7, 9, 3, 3, [2]int{2, 2}, kernels.Same},
	{7, 9, 4, 4, [2]int{2, 2}, kernels.Same},
	{6, 7, 5, 5, [2]int{1, 1}, kernels.Same},
	{3, 2, 5, 5, [2]int{1, 1}, kernels.Same},
	{9, 8, 5, 4, [2]int{3, 3}, kernels.Same},
	{7, 7, 1, 1, [2]int{1, 1}, kernels.Valid},
	{7, 8, 1, 1, [2]int{2, 2}, kernels.Same},
	{7, 8, 2, 2, [2]int{3, 3}, kernels.Valid},
	{8, 7, 2, 3, [2]int{1, 3}, kernels.Valid},
	{8, 8, 3, 3, [2]int{2, 2}, kernels.Explicit(1, 1, 1, 1)},
	{7, 6, 4, 4, [2]int{2, 2}, kernels.Explicit(1, 2, 2, 1)},
	{4, 5, 3, 3, [2]int{1, 1}, kernels.Explicit(2, 0, 0, 2)},
	{4, 5, 3, 2, [2]int{2, 1}, kernels.Explicit(3, 4, 4, 3)},
	{2, 3, 2, 2, [2]int{1, 2}, kernels.Explicit(2, 2, 2, 2)},
	{1, 21, 1, 5, [2]int{1, 2}, kernels.Same},
	{1, 40, 1, 3, [2]int{1, 1}, kernels.Same},
}

// winogradWindows are what devices may compute by fewer multiplications than the
// definition, with channels enough that it pays.
var winogradWindows = []window{
	{4, 4, 3, 3, [2]int{1, 1}, kernels.Same},
	{5, 7, 3, 3, [2]int{1, 1}, kernels.Same},
	{6, 9, 3, 3, [2]int{1, 1}, kernels.Valid},
	{7, 6, 3, 3, [2]int{1, 1}, kernels.Explicit(2, 0, 0, 2)},
	{5, 4, 3, 3, [2]int{1, 1}, kernels.Explicit(2, 2, 2, 2)},
	{5, 6, 3, 3, [2]int{1, 1}, kernels.Explicit(0, 1, 1, 0)},
	{18, 18, 3, 3, [2]int{2, 2}, kernels.Same},
	{15, 20, 3, 3, [2]int{2, 2}, kernels.Same},
	{19, 17, 3, 3, [2]int{2, 2}, kernels.Valid},
	{18, 20, 3, 3, [2]int{2, 2}, kernels.Valid},
	{17, 16, 3, 3, [2]int{2, 2}, kernels.Explicit(1, 1, 1, 1)},
	{16, 17, 3, 3, [2]int{2, 2}, kernels.Explicit(1, 4, 0, 3)},
	{16, 23, 3, 3, [2]int{2, 2}, kernels.Same},
	{15, 16, 3, 3, [2]int{2, 2}, kernels.Same},
}

// images are batch sizes and channels of the image and of the result.
var images = [][3]int{
	{0, 2, 3}, {1, 1, 1}, {2, 1, 5}, {2, 5, 1}, {3, 3, 4}, {1, 16, 16}, {2, 7, 33}, {2, 33, 9},
}

// narrowImages are of the first and the last layer of a net, which devices may
// compute in ways of their own.
var narrowImages = [][3]int{{2, 1, 20}, {2, 33, 1}, {1, 2, 20}, {2, 3, 32}, {1, 4, 17}}

// narrowWindows have places enough in a row for it.
var narrowWindows = []window{
	{9, 17, 3, 3, [2]int{1, 1}, kernels.Same},
	{13, 14, 3, 3, [2]int{2, 2}, kernels.Same},
	{5, 15, 3, 3, [2]int{1, 2}, kernels.Valid},
	{6, 10, 3, 3, [2]int{1, 1}, kernels.Explicit(1, 0, 0, 1)},
}

// convEpilogues are tried on Conv2D and Conv2DInputGrad.
var convEpilogues = []kernels.Epilogue{
	{},
	{Bias: true},
	{Bias: true, Fn: kernels.ReLU},
	{Fn: kernels.Sigmoid},
	{Bias: true, Fn: kernels.LeakyReLU, A: 0.125},
	{Grad: kernels.ReLUGrad},
	{Bias: true, Grad: kernels.LeakyReLUGrad, A: 0.25},
	{Grad: kernels.TanhGrad},
}

func convCases() []Case {
	var cases []Case
	for i, w := range windows {
		for j, image := range images {
			e := convEpilogues[0]
			if (i+j)%3 == 0 {
				e = convEpilogues[(i+2*j)%len(convEpilogues)]
			}
			cases = append(cases, w.cases(image[0], image[1], image[2], e)...)
		}
	}
	for i, e := range convEpilogues { // with several panels of channels
		cases = append(cases, windows[4].cases(5, 70, 80+i, e)...)
		cases = append(cases, windows[3].cases(3, 100-i, 2, e)...)
	}
	for i, e := range convEpilogues { // of a first and a last layer
		narrow := narrowWindows[i%2].cases(2, 1, 32-i, e)
		for j := range narrow {
			narrow[j].NoGrad = true
		}
		cases = append(cases, narrow...)
	}
	for i, w := range winogradWindows {
		wide := w.cases(2, 32, 48, convEpilogues[i%len(convEpilogues)])
		wide = append(wide, w.cases(1, 96, 32, convEpilogues[(i+3)%len(convEpilogues)])...)
		for j := range wide {
			wide[j].Spreads, wide[j].NoGrad = true, true
		}
		cases = append(cases, wide...)
	}
	for _, c := range (window{8, 7, 3, 3, [2]int{2, 2}, kernels.Same}).cases(3, 80, 64, convEpilogues[2]) { // one tile
		c.Spreads, c.NoGrad = true, true
		cases = append(cases, c)
	}
	for i, w := range append(narrowWindows, windows...) {
		for j, image := range narrowImages {
			if w.kw == 3 {
				narrow := w.cases(image[0], image[1], image[2], convEpilogues[(i+j)%len(convEpilogues)])
				for k := range narrow {
					narrow[k].NoGrad = true
				}
				cases = append(cases, narrow...)
			}
		}
	}
	for _, layer := range []struct {
		window
		n, ci, co int
	}{ // many tasks, of several images each and of rows of one; many and few
		// groups of partial sums, of images and of rows; some channels a task;
		// first and last layers that caches do not hold
		{window{10, 12, 3, 3, [2]int{1, 1}, kernels.Same}, 67, 2, 16},
		{window{14, 14, 3, 3, [2]int{1, 1}, kernels.Same}, 65, 1, 2},
		{window{40, 41, 3, 3, [2]int{1, 1}, kernels.Same}, 2, 5, 16},
		{window{1, 400, 1, 9, [2]int{1, 4}, kernels.Same}, 5, 2, 16},
		{window{12, 11, 3, 3, [2]int{1, 1}, kernels.Same}, 30, 32, 80},
		{window{8, 8, 3, 3, [2]int{2, 2}, kernels.Same}, 20, 24, 130},
		{window{8, 8, 3, 3, [2]int{2, 2}, kernels.Same}, 30, 16, 130},
		{window{26, 29, 3, 3, [2]int{1, 1}, kernels.Same}, 11, 1, 32},
		{window{62, 74, 3, 3, [2]int{2, 2}, kernels.Same}, 7, 3, 34},
	} {
		large := layer.cases(layer.n, layer.ci, layer.co, kernels.Epilogue{Bias: true, Fn: kernels.ReLU})
		for i := range large {
			large[i].NoGrad = true
		}
		cases = append(cases, large...)
	}
	return cases
}

// cases returns a convolution and its two gradients.
func (w window) cases(n, ci, co int, e kernels.Epilogue) []Case {
	x, filter := kernels.Shape{n, w.h, w.w, ci}, kernels.Shape{w.kh, w.kw, ci, co}
	dy, err := kernels.Conv2D{Stride: w.stride, Pad: w.pad}.Infer(x, filter)
	if err != nil {
		panic(err) // the tables of this file are wrong
	}
	all := []Case{
		withEpilogue(Case{Spec: kernels.Conv2D{Stride: w.stride, Pad: w.pad, Epilogue: e}, In: F32(x, filter)}, dy, e),
		withEpilogue(Case{Spec: kernels.Conv2DInputGrad{Stride: w.stride, Pad: w.pad, H: w.h, W: w.w, Epilogue: e}, In: F32(dy, filter)}, x, e),
		{Spec: kernels.Conv2DFilterGrad{Stride: w.stride, Pad: w.pad, KH: w.kh, KW: w.kw}, In: F32(x, dy), Tol: convTol},
	}
	for i := range all {
		all[i].Padded = 1 << 1 // the filter, and the result's gradient
	}
	return all
}

// withEpilogue adds the epilogue's operands. Epilogues with a kink at 0 get
// integers, whose sums lie on it exactly or far from it, and for the gradient
// test a bias that keeps them away.
func withEpilogue(c Case, out kernels.Shape, e kernels.Epilogue) Case {
	c.Tol = convTol
	if e.Bias {
		c.In = append(c.In, F32(out[len(out)-1:])...)
	}
	if e.Grad != kernels.Copy {
		c.In = append(c.In, F32(out)...)
	}
	c.Fill = make([]Fill, len(c.In))
	c.Smooth = make([]Fill, len(c.In))
	switch {
	case e.Fn == kernels.Sigmoid:
		// The size of sums of Ci·KH·KW products of about 1, times the slope at 0.
		c.Scale = max(0.7, math.Sqrt(float64(c.In[1].Shape[:3].Size()))/4)
	case e.Grad == kernels.TanhGrad:
		c.Fill[len(c.In)-1] = Uniform(-0.98, 0.98)
	case e.Grad != kernels.Copy:
		c.Smooth[len(c.In)-1] = off0
	case (e.Fn == kernels.ReLU || e.Fn == kernels.LeakyReLU) && e.Bias:
		c.Smooth = []Fill{Lattice(1, 0), Lattice(1, 0), Lattice(1, 0.5)}
	}
	return c
}
