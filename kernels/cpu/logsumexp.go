package cpu

import (
	"math"

	"hourglass/kernels"
)

// logSumExp computes ln Σ eˣ in float64, in two passes over the elements of each
// place. It is for the few elements that likelihoods of whole images are.
func logSumExp(s kernels.LogSumExp, in kernels.Operand) kernel {
	r := newReduction(s.Axes, in.Shape)
	blocks := r.blocks()
	tasks := min(pieces(r.places*r.n, 1<<10), max(1, blocks))
	return single(tasks, func(c *call, task int, _ []float32) {
		from, to := split(blocks, tasks, task, 1)
		for b := from; b < to; b++ {
			place, at, width := r.block(b)
			for i := range width {
				c.out.f32[place+i] = float32(r.logSumExp(c.in[0].f32, at+i))
			}
		}
	})
}

// logSumExp returns ln Σ eˣ of the elements of the place that starts at an
// element.
func (r *reduction) logSumExp(x []float32, at int) float64 {
	element := func(p int) float64 { return float64(x[at+r.skip.at(p/r.run)+p%r.run*r.step]) }
	largest, sum := math.Inf(-1), 0.0
	for p := range r.n {
		largest = max(largest, element(p))
	}
	if math.IsInf(largest, 0) {
		return largest // ∞ − ∞ is no number
	}
	for p := range r.n {
		sum += math.Exp(element(p) - largest)
	}
	return largest + math.Log(sum)
}
