package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// blockValues are a block of each operand of a Code and of each result of an
// instruction, by their numbers.
type blockValues [kernels.MaxOperands + kernels.MaxInstrs][]float32

// An elementLoop computes an instruction of a Code, or a few at once, in one
// loop over a block.
type elementLoop struct {
	pattern *loopPattern // nil for a single instruction
	fn      kernels.Fn   // which that is
	a       float32
	in      [loopOperands]int // the values it reads
	last    int               // its last instruction, whose result it leaves
}

// run sets dst to the loop's result.
func (l *elementLoop) run(dst []float32, v *blockValues) {
	x, y := v[l.in[0]], v[l.in[1]]
	switch {
	case l.pattern == nil:
		apply(l.fn, l.a, dst, x, y)
	case l.pattern == &normGrad:
		simd.NormGrad(dst, x, y, v[l.in[2]], v[l.in[3]], v[l.in[4]], v[l.in[5]])
	case l.pattern == &scaleShiftReLU:
		simd.ScaleShiftRectify(dst, x, y, v[l.in[2]])
	default:
		simd.ScaleShift(dst, x, y, v[l.in[2]])
	}
}

// A loopPattern is instructions that one loop computes. They read the loop's
// operands by their places in elementLoop.in and the results of one another
// from number loopOperands on.
type loopPattern []kernels.Instr

const loopOperands = 6

// The patterns: the gradient of a normalised layer, and the layer.
var (
	normGrad = loopPattern{
		{Fn: kernels.Sub, X: 0, Y: 1}, {Fn: kernels.Mul, X: loopOperands, Y: 2}, {Fn: kernels.Add, X: loopOperands + 1, Y: 3},
		{Fn: kernels.Mul, X: 4, Y: 5}, {Fn: kernels.Add, X: loopOperands + 3, Y: loopOperands + 2},
	}
	scaleShift     = loopPattern{{Fn: kernels.Mul, X: 0, Y: 1}, {Fn: kernels.Add, X: loopOperands, Y: 2}}
	scaleShiftReLU = append(scaleShift[:2:2], kernels.Instr{Fn: kernels.ReLU, X: loopOperands + 1})
)

// loopsOf cuts a code into loops.
func loopsOf(code *kernels.Code) []elementLoop {
	var loops []elementLoop
	for i := 0; i < code.Len; {
		l := loopAt(code, i)
		loops = append(loops, l)
		i = l.last + 1
	}
	return loops
}

// loopAt returns the longest loop that begins with instruction i.
func loopAt(code *kernels.Code, i int) elementLoop {
	for _, p := range []*loopPattern{&normGrad, &scaleShiftReLU, &scaleShift} {
		if l, ok := p.match(code, i); ok {
			return l
		}
	}
	ins := &code.Instrs[i]
	return elementLoop{fn: ins.Fn, a: float32(ins.A), in: [loopOperands]int{ins.X, ins.Y}, last: i}
}

// match returns the pattern's loop if it computes the instructions from i on,
// and no other reads a result of theirs but the last.
func (p *loopPattern) match(code *kernels.Code, i int) (elementLoop, bool) {
	l := elementLoop{pattern: p, last: i + len(*p) - 1}
	if l.last >= code.Len {
		return l, false
	}
	first := code.Operands + i // the number of the first result
	for k, want := range *p {
		got := code.Instrs[i+k]
		if got.Fn != want.Fn || !l.reads(want.X, got.X, first) || want.Fn.Arity() == 2 && !l.reads(want.Y, got.Y, first) {
			return l, false
		}
	}
	for _, later := range code.Instrs[l.last+1 : code.Len] {
		inner := func(v int) bool { return v >= first && v < first+len(*p)-1 }
		if inner(later.X) || later.Fn.Arity() == 2 && inner(later.Y) {
			return l, false
		}
	}
	return l, true
}

// reads notes that the loop reads value v in a pattern's place, and reports
// whether it may: first is the number of the loop's first result.
func (l *elementLoop) reads(place, v, first int) bool {
	if place >= loopOperands {
		return v == first+place-loopOperands
	}
	l.in[place] = v
	return v < first
}
