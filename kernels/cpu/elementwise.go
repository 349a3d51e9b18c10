package cpu

import "hourglass/kernels"

// blockLen is how many elements an element-wise kernel takes through all its
// instructions at a time: few enough that intermediate results stay in the
// first-level cache.
const blockLen = 512

// grainElements is the least a task of an element-wise kernel has to do.
const grainElements = 8192

// elementwise returns the kernel that computes a Code. The elements of the
// result are cut into blocks; each instruction is one loop over a block.
func elementwise(code kernels.Code, out kernels.Operand, in []kernels.Operand) kernel {
	e := &elements{total: out.Shape.Size(), code: code}
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
	n := pieces(e.total, grainElements)
	if e.total == 0 {
		n = 0
	}
	return kernel{
		scratch: slots * blockLen,
		inPlace: inPlace,
		phases: []phase{{n, func(c *call, task int, scratch []float32) {
			from, to := split(e.total, n, task, blockLen)
			e.run(c, from, to, scratch)
		}}},
	}
}

// elements is an element-wise kernel's plan.
type elements struct {
	code    kernels.Code
	total   int
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

// run computes elements from up to to, where from is a multiple of blockLen.
func (e *elements) run(c *call, from, to int, scratch []float32) {
	for i := range e.readers {
		if r := &e.readers[i]; r.kind == scalarReader {
			fill(scratch[r.slot*blockLen:][:blockLen], c.in[i].f32[0])
		}
	}
	var values [kernels.MaxOperands + kernels.MaxInstrs][]float32
	code := &e.code
	for at := from; at < to; at += blockLen {
		n := min(blockLen, to-at)
		for i := range e.readers {
			values[i] = e.readers[i].block(c.in[i].f32, at, n, scratch)
		}
		for i := range code.Len {
			ins := &code.Instrs[i]
			dst := c.out.f32[at : at+n]
			if i < code.Len-1 {
				dst = scratch[e.slots[i]*blockLen:][:n]
			}
			values[code.Operands+i] = dst
			apply(ins.Fn, float32(ins.A), dst, values[ins.X], values[ins.Y])
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
	case scalarReader:
		return scratch[r.slot*blockLen:][:n]
	}
	dst := scratch[r.slot*blockLen:][:n]
	var index [kernels.MaxRank]int
	offset := 0
	for k, rest := 0, at; k < r.rank; k++ {
		index[k] = rest % r.shape[k]
		rest /= r.shape[k]
		offset += index[k] * r.stride[k]
	}
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
	return dst
}

func fill(dst []float32, v float32) {
	for i := range dst {
		dst[i] = v
	}
}
