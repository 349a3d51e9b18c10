package models

import (
	"fmt"
	"math"

	"hourglass/graph"
	"hourglass/kernels"
)

// A Reduction makes one number of a loss's values for the elements of a batch
// [N, …].
type Reduction uint8

// The reductions.
const (
	// MeanOverAll is the mean over all elements of all images.
	MeanOverAll Reduction = iota
	// SumPerImage is the sum over the elements of an image, and of that the
	// mean over the batch.
	SumPerImage
)

// String returns what the reduction does.
func (r Reduction) String() string {
	switch r {
	case MeanOverAll:
		return "mean over all elements"
	case SumPerImage:
		return "sum over an image's elements, mean over the batch"
	}
	return fmt.Sprintf("reduction(%d)", uint8(r))
}

// reduce returns the scalar.
func (r Reduction) reduce(b *graph.Builder, values *graph.Node) *graph.Node {
	if b.Err() != nil {
		return nil
	}
	switch r {
	case MeanOverAll:
		return b.Mean(values)
	case SumPerImage:
		shape := b.ShapeOf(values)
		if len(shape) == 0 {
			return b.Fail("loss: one value without a batch, want [N …]")
		}
		return b.Scale(1/float64(max(1, shape[0])), b.Sum(values))
	}
	return b.Fail("loss: %v, want MeanOverAll or SumPerImage", r)
}

// compare applies a loss to each element of two arrays of one shape.
func compare(b *graph.Builder, r Reduction, fn kernels.Fn, a float64, got, want *graph.Node) *graph.Node {
	return compareWhere(b, r, fn, a, got, want, nil)
}

// compareWhere is compare with each value multiplied by that of where, if that
// is not nil.
func compareWhere(b *graph.Builder, r Reduction, fn kernels.Fn, a float64, got, want, where *graph.Node) *graph.Node {
	if g, w := b.ShapeOf(got), b.ShapeOf(want); b.Err() == nil && (len(g) == 0 || !g.Equal(w)) {
		return b.Fail("%v: prediction %v and target %v, want two batches of one shape", fn, g, w)
	}
	values := b.Fn2(fn, a, got, want)
	if where != nil {
		values = b.Mul(values, where)
	}
	return r.reduce(b, values)
}

// MSE is the squared error (x̂−x)², reduced by r: with MeanOverAll the mean
// squared error.
func MSE(b *graph.Builder, r Reduction, got, want *graph.Node) *graph.Node {
	return compare(b, r, kernels.SquaredError, 0, got, want)
}

// L1 is the absolute error |x̂−x|, reduced by r.
func L1(b *graph.Builder, r Reduction, got, want *graph.Node) *graph.Node {
	return compare(b, r, kernels.AbsoluteError, 0, got, want)
}

// Huber is ½d² where d = |x̂−x| is at most delta, else delta·(d − ½delta),
// reduced by r (Huber, Robust Estimation of a Location Parameter, 1964).
func Huber(b *graph.Builder, r Reduction, delta float64, got, want *graph.Node) *graph.Node {
	if b.Err() == nil && !(delta > 0) {
		return b.Fail("huber: delta %g, want above 0", delta)
	}
	return compare(b, r, kernels.Huber, delta, got, want)
}

// BCE is the cross-entropy −x·ln σ(l) − (1−x)·ln(1−σ(l)) in nats of the
// probability whose logit is l from the target x in [0, 1], reduced by r. It is
// computed from the logits, so that no probability rounds to 0 or 1.
func BCE(b *graph.Builder, r Reduction, logits, want *graph.Node) *graph.Node {
	return compare(b, r, kernels.BCELogits, 0, logits, want)
}

// CrossEntropy is −Σ_k t_k·ln(eˡᵏ/Σ eˡ) in nats of the softmax of logits l [N K]
// from targets t [N K], which add up to 1 in each row, mean over the batch:
// PyTorch's CrossEntropyLoss. It is computed as ln Σ eˡ − Σ t·l, so that no
// probability rounds to 0.
func CrossEntropy(b *graph.Builder, logits, targets *graph.Node) *graph.Node {
	l, t := b.ShapeOf(logits), b.ShapeOf(targets)
	if b.Err() == nil && (len(l) != 2 || !l.Equal(t)) {
		return b.Fail("cross-entropy: logits %v and targets %v, want two batches [N K] of one shape", l, t)
	}
	sums := b.Apply(kernels.LogSumExp{Axes: kernels.AxesOf(1)}, logits)
	return b.Mean(b.Sub(sums, b.Sum(b.Mul(logits, targets), 1)))
}

// KL is the divergence of the Gaussian of the given mean and ln σ², both [N z],
// from N(0, 1): −½Σ(1 + ln σ² − μ² − σ²) in nats, summed over the code units,
// mean over the batch (Kingma and Welling, Auto-Encoding Variational Bayes,
// 2014, appendix B).
func KL(b *graph.Builder, mean, logvar *graph.Node) *graph.Node {
	return SumPerImage.reduce(b, b.Apply(kernels.GaussianKL{}, mean, logvar))
}

// GaussianNLL is −ln N(x; x̂, σ²) in nats for one σ: (x̂−x)²/(2σ²) + ½ln(2πσ²),
// summed over an image's elements, mean over the batch.
func GaussianNLL(b *graph.Builder, sigma float64, got, want *graph.Node) *graph.Node {
	if b.Err() != nil {
		return nil
	}
	if !(sigma > 0) {
		return b.Fail("gaussian: sigma %g, want above 0", sigma)
	}
	squares := MSE(b, SumPerImage, got, want)
	if b.Err() != nil {
		return nil
	}
	pixels := b.ShapeOf(want)[1:].Size()
	constant := 0.5 * float64(pixels) * math.Log(2*math.Pi*sigma*sigma)
	return b.Offset(b.Scale(1/(2*sigma*sigma), squares), constant)
}

// PSNR is the peak signal-to-noise ratio −10·log₁₀(mse) in decibels of images in
// [0, 1], mse being an image's mean squared error, and of that the mean over
// the batch. An error below 1e-10, as of an exact copy, counts as 1e-10: 100 dB.
func PSNR(b *graph.Builder, got, want *graph.Node) *graph.Node {
	if g, w := b.ShapeOf(got), b.ShapeOf(want); b.Err() == nil && (len(g) == 0 || !g.Equal(w)) {
		return b.Fail("psnr: prediction %v and target %v, want two batches of one shape", g, w)
	}
	errors := b.Fn2(kernels.SquaredError, 0, got, want)
	if b.Err() != nil {
		return nil
	}
	var axes []int
	for axis := range b.ShapeOf(errors)[1:] {
		axes = append(axes, axis+1)
	}
	perImage := b.Fn(kernels.ClampMin, 1e-10, b.Mean(errors, axes...))
	return b.Scale(-10/math.Ln10, b.Mean(b.Fn(kernels.Log, 0, perImage)))
}
