package simd

import "fmt"

// MaxNarrow is the most columns that [DotNarrow] takes.
const MaxNarrow = 7

// DotNarrow computes [Dot] of one tap, bit for bit, where B is stored as Gemm
// wants it: [k][n], its rows, of 2 to [MaxNarrow] elements, behind one another.
// With few rows in A it is faster than to transpose B first.
func DotNarrow(p *Product, c, a, b, bias []float32) {
	if p.KS != 1 || p.LDB != p.N || p.N < 2 || p.N > MaxNarrow || p.Blocks > 1 {
		panic(fmt.Sprintf("simd: DotNarrow wants KS 1, one block and B [k][n] with n of 2 to %d, got %+v", MaxNarrow, *p))
	}
	p.checkOutput(c, bias)
	p.checkTaps(len(a), len(b), (p.K-1)*p.LDB+p.N, atStart[:])
	if p.M > 0 {
		dotNarrow(p, c, a, b, bias)
	}
}

// atStart is the tap of a plain product.
var atStart = [1]Tap{}

// finish stores the element of row m and column n, whose products add up to
// sum.
func (p *Product) finish(m, n int, sum float32, c, bias []float32) {
	at := m*p.LDC + n
	switch p.Init {
	case Accumulate:
		sum += c[at]
	case Bias:
		sum += bias[n]
	}
	if p.Act == ReLU && sum < 0 {
		sum = 0
	}
	c[at] = sum
}

// dotNarrowGeneric adds as dotBlock does.
func dotNarrowGeneric(p *Product, c, a, b, bias []float32) {
	for m := range p.M {
		for n := range p.N {
			var s [4]float32
			whole := p.K &^ 3
			for k := range p.K {
				i := k & 3
				if k >= whole {
					i = 0
				}
				s[i] += a[m*p.RS+k] * b[k*p.N+n]
			}
			p.finish(m, n, (s[0]+s[1])+(s[2]+s[3]), c, bias)
		}
	}
}
