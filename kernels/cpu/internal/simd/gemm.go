package simd

import "fmt"

// Init says what C holds before the products are added.
type Init uint8

const (
	Overwrite  Init = iota // zero
	Accumulate             // the old value of C
	Bias                   // bias[n]
)

// Activation is applied to each element of C after the last product.
type Activation uint8

const (
	Linear Activation = iota // none
	ReLU                     // max(x, 0); a NaN stays NaN
)

// Tap is one block of K products: the element offsets in A and in B where its
// first element lies.
type Tap struct{ A, B int }

// Product is the shape of a Gemm or Dot call; all counts and strides are in
// elements. M, N, K and the taps may be empty: then C gets its initial value.
// Strides are not negative; overlapping rows of A are fine.
//
// With Blocks above 1 the product is computed as often, each time from BlockA
// elements further on in A and to BlockC elements further on in C: rows of an
// image in one call. The blocks of C do not overlap.
type Product struct {
	M, N, K int
	RS, KS  int // A: from row to row, from k to k. Dot wants KS = 1.
	LDB     int // B: from k to k (Gemm) or from n to n (Dot)
	LDC     int // C: from row to row, at least N
	Blocks  int // 0 means 1
	BlockA  int
	BlockC  int
	Init    Init
	Act     Activation
	flush   bool // see GemmRounded

	// Gate, which lies in memory as C does, lets through the elements of C
	// where it is above 0, and makes the others 0, after the activation: the
	// gradient of a ReLU whose result it is. Nil lets all through; Dot knows no
	// other.
	Gate []float32
}

// Gemm computes C = act(init + Σ_t A_t·B_t) as the package comment defines it.
// bias is read only under [Bias] and then has at least N elements. c overlaps
// no operand.
func Gemm(p *Product, c, a, b, bias []float32, taps []Tap) {
	p.checkOutput(c, bias)
	p.checkTaps(len(a), len(b), (p.K-1)*p.LDB+p.N, taps)
	if p.M == 0 || p.N == 0 {
		return
	}
	if p.K == 0 {
		taps = nil
	}
	gemm(p, c, a, b, bias, taps)
}

// Dot computes the same with B stored by columns:
//
//	C[m·LDC + n] = act(init + Σ_t Σ_k A[taps[t].A + m·RS + k] · B[taps[t].B + n·LDB + k])
//
// It is the faster form when N < 8 and K ≥ 16.
func Dot(p *Product, c, a, b, bias []float32, taps []Tap) {
	if p.KS != 1 || p.Gate != nil {
		panic(fmt.Sprintf("simd: Dot wants KS 1 and no gate, got %d and one of %d elements", p.KS, len(p.Gate)))
	}
	p.checkOutput(c, bias)
	p.checkTaps(len(a), len(b), (p.N-1)*p.LDB+p.K, taps)
	if p.M == 0 || p.N == 0 {
		return
	}
	if p.K == 0 {
		taps = nil
	}
	dot(p, c, a, b, bias, taps)
}

// lastBlock returns the number of the last block, counted from 0.
func (p *Product) lastBlock() int { return max(0, p.Blocks-1) }

func (p *Product) checkOutput(c, bias []float32) {
	if p.Blocks < 0 || p.BlockA < 0 || p.BlockC < 0 || p.M < 0 || p.N < 0 || p.K < 0 || p.RS < 0 || p.KS < 0 || p.LDB < 0 || p.LDC < 0 {
		panic(fmt.Sprintf("simd: negative count or stride in %+v", *p))
	}
	if p.M == 0 || p.N == 0 {
		return
	}
	if p.M > 1 && p.LDC < p.N {
		panic(fmt.Sprintf("simd: rows of C overlap in %+v", *p))
	}
	if p.Blocks > 1 && p.BlockC < p.N {
		panic(fmt.Sprintf("simd: blocks of C overlap in %+v", *p))
	}
	if want := p.lastBlock()*p.BlockC + (p.M-1)*p.LDC + p.N; len(c) < want {
		panic(fmt.Sprintf("simd: C wants %d elements, got %d, for %+v", want, len(c), *p))
	}
	if want := p.lastBlock()*p.BlockC + (p.M-1)*p.LDC + p.N; p.Gate != nil && len(p.Gate) < want {
		panic(fmt.Sprintf("simd: the gate wants %d elements, got %d", want, len(p.Gate)))
	}
	if p.Init == Bias && len(bias) < p.N {
		panic(fmt.Sprintf("simd: bias wants %d elements, got %d", p.N, len(bias)))
	}
}

// checkTaps holds every tap's block, the last element of A's and the bSpan
// elements of B's, to the lengths of a and b.
func (p *Product) checkTaps(lenA, lenB, bSpan int, taps []Tap) {
	if p.M == 0 || p.N == 0 || p.K == 0 {
		return
	}
	lastA := lenA - 1 - p.lastBlock()*p.BlockA - (p.M-1)*p.RS - (p.K-1)*p.KS
	lastB := lenB - bSpan
	for _, t := range taps {
		if t.A < 0 || t.A > lastA || t.B < 0 || t.B > lastB {
			panic(fmt.Sprintf("simd: tap %+v reaches outside A (%d elements) or B (%d elements) for %+v", t, lenA, lenB, *p))
		}
	}
}

// gate applies the gate where a kernel has not.
func (p *Product) gate(c []float32) {
	if p.Gate == nil {
		return
	}
	for block := range p.lastBlock() + 1 {
		for m := range p.M {
			at := block*p.BlockC + m*p.LDC
			row := c[at:][:p.N]
			for n, y := range p.Gate[at:][:p.N] {
				if !(y > 0) {
					row[n] = 0
				}
			}
		}
	}
}
