package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// product2D is the plan of a MatMul. The result's columns are cut into panels,
// for each of which the right matrix is packed so that the part of it that is
// needed stays in the second-level cache, and its rows into blocks.
//
// Matrices that the caches do not hold are taken by parts of the sum: that of
// the left matrix for a block of rows, and that of the right one for a group of
// panels, meet while both are in the second-level cache. The result's elements
// go through memory between the parts, their sums unchanged. Of a long sum of a
// left matrix that lies as [K][M], a gradient's, stretches are taken one after
// the other by all tasks, so that what several of them read is still in the
// third-level cache.
type product2D struct {
	m, n, k  int
	from     int  // the element of the whole sum that k begins at
	ends     bool // with the last of the whole sum
	transA   bool
	transB   bool
	form     productForm
	packed   bool // the right matrix is packed in the workspace
	in       form // of both operands
	words    int  // that hold k elements
	epilogue epilogue

	panels, panel int // column panels and their width
	blocks        int // row blocks
	groups        int // of panels: a task is a block of one group
	depth         int // words of the sum that are taken at a time
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
	all := kernel{adds: p.form == byColumns && p.epilogue == epilogue{}}
	for _, stretch := range p.stretches() {
		var one kernel
		if precision == BF16 {
			one = stretch.bf16()
		} else {
			one = stretch.float32()
		}
		if !p.transA { // else both are batches
			all.setup = one.setup
		}
		all.phases = append(all.phases, one.phases...)
		all.workspace, all.scratch = max(all.workspace, one.workspace), max(all.scratch, one.scratch)
	}
	return all, nil
}

// stretches returns products of the stretches of the sum that are taken one after
// the other, each on top of those before.
func (p *product2D) stretches() []*product2D {
	length := max(p.k, 1)
	if p.transA && !p.transB && p.large() {
		length = max(largeStretch/(p.m+p.n)/(2*largeDepth), 1) * 2 * largeDepth
	}
	var all []*product2D
	for from := 0; from == 0 || from < p.k; from += length {
		one := *p
		one.from, one.k = from, min(length, p.k-from)
		one.words, one.ends = one.k, from+length >= p.k
		one.cut()
		all = append(all, &one)
	}
	return all
}

// float32 returns the phases of a product in float32, the first of which packs the
// right matrix if it is to be packed, and the workspace and scratch that they want.
func (p *product2D) float32() kernel {
	k := kernel{scratch: p.scratch()}
	if p.packed {
		packing := pieces(p.k*p.n, grainElements)
		k.workspace, k.setup = p.k*p.n, 1
		k.phases = []phase{{packing, func(c *call, task int, _ []float32) {
			p.pack(c.work, p.right(c), task, packing)
		}}}
	}
	k.phases = append(k.phases, phase{p.groups * p.blocks, p.run})
	return k
}

// left and right return the matrices from where the stretch begins, which is at
// the beginning of both unless the left one lies as [K][M].
func (p *product2D) left(c *call) []float32  { return from(c.in[0].f32, p.from*p.m) }
func (p *product2D) right(c *call) []float32 { return from(c.in[1].f32, p.from*p.n) }

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

	largeSize   = 1 << 19 // elements of matrices that are taken by parts of the sum,
	largeDepth  = 256     // of so many words,
	largeRows   = 252     // in blocks of at most so many rows
	largePanels = 7       // and so many panels,
	largeTasks  = 8       // which are smaller where there would be fewer

	largeStretch = 1 << 20 // elements of both matrices in a stretch of the sum
)

// large reports whether the caches do not hold the matrices, of which more than
// one block of rows, or long sums of a transposed left one, would be read often.
func (p *product2D) large() bool {
	often := p.m > largeRows || p.transA && p.m > fewRows && p.k > largeDepth
	return p.form == byColumns && p.panels > 1 && often && p.k*(p.m+p.n) > largeSize
}

// cut decides how the work is cut into tasks, by shape alone.
func (p *product2D) cut() {
	p.blocks, p.groups, p.depth = 1, p.panels, max(1, p.k)
	if p.m == 0 || p.n == 0 {
		p.panels, p.groups = 0, 0
		return
	}
	if p.large() {
		p.cutLarge()
		return
	}
	if p.form == byDots || p.form == byNarrow { // a panel of few columns, or few rows
		p.panels, p.panel = 1, p.n
		if p.form == byDots && p.m <= maxDotWidth {
			p.panels = pieces(p.m*p.n*(2*p.k+storeFlops), taskFlops)
			p.panel = (p.n + p.panels - 1) / p.panels
			p.panels = (p.n + p.panel - 1) / p.panel
		}
		p.groups = p.panels
	}
	tasks := pieces(p.m*p.n*(2*p.k+storeFlops), taskFlops)
	p.blocks = max(1, min((tasks+p.panels-1)/p.panels, (p.m+blockUnit-1)/blockUnit))
	if p.form == transposed {
		p.blocks = max(p.blocks, (p.m+blockRows-1)/blockRows)
	}
}

// cutLarge cuts matrices that the caches do not hold.
func (p *product2D) cutLarge() {
	p.depth = largeDepth
	p.packed = true
	p.blocks = (p.m + largeRows - 1) / largeRows
	p.groups = (p.panels + largePanels - 1) / largePanels
	for p.blocks*p.groups < largeTasks {
		if rows := p.m / p.blocks; rows > blockUnit && rows*p.groups >= p.n {
			p.blocks *= 2
		} else if p.groups < p.panels {
			p.groups = min(2*p.groups, p.panels)
		} else {
			return
		}
	}
}

// scratch is the elements that run wants.
func (p *product2D) scratch() int {
	if p.form == transposed {
		return p.n * blockRows
	}
	return 0
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

// run computes one block of rows of one group of panels.
func (p *product2D) run(c *call, task int, scratch []float32) {
	m0, m1 := p.rowBlock(task / p.groups)
	if m0 == m1 {
		return
	}
	q := simd.Product{M: m1 - m0, RS: p.words, KS: 1, LDC: p.n}
	a := p.left(c)
	if p.in != plain {
		a = c.work[p.words*p.n:]
	}
	if p.transA {
		q.RS, q.KS = 1, p.m
	}
	a = from(a, m0*q.RS)
	first, last := split(p.panels, p.groups, task%p.groups, 1)
	for k := 0; k == 0 || k < p.words; k += p.depth {
		q.K = min(p.depth, p.words-k)
		part := from(a, k*q.KS)
		for panel := first; panel < last; panel++ {
			p.product(c, q, part, panel, m0, k, scratch)
		}
	}
}

// product adds the part of the sum from word k on to the rows from m0 on of one
// panel, and finishes them if it is the last.
func (p *product2D) product(c *call, q simd.Product, a []float32, panel, m0, k int, scratch []float32) {
	n0 := panel * p.panel
	q.N, q.LDB = min(p.panel, p.n-n0), p.n
	q.Init = p.epilogue.init
	if c.add || p.from > 0 || k > 0 {
		q.Init = simd.Accumulate
	}
	complete := p.ends && k+q.K >= p.words
	dst, bias := c.out.f32[m0*p.n+n0:], p.epilogue.biasFrom(c, n0)
	gated := p.form == byColumns && p.epilogue.fn == kernels.ReLUGrad
	if complete {
		q.Act = p.epilogue.act
		if gated {
			q.Gate = c.in[p.epilogue.y].f32[m0*p.n+n0:]
		}
	}
	b := p.right(c)
	if p.in != plain || p.packed {
		b = c.work
	}
	switch {
	case p.form == transposed:
		p.transposed(c, q, a, b, m0, scratch)
	case p.form == byNarrow:
		simd.DotNarrow(&q, dst, a, b, bias)
	case p.form == byDots:
		q.LDB = p.k
		simd.Dot(&q, dst, a, from(b, n0*p.k), bias, oneTap)
	case p.packed:
		q.LDB = q.N
		p.in.gemm(&q, dst, a, from(b, n0*p.words+k*q.N), bias, oneTap)
	default:
		simd.Gemm(&q, dst, a, from(b, k*p.n+n0), bias, oneTap)
	}
	if !complete || gated || p.epilogue.fn == kernels.Copy {
		return
	}
	if q.N == p.n {
		p.epilogue.finish(c, m0*p.n, q.M*p.n)
		return
	}
	for m := m0; m < m0+q.M; m++ {
		p.epilogue.finish(c, m*p.n+n0, q.N)
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
