package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// blockLen is how many elements an element-wise kernel takes through all its
// instructions at a time: few enough that intermediate results stay in the
// first-level cache.
const blockLen = 512

// grainElements is the least a task of an element-wise kernel has to do.
const grainElements = 8192

// elementwise returns the kernel that computes a Code. The elements of the
// result are cut into blocks; each instruction, or a few together, is one loop
// over a block.
func elementwise(code kernels.Code, out kernels.Operand, in []kernels.Operand) kernel {
	e := &elements{total: out.Shape.Size(), code: code, loops: loopsOf(&code)}
	slots := 0
	var inPlace uint32
	for i, o := range in {
		r := newReader(o.Shape, out.Shape)
		if r.kind == wholeReader {
			inPlace |= 1 << i
		} else {
			r.slot = slots
			slots++
		}
		e.readers = append(e.readers, r)
	}
	slots += e.allot(slots)
	e.block = e.blockSize()
	n := pieces(e.total, grainElements)
	if e.total == 0 {
		n = 0
	}
	return kernel{
		scratch: slots * blockLen,
		inPlace: inPlace,
		phases: []phase{{n, func(c *call, task int, scratch []float32) {
			from, to := split(e.total, n, task, e.block)
			e.run(c, from, to, scratch)
		}}},
	}
}

// elements is an element-wise kernel's plan.
type elements struct {
	code    kernels.Code
	loops   []elementLoop
	total   int
	block   int      // elements at a time, at most blockLen
	readers []reader // one for each operand
	slots   [kernels.MaxInstrs]int
}

// allot gives each instruction but the last a block of scratch memory, starting
// at block first, and returns how many blocks it used. A block is used again
// when the last reader of its contents is done.
func (e *elements) allot(first int) int {
	code := &e.code
	var last [kernels.MaxInstrs]int // the last instruction that reads each one
	for i, ins := range code.Instrs[:code.Len] {
		for _, v := range []int{ins.X, ins.Y} {
			if v >= code.Operands {
				last[v-code.Operands] = i
			}
		}
	}
	var free []int
	used := 0
	for i := range code.Len - 1 {
		for j := range i {
			if last[j] == i-1 && e.slots[j] >= 0 { // read for the last time before i
				free = append(free, e.slots[j])
				last[j] = -1
			}
		}
		if n := len(free); n > 0 {
			e.slots[i], free = free[n-1], free[:n-1]
		} else {
			e.slots[i] = first + used
			used++
		}
	}
	return used
}

// blockSize returns the number of elements to take at a time: where it can be, a
// multiple of the periods with which operands repeat, whose blocks are then all
// alike and read once. A bias has the period of its channels.
func (e *elements) blockSize() int {
	const vector = 16 // keeps blocks aligned
	unit := vector
	for i := range e.readers {
		r := &e.readers[i]
		period := r.period()
		if r.kind != stridedReader || period == 0 || period > blockLen {
			continue
		}
		if common := unit / gcd(unit, period) * period; common <= blockLen {
			unit, r.kind = common, periodicReader
		}
	}
	return blockLen / unit * unit
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// run computes elements from up to to, where from is a multiple of e.block.
func (e *elements) run(c *call, from, to int, scratch []float32) {
	for i := range e.readers {
		switch r := &e.readers[i]; r.kind {
		case scalarReader:
			fill(scratch[r.slot*blockLen:][:e.block], c.in[i].f32[0])
		case periodicReader:
			r.gather(scratch[r.slot*blockLen:][:min(e.block, e.total)], c.in[i].f32, 0)
		}
	}
	var values blockValues
	code := &e.code
	for at := from; at < to; at += e.block {
		n := min(e.block, to-at)
		for i := range e.readers {
			values[i] = e.readers[i].block(c.in[i].f32, at, n, scratch)
		}
		if len(e.loops) < code.Len {
			e.fetch(c, at+n, min(at+n+e.block, to))
		}
		for i := range e.loops {
			l := &e.loops[i]
			dst := c.out.f32[at : at+n]
			if l.last < code.Len-1 {
				dst = scratch[e.slots[l.last]*blockLen:][:n]
			}
			values[code.Operands+l.last] = dst
			l.run(dst, &values)
		}
	}
}

// fetch brings the operands of the next block into the nearest cache, while this
// one's are read: a loop with many operands is too much for the processor's own
// foresight.
func (e *elements) fetch(c *call, from, to int) {
	if from >= to {
		return
	}
	for i := range e.readers {
		if e.readers[i].kind == wholeReader {
			simd.Prefetch(c.in[i].f32[from:to])
		}
	}
}

// A reader yields the blocks of one operand, repeated as broadcasting asks.
type reader struct {
	kind   readerKind
	slot   int // the scratch block it fills, if it must
	shape  [kernels.MaxRank]int
	stride [kernels.MaxRank]int
	rank   int
}

type readerKind uint8

const (
	wholeReader  readerKind = iota // as many elements as the result, in its order
	scalarReader                   // one element
	stridedReader
	periodicReader // strided, and the same in every block
)

func newReader(in, out kernels.Shape) reader {
	if in.Size() == out.Size() {
		return reader{kind: wholeReader}
	}
	if in.Size() == 1 {
		return reader{kind: scalarReader}
	}
	r := reader{kind: stridedReader}
	strides := kernels.BroadcastStrides(in, out)
	for axis := len(out) - 1; axis >= 0; axis-- { // innermost axis first, neighbours merged
		d, s := out[axis], strides[axis]
		if d == 1 {
			continue
		}
		if k := r.rank - 1; k >= 0 && s == r.stride[k]*r.shape[k] {
			r.shape[k] *= d
			continue
		}
		r.shape[r.rank], r.stride[r.rank] = d, s
		r.rank++
	}
	return r
}

// block returns the operand's elements for result elements at to at+n.
func (r *reader) block(data []float32, at, n int, scratch []float32) []float32 {
	switch r.kind {
	case wholeReader:
		return data[at : at+n]
	case scalarReader, periodicReader:
		return scratch[r.slot*blockLen:][:n]
	}
	if i := at % r.shape[0]; r.stride[0] == 1 && i+n <= r.shape[0] { // they lie together
		offset, _ := r.locate(at)
		return data[offset : offset+n]
	}
	dst := scratch[r.slot*blockLen:][:n]
	r.gather(dst, data, at)
	return dst
}

// period returns after how many elements of the result the operand's begin
// anew.
func (r *reader) period() int {
	period := 1
	for k := range r.rank {
		if r.stride[k] != 0 {
			period = 1
			for _, d := range r.shape[:k+1] {
				period *= d
			}
		}
	}
	return period
}

// locate returns the operand's element for result element at, and its index.
func (r *reader) locate(at int) (offset int, index [kernels.MaxRank]int) {
	for k, rest := 0, at; k < r.rank; k++ {
		index[k] = rest % r.shape[k]
		rest /= r.shape[k]
		offset += index[k] * r.stride[k]
	}
	return offset, index
}

// gather sets dst to the operand's elements from result element at on.
func (r *reader) gather(dst, data []float32, at int) {
	n := len(dst)
	offset, index := r.locate(at)
	for done := 0; done < n; {
		run := min(r.shape[0]-index[0], n-done)
		switch part := dst[done : done+run]; r.stride[0] {
		case 0:
			fill(part, data[offset])
		case 1:
			copy(part, data[offset:])
		default:
			for i := range part {
				part[i] = data[offset+i*r.stride[0]]
			}
		}
		done += run
		offset += run * r.stride[0]
		index[0] += run
		for k := 0; k < r.rank && index[k] == r.shape[k]; k++ {
			offset -= index[k] * r.stride[k]
			index[k] = 0
			if k+1 < r.rank {
				index[k+1]++
				offset += r.stride[k+1]
			}
		}
	}
}

func fill(dst []float32, v float32) {
	first := min(len(dst), vector)
	for i := range first {
		dst[i] = v
	}
	for done := first; done < len(dst); done *= 2 { // a copy takes many at a time
		copy(dst[done:], dst[:done])
	}
}
