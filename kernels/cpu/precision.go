package cpu

import (
	"fmt"
	"unsafe"

	"hourglass/kernels/cpu/internal/simd"
)

// Precision is what convolutions and matrix products multiply: Conv2D, its two
// gradients and MatMul. Results, sums and everything else are float32.
type Precision uint8

const (
	// Float32 multiplies the operands as they are.
	Float32 Precision = iota
	// BF16 rounds both operands to bfloat16, to nearest and ties to even, where
	// subnormal numbers count as zero. Products are exact and sums float32, in
	// the order that shapes alone decide, so that every processor gives the
	// same bits, with two exceptions: results of up to seven channels may be
	// summed in an order of the tier's own, and the bits of a NaN are open.
	// Sums of the others count as zero when subnormal.
	BF16
)

var precisions = [...]string{Float32: "f32", BF16: "bf16"}

// String returns f32 or bf16.
func (p Precision) String() string {
	if int(p) < len(precisions) {
		return precisions[p]
	}
	return fmt.Sprintf("Precision(%d)", uint8(p))
}

// ParsePrecision returns the precision of that name, f32 or bf16.
func ParsePrecision(name string) (Precision, error) {
	for p, n := range precisions {
		if n == name {
			return Precision(p), nil
		}
	}
	return 0, fmt.Errorf("cpu: precision %q: want f32 or bf16", name)
}

// HasBF16 reports whether the processor multiplies bfloat16, by AVX512-BF16 in
// the instructions that Tier names. Where it does not, the results are the same
// but take longer than float32's.
func HasBF16() bool { return simd.Pairs() }

// form is how the operands of a product lie in memory.
type form uint8

const (
	plain   form = iota // float32 as they are
	rounded             // float32 that are bfloat16
	inPairs             // pairs of bfloat16 along the sum, each a word
)

// formOf returns the form of a product of bfloat16.
func formOf(pairs bool) form {
	if pairs && simd.Pairs() {
		return inPairs
	}
	return rounded
}

// words returns how many words hold n elements of a sum.
func (f form) words(n int) int {
	if f == inPairs {
		return (n + 1) / 2
	}
	return n
}

// along writes elements that follow each other in a sum to the start of to, and
// returns that. There is an even number of them.
func (f form) along(to, x []float32) []float32 {
	to = to[:f.words(len(x))]
	if f == inPairs {
		simd.PairNeighbours(pairs(to), x, 0)
	} else {
		simd.RoundBF16(to, x)
	}
	return to
}

// gemm computes a product of operands in the form.
func (f form) gemm(p *simd.Product, c, a, b, bias []float32, taps []simd.Tap) {
	switch f {
	case plain:
		simd.Gemm(p, c, a, b, bias, taps)
	case rounded:
		simd.GemmRounded(p, c, a, b, bias, taps)
	case inPairs:
		simd.GemmPairs(p, c, pairs(a), pairs(b), bias, taps)
	}
}

// pairs returns the memory of x as pairs.
func pairs(x []float32) []simd.Pair {
	return unsafe.Slice((*simd.Pair)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}
