package kernelstest

import (
	"hourglass/kernels"
)

// reductions are the shapes and axes that each reduction is tried on: every
// pattern of kept and reduced axes that needs its own loop, with lengths about
// the blocks that devices cut them into.
var reductions = []struct {
	shape kernels.Shape
	axes  kernels.Axes
	large bool
}{
	{kernels.Shape{}, kernels.AxesOf(), false},
	{kernels.Shape{1, 1}, kernels.AxesOf(0, 1), false},
	{kernels.Shape{1}, kernels.AxesOf(0), false},
	{kernels.Shape{5, 7}, kernels.AxesOf(), false},
	{kernels.Shape{7}, kernels.AxesOf(0), false},
	{kernels.Shape{3, 5, 7}, kernels.AxesOf(0, 1, 2), false},
	{kernels.Shape{6, 1, 5}, kernels.AxesOf(0, 1), false}, // leading
	{kernels.Shape{33, 131}, kernels.AxesOf(0), false},
	{kernels.Shape{9, 4}, kernels.AxesOf(1), false}, // trailing
	{kernels.Shape{4, 3, 5}, kernels.AxesOf(1, 2), false},
	{kernels.Shape{4, 5, 3}, kernels.AxesOf(1), false},
	{kernels.Shape{4, 5, 3}, kernels.AxesOf(0, 2), false},
	{kernels.Shape{2, 3, 4, 3}, kernels.AxesOf(1, 3), false},
	{kernels.Shape{2, 3, 4, 3}, kernels.AxesOf(0, 2), false},
	{kernels.Shape{2, 3, 2, 3, 2, 3}, kernels.AxesOf(0, 2, 4), false},
	{kernels.Shape{0, 4}, kernels.AxesOf(1), false},

	{kernels.Shape{1000003}, kernels.AxesOf(0), true},
	{kernels.Shape{50021}, kernels.AxesOf(0), true},
	{kernels.Shape{30011, 4}, kernels.AxesOf(0), true},
	{kernels.Shape{403, 300}, kernels.AxesOf(0), true},
	{kernels.Shape{16, 14, 14, 32}, kernels.AxesOf(0, 1, 2), true},
	{kernels.Shape{70, 9, 150}, kernels.AxesOf(1), true},
	{kernels.Shape{3, 50021}, kernels.AxesOf(1), true},
	{kernels.Shape{40000, 2}, kernels.AxesOf(1), true},
	{kernels.Shape{300, 2, 211}, kernels.AxesOf(0, 2), true},
}

func reduceCases() []Case {
	var cases []Case
	for _, r := range reductions {
		c := Case{In: F32(r.shape), NoGrad: r.large, Tol: 2e-7}
		if r.large {
			c.Fill = []Fill{Uniform(0.2, 1)} // sums that keep growing
		}
		c.Spec = kernels.Sum{Axes: r.axes}
		cases = append(cases, c)
		product := c
		product.Spec, product.In = kernels.SumProduct{Axes: r.axes}, F32(r.shape, r.shape)
		if r.large {
			product.Fill = []Fill{Uniform(0.2, 1), Uniform(0.2, 1)}
		}
		cases = append(cases, product)
		c.Spec = kernels.Mean{Axes: r.axes}
		cases = append(cases, c)
		c.Spec = kernels.Moments{Axes: r.axes}
		cases = append(cases, c)
		c.Spec = kernels.LogSumExp{Axes: r.axes}
		cases = append(cases, c)
	}
	empty := Case{Spec: kernels.Sum{Axes: kernels.AxesOf(0)}, In: F32(kernels.Shape{0, 4}), Exact: true}
	// The spread is a ten-thousandth of the mean: squares of the elements
	// themselves would cancel. Where there is none, rounding must not make one.
	shifted := Case{Spec: kernels.Moments{Axes: kernels.AxesOf(0)}, In: F32(kernels.Shape{2003, 5}),
		Fill: []Fill{Uniform(10000, 10001)}, Tol: 2e-7, Scale: 1e-3, NoGrad: true}
	constant := Case{Spec: kernels.Moments{Axes: kernels.AxesOf(0, 1)}, In: F32(kernels.Shape{71, 3}),
		Fill: []Fill{Cycle(0.1)}, Tol: 2e-7, Scale: 1e-9, NoGrad: true}
	none := empty
	none.Spec = kernels.LogSumExp{Axes: kernels.AxesOf(0)}
	// Exponentials of these overflow or vanish, also in float64.
	far := Case{Spec: kernels.LogSumExp{Axes: kernels.AxesOf(0)}, In: F32(kernels.Shape{50, 4}),
		Fill: []Fill{Cycle(-5000, 3000, 2999, -0.5, -1200, 7)}, Tol: 2e-7, NoGrad: true}
	return append(cases, empty, shifted, constant, none, far)
}
