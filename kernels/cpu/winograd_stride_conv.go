package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// strideConv is the plan of a Conv2D or a Conv2DInputGrad of 3×3 filters and
// stride 2 by the transforms of package simd: 25 products of matrices in place
// of the 36 that the definition takes for a tile. In a Conv2D the products are
// the terms of nine sums, each a matrix product over [source channels] of up to
// four planes; in a Conv2DInputGrad each is a sum of its own. As in winograd, a
// few rows of tiles are taken from the source to the result at a time.
type strideConv struct {
	strideSource
	g        *kernels.ConvGeometry
	dst      kernels.Shape // [N H W C]
	grad     bool          // a Conv2DInputGrad
	epilogue epilogue
	taps     [][]simd.Tap // by sum

	panels, panel int    // as in correlation
	tasks, block  int    // tiles' rows are cut into tasks, and taken so many at a time
	whole         [2]int // the columns of tiles, from and to, that lie on the result entirely
}

// strideMemory is about the elements of the transformed tiles that are taken at
// a time.
const strideMemory = 1 << 17

func newStrideConv(g *kernels.ConvGeometry, e kernels.Epilogue) kernel {
	v := &strideConv{g: g, dst: g.Result(), epilogue: newEpilogue(e)}
	v.strideSource = strideSource{
		strideForm: &stridedForm, shape: g.Image(),
		rows: strideForward(g.H, g.OH, g.Top), cols: strideForward(g.W, g.OW, g.Left),
	}
	return v.kernel()
}

func newStrideInputGrad(g *kernels.ConvGeometry, e kernels.Epilogue) kernel {
	v := &strideConv{g: g, dst: g.Image(), grad: true, epilogue: newEpilogue(e)}
	v.strideSource = strideSource{
		strideForm: &transposedForm, shape: g.Result(),
		rows: strideBackward(g.H, g.Top), cols: strideBackward(g.W, g.Left),
	}
	return v.kernel()
}

// kernel completes the plan.
func (v *strideConv) kernel() kernel {
	v.panels, v.panel = panelsOf(v.dst[3])
	v.zeros = make([]float32, max(v.shape[2]*v.shape[3], v.dst[3]))
	v.whole = [2]int{(max(0, -v.cols.first) + v.result - 1) / v.result, (v.dst[2] - v.cols.first) / v.result}
	tileRows := v.dst[0] * v.rows.tiles
	v.block = max(1, min(tileRows, strideMemory/(v.planes()*v.shape[3]*v.cols.tiles)))
	v.tasks = max(1, min(pieces(int(v.g.Flops()), grainFlops), evenTasks((tileRows+v.block-1)/v.block)))
	v.planTaps()
	chunks := (v.g.Ci + v.filterRows() - 1) / v.filterRows()
	return kernel{
		phases: []phase{{chunks, v.filter}, {v.tasks, func(c *call, task int, scratch []float32) {
			from, to := split(tileRows, v.tasks, task, 1)
			v.run(c, from, to, scratch)
		}}},
		setup:     1,
		workspace: strideTaps * strideTaps * v.g.Ci * v.g.Co,
		scratch:   max(v.scratch().words, 4*v.filterRows()*v.g.Co),
	}
}

// evenTasks rounds up n equal tasks, unless they are few, so that two, four and
// eight threads have as many each.
func evenTasks(n int) int {
	if n <= fewTasks {
		return n
	}
	return (n + fewTasks - 1) / fewTasks * fewTasks
}

// planTaps lists the products of each sum.
func (v *strideConv) planTaps() {
	v.taps = make([][]simd.Tap, v.sums*v.sums)
	next, _ := v.next()
	for _, p := range v.products {
		for _, q := range v.products {
			sum := p.sum*v.sums + q.sum
			v.taps[sum] = append(v.taps[sum], simd.Tap{
				A: (p.input*v.inputs + q.input) * next,
				B: (p.tap*strideTaps + q.tap) * v.g.Ci * v.g.Co,
			})
		}
	}
}

// next returns the distances of planes of transformed tiles and of sums: odd
// numbers of vectors, as multiples of a page would share a place in the cache.
func (v *strideConv) next() (tiles, sums int) {
	n := v.block * v.cols.tiles
	return n*v.shape[3] + vector, n*v.panel + vector
}

// filterRows is how many of the filter's input channels are transformed at a
// time.
func (v *strideConv) filterRows() int { return min(v.g.Ci, max(1, filterChunk/v.g.Co)) }

// filter computes the transformed taps of some of the filter's input channels
// and packs them: [tap][panel][source channel][result channel of the panel].
func (v *strideConv) filter(c *call, chunk int, scratch []float32) {
	w := c.in[1].f32
	rows := v.filterRows()
	ci := chunk * rows
	rows = min(rows, v.g.Ci-ci)
	n := rows * v.g.Co
	tap := func(kh, kw int) []float32 { return w[((kh*3+kw)*v.g.Ci+ci)*v.g.Co:][:n] }
	for i := range strideTaps {
		var row [3][]float32
		for kw := range row {
			row[kw] = strideTap(scratch[kw*n:][:n], i, tap(0, kw), tap(1, kw), tap(2, kw))
		}
		for j := range strideTaps {
			at := (i*strideTaps + j) * v.g.Ci * v.g.Co
			v.pack(c.work[at:], strideTap(scratch[3*n:][:n], j, row[0], row[1], row[2]), ci, rows)
		}
	}
}

// pack copies the input channels ci … ci+rows-1 of one transformed tap.
func (v *strideConv) pack(to, from []float32, ci, rows int) {
	srcC, dstC, co := v.shape[3], v.dst[3], v.g.Co
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

// strideTap returns one of the transformed taps of w0, w1 and w2, maybe in sum.
func strideTap(sum []float32, i int, w0, w1, w2 []float32) []float32 {
	switch i {
	case 0:
		return w0
	case 1:
		return w1
	case 2:
		simd.Add(sum, w0, w2)
		return sum
	}
	return w2
}

// strideScratch is where the parts of a task's scratch memory begin.
type strideScratch struct{ tiles, sums, edge, words int }

func (v *strideConv) scratch() strideScratch {
	var s strideScratch
	tiles, sums := v.next()
	s.tiles = v.strideSource.edge()
	s.sums = s.tiles + v.planes()*tiles
	s.edge = s.sums + v.sums*v.sums*sums
	s.words = s.edge + v.dst[2]*v.dst[3] + v.result*v.result*v.panel
	return s
}

// run computes the rows of tiles from up to to, counted through all images.
func (v *strideConv) run(c *call, from, to int, scratch []float32) {
	s := v.scratch()
	next, _ := v.next()
	for ; from < to; from += v.block {
		tiles := newStrideTiles(&v.rows, &v.cols, from, min(from+v.block, to))
		for r := tiles.from; r < tiles.to; r++ {
			v.gather(scratch[s.tiles:s.sums], next, c.in[0].f32, &tiles, r, scratch[:s.tiles])
		}
		for n := 0; n < v.dst[3]; n += v.panel {
			v.product(c.work[n*v.shape[3]:], scratch[s.tiles:s.sums], scratch[s.sums:s.edge], n, &tiles)
			for r := tiles.from; r < tiles.to; r++ {
				v.scatter(c, scratch[s.sums:s.edge], n, &tiles, r, scratch[s.edge:s.words])
			}
		}
		v.finish(c, &tiles)
	}
}

// product computes the sums of the channels of one panel. What a tile lacks is
// zero.
func (v *strideConv) product(filter, tiles, sums []float32, n int, t *strideTiles) {
	width := min(v.panel, v.dst[3]-n)
	srcC := v.shape[3]
	p := simd.Product{N: width, K: srcC, RS: srcC, KS: 1, LDB: width, LDC: width}
	_, next := v.next()
	for i := range v.sums {
		for j := range v.sums {
			from, to := t.sum(i, j)
			sum := sums[(i*v.sums+j)*next:]
			clear(sum[:from*width])
			clear(sum[to*width : t.count()*width])
			p.M = to - from
			simd.Gemm(&p, sum[from*width:], tiles[from*srcC:], filter, nil, v.taps[i*v.sums+j])
		}
	}
}

// scatter transforms the sums of one row of tiles to rows of the result. edge
// takes what lies beyond it.
func (v *strideConv) scatter(c *call, sums []float32, n int, t *strideTiles, tileRow int, edge []float32) {
	image, i := tileRow/v.rows.tiles, tileRow%v.rows.tiles
	dstC := v.dst[3]
	width := min(v.panel, dstC-n)
	bias := v.zeros
	if v.epilogue.bias != 0 {
		bias = c.in[v.epilogue.bias].f32[n:]
	}
	var rows [4][]float32 // nil beyond the result
	for k := range v.result {
		if at := v.rows.first + i*v.result + k; at >= 0 && at < v.dst[1] {
			rows[k] = c.out.f32[(image*v.dst[1]+at)*v.dst[2]*dstC+n:][:v.dst[2]*dstC-n]
		}
	}
	beyond, corner := edge[:v.dst[2]*dstC], edge[v.dst[2]*dstC:]
	for j := 0; j < v.cols.tiles; {
		at, count := t.column(tileRow, j), 1
		if j >= v.whole[0] && j < v.whole[1] {
			if j != v.cols.odd {
				count = min(v.whole[1], v.cols.lastEven()+1) - j
			}
			v.results(&rows, beyond, (v.cols.first+j*v.result)*dstC, dstC, sums[at*width:], count, width, bias)
		} else {
			v.partial(&rows, corner, j, sums[at*width:], width, bias)
		}
		j += count
	}
}

// partial computes the places of one tile, in column j of tiles, that lie on the
// result.
func (v *strideConv) partial(rows *[4][]float32, corner []float32, j int, sums []float32, width int, bias []float32) {
	var own [4][]float32
	for k := range v.result {
		own[k] = corner[k*v.result*width:][:v.result*width]
	}
	v.results(&own, nil, 0, width, sums, 1, width, bias)
	for k := range v.result {
		for place := range v.result {
			if at := v.cols.first + j*v.result + place; rows[k] != nil && at >= 0 && at < v.dst[2] {
				copy(rows[k][at*v.dst[3]:][:width], own[k][place*width:])
			}
		}
	}
}

// results computes the places of some tiles, from at on, step elements apart.
func (v *strideConv) results(rows *[4][]float32, beyond []float32, at, step int, sums []float32, tiles, width int, bias []float32) {
	_, next := v.next()
	for k := 0; k < v.result; k += 2 {
		top, bottom := rows[k], rows[k+1]
		if top == nil && bottom == nil {
			continue
		}
		if top == nil {
			top = beyond
		}
		if bottom == nil {
			bottom = beyond
		}
		top, bottom = top[at:], bottom[at:]
		if !v.grad {
			simd.StridedResult(top, bottom, sums, next, tiles, width, step, bias)
			continue
		}
		// Rows of planes are m0, m1, m2, o0 and o1.
		row := func(i int) []float32 { return sums[i*v.sums*next:] }
		simd.TransposedResult(top, bottom, row(k/2), row(k/2+1), row(3+k/2), next, tiles, width, step, bias)
	}
}

// finish applies the epilogue to the rows of the result that tiles gave.
func (v *strideConv) finish(c *call, t *strideTiles) {
	for r := t.from; r < t.to; r++ {
		image, i := r/v.rows.tiles, r%v.rows.tiles
		first := max(0, v.rows.first+i*v.result)
		last := min(v.dst[1], v.rows.first+(i+1)*v.result)
		n := v.dst[2] * v.dst[3]
		at := (image*v.dst[1] + first) * n
		n *= last - first
		out := c.out.f32[at:][:n]
		if v.epilogue.act == simd.ReLU {
			simd.Rectify(out, out)
		}
		v.epilogue.finish(c, at, n)
	}
}
