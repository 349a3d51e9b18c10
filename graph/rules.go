package graph

import (
	"math"

	"hourglass/kernels"
)

// This file is the calculus: for every operation, the gradient of a loss by its
// operands, given the gradient by its result. A rule is built of Specs again,
// so gradients can be differentiated in turn; the convolutions, the poolings
// and the shape operations are closed sets, each the gradient of another.

// noGradient lists the operands by which an operation has no gradient, or none
// but zero.
func noGradient(s kernels.Spec, operand int) bool {
	switch s := s.(type) {
	case kernels.Unary:
		return s.Fn == kernels.Sign || s.Fn == kernels.Step || s.Fn == kernels.Detach
	case kernels.Binary:
		switch s.Fn {
		case kernels.Greater, kernels.GreaterEqual, kernels.Less, kernels.LessEqual, kernels.Equal, kernels.NotEqual:
			return true
		case kernels.ReLUGrad, kernels.LeakyReLUGrad:
			return operand == 0 // piecewise constant
		}
	case kernels.MaxPool2DGrad, kernels.MaxPool2DSelect:
		return operand == 0 // piecewise constant
	case kernels.Noise, kernels.Gather, kernels.Scatter, kernels.Cast, kernels.OneHotMax, kernels.SGD, kernels.Adam, kernels.RMSProp,
		kernels.ClipByGlobalNorm, kernels.EMA, kernels.RunningStats:
		return true
	}
	return false
}

// differentiable reports by which of n operands the operation has a gradient.
func differentiable(s kernels.Spec, n int) []bool {
	by := make([]bool, n)
	for i := range by {
		by[i] = !noGradient(s, i)
	}
	return by
}

// gradients returns the gradient by each operand x of the operation whose
// result is y, given the gradient dy by y; nil where there is none.
func gradients(b *Builder, s kernels.Spec, x []*Node, y, dy *Node) []*Node {
	if e, ok := epilogueOf(s); ok && e != (kernels.Epilogue{}) {
		b.Fail("graph: %s with an epilogue has no gradient rule: write bias and activation as operations, fusion joins them", s.Name())
		return make([]*Node, len(x))
	}
	switch s := s.(type) {
	case kernels.Unary:
		return []*Node{unaryRule(b, s, x[0], y, dy)}
	case kernels.Binary:
		dx := binaryRule(b, s, x[0], x[1], y, dy)
		return []*Node{sumTo(b, dx[0], x[0]), sumTo(b, dx[1], x[1])}
	case kernels.Reparameterize:
		spread := b.Mul(dy, b.Fn(kernels.Exp, 0, b.Scale(0.5, x[1])))
		return []*Node{sumTo(b, dy, x[0]), sumTo(b, b.Scale(0.5, b.Mul(spread, x[2])), x[1]), sumTo(b, spread, x[2])}
	case kernels.GaussianKL:
		variance := b.Offset(b.Fn(kernels.Exp, 0, x[1]), -1)
		return []*Node{sumTo(b, b.Mul(dy, x[0]), x[0]), sumTo(b, b.Scale(0.5, b.Mul(dy, variance)), x[1])}

	case kernels.Conv2D:
		return []*Node{inputGrad(b, s, x[0], x[1], dy), filterGrad(b, s, x[0], x[1], dy)}
	case kernels.Conv2DInputGrad: // x[0] plays the part of a convolution's result
		forward := kernels.Conv2D{Stride: s.Stride, Pad: s.Pad}
		return []*Node{b.Apply(forward, dy, x[1]), filterGrad(b, forward, dy, x[1], x[0])}
	case kernels.Conv2DFilterGrad: // dy plays the part of a filter
		forward := kernels.Conv2D{Stride: s.Stride, Pad: s.Pad}
		return []*Node{inputGrad(b, forward, x[0], dy, x[1]), b.Apply(forward, x[0], dy)}
	case kernels.MatMul:
		return matMulRule(b, s, x[0], x[1], dy)

	case kernels.Sum:
		return []*Node{spread(b, dy, x[0], s.Axes)}
	case kernels.SumProduct:
		each := spread(b, dy, x[0], s.Axes)
		return []*Node{b.Mul(each, x[1]), b.Mul(each, x[0])}
	case kernels.Mean:
		n := float64(b.ShapeOf(y).Size()) / float64(b.ShapeOf(x[0]).Size())
		return []*Node{spread(b, b.Scale(n, dy), x[0], s.Axes)}
	case kernels.LogSumExp: // the shares of the sum
		share := b.Fn(kernels.Exp, 0, b.Sub(x[0], spread(b, y, x[0], s.Axes)))
		return []*Node{b.Mul(spread(b, dy, x[0], s.Axes), share)}
	case kernels.Moments:
		return []*Node{momentsRule(b, s, x[0], y, dy)}

	case kernels.Reshape:
		return []*Node{b.Reshape(dy, b.ShapeOf(x[0])...)}
	case kernels.Transpose:
		return []*Node{b.Apply(kernels.Transpose{Perm: inverse(s.Perm)}, dy)}
	case kernels.Broadcast:
		return []*Node{sumTo(b, dy, x[0])}
	case kernels.Concat:
		return concatRule(b, s, x, dy)
	case kernels.Slice:
		n := b.ShapeOf(x[0])[s.Axis]
		return []*Node{b.Apply(kernels.Pad{Axis: s.Axis, Before: s.From, After: n - s.To}, dy)}
	case kernels.Pad:
		n := b.ShapeOf(x[0])[s.Axis]
		return []*Node{b.Apply(kernels.Slice{Axis: s.Axis, From: s.Before, To: s.Before + n}, dy)}

	case kernels.MaxPool2D:
		return []*Node{b.Apply(kernels.MaxPool2DGrad(s), x[0], dy)}
	case kernels.MaxPool2DGrad:
		return []*Node{nil, b.Apply(kernels.MaxPool2DSelect(s), x[0], dy)}
	case kernels.MaxPool2DSelect:
		return []*Node{nil, b.Apply(kernels.MaxPool2DGrad(s), x[0], dy)}
	case kernels.AvgPool2D:
		shape := b.ShapeOf(x[0])
		return []*Node{b.Apply(kernels.AvgPool2DGrad{Kernel: s.Kernel, Stride: s.Stride, Pad: s.Pad, CountPad: s.CountPad, H: shape[1], W: shape[2]}, dy)}
	case kernels.AvgPool2DGrad:
		return []*Node{b.Apply(kernels.AvgPool2D{Kernel: s.Kernel, Stride: s.Stride, Pad: s.Pad, CountPad: s.CountPad}, dy)}
	case kernels.Upsample2D:
		return []*Node{b.Apply(kernels.Upsample2DGrad(s), dy)}
	case kernels.Upsample2DGrad:
		return []*Node{b.Apply(kernels.Upsample2D(s), dy)}
	}
	b.Fail("graph: %s (%T) has no gradient rule", s.Name(), s)
	return make([]*Node, len(x))
}

// unaryRule returns the gradient by the operand x of y = fn(x). Where it can be
// told from y alone it is, so that x need not be kept.
func unaryRule(b *Builder, s kernels.Unary, x, y, dy *Node) *Node {
	switch s.Fn {
	case kernels.Copy, kernels.Offset:
		return dy
	case kernels.Neg:
		return b.Fn(kernels.Neg, 0, dy)
	case kernels.Scale:
		return b.Scale(s.A, dy)
	case kernels.Square:
		return b.Scale(2, b.Mul(x, dy))
	case kernels.Sqrt:
		return b.Scale(0.5, b.Div(dy, y))
	case kernels.Reciprocal:
		return b.Fn(kernels.Neg, 0, b.Mul(dy, b.Fn(kernels.Square, 0, y)))
	case kernels.Abs:
		return b.Mul(dy, b.Fn(kernels.Sign, 0, x))
	case kernels.Exp:
		return b.Mul(dy, y)
	case kernels.Log:
		return b.Div(dy, x)
	case kernels.ClampMin:
		return b.Mul(dy, b.Fn(kernels.Step, 0, b.Offset(x, -s.A)))
	case kernels.ClampMax:
		return b.Mul(dy, b.Fn(kernels.Step, 0, b.Offset(b.Fn(kernels.Neg, 0, x), s.A)))
	case kernels.ReLU:
		return b.Fn2(kernels.ReLUGrad, 0, y, dy)
	case kernels.LeakyReLU:
		return b.Fn2(kernels.LeakyReLUGrad, s.A, y, dy)
	case kernels.ELU:
		return b.Fn2(kernels.ELUGrad, s.A, y, dy)
	case kernels.SiLU:
		return b.Fn2(kernels.SiLUGrad, 0, x, dy)
	case kernels.GELU:
		return b.Fn2(kernels.GELUGrad, 0, x, dy)
	case kernels.Sigmoid:
		return b.Fn2(kernels.SigmoidGrad, 0, y, dy)
	case kernels.Tanh:
		return b.Fn2(kernels.TanhGrad, 0, y, dy)
	case kernels.Softplus:
		return b.Fn2(kernels.SoftplusGrad, 0, y, dy)
	case kernels.GELUSlope:
		return b.Mul(dy, b.Fn(kernels.GELUBend, 0, x))
	case kernels.GELUBend: // φ(x)·(x³ − 4x)
		density := b.Scale(1/math.Sqrt(2*math.Pi), b.Fn(kernels.Exp, 0, b.Scale(-0.5, b.Fn(kernels.Square, 0, x))))
		return b.Mul(dy, b.Mul(density, b.Mul(x, b.Offset(b.Fn(kernels.Square, 0, x), -4))))
	case kernels.Sign, kernels.Step, kernels.Detach:
		return nil
	}
	return b.Fail("graph: %v has no gradient rule", s.Fn)
}

// binaryRule returns the gradients by the operands of z = fn(x, y), before they
// are summed over repeated axes.
func binaryRule(b *Builder, s kernels.Binary, x, y, z, dz *Node) [2]*Node {
	fn := func(f kernels.Fn, v *Node) *Node { return b.Fn(f, 0, v) }
	switch s.Fn {
	case kernels.Add:
		return [2]*Node{dz, dz}
	case kernels.Sub:
		return [2]*Node{dz, fn(kernels.Neg, dz)}
	case kernels.Mul:
		return [2]*Node{b.Mul(dz, y), b.Mul(dz, x)}
	case kernels.Div:
		return [2]*Node{b.Div(dz, y), fn(kernels.Neg, b.Div(b.Mul(dz, z), y))}
	case kernels.Max:
		return [2]*Node{b.Mul(dz, b.Fn2(kernels.GreaterEqual, 0, x, y)), b.Mul(dz, b.Fn2(kernels.Less, 0, x, y))}
	case kernels.Min:
		return [2]*Node{b.Mul(dz, b.Fn2(kernels.LessEqual, 0, x, y)), b.Mul(dz, b.Fn2(kernels.Greater, 0, x, y))}
	case kernels.Pow:
		return [2]*Node{
			b.Mul(dz, b.Mul(y, b.Fn2(kernels.Pow, 0, x, b.Offset(y, -1)))),
			b.Mul(dz, b.Mul(z, fn(kernels.Log, x)))}

	case kernels.SquaredError:
		d := b.Scale(2, b.Mul(dz, b.Sub(x, y)))
		return [2]*Node{d, fn(kernels.Neg, d)}
	case kernels.AbsoluteError:
		d := b.Mul(dz, fn(kernels.Sign, b.Sub(x, y)))
		return [2]*Node{d, fn(kernels.Neg, d)}
	case kernels.Huber:
		d := b.Mul(dz, b.Fn(kernels.ClampMax, s.A, b.Fn(kernels.ClampMin, -s.A, b.Sub(x, y))))
		return [2]*Node{d, fn(kernels.Neg, d)}
	case kernels.BCELogits:
		return [2]*Node{b.Mul(dz, b.Sub(fn(kernels.Sigmoid, x), y)), fn(kernels.Neg, b.Mul(dz, x))}
	case kernels.Greater, kernels.GreaterEqual, kernels.Less, kernels.LessEqual, kernels.Equal, kernels.NotEqual:
		return [2]*Node{}
	}
	return activationGradRule(b, s, x, y, dz)
}

// activationGradRule differentiates the gradients of activations once more:
// z = dy·f′, where x is the activation's result (SiLU, GELU: its argument).
func activationGradRule(b *Builder, s kernels.Binary, x, dy, dz *Node) [2]*Node {
	fn := func(f kernels.Fn, v *Node) *Node { return b.Fn(f, 0, v) }
	again := b.Fn2(s.Fn, s.A, x, dz) // the functions are linear in dy
	both := func() *Node { return b.Mul(dz, dy) }
	switch s.Fn {
	case kernels.ReLUGrad, kernels.LeakyReLUGrad:
		return [2]*Node{nil, again}
	case kernels.ELUGrad:
		return [2]*Node{b.Mul(both(), fn(kernels.Step, fn(kernels.Neg, x))), again}
	case kernels.SiLUGrad: // σ(1−σ)(2 + x(1−2σ))
		σ := fn(kernels.Sigmoid, x)
		slope := b.Mul(σ, b.Offset(fn(kernels.Neg, σ), 1))
		bend := b.Mul(slope, b.Offset(b.Mul(x, b.Offset(b.Scale(-2, σ), 1)), 2))
		return [2]*Node{b.Mul(both(), bend), again}
	case kernels.GELUGrad:
		return [2]*Node{b.Mul(both(), fn(kernels.GELUBend, x)), again}
	case kernels.SigmoidGrad:
		return [2]*Node{b.Mul(both(), b.Offset(b.Scale(-2, x), 1)), again}
	case kernels.TanhGrad:
		return [2]*Node{b.Mul(both(), b.Scale(-2, x)), again}
	case kernels.SoftplusGrad:
		return [2]*Node{b.Mul(both(), fn(kernels.Exp, fn(kernels.Neg, x))), again}
	}
	b.Fail("graph: %v has no gradient rule", s.Fn)
	return [2]*Node{}
}

// inputGrad returns the gradient by the input x of a convolution with filter w.
func inputGrad(b *Builder, s kernels.Conv2D, x, w, dy *Node) *Node {
	shape := b.ShapeOf(x)
	return b.Apply(kernels.Conv2DInputGrad{Stride: s.Stride, Pad: s.Pad, H: shape[1], W: shape[2]}, dy, w)
}

// filterGrad returns the gradient by the filter w of a convolution of x.
func filterGrad(b *Builder, s kernels.Conv2D, x, w, dy *Node) *Node {
	shape := b.ShapeOf(w)
	return b.Apply(kernels.Conv2DFilterGrad{Stride: s.Stride, Pad: s.Pad, KH: shape[0], KW: shape[1]}, x, dy)
}

// matMulRule returns the gradients of z = op(x)·op(y).
func matMulRule(b *Builder, s kernels.MatMul, x, y, dz *Node) []*Node {
	product := func(a *Node, ta bool, c *Node, tc bool) *Node {
		return b.Apply(kernels.MatMul{TransA: ta, TransB: tc}, a, c)
	}
	dx, dy := product(dz, false, y, !s.TransB), product(x, !s.TransA, dz, false)
	if s.TransA {
		dx = product(y, s.TransB, dz, true)
	}
	if s.TransB {
		dy = product(dz, true, x, s.TransA)
	}
	return []*Node{dx, dy}
}

// momentsRule returns the gradient by x of its mean μ and variance v over n
// elements each: (dμ + 2·dv·(x−μ))/n.
func momentsRule(b *Builder, s kernels.Moments, x, moments, d *Node) *Node {
	shape := b.ShapeOf(x)
	kept := keepAxes(shape, s.Axes)
	row := func(v *Node, i int) *Node {
		return b.Reshape(b.Apply(kernels.Slice{Axis: 0, From: i, To: i + 1}, v), kept...)
	}
	n := float64(kernels.Shape(kept).Size()) / float64(shape.Size())
	deviation := b.Sub(x, row(moments, 0))
	return b.Add(b.Mul(deviation, b.Scale(2*n, row(d, 1))), b.Scale(n, row(d, 0)))
}

func concatRule(b *Builder, s kernels.Concat, x []*Node, dy *Node) []*Node {
	grads, at := make([]*Node, len(x)), 0
	for i := range x {
		n := b.ShapeOf(x[i])[s.Axis]
		grads[i] = b.Apply(kernels.Slice{Axis: s.Axis, From: at, To: at + n}, dy)
		at += n
	}
	return grads
}

// sumTo sums a gradient over the axes along which like was repeated, and gives
// it the shape of like.
func sumTo(b *Builder, grad, like *Node) *Node {
	if grad == nil || b.err != nil {
		return nil
	}
	from, to := b.ShapeOf(grad), b.ShapeOf(like)
	var over []int
	for axis := range from {
		if k := axis - len(from) + len(to); k < 0 || to[k] != from[axis] {
			over = append(over, axis)
		}
	}
	if len(over) > 0 {
		grad = b.Sum(grad, over...)
	}
	return b.Reshape(grad, to...)
}

// spread repeats a gradient by a sum over axes for every element of like.
func spread(b *Builder, grad, like *Node, axes kernels.Axes) *Node {
	shape := b.ShapeOf(like)
	kept := b.Reshape(grad, keepAxes(shape, axes)...)
	if b.err == nil && b.ShapeOf(kept).Equal(shape) {
		return kept
	}
	return b.Apply(kernels.Broadcast{To: kernels.DimsOf(shape...)}, kept)
}

// keepAxes returns shape with the given axes cut to one element.
func keepAxes(shape kernels.Shape, axes kernels.Axes) []int {
	kept := shape.Clone()
	for i := range kept {
		if axes.Has(i) {
			kept[i] = 1
		}
	}
	return kept
}

// inverse returns the permutation that undoes p.
func inverse(p kernels.Dims) kernels.Dims {
	perm := p.Shape()
	back := make([]int, len(perm))
	for i, axis := range perm {
		back[axis] = i
	}
	return kernels.DimsOf(back...)
}
