package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// product2D is the plan of a MatMul. The result's columns are cut into panels,
// for each of which the right matrix is packed so that the part of it that is
// needed stays in the second-level cache, and its rows into blocks.
type product2D struct {
	m, n, k  int
	transA   bool
	transB   bool
	form     productForm
	packed   bool // the right matrix is packed in the workspace
	in       form // of both operands
	words    int  // that hold k elements
	epilogue epilogue

	panels, panel int // column panels and their width
	blocks        int // row blocks
}

// productForm is which product of package simd computes a MatMul.
type productForm uint8

const (
	byColumns  productForm = iota // simd.Gemm, vectors of columns
	byDots                        // simd.Dot, vectors along the sum: few columns
	byNarrow                      // simd.DotNarrow, the same of few rows
	transposed                    // simd.Gemm of the transposed result, vectors of rows: few columns
)

var oneTap = []simd.Tap{{}}

func matMul(s kernels.MatMul, in []kernels.Operand, precision Precision) (kernel, error) {
	m, n, k, err := s.Sizes(shapes(in)...)
	if err != nil {
		return kernel{}, err
	}
	p := &product2D{m: m, n: n, k: k, words: k, transA: s.TransA, transB: s.TransB, epilogue: newEpilogue(s.Epilogue)}
	p.choose()
	p.cut()
	if precision == BF16 {
		return p.bf16(), nil
	}
	run := phase{p.panels * p.blocks, func(c *call, task int, scratch []float32) {
		p.run(c, task/p.blocks, task%p.blocks, scratch)
	}}
	if p.form == transposed {
		return kernel{phases: []phase{run}, scratch: p.n * blockRows}, nil
	}
	adds := p.form == byColumns && p.epilogue == epilogue{}
	if !p.packed {
		return kernel{phases: []phase{run}, adds: adds}, nil
	}
	packing := pieces(k*n, grainElements)
	return kernel{workspace: k * n, setup: p.setup(), adds: adds, phases: []phase{{packing, func(c *call, task int, _ []float32) {
		p.pack(c.work, c.in[1].f32, task, packing)
	}}, run}}, nil
}

// setup returns how many phases read no batch: that which packs the right
// matrix, unless both are batches.
func (p *product2D) setup() int {
	if p.transA {
		return 0
	}
	return 1
}

// fewRows is the number of rows for which packing the right matrix does not pay.
const fewRows = 16

// longDot is the least length of sums along which vectors of a transposed matrix
// beat packing it: shorter ones spend their time adding up the vector.
const longDot = 64

// blockRows is the most rows of a block of a transposed result.
const blockRows = 256

// choose selects the form of the product.
func (p *product2D) choose() {
	p.panels, p.panel = 1, p.n
	few := p.n <= maxDotWidth
	switch {
	case !p.transA && p.k >= vector && (few || p.transB && p.m <= maxDotWidth && p.k >= longDot):
		p.form, p.packed = byDots, !p.transB && p.n > 1 // one column is its transpose
		if p.packed && p.m <= fewRows {
			p.form, p.packed = byNarrow, false
		}
		return
	case p.transA && few && p.m > p.n && p.epilogue.bias == 0:
		p.form = transposed
		return
	}
	if p.n > 0 {
		p.panels, p.panel = panelsOf(p.n)
	}
	p.packed = p.transB || p.panels > 1 && p.m > fewRows && p.k >= vector
}

// Limits of the cut into tasks.
const (
	blockUnit  = 28      // rows that fill the tiles of every tier
	storeFlops = 16      // what storing an element costs, in operations
	taskFlops  = 1 << 20 // the least a task has to do
)

// cut decides how the work is cut into tasks, by shape alone.
func (p *product2D) cut() {
	if p.m == 0 || p.n == 0 {
		p.panels, p.blocks = 0, 1
		return
	}
	if p.form == byDots || p.form == byNarrow { // a panel of few columns, or few rows
		p.panels, p.panel = 1, p.n
		if p.form == byDots && p.m <= maxDotWidth {
			p.panels = pieces(p.m*p.n*(2*p.k+storeFlops), taskFlops)
			p.panel = (p.n + p.panels - 1) / p.panels
			p.panels = (p.n + p.panel - 1) / p.panel
		}
	}
	tasks := pieces(p.m*p.n*(2*p.k+storeFlops), taskFlops)
	p.blocks = max(1, min((tasks+p.panels-1)/p.panels, (p.m+blockUnit-1)/blockUnit))
	if p.form == transposed {
		p.blocks = max(p.blocks, (p.m+blockRows-1)/blockRows)
	}
}

// pack copies a share of the right matrix to its panels [K]×[panel], or for dots
// to its transpose [N]×[K].
func (p *product2D) pack(to, b []float32, task, tasks int) {
	k0, k1 := split(p.k, tasks, task, 1)
	rows := k1 - k0
	if p.form == byDots {
		simd.Transpose(to[k0:], p.k, b[k0*p.n:], p.n, rows, p.n)
		return
	}
	for n := 0; n < p.n; n += p.panel {
		width := min(p.panel, p.n-n)
		panel := to[n*p.k+k0*width:]
		if p.transB {
			simd.Transpose(panel, width, b[n*p.k+k0:], p.k, width, rows)
			continue
		}
		for k := range rows {
			copy(panel[k*width:][:width], b[(k0+k)*p.n+n:])
		}
	}
}

// run computes one block of rows of one panel.
func (p *product2D) run(c *call, panel, block int, scratch []float32) {
	m0, m1 := p.rowBlock(block)
	n0 := panel * p.panel
	width := min(p.panel, p.n-n0)
	if m0 == m1 {
		return
	}
	q := simd.Product{M: m1 - m0, N: width, K: p.words, RS: p.words, KS: 1, LDB: p.n, LDC: p.n, Init: p.epilogue.init, Act: p.epilogue.act}
	a, b := c.in[0].f32, c.in[1].f32
	if p.in != plain {
		b = c.work
		a = c.work[p.words*p.n:]
	}
	if p.transA {
		q.RS, q.KS = 1, p.m
	}
	if c.add {
		q.Init = simd.Accumulate
	}
	a = from(a, m0*q.RS)
	dst, bias := c.out.f32[m0*p.n+n0:], p.epilogue.biasFrom(c, n0)
	gated := p.form == byColumns && p.epilogue.fn == kernels.ReLUGrad
	if gated {
		q.Gate = c.in[p.epilogue.y].f32[m0*p.n+n0:]
	}
	switch {
	case p.form == transposed:
		p.transposed(c, q, a, b, m0, scratch)
	case p.form == byNarrow:
		simd.DotNarrow(&q, dst, a, b, bias)
	case p.form == byDots:
		if p.packed {
			b = c.work
		}
		q.LDB = p.k
		simd.Dot(&q, dst, a, from(b, n0*p.k), bias, oneTap)
	case p.packed:
		q.LDB = width
		p.in.gemm(&q, dst, a, from(c.work, n0*p.words), bias, oneTap)
	default:
		simd.Gemm(&q, dst, a, from(b, n0), bias, oneTap)
	}
	if gated || p.epilogue.fn == kernels.Copy {
		return
	}
	if width == p.n {
		p.epilogue.finish(c, m0*p.n, (m1-m0)*p.n)
		return
	}
	for m := m0; m < m1; m++ {
		p.epilogue.finish(c, m*p.n+n0, width)
	}
}

// rowBlock returns the rows of a block.
func (p *product2D) rowBlock(block int) (from, to int) {
	if p.form == transposed {
		return split(p.m, p.blocks, block, 1)
	}
	return split(p.m, p.blocks, block, blockUnit)
}

// transposed computes rows of the result from m0 on as columns of its
// transpose, bᵀ·aᵀ, in scratch. The left matrix lies as [K][M].
func (p *product2D) transposed(c *call, q simd.Product, a, b []float32, m0 int, scratch []float32) {
	rows := q.M
	q.M, q.N, q.LDC = p.n, rows, rows
	q.LDB = p.m
	q.RS, q.KS = 1, p.n
	if p.transB {
		q.RS, q.KS = p.k, 1
	}
	p.in.gemm(&q, scratch, b, a, nil, oneTap)
	simd.Transpose(c.out.f32[m0*p.n:], p.n, scratch, rows, p.n, rows)
}

// from returns the elements of s from i on, none where a sum of no terms leaves
// s empty.
func from(s []float32, i int) []float32 { return s[min(i, len(s)):] }
