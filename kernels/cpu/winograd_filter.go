package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// winogradFilter is the plan of a Conv2DFilterGrad of 3×3 filters and stride 1
// by the transpose of F(4×4, 3×3), which gives the filter's gradient
//
//	dg = Gᵀ[Σ (Bᵀ d B) ⊙ (A dY Aᵀ)]G
//
// as 36 products [Ci]×[tiles] by [tiles]×[Co] in place of 144. A task takes a
// panel of the channels of the image and one of those of the gradient, as wide
// as lets its sums stay in the third-level cache: tiles are transformed again
// for each panel of the other side. Rows of tiles are cut into groups, each with
// accumulators of its own, which are added in order.
type winogradFilter struct {
	g      *kernels.ConvGeometry
	x, dy  tiling
	m, n   int // widths of the panels of Ci and of Co
	pairs  int // of panels
	groups int
	block  int // rows of tiles that are taken at a time
}

// Limits of the cut into groups and blocks.
const (
	groupTiles  = 512     // the fewest tiles for accumulators of their own
	groupMemory = 1 << 24 // the most elements of all accumulators
	mostCi      = 128     // channels of a panel
	mostCo      = 256
	fewPairs    = 4       // the fewest tasks, but
	groupFlops  = 1 << 27 // for less than that, which parts of a batch are
	sumGroups   = 16      // the most groups
	pairMemory  = 3 << 18 // about the elements of a block's transformed tiles
	blockMemory = 1 << 19 // the most elements of a block's transformed tiles
)

func newWinogradFilter(g *kernels.ConvGeometry) kernel {
	rows, cols := (g.OH+3)/4, (g.OW+3)/4
	f := &winogradFilter{
		g: g, x: newTiling(g.Image(), rows, cols, 6, g.Top, g.Left), dy: newTiling(g.Result(), rows, cols, 4, 0, 0),
	}
	f.m, f.n = evenly(g.Ci, mostCi), evenly(g.Co, mostCo)
	f.pairs = ((g.Ci + f.m - 1) / f.m) * ((g.Co + f.n - 1) / f.n)
	tileRows := g.N * rows
	few := min(fewPairs/f.pairs, 2*winogradPlaces*tileRows*cols*g.Ci*g.Co/groupFlops)
	f.groups = max(1, min(max(tileRows*cols/groupTiles, few), groupMemory/(f.pairs*f.sums()), sumGroups, tileRows))
	f.block = max(1, min(tileRows, pairMemory/(winogradPlaces*(f.m+f.n)*cols)))
	parts := pieces(f.pairs*f.groups*f.sums(), f.pairs*grainElements)
	parts = min(parts, f.m)
	return kernel{
		phases: []phase{{f.groups * f.pairs, func(c *call, task int, scratch []float32) {
			from, to := split(tileRows, f.groups, task/f.pairs, 1)
			f.run(c, task, from, to, scratch)
		}}, {f.pairs * parts, func(c *call, task int, _ []float32) {
			f.finish(c, task/parts, task%parts, parts)
		}}},
		workspace: f.groups * f.pairs * f.sums(),
		scratch:   f.scratch().words,
	}
}

// evenly returns the width of panels of n channels, full vectors and no more
// than most, that are about equally wide.
func evenly(n, most int) int {
	panels := (n + most - 1) / most
	return (n + panels*vector - 1) / (panels * vector) * vector
}

// plane is the distance of the sums of one place from those of the next.
func (f *winogradFilter) plane() int { return f.m*f.n + vector }

// sums is the elements of one pair's accumulators.
func (f *winogradFilter) sums() int { return winogradPlaces * f.plane() }

// channels returns the first channels of a pair's panels and how many there are.
func (f *winogradFilter) channels(pair int) (ci, rows, co, width int) {
	panels := (f.g.Co + f.n - 1) / f.n
	ci, co = pair/panels*f.m, pair%panels*f.n
	return ci, min(f.m, f.g.Ci-ci), co, min(f.n, f.g.Co-co)
}

// filterScratch is where the parts of a task's scratch memory begin.
type filterScratch struct{ dy, words int }

func (f *winogradFilter) scratch() filterScratch {
	var s filterScratch
	tiles := f.block * f.x.cols
	s.dy = winogradPlaces * (tiles*f.m + vector)
	s.words = s.dy + winogradPlaces*(tiles*f.n+vector)
	return s
}

// run adds up the rows of tiles from up to to for one pair of panels.
func (f *winogradFilter) run(c *call, task, from, to int, scratch []float32) {
	s := f.scratch()
	acc := c.work[task*f.sums():][:f.sums()]
	ci, rows, co, width := f.channels(task % f.pairs)
	x, dy := scratch[:s.dy], scratch[s.dy:s.words]
	cols := f.x.cols
	p := simd.Product{M: rows, N: width, RS: 1, KS: rows, LDB: width, LDC: width}
	for at := from; at < to; at += f.block {
		n := min(f.block, to-at)
		p.K = n * cols
		nextX, nextDY := p.K*rows+vector, p.K*width+vector
		for r := range n {
			f.x.gather(x[r*cols*rows:], nextX, c.in[0].f32, at+r, ci, rows)
			f.dy.gather(dy[r*cols*width:], nextDY, c.in[1].f32, at+r, co, width)
		}
		for place := range winogradPlaces {
			simd.Gemm(&p, acc[place*f.plane():], x[place*nextX:], dy[place*nextDY:], nil, oneTap)
		}
		p.Init = simd.Accumulate
	}
	if from == to {
		clear(acc)
	}
}

// finish adds the accumulators of all groups, for a part of a pair's rows, and
// sets dg = Gᵀ·sum·G.
func (f *winogradFilter) finish(c *call, pair, part, parts int) {
	ci, rows, co, width := f.channels(pair)
	size := f.g.Ci * f.g.Co
	from, to := split(rows, parts, part, 1)
	for ; from < to; from++ {
		sums := c.work[pair*f.sums()+from*width:]
		for group := 1; group < f.groups; group++ {
			more := c.work[(group*f.pairs+pair)*f.sums()+from*width:]
			for place := range winogradPlaces {
				sum := sums[place*f.plane():][:width]
				simd.Add(sum, sum, more[place*f.plane():][:width])
			}
		}
		dg := simd.Tiles{Step: size, Count: 1, Channels: width}
		for kh := range 3 {
			dg.Rows[kh] = c.out.f32[3*kh*size+(ci+from)*f.g.Co+co:]
		}
		simd.WinogradGradient(&dg, sums, f.plane())
	}
}
