package models

import (
	"hourglass/graph"
	"hourglass/kernels"
)

// maxExactJacobian bounds the codes whose Jacobian is computed unit by unit.
const maxExactJacobian = 512

// JacobianNorm returns ‖J‖²_F of codes [N z], mean over the batch, J = ∂code/∂x
// being an image's Jacobian by the encoder's input x (Rifai et al., Contractive
// Auto-Encoders, 2011). It is exact and takes one backward pass for each unit
// of the code. The result can be differentiated again.
//
// The encoder must treat images one by one: batch normalisation while training
// does not.
func JacobianNorm(b *graph.Builder, code, x *graph.Node) *graph.Node {
	if b.Err() != nil {
		return nil
	}
	shape := b.ShapeOf(code)
	if len(shape) != 2 {
		return b.Fail("contractive: codes %v, want [N z]", shape)
	}
	n, z := shape[0], shape[1]
	ones := b.Apply(kernels.Broadcast{To: kernels.DimsOf(n, 1)}, b.Constant(1))
	var total *graph.Node // Σ_j (∂code_j/∂x)², of the shape of x
	for j := range z {
		unit := b.Apply(kernels.Slice{Axis: 1, From: j, To: j + 1}, code)
		square := squaredPull(b, unit, ones, x)
		if total == nil {
			total = square
		} else {
			total = b.Add(total, square)
		}
	}
	return SumPerImage.reduce(b, total)
}

// JacobianEstimate returns an unbiased estimate of JacobianNorm by one backward
// pass: ‖vᵀJ‖² for each image, mean over the batch, with v [N z] of independent
// numbers of mean 0 and variance 1 (Hutchinson, A Stochastic Estimator of the
// Trace of the Influence Matrix, 1990). Signs ±1 give the least variance.
func JacobianEstimate(b *graph.Builder, code, v, x *graph.Node) *graph.Node {
	return SumPerImage.reduce(b, squaredPull(b, code, v, x))
}

// squaredPull returns the elements of vᵀ∂y/∂x, squared.
func squaredPull(b *graph.Builder, y, v, x *graph.Node) *graph.Node {
	pulled := graph.VJP(b, []*graph.Node{y}, []*graph.Node{v}, []*graph.Node{x})[0]
	if b.Err() == nil && pulled == nil {
		return b.Fail("contractive: the code does not depend on the image")
	}
	return b.Fn(kernels.Square, 0, pulled)
}

// signs draws ±1 of the shape of like.
func signs(b *graph.Builder, p Phase, like *graph.Node) *graph.Node {
	coin := p.noise(b, kernels.Noise{Dist: kernels.Bernoulli, P: 0.5}, "contractive", like)
	return b.Offset(b.Scale(2, coin), -1)
}
