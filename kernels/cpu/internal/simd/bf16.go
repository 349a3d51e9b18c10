package simd

import (
	"fmt"
	"math"
	"unsafe"
)

// A bfloat16 is the upper half of a float32. Products of bfloat16 operands are
// defined as [GemmRounded] computes them: the operands are rounded to bfloat16,
// to nearest and ties to even; their products, which are exact, are added in
// float32 in the order of Gemm, one rounding each; subnormal operands and sums
// count as zero. A NaN operand makes a NaN, of unspecified bits.
//
// The instruction VDPBF16PS of AVX512-BF16 does two steps of k at once by that
// very rule, the upper half of its words first, whatever the control word says.
// So pairs hold their first element in the upper half, and [GemmPairs] gives
// the bits of GemmRounded.

// Pair is two bfloat16, the first in the upper half.
type Pair = uint32

// Pad fills the second half of a pair of A whose partner in B is zero. It adds
// −0, which changes no sum.
const Pad = 0x8000

// pairsOff makes Pairs report false; see WithoutPairs.
var pairsOff bool

// Pairs reports whether GemmPairs is an instruction of the processor in the
// active tier. Otherwise it is emulated, correct but slow, and GemmRounded is
// the way.
func Pairs() bool { return !pairsOff && tier == AVX512 && hasBF16 }

// WithoutPairs makes Pairs report false until restore is called; it is for
// tests, as Force is.
func WithoutPairs() (restore func()) {
	old := pairsOff
	pairsOff = true
	return func() { pairsOff = old }
}

// GemmRounded computes Gemm of operands that have been rounded to bfloat16, by
// [RoundBF16], with subnormal numbers taken for zero. All tiers give the same
// bits.
func GemmRounded(p *Product, c, a, b, bias []float32, taps []Tap) {
	q := *p
	q.flush = true
	Gemm(&q, c, a, b, bias, taps)
}

// GemmPairs computes GemmRounded of operands in pairs along k: K counts pairs,
// KS and LDB go from one pair to the next, and all strides and offsets in A and
// B count words.
func GemmPairs(p *Product, c []float32, a, b []Pair, bias []float32, taps []Tap) {
	p.checkOutput(c, bias)
	p.checkTaps(len(a), len(b), (p.K-1)*p.LDB+p.N, taps)
	if p.M == 0 || p.N == 0 {
		return
	}
	if p.K == 0 {
		taps = nil
	}
	if Pairs() {
		gemmPairs(p, c, words(a), words(b), bias, taps)
	} else {
		gemmPairsGeneric(p, c, a, b, bias, taps)
		p.gate(c)
	}
}

// words returns the memory of x as another type, for kernels that copy words.
func words(x []Pair) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// BF16 returns the bits of x rounded to bfloat16, to nearest and ties to even.
// Subnormal numbers become zero; NaNs stay NaNs, quiet ones.
func BF16(x float32) uint16 {
	b := math.Float32bits(x)
	switch b >> 23 & 0xFF {
	case 0:
		return uint16(b >> 16 & 0x8000)
	case 0xFF:
		if b<<9 != 0 {
			return uint16(b>>16 | 0x40)
		}
	}
	return uint16((b + 0x7FFF + b>>16&1) >> 16)
}

// RoundBF16 sets dst[i] to src[i] rounded to bfloat16. dst may be src.
func RoundBF16(dst, src []float32) {
	same("RoundBF16", dst, src)
	done := 0
	if Pairs() { // a pair with zero is the number itself
		done = pairRows(unsafe.Slice((*Pair)(unsafe.Pointer(unsafe.SliceData(dst))), len(dst)), src, nil, 0)
	}
	roundBF16(dst[done:], src[done:])
}

// PairRows sets dst[i] to the pair of x[i] and y[i], or of x[i] and the bits
// pad if y is nil.
func PairRows(dst []Pair, x, y []float32, pad uint16) {
	if len(x) < len(dst) || y != nil && len(y) < len(dst) {
		panic(fmt.Sprintf("simd: PairRows of %d pairs from %d and %d elements", len(dst), len(x), len(y)))
	}
	done := 0
	if Pairs() {
		done = pairRows(dst, x, y, pad)
	}
	for i := done; i < len(dst); i++ {
		second := pad
		if y != nil {
			second = BF16(y[i])
		}
		dst[i] = uint32(BF16(x[i]))<<16 | uint32(second)
	}
}

// PairNeighbours sets dst[i] to the pair of x[2i] and x[2i+1]. If x has one
// element less, the bits pad are the last one's second half.
func PairNeighbours(dst []Pair, x []float32, pad uint16) {
	if len(dst) != (len(x)+1)/2 {
		panic(fmt.Sprintf("simd: PairNeighbours of %d pairs from %d elements", len(dst), len(x)))
	}
	done := 0
	if Pairs() {
		done = pairNeighbours(dst, x)
	}
	for i := done; i < len(dst); i++ {
		second := pad
		if 2*i+1 < len(x) {
			second = BF16(x[2*i+1])
		}
		dst[i] = uint32(BF16(x[2*i]))<<16 | uint32(second)
	}
}
