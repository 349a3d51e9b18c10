package models

import (
	"hourglass/graph"
	"hourglass/kernels"
)

// BatchNorm normalises each channel, the last axis, and then scales and shifts
// it: (x−mean)/√(var+Epsilon)·weight + bias, with weight and bias [C] (Ioffe and
// Szegedy, Batch Normalization, 2015).
//
// While training, mean and variance are those of the batch, and the fixed
// variable running [2 C], row 0 for means and row 1 for variances, moves towards
// them. The running variance takes the unbiased estimate, as PyTorch's. In
// evaluation mean and variance are the running ones.
type BatchNorm struct {
	Momentum float64 // the weight of the new in the running statistics; 0 means 0.1
	Epsilon  float64 // 0 means 1e-5
}

// On declares weight, bias and running. Any shape suits.
func (l BatchNorm) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	if l.Momentum == 0 {
		l.Momentum = 0.1
	}
	if len(in) == 0 {
		return fail(b, "batchnorm: input %v, want at least one axis, of channels", in)
	}
	if !(l.Momentum > 0 && l.Momentum <= 1) || !(l.Epsilon >= 0) {
		return fail(b, "batchnorm: momentum %g and epsilon %g, want more than 0 and at most 1, and at least 0", l.Momentum, l.Epsilon)
	}
	channels := in[len(in)-1]
	weight := b.Param("weight", Ones, channels)
	bias := b.Param("bias", Zeros, channels)
	running := b.Variable("running", unitVariance, 2, channels)
	var recorded *graph.Node // the moments that already update running
	return checked(b, "batchnorm", in, func(x *graph.Node, p Phase) *graph.Node {
		stats := running
		if p.Training {
			axes := kernels.AllAxes(len(in)) // of the batch and all but the channels
			stats = b.Apply(kernels.Moments{Axes: axes}, x)
			if stats != recorded && recorded != nil {
				return b.Fail("batchnorm: applied to two inputs while training, want one: the running statistics would count both")
			}
			if stats != recorded {
				count := b.ShapeOf(x).Size() / channels
				b.Assign(running, b.Apply(kernels.RunningStats{Momentum: l.Momentum, Count: count}, running, stats))
				recorded = stats
			}
		}
		mean, variance := row(b, stats, 0, channels), row(b, stats, 1, channels)
		return normalize(b, x, mean, variance, l.Epsilon, weight, bias)
	}), in
}

// GroupNorm normalises each group of neighbouring channels of each image, and
// then scales and shifts each channel, with weight and bias [C] (Wu and He,
// Group Normalization, 2018). It does the same in training and evaluation.
type GroupNorm struct {
	Groups  int     // must divide the channels; 0 means 1
	Epsilon float64 // 0 means 1e-5
}

// On declares weight and bias. Any shape suits; the last axis is the channels.
func (l GroupNorm) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	groups := max(l.Groups, 1)
	if l.Groups < 0 || len(in) == 0 || in[len(in)-1]%groups != 0 || !(l.Epsilon >= 0) {
		return fail(b, "groupnorm: %d groups and epsilon %g for input %v, want groups that divide the channels, its last axis, and epsilon at least 0", l.Groups, l.Epsilon, in)
	}
	channels := in[len(in)-1]
	weight, bias := b.Param("weight", Ones, channels), b.Param("bias", Zeros, channels)
	return checked(b, "groupnorm", in, func(x *graph.Node, _ Phase) *graph.Node {
		n := b.ShapeOf(x)[0]
		split := b.Reshape(x, n, in.Size()/channels, groups, channels/groups)
		stats := b.Apply(kernels.Moments{Axes: kernels.AxesOf(1, 3)}, split)
		mean, variance := row(b, stats, 0, n, 1, groups, 1), row(b, stats, 1, n, 1, groups, 1)
		perGroup := func(v *graph.Node) *graph.Node { return b.Reshape(v, groups, channels/groups) }
		y := normalize(b, split, mean, variance, l.Epsilon, perGroup(weight), perGroup(bias))
		return b.Reshape(y, b.ShapeOf(x)...)
	}), in
}

// normalize returns (x−mean)/√(variance+epsilon)·weight + bias, all of which
// broadcast to x. An epsilon of 0 means 1e-5, PyTorch's default. It is written
// as x·scale + shift, which goes over x once, and twice for its gradients.
func normalize(b *graph.Builder, x, mean, variance *graph.Node, epsilon float64, weight, bias *graph.Node) *graph.Node {
	if epsilon == 0 {
		epsilon = 1e-5
	}
	scale := b.Div(weight, b.Fn(kernels.Sqrt, 0, b.Offset(variance, epsilon)))
	return b.Add(b.Mul(x, scale), b.Sub(bias, b.Mul(mean, scale)))
}

// row returns row i of what kernels.Moments computed, in the given shape.
func row(b *graph.Builder, moments *graph.Node, i int, shape ...int) *graph.Node {
	return b.Reshape(b.Apply(kernels.Slice{Axis: 0, From: i, To: i + 1}, moments), shape...)
}
