package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// winograd is the plan of a Conv2D or a Conv2DInputGrad of 3×3 filters and
// stride 1 by Winograd's F(2×2, 3×3): 16 products of matrices, [tiles]×[source
// channels] by [source channels]×[result channels], in place of the 36 that the
// definition takes for the four places of a tile. A few rows of tiles are taken
// from the source to the result at a time, so that what lies between stays in
// the second-level cache.
//
// The result differs from the direct sum by its rounding, as errors are those
// of sums of four numbers more.
type winograd struct {
	g          *kernels.ConvGeometry
	src, dst   kernels.Shape // [N H W C]
	grad       bool          // a Conv2DInputGrad
	epilogue   epilogue
	rows, cols int // tiles of an image
	top, left  int // zero rows and columns before the source

	panels, panel int // as in correlation
	tasks, block  int // tiles' rows are cut into tasks, and taken so many at a time
	zeros         []float32
}

// winogradPlaces is the number of places of a transformed tile.
const winogradPlaces = 16

// fitsWinograd reports whether a convolution is one that the transforms are
// for, and wide enough that they pay. It does not look at the number of images,
// so an image has the same result in a batch of any size.
func fitsWinograd(g *kernels.ConvGeometry, p Precision) bool {
	return p == Float32 && g.KH == 3 && g.KW == 3 && g.SH == 1 && g.SW == 1 &&
		g.Ci%vector == 0 && g.Co%vector == 0 && min(g.Ci, g.Co) >= 2*vector &&
		g.Top <= 2 && g.Left <= 2 && g.OH <= g.H+2 && g.OW <= g.W+2 && min(g.H, g.W, g.OH, g.OW) >= 4
}

// kernel completes the plan.
func (v *winograd) kernel() kernel {
	v.rows, v.cols = (v.dst[1]+1)/2, (v.dst[2]+1)/2
	v.top, v.left = v.g.Top, v.g.Left
	if v.grad {
		v.top, v.left = 2-v.top, 2-v.left
	}
	v.panels, v.panel = panelsOf(v.dst[3])
	v.zeros = make([]float32, max(v.src[2]*v.src[3], v.dst[3]))
	tileRows := v.dst[0] * v.rows
	v.tasks = max(1, min(pieces(int(v.g.Flops()), grainFlops), tileRows/winogradRows))
	v.block = winogradRows
	chunks := (v.g.Ci + v.filterRows() - 1) / v.filterRows()
	return kernel{
		phases: []phase{{chunks, v.filter}, {v.tasks, func(c *call, task int, scratch []float32) {
			from, to := split(tileRows, v.tasks, task, 1)
			v.run(c, from, to, scratch)
		}}},
		setup:     1,
		workspace: winogradPlaces * v.g.Ci * v.g.Co,
		scratch:   max(v.scratch().words, filterPlanes*v.filterRows()*v.g.Co),
	}
}

// Limits of what is taken at a time.
const (
	winogradRows = 7    // rows of tiles: products want a multiple of seven rows
	filterChunk  = 1024 // elements of each of a filter's taps
	filterPlanes = 12 + winogradPlaces
	stripRows    = 4 // of a transformed tile
)

// filterRows is how many of the filter's input channels are transformed at a
// time.
func (v *winograd) filterRows() int { return min(v.g.Ci, max(1, filterChunk/v.g.Co)) }

// filter computes G g Gᵀ for some of the filter's input channels and packs it:
// [place][panel][source channel][result channel of the panel].
func (v *winograd) filter(c *call, chunk int, scratch []float32) {
	w := c.in[1].f32
	rows := v.filterRows()
	ci := chunk * rows
	rows = min(rows, v.g.Ci-ci)
	n := rows * v.g.Co
	tap := func(kh, kw int) []float32 {
		if v.grad {
			kh, kw = 2-kh, 2-kw
		}
		return w[((kh*3+kw)*v.g.Ci+ci)*v.g.Co:][:n]
	}
	var column [3][4][]float32
	for kw := range 3 {
		for i := range 4 {
			column[kw][i] = scratch[:n]
			scratch = scratch[n:]
		}
		spreadFilter(&column[kw], tap(0, kw), tap(1, kw), tap(2, kw))
	}
	var row [4][]float32
	for i := range row {
		row[i] = scratch[:n]
		scratch = scratch[n:]
	}
	for i := range 4 {
		spreadFilter(&row, column[0][i], column[1][i], column[2][i])
		for j := range 4 {
			v.pack(c.work[(4*i+j)*v.g.Ci*v.g.Co:], row[j], ci, rows)
		}
	}
}

// spreadFilter sets to = G·(g0, g1, g2).
func spreadFilter(to *[4][]float32, g0, g1, g2 []float32) {
	copy(to[0], g0)
	copy(to[3], g2)
	half := to[2]
	simd.Add(half, g0, g2)
	simd.Scale(half, half, 0.5)
	simd.AXPY(to[1], 0.5, g1, half)
	simd.AXPY(half, -0.5, g1, half)
}

// pack copies the input channels ci … ci+rows-1 of one place of the filter.
func (v *winograd) pack(to, from []float32, ci, rows int) {
	srcC, dstC, co := v.src[3], v.dst[3], v.g.Co
	for n := 0; n < dstC; n += v.panel {
		width := min(v.panel, dstC-n)
		panel := to[n*srcC:]
		if !v.grad {
			for k := range rows {
				copy(panel[(ci+k)*width:][:width], from[k*co+n:])
			}
			continue
		}
		if first, last := max(n, ci), min(n+width, ci+rows); first < last {
			simd.Transpose(panel[first-n:], width, from[(first-ci)*co:], co, last-first, co)
		}
	}
}

// winogradScratch is where the parts of a task's scratch memory begin.
type winogradScratch struct{ tiles, sums, edge, words int }

func (v *winograd) scratch() winogradScratch {
	var s winogradScratch
	tiles := v.block * v.cols
	s.tiles = stripRows * v.stripWidth()
	s.sums = s.tiles + winogradPlaces*tiles*v.src[3]
	s.edge = s.sums + winogradPlaces*tiles*v.dst[3]
	s.words = s.edge + 2*v.cols*v.dst[3] + 4*v.dst[3]
	return s
}

// stripWidth is the elements of a row of the source with its zero columns.
func (v *winograd) stripWidth() int { return (2*v.cols + 2) * v.src[3] }

// run computes the rows of tiles from up to to, counted through all images.
func (v *winograd) run(c *call, from, to int, scratch []float32) {
	s := v.scratch()
	clear(scratch[:s.tiles])
	for at := from; at < to; at += v.block {
		n := min(v.block, to-at)
		tiles := n * v.cols
		for r := range n {
			v.gather(scratch[s.tiles+r*v.cols*v.src[3]:s.sums], tiles*v.src[3], c.in[0].f32, at+r, scratch[:s.tiles])
		}
		for place := range winogradPlaces {
			v.product(c.work, scratch[s.tiles:], scratch[s.sums:], place, tiles)
		}
		for r := range n {
			v.scatter(c, scratch[s.sums+r*v.cols*v.dst[3]:s.edge], tiles*v.dst[3], at+r, scratch[s.edge:])
		}
	}
}

// gather transforms one row of tiles of the source.
func (v *winograd) gather(to []float32, next int, src []float32, tileRow int, strip []float32) {
	image, i := tileRow/v.rows, tileRow%v.rows
	var row [4][]float32
	for k := range row {
		row[k] = imageRow(src, v.src, image, 2*i-v.top+k, v.zeros)
	}
	width, n := v.stripWidth(), len(row[0])
	var out [4][]float32
	for k := range out {
		out[k] = strip[k*width+v.left*v.src[3]:][:n]
	}
	simd.Sub(out[0], row[0], row[2])
	simd.Add(out[1], row[1], row[2])
	simd.Sub(out[2], row[2], row[1])
	simd.Sub(out[3], row[1], row[3])
	for k := range out {
		simd.WinogradColumns(to[4*k*next:], next, strip[k*width:][:width], v.cols, v.src[3])
	}
}

// imageRow returns a row of an image, or of zeros if there is none.
func imageRow(src []float32, shape kernels.Shape, image, row int, zeros []float32) []float32 {
	n := shape[2] * shape[3]
	if row < 0 || row >= shape[1] {
		return zeros[:n]
	}
	return src[(image*shape[1]+row)*n:][:n]
}

// product multiplies the tiles by the filter, at one place.
func (v *winograd) product(filter, tiles, sums []float32, place, count int) {
	srcC, dstC := v.src[3], v.dst[3]
	filter = filter[place*srcC*dstC:]
	tiles, sums = tiles[place*count*srcC:], sums[place*count*dstC:]
	for n := 0; n < dstC; n += v.panel {
		width := min(v.panel, dstC-n)
		p := simd.Product{M: count, N: width, K: srcC, RS: srcC, KS: 1, LDB: width, LDC: dstC}
		simd.Gemm(&p, sums[n:], tiles, filter[n*srcC:], nil, oneTap)
	}
}

// scatter transforms the sums of one row of tiles to rows of the result. edge
// takes what lies beyond it.
func (v *winograd) scatter(c *call, sums []float32, next, tileRow int, edge []float32) {
	image, i := tileRow/v.rows, tileRow%v.rows
	dstC := v.dst[3]
	n := v.dst[2] * dstC
	bias := v.zeros
	if v.epilogue.bias != 0 {
		bias = c.in[v.epilogue.bias].f32
	}
	at := (image*v.dst[1] + 2*i) * n
	rows := min(2, v.dst[1]-2*i)
	top := c.out.f32[at:][:n]
	bottom := edge[4*dstC:][:2*v.cols*dstC]
	if rows == 2 {
		bottom = c.out.f32[at+n:][:n]
	}
	whole := v.dst[2] / 2
	simd.WinogradResult(top, bottom, sums, next, whole, dstC, bias)
	if whole < v.cols {
		last := whole * dstC
		simd.WinogradResult(edge[:2*dstC], edge[2*dstC:4*dstC], sums[last:], next, 1, dstC, bias)
		copy(top[2*last:], edge[:dstC])
		copy(bottom[2*last:][:dstC], edge[2*dstC:])
	}
	out := c.out.f32[at:][:rows*n]
	if v.epilogue.act == simd.ReLU {
		simd.Rectify(out, out)
	}
	v.epilogue.finish(c, at, rows*n)
}
