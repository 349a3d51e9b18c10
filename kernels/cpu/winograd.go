package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// winograd is the plan of a Conv2D or a Conv2DInputGrad of 3×3 filters and
// stride 1 by Winograd's F(4×4, 3×3): 36 products of matrices, [tiles]×[source
// channels] by [source channels]×[result channels], in place of the 144 that
// the definition takes for the sixteen places of a tile. A few rows of tiles
// are taken from the source to the result at a time, so that what lies between
// stays in the second-level cache.
//
// The result differs from the direct sum by its rounding; package simd says how
// far.
type winograd struct {
	g        *kernels.ConvGeometry
	src, dst kernels.Shape // [N H W C]
	grad     bool          // a Conv2DInputGrad
	epilogue epilogue
	tiles    tiling // of the source

	panels, panel int // as in correlation
	tasks, block  int // tiles' rows are cut into tasks, and taken so many at a time
	bias          []float32
}

// fitsWinograd reports whether a convolution is one that the transforms are
// for, and wide enough that they pay. It does not look at the number of images,
// so an image has the same result in a batch of any size.
func fitsWinograd(g *kernels.ConvGeometry, p Precision) bool {
	return p == Float32 && g.KH == 3 && g.KW == 3 && g.SH == 1 && g.SW == 1 &&
		g.Ci%vector == 0 && g.Co%vector == 0 && min(g.Ci, g.Co) >= 2*vector &&
		g.Top <= 2 && g.Left <= 2 && g.OH <= g.H+2 && g.OW <= g.W+2 && min(g.H, g.W, g.OH, g.OW) >= 4
}

// Limits of what is taken at a time.
const (
	winogradPlaces = simd.WinogradPlaces
	tileMemory     = 3 << 17 // about the elements of transformed tiles and of their sums
	filterRows     = 32      // source channels of the filter
	filterChunk    = 1024    // elements of each of a filter's taps
)

// kernel completes the plan.
func (v *winograd) kernel() kernel {
	top, left := v.g.Top, v.g.Left
	if v.grad {
		top, left = 2-top, 2-left
	}
	v.tiles = newTiling(v.src, (v.dst[1]+3)/4, (v.dst[2]+3)/4, 6, top, left)
	v.panels, v.panel = panelsOf(v.dst[3])
	v.bias = make([]float32, v.dst[3])
	tileRows := v.dst[0] * v.tiles.rows
	v.block = max(1, min(tileRows, tileMemory/(winogradPlaces*(v.g.Ci+v.g.Co)*v.tiles.cols)))
	v.tasks = max(1, min(pieces(int(v.g.Flops()), grainFlops), (tileRows+v.block-1)/v.block))
	rows := (tileRows + v.tasks - 1) / v.tasks // of a task: in equal blocks
	blocks := (rows + v.block - 1) / v.block
	v.block = max(1, (rows+blocks-1)/max(1, blocks))
	chunks := (v.src[3] + filterRows - 1) / filterRows
	return kernel{
		phases: []phase{{chunks, v.filter}, {v.tasks, func(c *call, task int, scratch []float32) {
			from, to := split(tileRows, v.tasks, task, 1)
			v.run(c, from, to, scratch)
		}}},
		setup:     1,
		workspace: winogradPlaces * v.filterPlane(),
		scratch:   max(v.scratch().words, 9*filterRows*v.dst[3]),
	}
}

// filterPlane is the distance of one place of the transformed filter from the
// next. Planes that are a power of two apart would share a place in the cache.
func (v *winograd) filterPlane() int { return v.g.Ci*v.g.Co + vector }

// filter computes G g Gᵀ for some of the source's channels, packed:
// [place][panel][source channel][result channel of the panel].
func (v *winograd) filter(c *call, chunk int, scratch []float32) {
	k := chunk * filterRows
	srcC, dstC, size := v.src[3], v.dst[3], v.g.Ci*v.g.Co
	rows := min(filterRows, srcC-k)
	w, plane := c.in[1].f32[k*dstC:], size
	if v.grad {
		w, plane = scratch, rows*dstC
		for tap := range 9 {
			simd.Transpose(w[tap*plane:], dstC, c.in[1].f32[tap*size+k:], srcC, dstC, rows)
		}
	}
	for n := 0; n < dstC; n += v.panel {
		g := simd.Tiles{Step: plane, Advance: dstC, Count: rows, Channels: min(v.panel, dstC-n)}
		for kh := range 3 {
			g.Rows[kh] = w[3*kh*plane+n:]
		}
		simd.WinogradFilter(c.work[n*srcC+k*g.Channels:], v.filterPlane(), &g, v.grad)
	}
}

// winogradScratch is where the parts of a task's scratch memory begin.
type winogradScratch struct{ sums, edge, words int }

func (v *winograd) scratch() winogradScratch {
	var s winogradScratch
	tiles := v.block * v.tiles.cols
	s.sums = winogradPlaces * (tiles*v.src[3] + vector)
	s.edge = s.sums + winogradPlaces*(tiles*v.dst[3]+vector)
	s.words = s.edge + (v.dst[2]+16)*v.dst[3]
	return s
}

// run computes the rows of tiles from up to to, counted through all images.
func (v *winograd) run(c *call, from, to int, scratch []float32) {
	s := v.scratch()
	srcC, dstC, cols := v.src[3], v.dst[3], v.tiles.cols
	tiles, sums, edge := scratch[:s.sums], scratch[s.sums:s.edge], scratch[s.edge:s.words]
	for at := from; at < to; at += v.block {
		n := min(v.block, to-at)
		next, nextSum := n*cols*srcC+vector, n*cols*dstC+vector
		for r := range n {
			v.tiles.gather(tiles[r*cols*srcC:], next, c.in[0].f32, at+r, 0, srcC)
		}
		for place := range winogradPlaces {
			v.product(sums[place*nextSum:], tiles[place*next:], c.work[place*v.filterPlane():], n*cols)
		}
		for r := range n {
			v.scatter(c, sums[r*cols*dstC:], nextSum, at+r, edge)
		}
	}
}

// product multiplies the tiles by the filter, at one place.
func (v *winograd) product(sums, tiles, filter []float32, count int) {
	srcC, dstC := v.src[3], v.dst[3]
	for n := 0; n < dstC; n += v.panel {
		width := min(v.panel, dstC-n)
		p := simd.Product{M: count, N: width, K: srcC, RS: srcC, KS: 1, LDB: width, LDC: dstC}
		simd.Gemm(&p, sums[n:], tiles, filter[n*srcC:], nil, oneTap)
	}
}

// scatter transforms the sums of one row of tiles to rows of the result. edge
// takes what lies beyond it.
func (v *winograd) scatter(c *call, sums []float32, next, tileRow int, edge []float32) {
	image, i := tileRow/v.tiles.rows, tileRow%v.tiles.rows
	width, dstC := v.dst[2], v.dst[3]
	bias := v.bias
	if v.epilogue.bias != 0 {
		bias = c.in[v.epilogue.bias].f32
	}
	at := (image*v.dst[1] + 4*i) * width * dstC
	rows := min(4, v.dst[1]-4*i)
	y := simd.Tiles{Step: dstC, Advance: 4 * dstC, Count: width / 4, Channels: dstC}
	for k := range 4 {
		if y.Rows[k] = edge[16*dstC:]; k < rows {
			y.Rows[k] = c.out.f32[at+k*width*dstC:][:width*dstC]
		}
	}
	simd.WinogradResult(&y, sums, next, bias)
	if whole := width / 4; whole < v.tiles.cols {
		last := simd.Tiles{Step: dstC, Count: 1, Channels: dstC}
		for k := range 4 {
			last.Rows[k] = edge[4*k*dstC:][:4*dstC]
		}
		simd.WinogradResult(&last, sums[whole*dstC:], next, bias)
		for k := range rows {
			copy(y.Rows[k][4*whole*dstC:], last.Rows[k])
		}
	}
	out := c.out.f32[at:][:rows*width*dstC]
	if v.epilogue.act == simd.ReLU {
		simd.Rectify(out, out)
	}
	v.epilogue.finish(c, at, len(out))
}
