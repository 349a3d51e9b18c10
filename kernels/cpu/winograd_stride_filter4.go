package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// strideFilter4 is strideFilter for tiles that are four places wide: 36 sums of
// 81 products [Ci]×[tiles] by [tiles]×[Co], which are the gradients of the
// filter's transformed taps. A task takes a panel of the image's channels, as its
// tiles have the more planes, and a group of the rows of tiles, with sums of its
// own; those of all groups are added in order.
type strideFilter4 struct {
	x      strideSource // of one panel
	g      *kernels.ConvGeometry
	m      int // width of the panels of Ci
	panels int
	groups int
	block  int          // rows of tiles that are taken at a time
	terms  [][]simd.Tap // by sum
	zeros  []float32
}

// Limits of the cut into panels, groups and blocks.
const (
	strideCi      = 64      // channels of a panel, and
	strideTiles4  = 512     // the fewest tiles of a group; or half and a quarter of that
	strideTasks4  = 4       // where there would be fewer tasks
	strideMemory4 = 3 << 17 // about the elements of a block's transformed tiles
)

// strideGradients4 is the number of planes of a tile of the gradient, in each
// dimension.
const strideGradients4 = 5

// strideGradient4 says by which plane of the gradient each of the image's is
// multiplied; its tap is the one that it has products with in a convolution.
var strideGradient4 = [9]int{0, 1, 2, 3, 4, 1, 2, 3, 4}

func newStrideFilter4(g *kernels.ConvGeometry) kernel {
	f := &strideFilter4{g: g, zeros: make([]float32, filterChunk)}
	f.x = strideSource{
		strideForm: &stridedForm4, shape: g.Image(), zeros: make([]float32, g.W*g.Ci),
		rows: strideForward4(g.OH, g.Top), cols: strideForward4(g.OW, g.Left),
	}
	tileRows, cols := g.N*f.x.rows.tiles, f.x.cols.tiles
	if f.cut(strideCi, tileRows*cols); f.panels*f.groups < strideTasks4 {
		f.cut(strideCi/2, tileRows*cols)
	}
	words := (f.x.planes()*f.m + strideGradients4*strideGradients4*g.Co) * cols
	f.block = max(1, min((tileRows+f.groups-1)/f.groups, strideMemory4/words))
	f.planTerms()
	parts := pieces(f.groups*f.sums(), grainElements)
	return kernel{
		phases: []phase{{f.groups * f.panels, func(c *call, task int, scratch []float32) {
			from, to := split(tileRows, f.groups, task/f.panels, 1)
			f.run(c, task, from, to, scratch)
		}}, {f.panels * parts, func(c *call, task int, scratch []float32) {
			f.finish(c, task/parts, task%parts, parts, scratch)
		}}},
		workspace: f.groups * f.panels * f.sums(),
		scratch:   max(f.scratch().words, 9*filterChunk),
		adds:      true,
	}
}

// cut chooses panels of so many channels at most, and the groups of tiles.
func (f *strideFilter4) cut(channels, tiles int) {
	f.m = evenly(f.g.Ci, channels)
	f.panels = (f.g.Ci + f.m - 1) / f.m
	f.groups = max(tiles/strideTiles4, min(strideTasks4/f.panels, tiles/(strideTiles4/4)))
	f.groups = max(1, min(f.groups, groupMemory/(f.panels*f.sums()), maxGroups, f.g.N*f.x.rows.tiles))
}

// sums is the elements of the sums of one panel and group.
func (f *strideFilter4) sums() int { return simd.StrideTaps4 * simd.StrideTaps4 * f.m * f.g.Co }

// strideFilter4Scratch is where the parts of a task's scratch memory begin.
type strideFilter4Scratch struct{ dy, words int }

func (f *strideFilter4) scratch() (s strideFilter4Scratch) {
	nextX, nextDY := f.next()
	s.dy = f.x.planes() * nextX
	s.words = s.dy + strideGradients4*strideGradients4*nextDY
	return s
}

// next returns the distances of planes.
func (f *strideFilter4) next() (x, dy int) {
	n := f.block * f.x.cols.tiles
	return n*f.m + vector, n*f.g.Co + vector
}

// planTerms lists the products of each sum.
func (f *strideFilter4) planTerms() {
	f.terms = make([][]simd.Tap, simd.StrideTaps4*simd.StrideTaps4)
	nextX, nextDY := f.next()
	for i, p := range stridedForm4.products {
		for j, q := range stridedForm4.products {
			sum := p.tap*simd.StrideTaps4 + q.tap
			f.terms[sum] = append(f.terms[sum], simd.Tap{
				A: (i*len(stridedForm4.products) + j) * nextX,
				B: (strideGradient4[i]*strideGradients4 + strideGradient4[j]) * nextDY,
			})
		}
	}
}

// run adds up the rows of tiles from up to to.
func (f *strideFilter4) run(c *call, task, from, to int, scratch []float32) {
	g, s := f.g, f.scratch()
	sums := c.work[task*f.sums():][:f.sums()]
	first := task % f.panels * f.m
	width := min(f.m, g.Ci-first)
	x, dy := scratch[:s.dy], scratch[s.dy:s.words]
	nextX, nextDY := f.next()
	if from == to {
		clear(sums)
	}
	p := simd.Product{M: width, N: g.Co, RS: 1, KS: width, LDB: g.Co, LDC: g.Co}
	for ; from < to; from += f.block {
		tiles := newStrideTiles(&f.x.rows, &f.x.cols, from, min(from+f.block, to))
		for r := tiles.from; r < tiles.to; r++ {
			f.x.touch(c.in[0].f32, r)
			f.x.gather4(x, nextX, c.in[0].f32, &tiles, r, first, width)
			f.gather(dy, nextDY, c.in[1].f32, &tiles, r)
		}
		p.K = tiles.count()
		for sum, terms := range f.terms {
			simd.Gemm(&p, sums[sum*f.m*g.Co:], x, dy, nil, terms)
		}
		p.Init = simd.Accumulate
	}
}

// gather transforms one row of tiles of the gradient.
func (f *strideFilter4) gather(to []float32, next int, dy []float32, tiles *strideTiles, tileRow int) {
	shape := f.g.Result()
	y := simd.StrideTiles{Step: f.g.Co, Count: f.x.cols.tiles, Channels: f.g.Co}
	for k := range 4 {
		n := shape[2] * shape[3]
		y.Rows[k] = dy[(4*tileRow+k)*n:][:n]
		touch(y.Rows[k])
	}
	simd.StridedSpread4(to[tiles.column(tileRow, 0)*f.g.Co:], next, &y)
}

// finish adds the sums of all groups, for a part of the elements of a panel, and
// sets the taps to what they give.
func (f *strideFilter4) finish(c *call, panel, part, parts int, scratch []float32) {
	size := f.m * f.g.Co
	first := panel * size
	from, to := split(min(size, f.g.Ci*f.g.Co-first), parts, part, vector)
	for ; from < to; from += filterChunk {
		n := min(filterChunk, to-from)
		f.add(c, panel, from, n)
		step, taps := n, scratch
		if !c.add {
			step, taps = f.g.Ci*f.g.Co, c.out.f32[first+from:]
		}
		var rows [8][]float32
		for kh := range 3 {
			rows[kh] = taps[3*kh*step:]
		}
		simd.StridedGradient4(&rows, c.work[panel*f.sums()+from:], size, n, step, f.zeros)
		for k := 0; c.add && k < 9; k++ {
			out := c.out.f32[k*f.g.Ci*f.g.Co+first+from:][:n]
			simd.Add(out, out, taps[k*n:][:n])
		}
	}
}

// add adds n elements, from from on, of each of a panel's sums of all groups to
// the first one's.
func (f *strideFilter4) add(c *call, panel, from, n int) {
	for sum := range f.terms {
		at := sum*f.m*f.g.Co + from
		total := c.work[panel*f.sums()+at:][:n]
		for group := 1; group < f.groups; group++ {
			simd.Add(total, total, c.work[(group*f.panels+panel)*f.sums()+at:][:n])
		}
	}
}
