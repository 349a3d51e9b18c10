package cpu

import (
	"unsafe"

	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// A reduction adds float32 elements in float64: the result is exact but for its
// own rounding, and the order of additions does not show.
//
// Neighbouring axes that are both kept or both reduced act as one. What remains
// is a place of the result, given by the kept axes, and a position among the n
// elements added there, given by the reduced ones. Where the last axis is kept,
// lanes neighbouring places are added at once, so that memory is read in its
// order; where it is reduced, lanes is 1.
type reduction struct {
	mean    bool // divide by n
	moments bool // mean and variance
	product bool // of the products of two operands

	places int  // elements of the result (of one row for moments)
	n      int  // elements added at each place
	keep   axes // outer kept axes
	inner  int  // places along the last axis, 1 if it is reduced
	skip   axes // outer reduced axes
	run    int  // positions along the innermost reduced axis
	step   int  // elements between those

	parts int // pieces into which the positions are cut
}

// axes are some axes of an operand: their lengths and strides, outermost first.
type axes struct{ dims, strides []int }

// at returns the element at place i of the axes.
func (a axes) at(i int) int {
	at := 0
	for axis := len(a.dims) - 1; axis >= 0; axis-- {
		at += i % a.dims[axis] * a.strides[axis]
		i /= a.dims[axis]
	}
	return at
}

// lanes is how many neighbouring places a task adds at once: its accumulators
// stay in the nearest cache.
const lanes = 128

// reduceGrain is the number of elements worth a task of their own.
const reduceGrain = 1 << 14

// planReduce returns the kernel of Sum, Mean or Moments.
func planReduce(s kernels.Spec, set kernels.Axes, in kernels.Operand) kernel {
	r := newReduction(set, in.Shape)
	switch s.(type) {
	case kernels.Mean:
		r.mean = true
	case kernels.Moments:
		r.moments = true
	case kernels.SumProduct:
		r.product = true
	}
	blocks := r.blocks()
	r.parts = 1
	if blocks > 0 && blocks < 64 {
		perBlock := min(r.inner, lanes) * r.n
		r.parts = min(pieces(perBlock, reduceGrain), maxTasks/blocks)
	}
	if r.parts == 1 {
		tasks := min(pieces(r.places*r.n, reduceGrain), max(1, blocks))
		return single(tasks, func(c *call, task int, _ []float32) {
			from, to := split(blocks, tasks, task, 1)
			r.whole(c.out.f32, c.in[0].f32, r.factors(c), from, to)
		})
	}
	sums := r.places * r.parts
	if r.moments {
		sums *= 2
	}
	return kernel{
		workspace: 2 * sums,
		phases: []phase{
			{blocks * r.parts, func(c *call, task int, _ []float32) {
				r.part(doubles(c.work), c.in[0].f32, r.factors(c), task/r.parts, task%r.parts)
			}},
			{1, func(c *call, _ int, _ []float32) {
				r.combine(c.out.f32, c.in[0].f32, doubles(c.work))
			}},
		},
	}
}

// factors returns what the elements are multiplied with, or nil for nothing.
func (r *reduction) factors(c *call) []float32 {
	if r.product {
		return c.in[1].f32
	}
	return nil
}

// doubles returns float32s as half as many float64s.
func doubles(work []float32) []float64 {
	return unsafe.Slice((*float64)(unsafe.Pointer(&work[0])), len(work)/2)
}

// newReduction merges axes and sorts them into kept and reduced ones.
func newReduction(set kernels.Axes, shape kernels.Shape) *reduction {
	r := &reduction{places: 1, n: 1, inner: 1, run: 1}
	var dims, strides []int
	var kept []bool
	for axis, step := range shape.Strides() {
		d, keep := shape[axis], !set.Has(axis)
		if keep {
			r.places *= d
		} else {
			r.n *= d
		}
		switch last := len(dims) - 1; {
		case d == 1:
		case last >= 0 && kept[last] == keep:
			dims[last], strides[last] = dims[last]*d, step
		default:
			dims, strides, kept = append(dims, d), append(strides, step), append(kept, keep)
		}
	}
	for i := len(dims) - 1; i >= 0; i-- {
		switch {
		case kept[i] && i == len(dims)-1:
			r.inner = dims[i]
		case kept[i]:
			r.keep.prepend(dims[i], strides[i])
		case r.step == 0:
			r.run, r.step = dims[i], strides[i]
		default:
			r.skip.prepend(dims[i], strides[i])
		}
	}
	return r
}

func (a *axes) prepend(dim, stride int) {
	a.dims, a.strides = append([]int{dim}, a.dims...), append([]int{stride}, a.strides...)
}

// blocks returns the number of groups of up to lanes neighbouring places.
func (r *reduction) blocks() int {
	if r.places == 0 {
		return 0
	}
	return r.places / r.inner * ((r.inner + lanes - 1) / lanes)
}

// block returns the first place of block b, the element there, and the number
// of places.
func (r *reduction) block(b int) (place, at, width int) {
	rows := (r.inner + lanes - 1) / lanes
	outer, lane := b/rows, b%rows*lanes
	return outer*r.inner + lane, r.keep.at(outer) + lane, min(lanes, r.inner-lane)
}

// A tally adds up some neighbouring places. Differences from a shift, the
// place's first element, keep the variance exact where the mean is large
// against it.
type tally struct{ shift, sum, square [lanes]float64 }

// whole computes the places of blocks [from, to).
func (r *reduction) whole(out, x, y []float32, from, to int) {
	var t tally
	for b := from; b < to; b++ {
		place, at, width := r.block(b)
		r.add(&t, x, y, at, width, 0, r.n)
		for i := range width {
			r.finish(out, place+i, t.shift[i], t.sum[i], t.square[i])
		}
	}
}

// part adds one of the pieces of a block's positions.
func (r *reduction) part(work []float64, x, y []float32, b, part int) {
	var t tally
	place, at, width := r.block(b)
	from, to := split(r.n, r.parts, part, 1)
	r.add(&t, x, y, at, width, from, to)
	copy(work[part*r.places+place:], t.sum[:width])
	if r.moments {
		copy(work[(r.parts+part)*r.places+place:], t.square[:width])
	}
}

// combine adds the pieces in their order.
func (r *reduction) combine(out, x []float32, work []float64) {
	for b := range r.blocks() {
		place, at, width := r.block(b)
		for i := range width {
			var sum, square, shift float64
			for p := range r.parts {
				sum += work[p*r.places+place+i]
			}
			if r.moments {
				shift = shiftOf(x[at+i])
				for p := range r.parts {
					square += work[(r.parts+p)*r.places+place+i]
				}
			}
			r.finish(out, place+i, shift, sum, square)
		}
	}
}

// finish writes one place from the sums of differences from the shift and of
// their squares.
func (r *reduction) finish(out []float32, place int, shift, sum, square float64) {
	n := float64(r.n)
	switch {
	case r.moments:
		// One of the differences is 0, so that the variance is at least 1/n of
		// their mean square: it cannot cancel to less than 0.
		m := sum / n
		out[place], out[r.places+place] = float32(shift+m), float32(square/n-m*m)
	case r.mean:
		out[place] = float32(sum / n)
	default:
		out[place] = float32(sum)
	}
}

// shiftOf returns the first element, or 0 where that would turn the infinite
// mean of infinite elements into NaN.
func shiftOf(x float32) float64 {
	if s := float64(x); s-s == 0 {
		return s
	}
	return 0
}

// add sets t to the sums of width places over positions [from, to).
func (r *reduction) add(t *tally, x, y []float32, at, width, from, to int) {
	clear(t.sum[:width])
	if r.moments {
		clear(t.square[:width])
		for i := range width {
			t.shift[i] = shiftOf(x[at+i])
		}
	}
	for p := from; p < to; {
		i := p % r.run
		rows := min(r.run-i, to-p)
		base := at + r.skip.at(p/r.run) + i*r.step
		switch {
		case r.inner == 1 && r.step == 1 && r.moments:
			sum, square := momentsOfRun(x[base:base+rows], t.shift[0])
			t.sum[0] += sum
			t.square[0] += square
		case r.product && r.inner == 1 && r.step == 1:
			t.sum[0] += simd.SumProduct(x[base:base+rows], y[base:base+rows])
		case r.product:
			simd.SumProductRows(t.sum[:width], x[base:], y[base:], r.step, rows)
		case r.inner == 1 && r.step == 1:
			t.sum[0] += simd.Sum(x[base : base+rows])
		case r.moments:
			simd.MomentRows(t.sum[:width], t.square[:width], t.shift[:width], x[base:], r.step, rows)
		case r.narrow():
			sumNarrow(t.sum[:width], x[base:], rows)
		default:
			simd.SumRows(t.sum[:width], x[base:], r.step, rows)
		}
		p += rows
	}
}

// momentsOfRun adds the differences of neighbouring elements from the shift,
// and their squares.
func momentsOfRun(x []float32, shift float64) (sum, square float64) {
	var a, b, aa, bb float64
	for ; len(x) >= 2; x = x[2:] {
		v, w := float64(x[0])-shift, float64(x[1])-shift
		a, aa = a+v, aa+v*v
		b, bb = b+w, bb+w*w
	}
	for _, e := range x {
		v := float64(e) - shift
		a, aa = a+v, aa+v*v
	}
	return a + b, aa + bb
}
