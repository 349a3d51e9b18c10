package kernelstest

import (
	"math/rand/v2"

	"hourglass/kernels"
)

// A pooling is an image and how it is pooled.
type pooling struct {
	image          kernels.Shape
	kernel, stride [2]int
	pad            kernels.Padding
}

var poolings = []pooling{
	{kernels.Shape{2, 6, 8, 3}, [2]int{2, 2}, [2]int{}, kernels.Valid},
	{kernels.Shape{3, 5, 4, 1}, [2]int{2, 3}, [2]int{}, kernels.Same},
	{kernels.Shape{1, 7, 6, 5}, [2]int{3, 3}, [2]int{2, 2}, kernels.Same},                 // windows overlap
	{kernels.Shape{2, 7, 9, 2}, [2]int{3, 3}, [2]int{1, 2}, kernels.Explicit(1, 2, 0, 1)}, // uneven padding
	{kernels.Shape{2, 9, 7, 2}, [2]int{2, 1}, [2]int{3, 4}, kernels.Valid},                // places that no window covers
	{kernels.Shape{1, 1, 1, 4}, [2]int{1, 1}, [2]int{}, kernels.Valid},
	{kernels.Shape{1, 3, 4, 2}, [2]int{3, 4}, [2]int{}, kernels.Valid}, // the mean of an image
	{kernels.Shape{0, 4, 4, 2}, [2]int{2, 2}, [2]int{}, kernels.Valid},
	{kernels.Shape{2, 4, 4, 0}, [2]int{2, 2}, [2]int{}, kernels.Valid},
}

// largePoolings have several tasks: many images, many rows, many channels.
var largePoolings = []pooling{
	{kernels.Shape{37, 14, 14, 7}, [2]int{2, 2}, [2]int{}, kernels.Same},
	{kernels.Shape{1, 93, 101, 5}, [2]int{3, 3}, [2]int{2, 2}, kernels.Explicit(1, 1, 1, 1)},
	{kernels.Shape{2, 8, 8, 201}, [2]int{2, 2}, [2]int{1, 1}, kernels.Valid},
}

func poolCases() []Case {
	var cases []Case
	for i, p := range append(poolings[:len(poolings):len(poolings)], largePoolings...) {
		cases = append(cases, maxPoolCases(p, i >= len(poolings))...)
		cases = append(cases, avgPoolCases(p, i >= len(poolings))...)
	}
	return cases
}

func maxPoolCases(p pooling, noGrad bool) []Case {
	var cases []Case
	s := kernels.MaxPool2D{Kernel: p.kernel, Stride: p.stride, Pad: p.pad}
	y, err := s.Infer(p.image)
	if err != nil {
		panic(err)
	}
	add := func(s kernels.Spec, in ...kernels.Shape) {
		for i, x := range []Fill{Distinct, ties} {
			c := Case{Spec: s, In: F32(in...), Fill: []Fill{x}, Smooth: []Fill{Distinct}, NoGrad: noGrad || i > 0}
			if i > 0 { // cases differ by their shapes
				for o := range c.In {
					c.In[o].Shape = append(kernels.Shape{in[o][0] + 1}, in[o][1:]...)
				}
			}
			cases = append(cases, c)
		}
	}
	add(s, p.image)
	add(kernels.MaxPool2DGrad(s), p.image, y)
	add(kernels.MaxPool2DSelect(s), p.image, p.image)
	return cases
}

// ties draws numbers of which many are equal.
func ties(r *rand.Rand, to []float64) {
	for i := range to {
		to[i] = float64(r.IntN(3) - 2)
	}
}

func avgPoolCases(p pooling, noGrad bool) []Case {
	var cases []Case
	for _, countPad := range []bool{false, true} {
		s := kernels.AvgPool2D{Kernel: p.kernel, Stride: p.stride, Pad: p.pad, CountPad: countPad}
		y, err := s.Infer(p.image)
		if err != nil {
			panic(err)
		}
		back := kernels.AvgPool2DGrad{Kernel: p.kernel, Stride: p.stride, Pad: p.pad, CountPad: countPad, H: p.image[1], W: p.image[2]}
		cases = append(cases, Case{Spec: s, In: F32(p.image), NoGrad: noGrad}, Case{Spec: back, In: F32(y), NoGrad: noGrad})
	}
	return cases
}
