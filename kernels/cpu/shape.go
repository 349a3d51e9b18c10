package cpu

import "hourglass/kernels"

// copyGrain is how many bytes a task that copies should have at least.
const copyGrain = 1 << 16

// reshape copies the operand, unless the result is in its place.
func reshape(out kernels.Operand) kernel {
	n := out.Bytes()
	tasks := pieces(n, copyGrain)
	k := single(tasks, func(c *call, task int, _ []float32) {
		from, to := split(n, tasks, task, 64)
		copy(c.out.bytes[from:to], c.in[0].bytes[from:to])
	})
	k.inPlace = 1
	return k
}

// A segment is a part of each row of a result: bytes [from, to) of the row are
// bytes of the same row of an operand, or zeros.
type segment struct {
	from, to int
	operand  int // −1 for zeros
	row      int // bytes of the operand's row
	start    int // of the segment, in the operand's row
}

// concat returns the kernel of Concat.
func concat(axis int, out kernels.Operand, in []kernels.Operand) kernel {
	var segments []segment
	at := 0
	for i, o := range in {
		if n := rowBytes(o, axis); n > 0 {
			segments = append(segments, segment{from: at, to: at + n, operand: i, row: n})
			at += n
		}
	}
	return joinRows(segments, out)
}

// slice returns the kernel of Slice.
func slice(s kernels.Slice, out, in kernels.Operand) kernel {
	row := rowBytes(in, s.Axis)
	start := row / max(1, in.Shape[s.Axis]) * s.From
	return joinRows([]segment{{to: rowBytes(out, s.Axis), row: row, start: start}}, out)
}

// pad returns the kernel of Pad.
func pad(s kernels.Pad, out, in kernels.Operand) kernel {
	row, end := rowBytes(in, s.Axis), rowBytes(out, s.Axis)
	step := end / max(1, out.Shape[s.Axis])
	before := step * s.Before
	var segments []segment
	for _, g := range []segment{
		{to: before, operand: -1},
		{from: before, to: before + row, row: row},
		{from: before + row, to: end, operand: -1},
	} {
		if g.from < g.to {
			segments = append(segments, g)
		}
	}
	return joinRows(segments, out)
}

// rowBytes returns the bytes of the elements that one index of the axes before
// axis stands for.
func rowBytes(o kernels.Operand, axis int) int { return o.Shape[axis:].Size() * o.DType.Size() }

// joinRows returns the kernel that puts each row of the result together from
// its segments, which cover it and are not empty.
func joinRows(segments []segment, out kernels.Operand) kernel {
	n := out.Bytes()
	if n == 0 {
		return kernel{}
	}
	row := segments[len(segments)-1].to
	tasks := pieces(n, copyGrain)
	return single(tasks, func(c *call, task int, _ []float32) {
		at, end := split(n, tasks, task, 64)
		g := 0
		for at < end {
			r, in := at/row, at%row
			for g = g % len(segments); in < segments[g].from || in >= segments[g].to; {
				g = (g + 1) % len(segments)
			}
			s := &segments[g]
			to := min(end, r*row+s.to)
			if s.operand < 0 {
				clear(c.out.bytes[at:to])
			} else {
				copy(c.out.bytes[at:to], c.in[s.operand].bytes[r*s.row+s.start+in-s.from:])
			}
			at = to
		}
	})
}

// A permutation is the plan of Transpose. Axes that stay neighbours act as one,
// and so do the bytes of a last axis that stays last: what is copied is then
// not an element but a run of them.
type permutation struct {
	dims    []int // of the result, outermost first
	strides []int // in the operand, for each axis of the result
	run     int   // elements copied at once
	tile    int   // the axis of the result that is last in the operand, −1 if that is a run
	outer   int   // products of the other axes than tile and the result's last
}

// tileSide is the side of the squares that a transposition goes by, so that
// each cache line it touches is used whole.
const tileSide = 16

// transpose returns the kernel of Transpose.
func transpose(perm []int, out, in kernels.Operand) kernel {
	if out.Bytes() == 0 {
		return kernel{}
	}
	p := newPermutation(perm, in.Shape)
	if len(p.dims) == 0 {
		return reshape(out)
	}
	grain := copyGrain / in.DType.Size()
	if p.tile < 0 {
		rows := out.Shape.Size() / p.run
		tasks := min(pieces(out.Shape.Size(), grain), rows)
		return single(tasks, func(c *call, task int, _ []float32) {
			from, to := split(rows, tasks, task, 1)
			size := in.DType.Size() * p.run
			for r := from; r < to; r++ {
				at := axes{p.dims, p.strides}.at(r) * in.DType.Size()
				copy(c.out.bytes[r*size:(r+1)*size], c.in[0].bytes[at:])
			}
		})
	}
	// One strip is tileSide indices of the tile axis, for one index of the
	// other axes but the last.
	strips := p.outer * ((p.dims[p.tile] + tileSide - 1) / tileSide)
	tasks := min(pieces(out.Shape.Size(), grain), strips)
	return single(tasks, func(c *call, task int, _ []float32) {
		from, to := split(strips, tasks, task, 1)
		for s := from; s < to; s++ {
			if in.DType.Size() == 1 {
				transposeStrip(p, c.out.bytes, c.in[0].bytes, s)
			} else {
				transposeStrip(p, view[int32](c.out.bytes), view[int32](c.in[0].bytes), s)
			}
		}
	})
}

// newPermutation merges axes. No axes remain if nothing moves.
func newPermutation(perm []int, shape kernels.Shape) *permutation {
	p := &permutation{run: 1, tile: -1, outer: 1}
	own := shape.Strides()
	for _, axis := range perm {
		d, stride := shape[axis], own[axis]
		switch last := len(p.dims) - 1; {
		case d == 1:
		case last >= 0 && p.strides[last] == d*stride:
			p.dims[last], p.strides[last] = p.dims[last]*d, stride
		default:
			p.dims, p.strides = append(p.dims, d), append(p.strides, stride)
		}
	}
	last := len(p.dims) - 1
	if last >= 0 && p.strides[last] == 1 {
		p.run = p.dims[last]
		p.dims, p.strides = p.dims[:last], p.strides[:last]
		return p
	}
	for axis, d := range p.dims {
		switch {
		case p.strides[axis] == 1:
			p.tile = axis
		case axis < last:
			p.outer *= d
		}
	}
	return p
}

// transposeStrip moves one strip, in tiles along the result's last axis.
func transposeStrip[T int32 | uint8](p *permutation, out, in []T, strip int) {
	last := len(p.dims) - 1
	cols, stride := p.dims[last], p.strides[last]
	perOuter := (p.dims[p.tile] + tileSide - 1) / tileSide
	first := strip % perOuter * tileSide
	rows := min(tileSide, p.dims[p.tile]-first)
	// The element of the strip with index first of the tile axis and 0 of the
	// last: its places in the result and the operand.
	to, from, step, rest := 0, first, cols, strip/perOuter
	ldd := 0
	for axis := last - 1; axis >= 0; axis-- {
		if axis == p.tile {
			ldd = step
		} else {
			to += rest % p.dims[axis] * step
			from += rest % p.dims[axis] * p.strides[axis]
			rest /= p.dims[axis]
		}
		step *= p.dims[axis]
	}
	to += first * ldd
	for j0 := 0; j0 < cols; j0 += tileSide {
		n := min(tileSide, cols-j0)
		for i := range rows {
			dst := out[to+i*ldd+j0:][:n]
			at := from + i + j0*stride
			for j := range dst {
				dst[j] = in[at]
				at += stride
			}
		}
	}
}
