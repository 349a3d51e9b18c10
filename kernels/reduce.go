package kernels

import (
	"fmt"
	"math"
)

// Sum adds the elements along the axes, which the result lacks: the sum over
// all axes is a scalar, of shape []. A sum of no elements is 0.
type Sum struct{ Axes Axes }

// Mean is Sum divided by the number of elements added, of which there must be
// one at least.
type Mean struct{ Axes Axes }

// Moments computes the mean and the variance of the elements along the axes:
// row 0 of the result [2, other axes …] holds the means, row 1 the variances
// E[(x−mean)²], not corrected for bias, as batch normalisation wants them
// (Ioffe & Szegedy, Batch Normalization, 2015).
type Moments struct{ Axes Axes }

// LogSumExp is ln Σ eˣ of the elements along the axes, which the result lacks.
// It overflows no sooner than the result does. Of no elements it is −∞.
type LogSumExp struct{ Axes Axes }

// SumProduct is the Sum of the products of the elements of two operands of one
// shape, which need not be in memory for that. The fusion pass makes it, for
// devices that run on threads.
type SumProduct struct{ Axes Axes }

// Name returns "sum".
func (Sum) Name() string { return "sum" }

// Name returns "sumproduct".
func (SumProduct) Name() string { return "sumproduct" }

// Name returns "mean".
func (Mean) Name() string { return "mean" }

// Name returns "moments".
func (Moments) Name() string { return "moments" }

// Name returns "logsumexp".
func (LogSumExp) Name() string { return "logsumexp" }

// Infer returns the shape without the axes.
func (s LogSumExp) Infer(in ...Shape) (Shape, error) {
	kept, _, err := reduced(s, s.Axes, in)
	return kept, err
}

// Infer returns the shape without the axes.
func (s Sum) Infer(in ...Shape) (Shape, error) {
	kept, _, err := reduced(s, s.Axes, in)
	return kept, err
}

// Infer returns the operands' shape without the axes.
func (s SumProduct) Infer(in ...Shape) (Shape, error) {
	if err := arity(s, 2, in); err != nil {
		return nil, err
	}
	if !in[0].Equal(in[1]) {
		return nil, fmt.Errorf("sumproduct: operands %v and %v, want two of one shape", in[0], in[1])
	}
	return Sum(s).Infer(in[0])
}

// Infer returns the shape without the axes.
func (s Mean) Infer(in ...Shape) (Shape, error) {
	kept, n, err := reduced(s, s.Axes, in)
	if err == nil && n == 0 {
		err = fmt.Errorf("mean: operand %v has no elements along the axes %v, want at least one", in[0], s.Axes)
	}
	return kept, err
}

// Infer returns [2, the shape without the axes …].
func (s Moments) Infer(in ...Shape) (Shape, error) {
	kept, n, err := reduced(s, s.Axes, in)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, fmt.Errorf("moments: operand %v has no elements along the axes %v, want at least one", in[0], s.Axes)
	case len(kept) == MaxRank:
		return nil, fmt.Errorf("moments: operand %v without axes to reduce has a result of %d axes, at most %d are supported", in[0], MaxRank+1, MaxRank)
	}
	return append(Shape{2}, kept...), nil
}

// reduced returns the shape without the axes, and the number of elements that
// each element of the result is made of.
func reduced(s Spec, axes Axes, in []Shape) (kept Shape, n int, err error) {
	if err := arity(s, 1, in); err != nil {
		return nil, 0, err
	}
	if over := axes >> len(in[0]); over != 0 {
		return nil, 0, fmt.Errorf("%s: axes %v, but operand %v has only %d", s.Name(), axes, in[0], len(in[0]))
	}
	kept, n = Shape{}, 1
	for axis, d := range in[0] {
		if axes.Has(axis) {
			n *= d
		} else {
			kept = append(kept, d)
		}
	}
	return kept, n, nil
}

// Flops counts the additions.
func (Sum) Flops(_ Shape, in ...Shape) int64 { return int64(in[0].Size()) }

// Flops counts the multiplications and additions.
func (SumProduct) Flops(_ Shape, in ...Shape) int64 { return 2 * int64(in[0].Size()) }

// Flops counts the additions.
func (Mean) Flops(_ Shape, in ...Shape) int64 { return int64(in[0].Size()) }

// Flops counts, for each element, the difference from the largest, its
// exponential and the addition.
func (LogSumExp) Flops(_ Shape, in ...Shape) int64 { return 3 * int64(in[0].Size()) }

// Flops counts, for each element, the addition to the mean, the difference from
// it, its square and the addition of that.
func (Moments) Flops(_ Shape, in ...Shape) int64 { return 4 * int64(in[0].Size()) }

// Ref adds the elements in their order.
func (s Sum) Ref(out Array, in ...Array) {
	clear(out.Data)
	reduce(in[0], s.Axes, func(o int, x float64) { out.Data[o] += x })
}

// Ref adds the products in the order of the elements.
func (s SumProduct) Ref(out Array, in ...Array) {
	clear(out.Data)
	i := 0
	reduce(in[0], s.Axes, func(o int, x float64) {
		out.Data[o] += x * in[1].Data[i]
		i++
	})
}

// Ref adds the elements in their order and divides.
func (s Mean) Ref(out Array, in ...Array) {
	Sum(s).Ref(out, in...)
	n := float64(in[0].Shape.Size()) / float64(max(1, len(out.Data)))
	for o := range out.Data {
		out.Data[o] /= n
	}
}

// Ref goes over the elements twice.
func (s Moments) Ref(out Array, in ...Array) {
	half := len(out.Data) / 2
	mean, variance := Array{out.Shape[1:], out.Data[:half]}, Array{out.Shape[1:], out.Data[half:]}
	Mean(s).Ref(mean, in...)
	clear(variance.Data)
	n := float64(in[0].Shape.Size()) / float64(max(1, half))
	reduce(in[0], s.Axes, func(o int, x float64) {
		d := x - mean.Data[o]
		variance.Data[o] += d * d / n
	})
}

// Ref adds the exponentials of the differences from the largest element.
func (s LogSumExp) Ref(out Array, in ...Array) {
	largest, sum := NewArray(out.Shape), make([]float64, len(out.Data))
	for o := range largest.Data {
		largest.Data[o] = math.Inf(-1)
	}
	reduce(in[0], s.Axes, func(o int, x float64) { largest.Data[o] = math.Max(largest.Data[o], x) })
	for o, m := range largest.Data {
		if math.IsInf(m, 0) {
			largest.Data[o] = math.Copysign(math.MaxFloat64, m) // ∞ − ∞ is no number
		}
	}
	reduce(in[0], s.Axes, func(o int, x float64) { sum[o] += math.Exp(x - largest.Data[o]) })
	for o, m := range largest.Data {
		out.Data[o] = m + math.Log(sum[o])
	}
}

// reduce calls add with each element and the number of the result's element
// that it belongs to.
func reduce(in Array, axes Axes, add func(o int, x float64)) {
	strides := make([]int, len(in.Shape))
	for axis, step := len(in.Shape)-1, 1; axis >= 0; axis-- {
		if !axes.Has(axis) {
			strides[axis] = step
			step *= in.Shape[axis]
		}
	}
	index := make([]int, len(in.Shape))
	for _, x := range in.Data {
		o := 0
		for axis, k := range index {
			o += k * strides[axis]
		}
		add(o, x)
		advance(index, in.Shape)
	}
}
