package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// winogradFilter is the plan of a Conv2DFilterGrad of 3×3 filters and stride 1
// by the transpose of F(2×2, 3×3), which gives the filter's gradient
//
//	dg = Gᵀ[Σ (Bᵀ d B) ⊙ (A dY Aᵀ)]G
//
// as 16 products [Ci]×[tiles] by [tiles]×[Co] in place of 36. Rows of tiles are
// cut into groups, each with accumulators of its own, which are added in order.
type winogradFilter struct {
	g          *kernels.ConvGeometry
	rows, cols int // tiles of an image
	groups     int
	block      int // rows of tiles that are taken at a time
	zeros      []float32
}

// Limits of the cut into groups and blocks.
const (
	groupTiles  = 512     // the fewest tiles for accumulators of their own
	groupMemory = 1 << 24 // the most elements of all accumulators
	blockMemory = 1 << 19 // the most elements of a block's transformed tiles
)

func newWinogradFilter(g *kernels.ConvGeometry) kernel {
	f := &winogradFilter{g: g, rows: (g.OH + 1) / 2, cols: (g.OW + 1) / 2}
	f.zeros = make([]float32, max(g.W*g.Ci, g.OW*g.Co))
	size := g.Ci * g.Co
	tileRows := g.N * f.rows
	f.groups = max(1, min(tileRows*f.cols/groupTiles, groupMemory/(winogradPlaces*size), maxGroups, tileRows))
	f.block = max(1, min(tileRows, blockMemory/(winogradPlaces*(g.Ci+g.Co)*f.cols)))
	n := pieces(winogradPlaces*size*f.groups, grainElements)
	return kernel{
		phases: []phase{{f.groups, func(c *call, group int, scratch []float32) {
			from, to := split(tileRows, f.groups, group, 1)
			f.run(c, group, from, to, scratch)
		}}, {n, func(c *call, task int, scratch []float32) {
			for from, to := split(size, n, task, vector); from < to; from += filterChunk {
				f.finish(c, from, min(to, from+filterChunk), scratch)
			}
		}}},
		workspace: f.groups * winogradPlaces * size,
		scratch:   max(f.scratch().words, filterPlanes*filterChunk),
	}
}

// filterScratch is where the parts of a task's scratch memory begin.
type filterScratch struct{ strip, x, dy, words int }

func (f *winogradFilter) scratch() filterScratch {
	var s filterScratch
	tiles := f.block * f.cols
	s.strip = stripRows * (2*f.cols + 2) * f.g.Ci
	s.x = s.strip + stripRows*2*f.cols*f.g.Co
	s.dy = s.x + winogradPlaces*tiles*f.g.Ci
	s.words = s.dy + winogradPlaces*tiles*f.g.Co
	return s
}

// run adds up the rows of tiles from up to to.
func (f *winogradFilter) run(c *call, group, from, to int, scratch []float32) {
	g, s := f.g, f.scratch()
	size := g.Ci * g.Co
	acc := c.work[group*winogradPlaces*size:][:winogradPlaces*size]
	clear(acc)
	clear(scratch[:s.x])
	for at := from; at < to; at += f.block {
		n := min(f.block, to-at)
		tiles := n * f.cols
		x, dy := scratch[s.x:s.dy], scratch[s.dy:s.words]
		for r := range n {
			f.gatherX(x[r*f.cols*g.Ci:], tiles*g.Ci, c.in[0].f32, at+r, scratch[:s.strip])
			f.gatherDY(dy[r*f.cols*g.Co:], tiles*g.Co, c.in[1].f32, at+r, scratch[s.strip:s.x])
		}
		p := simd.Product{M: g.Ci, N: g.Co, K: tiles, RS: 1, KS: g.Ci, LDB: g.Co, LDC: g.Co, Init: simd.Accumulate}
		for place := range winogradPlaces {
			simd.Gemm(&p, acc[place*size:], x[place*tiles*g.Ci:], dy[place*tiles*g.Co:], nil, oneTap)
		}
	}
}

// gatherX transforms one row of tiles of the image, by B.
func (f *winogradFilter) gatherX(to []float32, next int, x []float32, tileRow int, strip []float32) {
	g := f.g
	v := winograd{src: g.Image(), rows: f.rows, cols: f.cols, top: g.Top, left: g.Left, zeros: f.zeros}
	v.gather(to, next, x, tileRow, strip)
}

// gatherDY transforms one row of tiles of the gradient, by A.
func (f *winogradFilter) gatherDY(to []float32, next int, dy []float32, tileRow int, strip []float32) {
	g := f.g
	image, i := tileRow/f.rows, tileRow%f.rows
	top := imageRow(dy, g.Result(), image, 2*i, f.zeros)
	bottom := imageRow(dy, g.Result(), image, 2*i+1, f.zeros)
	width, n := 2*f.cols*g.Co, len(top)
	var out [4][]float32
	for k := range out {
		out[k] = strip[k*width:][:n]
	}
	copy(out[0], top)
	simd.Add(out[1], top, bottom)
	simd.Sub(out[2], top, bottom)
	simd.Scale(out[3], bottom, -1)
	for k := range out {
		simd.WinogradSpread(to[4*k*next:], next, strip[k*width:][:width], f.cols, g.Co)
	}
}

// finish adds the accumulators of all groups, for the filter's elements from up
// to to of each tap, and sets dg = Gᵀ·sum·G.
func (f *winogradFilter) finish(c *call, from, to int, scratch []float32) {
	size, n := f.g.Ci*f.g.Co, to-from
	at := func(place int) []float32 {
		sum := c.work[place*size+from:][:n]
		for group := 1; group < f.groups; group++ {
			simd.Add(sum, sum, c.work[(group*winogradPlaces+place)*size+from:][:n])
		}
		return sum
	}
	var column [4][3][]float32
	for j := range 4 {
		for kh := range 3 {
			column[j][kh] = scratch[:n]
			scratch = scratch[n:]
		}
		gatherFilter(column[j], at(j), at(4+j), at(8+j), at(12+j))
	}
	for kh := range 3 {
		var row [3][]float32
		for kw := range row {
			row[kw] = c.out.f32[(kh*3+kw)*size+from:][:n]
		}
		gatherFilter(row, column[0][kh], column[1][kh], column[2][kh], column[3][kh])
	}
}

// gatherFilter sets to = Gᵀ·(u0, u1, u2, u3), and spoils u1 and u2.
func gatherFilter(to [3][]float32, u0, u1, u2, u3 []float32) {
	simd.Sub(to[1], u1, u2)
	simd.Scale(to[1], to[1], 0.5)
	simd.Add(u1, u1, u2)
	simd.AXPY(to[0], 0.5, u1, u0)
	simd.AXPY(to[2], 0.5, u1, u3)
}
