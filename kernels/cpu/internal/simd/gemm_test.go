package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// product is one test case: a Product with its taps and operands.
type product struct {
	Product
	dot, rounded  bool
	gated         bool // wants a gate, in a fifth fence
	taps          []Tap
	c, a, b, bias []float32
}

// bOffset is where B's element (k, n) lies relative to its tap.
func (p *product) bOffset(k, n int) int {
	if p.dot {
		return n*p.LDB + k
	}
	return k*p.LDB + n
}

// rows returns the rows of all blocks, aRow and cRow where one of them starts.
func (p *product) rows() int {
	if p.M == 0 {
		return 0
	}
	return (p.lastBlock() + 1) * p.M
}

func (p *product) aRow(m int) int { return m/p.M*p.BlockA + m%p.M*p.RS }

func (p *product) cRow(m int) int { return m/p.M*p.BlockC + m%p.M*p.LDC }

// gap fills the elements that a product must not use. In A and B it would
// spoil every sum, in C it must survive.
var gap = float32(math.NaN())

// fill lays random operands between the fences; elements that the product
// does not address hold gap.
func (p *product) fill(r *rand.Rand, fences []*fence) {
	p.fillAt(r, fences, r.IntN(2) == 0)
}

// fillAt lays the operands against the fence before them, so page-aligned, or
// against the one after them.
func (p *product) fillAt(r *rand.Rand, fences []*fence, front bool) {
	lay := func(f *fence, n int) []float32 {
		s := f.slice(max(n, 0), front)
		for i := range s {
			s[i] = gap
		}
		return s
	}
	lastA, lastB := -1, -1
	for _, t := range p.taps {
		lastA = max(lastA, t.A+p.lastBlock()*p.BlockA+(p.M-1)*p.RS+(p.K-1)*p.KS)
		lastB = max(lastB, t.B+p.bOffset(p.K-1, p.N-1))
	}
	if p.M == 0 || p.N == 0 || p.K == 0 {
		lastA, lastB = -1, -1
	}
	p.a, p.b = lay(fences[0], lastA+1), lay(fences[1], lastB+1)
	if p.M > 0 && p.N > 0 {
		p.c = lay(fences[2], p.lastBlock()*p.BlockC+(p.M-1)*p.LDC+p.N)
	}
	if p.Init == Bias {
		p.bias = lay(fences[3], p.N)
		for n := range p.bias {
			p.bias[n] = float32(r.NormFloat64())
		}
	}
	for _, t := range p.taps {
		for k := range p.K {
			for m := range p.rows() {
				if p.N > 0 {
					p.a[t.A+p.aRow(m)+k*p.KS] = float32(r.NormFloat64())
				}
			}
			for n := range p.N {
				if p.M > 0 {
					p.b[t.B+p.bOffset(k, n)] = float32(r.NormFloat64())
				}
			}
		}
	}
	if p.gated {
		p.Gate = lay(fences[4], len(p.c))
		for m := range p.rows() {
			for n := range p.N {
				p.Gate[p.cRow(m)+n] = float32(max(0, r.NormFloat64()))
			}
		}
	}
	if p.Init == Accumulate {
		for m := range p.rows() {
			for n := range p.N {
				p.c[p.cRow(m)+n] = float32(r.NormFloat64())
			}
		}
	}
}

// reference returns C in float64 and, for each element, the sum of magnitudes
// that scales its rounding error.
func (p *product) reference() (want, scale []float64) {
	want, scale = make([]float64, len(p.c)), make([]float64, len(p.c))
	for m := range p.rows() {
		for n := range p.N {
			i := p.cRow(m) + n
			switch p.Init {
			case Accumulate:
				want[i] = float64(p.c[i])
			case Bias:
				want[i] = float64(p.bias[n])
			}
			scale[i] = math.Abs(want[i])
			for _, t := range p.taps {
				for k := range p.K {
					x := float64(p.a[t.A+p.aRow(m)+k*p.KS]) * float64(p.b[t.B+p.bOffset(k, n)])
					want[i] += x
					scale[i] += math.Abs(x)
				}
			}
			if p.Act == ReLU {
				want[i] = math.Max(want[i], 0)
			}
			if p.gated && !(p.Gate[i] > 0) {
				want[i] = 0
			}
		}
	}
	return want, scale
}

func (p *product) run() {
	if p.dot {
		Dot(&p.Product, p.c, p.a, p.b, p.bias, p.taps)
	} else if p.rounded {
		GemmRounded(&p.Product, p.c, p.a, p.b, p.bias, p.taps)
	} else {
		Gemm(&p.Product, p.c, p.a, p.b, p.bias, p.taps)
	}
}

// check runs p and compares every element of C, the gaps included.
func (p *product) check(t *testing.T) {
	t.Helper()
	want, scale := p.reference()
	p.run()
	// A chain of D roundings errs by at most about D/2 ulp of the magnitudes'
	// sum; the test allows one ulp a rounding.
	eps := 0x1p-23 * float64(p.K*len(p.taps)+2)
	inside := make([]bool, len(p.c))
	for m := range p.rows() {
		for n := range p.N {
			i := p.cRow(m) + n
			inside[i] = true
			if d := math.Abs(float64(p.c[i]) - want[i]); !(d <= eps*scale[i]) {
				t.Fatalf("%+v taps %v dot %v: C[%d,%d] = %g, want %g (off by %g, allowed %g)",
					p.Product, p.taps, p.dot, m, n, p.c[i], want[i], d, eps*scale[i])
			}
		}
	}
	for i, in := range inside {
		if !in && p.c[i] == p.c[i] {
			t.Fatalf("%+v: wrote %g between the rows of C, at %d", p.Product, p.c[i], i)
		}
	}
}

// randomize draws everything but M, N and K.
func (p *product) randomize(r *rand.Rand) {
	p.LDC = p.N + r.IntN(3)*r.IntN(20)
	p.Init, p.Act = Init(r.IntN(3)), Activation(r.IntN(2))
	row := p.N
	if p.dot {
		row = p.K
	}
	p.LDB = row + r.IntN(3)*r.IntN(20)
	switch {
	case p.dot || r.IntN(2) == 0: // rows of A are contiguous, perhaps overlapping
		p.KS, p.RS = 1, r.IntN(2*p.K+2)
	case r.IntN(2) == 0:
		p.RS, p.KS = 1, r.IntN(2*p.M+2)
	default:
		p.RS, p.KS = r.IntN(40), r.IntN(40)
	}
	if r.IntN(3) == 0 {
		p.blocks(r)
	}
	for range r.IntN(4) + r.IntN(2) {
		p.taps = append(p.taps, Tap{A: r.IntN(100), B: r.IntN(100)})
	}
}

// blocks draws several blocks, below each other or, as columns of an image
// are, interleaved.
func (p *product) blocks(r *rand.Rand) {
	p.Blocks, p.BlockA = 1+r.IntN(5), r.IntN(60)
	p.BlockC = p.M*p.LDC + r.IntN(9)
	if r.IntN(2) == 0 {
		p.BlockC = p.N + r.IntN(9)
		p.LDC = p.Blocks*p.BlockC + r.IntN(9)
	}
}

func fences(t testing.TB, sizes ...int) []*fence {
	var f []*fence
	for _, n := range sizes {
		f = append(f, newFence(t, n))
	}
	return f
}

// edges are the sizes at which some tier changes its code.
var edges = func() (e []int) {
	for i := range 34 {
		e = append(e, i)
	}
	return append(e, 47, 48, 49, 63, 64, 65, 96, 100, 127, 130)
}()

func TestGemmEdges(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		f := fences(t, 1<<17, 1<<17, 1<<16, 1<<10)
		for _, dot := range []bool{false, true} {
			for m := range 34 {
				for _, n := range edges {
					p := product{Product: Product{M: m, N: n, K: r.IntN(34)}, dot: dot}
					p.randomize(r)
					p.fill(r, f)
					p.check(t)
				}
			}
			for _, k := range edges {
				for range 20 {
					p := product{Product: Product{M: r.IntN(34), N: edges[r.IntN(len(edges))], K: k}, dot: dot}
					p.randomize(r)
					p.fill(r, f)
					p.check(t)
				}
			}
		}
	})
}

// layerShapes are the products of the reference net, see the package comment.
var layerShapes = []struct {
	name string
	Product
	taps int
}{
	{"conv1to32", Product{M: 14, N: 32, K: 3, RS: 2, KS: 1, LDB: 32, LDC: 32, Init: Bias, Act: ReLU}, 3},
	{"conv32to64", Product{M: 7, N: 64, K: 96, RS: 64, KS: 1, LDB: 64, LDC: 64, Init: Bias, Act: ReLU}, 3},
	{"convT64to64/full-phase", Product{M: 7, N: 64, K: 64, RS: 64, KS: 1, LDB: 64, LDC: 128, Init: Bias, Act: ReLU}, 4},
	{"convT64to32/full-phase", Product{M: 14, N: 32, K: 64, RS: 64, KS: 1, LDB: 32, LDC: 64, Init: Bias, Act: ReLU}, 4},
	{"filterGrad32to64", Product{M: 96, N: 64, K: 7, RS: 1, KS: 64, LDB: 64, LDC: 64, Init: Accumulate}, 7},
	{"filterGradT64to64", Product{M: 192, N: 64, K: 7, RS: 1, KS: 128, LDB: 64, LDC: 64, Init: Accumulate}, 7},
	{"filterGradT64to32", Product{M: 64, N: 96, K: 14, RS: 1, KS: 64, LDB: 64, LDC: 96, Init: Accumulate}, 14},
	{"filterGrad1to32", Product{M: 3, N: 32, K: 14, RS: 1, KS: 2, LDB: 32, LDC: 32, Init: Accumulate}, 14},
	{"convT32to1/inputGrad", Product{M: 28, N: 32, K: 3, RS: 1, KS: 1, LDB: 32, LDC: 32}, 3},
	{"convT32to1/filterGrad", Product{M: 1, N: 96, K: 28, RS: 1, KS: 1, LDB: 32, LDC: 96, Init: Accumulate}, 28},
	{"dense3136to2", Product{M: 128, N: 2, K: 3136, RS: 3136, KS: 1, LDB: 2, LDC: 2, Init: Bias}, 1},
	{"dense2to3136", Product{M: 128, N: 3136, K: 2, RS: 2, KS: 1, LDB: 3136, LDC: 3136, Init: Bias, Act: ReLU}, 1},
	{"dense784to128", Product{M: 256, N: 128, K: 784, RS: 784, KS: 1, LDB: 128, LDC: 128, Init: Bias, Act: ReLU}, 1},
	{"dense784to128/filterGrad", Product{M: 784, N: 128, K: 256, RS: 1, KS: 784, LDB: 128, LDC: 128}, 1},
	{"dense128to784", Product{M: 256, N: 784, K: 128, RS: 128, KS: 1, LDB: 784, LDC: 784, Init: Bias}, 1},
	{"dense784to128/batch1", Product{M: 1, N: 128, K: 784, RS: 784, KS: 1, LDB: 128, LDC: 128, Init: Bias, Act: ReLU}, 1},
}

// dotShapes are the layers with few output columns.
var dotShapes = []struct {
	name string
	Product
	taps int
}{
	{"convT32to1", Product{M: 28, N: 1, K: 96, RS: 32, KS: 1, LDB: 288, LDC: 1, Init: Bias}, 3},
	{"convT32to3", Product{M: 64, N: 3, K: 96, RS: 32, KS: 1, LDB: 288, LDC: 3, Init: Bias}, 3},
	{"dense3136to2", Product{M: 128, N: 2, K: 3136, RS: 3136, KS: 1, LDB: 3136, LDC: 2, Init: Bias}, 1},
}

// layer lays the taps of a layer shape one after the other, as a small image
// would.
func layer(p Product, taps int, dot bool) *product {
	c := &product{Product: p, dot: dot}
	for t := range taps {
		tap := Tap{A: t * p.K * p.KS, B: t * p.K * p.LDB}
		if dot {
			tap.B = t * p.K
		}
		c.taps = append(c.taps, tap)
	}
	return c
}

func TestGemmLayers(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		f := fences(t, 1<<19, 1<<19, 1<<19, 1<<12)
		for _, s := range layerShapes {
			p := layer(s.Product, s.taps, false)
			p.fill(r, f)
			p.check(t)
		}
		for _, s := range dotShapes {
			p := layer(s.Product, s.taps, true)
			p.fill(r, f)
			p.check(t)
		}
	})
}

// Cutting M or N into calls must not change a bit: it is how threads share a
// layer.
func TestGemmSameBitsWhenCut(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		f := fences(t, 1<<17, 1<<17, 1<<16, 1<<10)
		for _, dot := range []bool{false, true} {
			for range 100 {
				p := product{Product: Product{M: 1 + r.IntN(40), N: 1 + r.IntN(100), K: r.IntN(200)}, dot: dot}
				p.randomize(r)
				p.fill(r, f)
				old := slices.Clone(p.c)
				p.run()
				whole := slices.Clone(p.c)
				copy(p.c, old)
				m, n := r.IntN(p.M), r.IntN(p.N)
				for _, cut := range [][4]int{{0, 0, m, p.N}, {m, 0, p.M, n}, {m, n, p.M, p.N}} {
					p.part(cut[0], cut[1], cut[2], cut[3])
				}
				for i := range whole {
					if math.Float32bits(whole[i]) != math.Float32bits(p.c[i]) {
						t.Fatalf("%+v cut at row %d, column %d: element %d is %g, was %g", p.Product, m, n, i, p.c[i], whole[i])
					}
				}
			}
		}
	})
}

// AVX2 and AVX-512 cut C differently but add each element in the same order.
func TestGemmTiersAgree(t *testing.T) {
	if Best() < AVX512 {
		t.Skip("this processor has no second tier with assembly to compare")
	}
	r := rand.New(rand.NewPCG(17, 18))
	f := fences(t, 1<<17, 1<<17, 1<<16, 1<<10)
	for range 200 {
		p := product{Product: Product{M: 1 + r.IntN(40), N: 1 + r.IntN(100), K: r.IntN(200)}}
		p.randomize(r)
		p.fill(r, f)
		old := slices.Clone(p.c)
		restore := Force(AVX512)
		p.run()
		restore()
		wide := slices.Clone(p.c)
		copy(p.c, old)
		restore = Force(AVX2)
		p.run()
		restore()
		for i := range wide {
			if math.Float32bits(wide[i]) != math.Float32bits(p.c[i]) {
				t.Fatalf("%+v: element %d is %g by AVX-512, %g by AVX2", p.Product, i, wide[i], p.c[i])
			}
		}
	}
}

// part runs the product for rows [m0,m1) and columns [n0,n1) alone.
func (p *product) part(m0, n0, m1, n1 int) {
	if m0 == m1 || n0 == n1 {
		return
	}
	q := *p
	q.M, q.N = m1-m0, n1-n0
	q.c = p.c[m0*p.LDC+n0:]
	q.taps = nil
	for _, t := range p.taps {
		q.taps = append(q.taps, Tap{t.A + m0*p.RS, t.B + p.bOffset(0, n0)})
	}
	if p.Init == Bias {
		q.bias = p.bias[n0:]
	}
	q.run() // in all blocks
}

func TestGemmReLUKeepsNaN(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		nan := float32(math.NaN())
		for _, n := range []int{1, 5, 20, 40} {
			c := make([]float32, 2*n)
			b := make([]float32, n)
			for i := range b {
				b[i] = 1
			}
			p := Product{M: 2, N: n, K: 1, RS: 1, KS: 1, LDB: n, LDC: n, Act: ReLU}
			Gemm(&p, c, []float32{nan, -1}, b, nil, []Tap{{}})
			for i := range n {
				if c[i] == c[i] || c[n+i] != 0 {
					t.Fatalf("n %d: relu(NaN) = %g, relu(-1) = %g at column %d", n, c[i], c[n+i], i)
				}
			}
		}
	})
}

func TestGemmRejectsBadShapes(t *testing.T) {
	good := func() product {
		return product{
			Product: Product{M: 3, N: 5, K: 4, RS: 4, KS: 1, LDB: 5, LDC: 5, Init: Bias},
			taps:    []Tap{{}}, c: make([]float32, 15), a: make([]float32, 12), b: make([]float32, 20), bias: make([]float32, 5),
		}
	}
	p := good()
	p.run() // the shape below is wrong in one place each
	for name, spoil := range map[string]func(p *product){
		"short c":       func(p *product) { p.c = p.c[:14] },
		"short a":       func(p *product) { p.a = p.a[:11] },
		"short b":       func(p *product) { p.b = p.b[:19] },
		"short bias":    func(p *product) { p.bias = p.bias[:4] },
		"tap before a":  func(p *product) { p.taps[0].A = -1 },
		"tap after b":   func(p *product) { p.taps[0].B = 1 },
		"rows overlap":  func(p *product) { p.LDC = 4 },
		"short blocks":  func(p *product) { p.Blocks, p.BlockA, p.BlockC = 2, 1, 15 },
		"close blocks":  func(p *product) { p.Blocks, p.BlockC = 2, 4 },
		"negative step": func(p *product) { p.RS = -1 },
		"dot stride":    func(p *product) { p.dot, p.KS = true, 2 },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			p := good()
			spoil(&p)
			p.run()
		})
	}
}

func TestNothingAllocates(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 10))
		f := fences(t, 1<<17, 1<<17, 1<<17, 1<<12)
		for _, dot := range []bool{false, true} {
			p := layer(Product{M: 33, N: 65, K: 40, RS: 40, KS: 1, LDB: 130, LDC: 65, Init: Bias}, 2, dot)
			p.fill(r, f)
			if n := testing.AllocsPerRun(10, p.run); n != 0 {
				t.Errorf("dot %v: %g allocations a call", dot, n)
			}
		}
	})
}

func ExampleGemm() {
	a := []float32{1, 2, 3, 4} // 2×2
	b := []float32{5, 6, 7, 8}
	c := make([]float32, 4)
	Gemm(&Product{M: 2, N: 2, K: 2, RS: 2, KS: 1, LDB: 2, LDC: 2}, c, a, b, nil, []Tap{{}})
	fmt.Println(c)
	// Output: [19 22 43 50]
}
