package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// strideFilter is the plan of a Conv2DFilterGrad of 3×3 filters and stride 2 by
// the transpose of strideConv's transforms. In each dimension, with the places
// dy0 and dy1 of the gradient and the image's below them,
//
//	p0 = Σ (e0−e1)·dy0   p1 = Σ e1·(dy0+dy1)   p2 = Σ (e2−e1)·dy1
//	dw0 = p0 + p1        dw2 = p1 + p2         dw1 = Σ x1·dy0 + x3·dy1
//
// so there are 16 sums of 25 products [Ci]×[tiles] by [tiles]×[Co]. Rows of
// tiles are cut into groups, each with accumulators of its own, which are added
// in order.
type strideFilter struct {
	x      strideSource
	g      *kernels.ConvGeometry
	groups int
	block  int // rows of tiles that are taken at a time
}

// strideSums is the number of sums in each dimension: p0, dw1, p1 and p2.
const strideSums = 4

// strideGradient says, by the image's transformed inputs, by which of dy0,
// dy0+dy1 and dy1 each is multiplied, and to which sum the product goes.
var strideGradient = [5]struct{ dy, sum int }{{0, 0}, {0, 1}, {1, 2}, {2, 3}, {2, 1}}

// strideGradients is the number of places of a tile of the gradient, in each
// dimension.
const strideGradients = 3

func newStrideFilter(g *kernels.ConvGeometry) kernel {
	f := &strideFilter{g: g, x: strideSource{
		strideForm: &stridedForm, shape: g.Image(), zeros: make([]float32, max(g.W*g.Ci, g.OW*g.Co)),
		rows: strideForward(g.H, g.OH, g.Top), cols: strideForward(g.W, g.OW, g.Left),
	}}
	size, cols := g.Ci*g.Co, f.x.cols.tiles
	tileRows := g.N * f.x.rows.tiles
	f.groups = max(1, min(tileRows*cols/groupTiles, groupMemory/(strideSums*strideSums*size), maxGroups, tileRows))
	words := (f.x.planes()*g.Ci + strideGradients*strideGradients*g.Co) * cols
	f.block = max(1, min(tileRows, blockMemory/words))
	n := pieces(strideSums*strideSums*size*f.groups, grainElements)
	return kernel{
		phases: []phase{{f.groups, func(c *call, group int, scratch []float32) {
			from, to := split(tileRows, f.groups, group, 1)
			f.run(c, group, from, to, scratch)
		}}, {n, func(c *call, task int, _ []float32) {
			for from, to := split(size, n, task, vector); from < to; from += filterChunk {
				f.finish(c, from, min(to, from+filterChunk))
			}
		}}},
		workspace: f.groups * strideSums * strideSums * size,
		scratch:   f.scratch().words,
		adds:      true,
	}
}

// strideFilterScratch is where the parts of a task's scratch memory begin.
type strideFilterScratch struct{ edge, x, dy, words int }

func (f *strideFilter) scratch() strideFilterScratch {
	var s strideFilterScratch
	nextX, nextDY := f.next()
	s.edge = f.x.edge()
	s.x = s.edge + 4*f.g.Co
	s.dy = s.x + f.x.planes()*nextX
	s.words = s.dy + strideGradients*strideGradients*nextDY
	return s
}

// next returns the distances of planes.
func (f *strideFilter) next() (x, dy int) {
	n := f.block * f.x.cols.tiles
	return n*f.g.Ci + vector, n*f.g.Co + vector
}

// run adds up the rows of tiles from up to to.
func (f *strideFilter) run(c *call, group, from, to int, scratch []float32) {
	g, s := f.g, f.scratch()
	size := g.Ci * g.Co
	acc := c.work[group*strideSums*strideSums*size:][:strideSums*strideSums*size]
	clear(acc)
	x, dy := scratch[s.x:s.dy], scratch[s.dy:s.words]
	nextX, _ := f.next()
	for ; from < to; from += f.block {
		tiles := newStrideTiles(&f.x.rows, &f.x.cols, from, min(from+f.block, to))
		for r := tiles.from; r < tiles.to; r++ {
			f.x.gather(x, nextX, c.in[0].f32, &tiles, r, scratch[:s.edge])
			f.gather(dy, c.in[1].f32, &tiles, r, scratch[s.edge:s.x])
		}
		f.product(acc, x, dy, &tiles)
	}
}

// gather transforms one row of tiles of the gradient. edge takes the places
// under a tile that lies beyond it in part.
func (f *strideFilter) gather(to, dy []float32, tiles *strideTiles, tileRow int, edge []float32) {
	g := f.g
	image, i := tileRow/f.x.rows.tiles, tileRow%f.x.rows.tiles
	_, next := f.next()
	rows := [5][]float32{
		imageRow(dy, g.Result(), image, 2*i, f.x.zeros),
		imageRow(dy, g.Result(), image, 2*i+1, f.x.zeros),
	}
	simd.StridedSpread(to[tiles.column(tileRow, 0)*g.Co:], next, &rows, f.x.cols.even(), g.Co)
	if odd := f.x.cols.odd; odd >= 0 {
		clear(edge)
		for k := range 2 {
			place := edge[2*k*g.Co:][:2*g.Co]
			copy(place[:g.Co], rows[k][2*odd*g.Co:])
			rows[k] = place
		}
		simd.StridedSpread(to[tiles.column(tileRow, odd)*g.Co:], next, &rows, 1, g.Co)
	}
}

// product adds the products of the tiles to the accumulators.
func (f *strideFilter) product(acc, x, dy []float32, t *strideTiles) {
	g := f.g
	size := g.Ci * g.Co
	nextX, nextDY := f.next()
	p := simd.Product{M: g.Ci, N: g.Co, RS: 1, KS: g.Ci, LDB: g.Co, LDC: g.Co, Init: simd.Accumulate}
	for i, row := range strideGradient {
		for j, col := range strideGradient {
			from, to := t.sum(stridedForm.products[i].sum, stridedForm.products[j].sum)
			if p.K = to - from; p.K == 0 {
				continue
			}
			a := x[(i*len(strideGradient)+j)*nextX+from*g.Ci:]
			b := dy[(row.dy*strideGradients+col.dy)*nextDY+from*g.Co:]
			simd.Gemm(&p, acc[(row.sum*strideSums+col.sum)*size:], a, b, nil, oneTap)
		}
	}
}

// finish adds the accumulators of all groups, for the filter's elements from up
// to to of each tap, and sets the taps to their sums.
func (f *strideFilter) finish(c *call, from, to int) {
	size, n := f.g.Ci*f.g.Co, to-from
	at := func(sum int) []float32 {
		total := c.work[sum*size+from:][:n]
		for group := 1; group < f.groups; group++ {
			simd.Add(total, total, c.work[(group*strideSums*strideSums+sum)*size+from:][:n])
		}
		return total
	}
	var rows [3][strideSums][]float32
	for j := range strideSums {
		rows[0][j], rows[1][j], rows[2][j] = strideGather(at(j), at(strideSums+j), at(2*strideSums+j), at(3*strideSums+j))
	}
	for kh, row := range rows {
		var taps [3][]float32
		taps[0], taps[1], taps[2] = strideGather(row[0], row[1], row[2], row[3])
		for kw, tap := range taps {
			out := c.out.f32[(kh*3+kw)*size+from:][:n]
			if c.add {
				simd.Add(out, out, tap)
			} else {
				copy(out, tap)
			}
		}
	}
}

// strideGather returns the taps of one dimension of which p0, dw1, p1 and p2 are
// the sums, in the memory of p0, dw1 and p2.
func strideGather(p0, dw1, p1, p2 []float32) (w0, w1, w2 []float32) {
	simd.Add(p0, p0, p1)
	simd.Add(p2, p2, p1)
	return p0, dw1, p2
}
