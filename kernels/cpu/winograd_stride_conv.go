package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// strideConv is the plan of a Conv2D or a Conv2DInputGrad of 3×3 filters and
// stride 2 by the transforms of package simd: where tiles that are four places
// wide fit, 81 products of matrices in place of the 144 that the definition takes
// for a tile, and elsewhere 25 in place of 36. In a Conv2D the products are the
// terms of 25 or nine sums, each a matrix product over [source channels] of up to
// four planes; in a Conv2DInputGrad each is a sum of its own. As in winograd, a
// few rows of tiles are taken from the source to the result at a time.
type strideConv struct {
	strideSource
	g        *kernels.ConvGeometry
	dst      kernels.Shape // [N H W C]
	grad     bool          // a Conv2DInputGrad
	epilogue epilogue
	terms    [][]simd.Tap // by sum

	panels, panel int    // as in correlation
	tasks, block  int    // tiles' rows are cut into tasks, and taken so many at a time
	whole         [2]int // the columns of tiles, from and to, that lie on the result entirely
}

// strideMemory is about the elements of the transformed tiles that are taken at
// a time. sumsTiles is the number of tiles where sums are more than those: about
// the fewest that do not wait for the filter.
const (
	strideMemory = 1 << 17
	sumsTiles    = 32
)

func newStrideConv(g *kernels.ConvGeometry, e kernels.Epilogue) kernel {
	v := &strideConv{g: g, dst: g.Result(), epilogue: newEpilogue(e)}
	v.strideSource = strideSource{
		strideForm: &stridedForm, shape: g.Image(),
		rows: strideForward(g.H, g.OH, g.Top), cols: strideForward(g.W, g.OW, g.Left),
	}
	if fitsStride4(g) {
		v.strideForm = &stridedForm4
		v.rows, v.cols = strideForward4(g.OH, g.Top), strideForward4(g.OW, g.Left)
	}
	return v.kernel()
}

func newStrideInputGrad(g *kernels.ConvGeometry, e kernels.Epilogue) kernel {
	v := &strideConv{g: g, dst: g.Image(), grad: true, epilogue: newEpilogue(e)}
	v.strideSource = strideSource{
		strideForm: &transposedForm, shape: g.Result(),
		rows: strideBackward(g.H, g.Top), cols: strideBackward(g.W, g.Left),
	}
	if fitsStride4(g) {
		v.strideForm = &transposedForm4
		v.rows, v.cols = strideBackward4(g.OH, g.Top), strideBackward4(g.OW, g.Left)
	}
	return v.kernel()
}

// kernel completes the plan.
func (v *strideConv) kernel() kernel {
	v.panels, v.panel = panelsOf(v.dst[3])
	v.zeros = make([]float32, max(v.shape[2]*v.shape[3], v.dst[3]))
	v.whole = [2]int{(max(0, -v.cols.first) + v.result - 1) / v.result, (v.dst[2] - v.cols.first) / v.result}
	tileRows := v.dst[0] * v.rows.tiles
	tiles := strideMemory / (v.planes() * v.shape[3])
	if v.strideForm == &transposedForm4 {
		tiles = sumsTiles
	}
	v.block = max(1, min(tileRows, tiles/v.cols.tiles))
	v.tasks = max(1, min(pieces(int(v.g.Flops()), grainFlops), evenTasks((tileRows+v.block-1)/v.block)))
	v.planTerms()
	chunks := (v.shape[3] + v.filterRows() - 1) / v.filterRows()
	return kernel{
		phases: []phase{{chunks, v.filter}, {v.tasks, func(c *call, task int, scratch []float32) {
			from, to := split(tileRows, v.tasks, task, 1)
			v.run(c, from, to, scratch)
		}}},
		setup:     1,
		workspace: v.taps * v.taps * v.g.Ci * v.g.Co,
		scratch:   max(v.scratch().words, 12*v.filterRows()*v.panel),
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

// planTerms lists the products of each sum.
func (v *strideConv) planTerms() {
	v.terms = make([][]simd.Tap, v.sums*v.sums)
	next, _ := v.next()
	for _, p := range v.products {
		for _, q := range v.products {
			sum := p.sum*v.sums + q.sum
			v.terms[sum] = append(v.terms[sum], simd.Tap{
				A: (p.input*v.inputs + q.input) * next,
				B: (p.tap*v.taps + q.tap) * v.g.Ci * v.g.Co,
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

// filterRows is how many of the source's channels the filter's transform takes at
// a time.
func (v *strideConv) filterRows() int { return min(v.shape[3], max(1, filterChunk/v.panel)) }

// filter computes the transformed taps of some of the source's channels and packs
// them: [tap][panel][source channel][result channel of the panel].
func (v *strideConv) filter(c *call, chunk int, scratch []float32) {
	srcC, dstC := v.shape[3], v.dst[3]
	from := chunk * v.filterRows()
	rows := min(v.filterRows(), srcC-from)
	for to := 0; to < dstC; to += v.panel {
		n := rows * min(v.panel, dstC-to)
		taps := v.gatherTaps(scratch[3*n:], c.in[1].f32, from, rows, to)
		for i := range v.taps {
			var row [3][]float32
			for kw := range row {
				row[kw] = v.tap(scratch[kw*n:][:n], i, taps[kw], taps[3+kw], taps[6+kw])
			}
			for j := range v.taps {
				packed := c.work[(i*v.taps+j)*srcC*dstC+to*srcC+from*(n/rows):][:n]
				if tap := v.tap(packed, j, row[0], row[1], row[2]); &tap[0] != &packed[0] {
					copy(packed, tap)
				}
			}
		}
	}
}

// gatherTaps copies each of the filter's nine taps, of the source's channels
// from … from+rows-1 and the panel of the result's that begins with to.
func (v *strideConv) gatherTaps(memory, w []float32, from, rows, to int) (taps [9][]float32) {
	co, width := v.g.Co, min(v.panel, v.dst[3]-to)
	for k := range taps {
		tap := w[k*v.g.Ci*co:][:v.g.Ci*co]
		taps[k] = memory[k*rows*width:][:rows*width]
		if v.grad {
			simd.Transpose(taps[k], width, tap[to*co+from:], co, width, rows)
			continue
		}
		for row := range rows {
			copy(taps[k][row*width:][:width], tap[(from+row)*co+to:])
		}
	}
	return taps
}

// tap returns one of the transformed taps of w0, w1 and w2, maybe in sum.
func (v *strideConv) tap(sum []float32, i int, w0, w1, w2 []float32) []float32 {
	if v.isWide() {
		if v.grad {
			w0, w2 = w2, w0
		}
		return strideTap4(sum, i, w0, w1, w2)
	}
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

func strideTap4(sum []float32, i int, w0, w1, w2 []float32) []float32 {
	switch c0, c1, c2 := simd.StrideTap4(i); {
	case c0 == 1:
		return w0
	case c1 != 0:
		simd.Scale(sum, w1, c1)
	default:
		simd.Scale(sum, w0, c0)
		simd.AXPY(sum, c2, w2, sum)
	}
	return sum
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
			simd.Gemm(&p, sum[from*width:], tiles[from*srcC:], filter, nil, v.terms[i*v.sums+j])
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
	var rows [8][]float32 // nil beyond the result
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
func (v *strideConv) partial(rows *[8][]float32, corner []float32, j int, sums []float32, width int, bias []float32) {
	var own [8][]float32
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
func (v *strideConv) results(rows *[8][]float32, beyond []float32, at, step int, sums []float32, tiles, width int, bias []float32) {
	_, next := v.next()
	if v.isWide() {
		v.results4(rows, beyond, at, step, sums, tiles, width, bias)
		return
	}
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

func (v *strideConv) results4(rows *[8][]float32, beyond []float32, at, step int, sums []float32, tiles, width int, bias []float32) {
	var to [8][]float32
	for k := range v.result {
		if to[k] = rows[k]; to[k] == nil {
			to[k] = beyond
		}
		to[k] = to[k][at:]
	}
	if _, next := v.next(); v.grad {
		simd.TransposedResult4(&to, sums, next, tiles, width, step, bias)
	} else {
		simd.StridedResult4(&to, sums, next, tiles, width, step, bias)
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
