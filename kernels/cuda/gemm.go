package cuda

import (
	"math/bits"

	"hourglass/kernels"
)

// divisor is Divisor of gemm.cuh.
type divisor struct{ d, multiplier, shift int64 }

// divisorOf returns the multiplier and the shift of d (Granlund & Montgomery
// 1994): ⌈2^shift/d⌉, which is below 2³².
func divisorOf(d int) divisor {
	n := max(d, 1) // an empty sum divides by nothing
	shift := 31 + bits.Len(uint(n-1))
	return divisor{int64(d), (1<<shift + int64(n) - 1) / int64(n), int64(shift)}
}

// phase is Phase of gemm.cuh.
type phase struct {
	places, taps        divisor
	origin, filter, out int64
}

// mostPhases is MOST_PHASES of gemm.cuh.
const mostPhases = 8

// gemmArgs is GemmArgs of gemm.cuh, where its fields are explained.
type gemmArgs struct {
	a, b, bias, y, out                 uint64
	images, h, w                       int64
	c                                  divisor
	placeH, placeW, tapH, tapW         int64
	n                                  int64
	filterH, filterW, filterC, filterN int64
	outH, outW, outStepH, outStepW     int64
	tilesN, splitTiles, splitSize      int64
	vectors, fn                        int64
	constant                           float64
	phasesW                            int64
	rows, columns                      [mostPhases]phase
}

// Bits of gemmArgs.vectors: operands whose rows are multiples of 16 bytes.
const (
	vectorA = 1 << iota
	vectorB
	vectorOut
)

// form tells how the operands of a product lie, as gemm.cuh has it.
type form uint8

const (
	formNN form = iota
	formNT
	formTN
	formTT
)

var formNames = [...]string{"nn", "nt", "tn", "tt"}

// aAlongK reports whether rows of the left operand are rows of the result.
func (f form) aAlongK() bool { return f == formNN || f == formNT }

// product is a product to be launched: the arguments without the tile's, and
// what the tile is chosen by.
type product struct {
	args     gemmArgs
	form     form
	epilogue kernels.Epilogue
	phasesH  int
	out      int // elements of the result
}

// newProduct completes the arguments that follow from others. runA and runB are
// the lengths of the operands' contiguous runs.
func newProduct(args gemmArgs, f form, e kernels.Epilogue, phasesH, out int, runA, runB int) *product {
	if runA%4 == 0 {
		args.vectors |= vectorA
	}
	if runB%4 == 0 {
		args.vectors |= vectorB
	}
	if args.n%4 == 0 {
		args.vectors |= vectorOut
	}
	args.splitSize = int64(out)
	args.fn, args.constant = epilogueFn(e)
	return &product{args: args, form: f, epilogue: e, phasesH: phasesH, out: out}
}

// epilogueFn returns the function of an epilogue and its constant.
func epilogueFn(e kernels.Epilogue) (fn int64, a float64) {
	if e.Grad != kernels.Copy {
		return int64(e.Grad), e.A
	}
	return int64(e.Fn), e.A
}

// sizes returns M and K of the largest phase.
func (p *product) sizes() (m, k int) {
	for r := range p.phasesH {
		for c := range int(p.args.phasesW) {
			rows, columns := &p.args.rows[r], &p.args.columns[c]
			m = max(m, int(p.args.images*rows.places.d*columns.places.d))
			k = max(k, int(rows.taps.d*columns.taps.d*p.args.c.d))
		}
	}
	if !p.form.aAlongK() {
		m, k = k, m
	}
	return m, k
}

// operands returns where the operands of an epilogue are.
func operands(e kernels.Epilogue) (bias, y int) {
	next := 2
	if e.Bias {
		bias, next = next, next+1
	}
	if e.Grad != kernels.Copy {
		y = next
	}
	return bias, y
}

// mostElements is the largest operand that kernels index in 32 bits.
const mostElements = 1<<31 - 1
