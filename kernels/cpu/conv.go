package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// correlation is the plan of a Conv2D or a Conv2DInputGrad: every place of the
// result is a product of a window of the source with some taps of the filter.
// In a Conv2D all places have the same taps. In a Conv2DInputGrad of stride s
// they fall into s² phases, each of which has its own taps, and none meets a
// zero that a dilated image would have. At the borders taps that lie outside
// the source are left out, so no padded copy is made.
//
// Places that have the same taps form a part: a lattice of rows and columns,
// the same in all images, which is one product or few.
type correlation struct {
	g          *kernels.ConvGeometry
	src, dst   kernels.Shape // [N H W C]
	grad       bool          // a Conv2DInputGrad
	rows, cols axis
	epilogue   epilogue
	gate       int // the number of the operand whose ReLU the product passes back through, 0 for none

	form     form
	channels int // words for each place of the source

	dots          bool // the filter is packed for simd.Dot
	packed        bool // the filter is packed in the workspace
	panels, panel int  // the result's channels are cut into panels of that many
	blocks        [][]tapBlock
	parts         []part
	far           bool // the source is too large to be in the second-level cache when the call begins
	farGate       bool // the same of the gate

	tasks, unit int  // the rows of all images are cut into tasks at multiples of unit
	spread      bool // each task has one panel, else all
	together    int  // how many whole images are computed at a time
}

// tapBlock is the filter for the places of one row phase and one column phase,
// as it is packed: [taps of the rows][taps of the columns][source channel] by
// [result channel], one panel after the other.
type tapBlock struct {
	offset  int
	k, rowK int // filter elements for each result channel, in all and in one row
}

// part is the places of one span of the rows and one of the columns.
type part struct {
	rows, cols *span
	block      *tapBlock
	from       int // the first tap's place in the block: its k
	full, last product
}

// product computes the places of a part for one panel.
type product struct {
	simd.Product
	taps  []simd.Tap // one for each filter row
	width int        // of the panel
}

// panelWidth is the most channels that are computed together: four vectors, so
// that the part of the filter that they need stays in the second-level cache.
const panelWidth = 4 * vector

// vector is the float32s of the widest vector.
const vector = 16

// maxDotWidth is the largest number of result channels for which simd.Dot
// beats simd.Gemm.
const maxDotWidth = 7

func conv2D(s kernels.Conv2D, in []kernels.Operand, p Precision) (kernel, error) {
	g, err := s.Geometry(shapes(in)...)
	if err != nil {
		return kernel{}, err
	}
	if fitsWinograd(g, p) {
		return (&winograd{g: g, src: g.Image(), dst: g.Result(), epilogue: newEpilogue(s.Epilogue)}).kernel(), nil
	}
	if fitsStride(g, p) {
		return newStrideConv(g, s.Epilogue), nil
	}
	if fitsFirst(g, p) {
		return newFirstLayer(g, s.Epilogue), nil
	}
	if fitsLast(g, false, p) {
		return newLastLayer(g, false, s.Epilogue), nil
	}
	v := &correlation{
		g: g, src: g.Image(), dst: g.Result(),
		rows:     forwardAxis(g.H, g.OH, g.KH, g.SH, g.Top),
		cols:     forwardAxis(g.W, g.OW, g.KW, g.SW, g.Left),
		epilogue: newEpilogue(s.Epilogue),
	}
	return v.kernel(p), nil
}

func conv2DInputGrad(s kernels.Conv2DInputGrad, in []kernels.Operand, p Precision) (kernel, error) {
	g, err := s.Geometry(shapes(in)...)
	if err != nil {
		return kernel{}, err
	}
	if fitsWinograd(g, p) {
		return (&winograd{g: g, src: g.Result(), dst: g.Image(), grad: true, epilogue: newEpilogue(s.Epilogue)}).kernel(), nil
	}
	if fitsStride(g, p) && min(g.OH, g.OW) >= 6 { // or reading 36 taps and writing 81 sums takes as long
		return newStrideInputGrad(g, s.Epilogue), nil
	}
	if fitsLast(g, true, p) {
		return newLastLayer(g, true, s.Epilogue), nil
	}
	v := &correlation{
		g: g, src: g.Result(), dst: g.Image(), grad: true,
		rows:     backwardAxis(g.OH, g.H, g.KH, g.SH, g.Top),
		cols:     backwardAxis(g.OW, g.W, g.KW, g.SW, g.Left),
		epilogue: newEpilogue(s.Epilogue),
	}
	return v.kernel(p), nil
}

// kernel completes the plan.
func (v *correlation) kernel(p Precision) kernel {
	v.choosePanels(p)
	if v.epilogue.fn == kernels.ReLUGrad && !v.dots {
		v.gate, v.epilogue.fn = v.epilogue.y, kernels.Copy
	}
	v.cut()
	size := v.planBlocks()
	v.planParts()
	var k kernel
	if v.packed {
		k.workspace, k.setup = size, 1
		taps := v.g.KH * v.g.KW
		n := min(taps, pieces(size, grainElements))
		k.phases = append(k.phases, phase{n, func(c *call, task int, scratch []float32) {
			from, to := split(taps, n, task, 1)
			for tap := from; tap < to; tap++ {
				v.pack(c.work, c.in[1].f32, tap/v.g.KW, tap%v.g.KW, scratch)
			}
		}})
	}
	rows := v.dst[0] * v.dst[1]
	shares := 1 // of the panels
	if v.spread {
		shares = v.panels
	}
	k.phases = append(k.phases, phase{v.tasks * shares, func(c *call, task int, scratch []float32) {
		from, to := split(rows, v.tasks, task/shares, v.unit)
		first, last := split(v.panels, shares, task%shares, 1)
		v.run(c, [2]int{first, last}, from, to, scratch)
	}})
	if v.form != plain {
		k.scratch = max(v.together*v.imageWords(), v.src[3]*v.dst[3])
	}
	return k
}

// choosePanels decides how the filter lies in memory. HWIO is as simd.Gemm
// wants it for a Conv2D of few channels; anything else is packed.
func (v *correlation) choosePanels(p Precision) {
	srcC, dstC := v.src[3], v.dst[3]
	v.panels, v.panel = 1, dstC
	v.dots = dstC <= maxDotWidth && srcC >= 4
	if places := v.dst[0] * v.dst[1] * v.dst[2]; !v.dots && places >= panelWidth {
		v.panels, v.panel = panelsOf(dstC)
	}
	v.form, v.channels = plain, srcC
	if p == BF16 {
		v.form = formOf(srcC%2 == 0 && !v.dots)
		v.channels = v.form.words(srcC)
	}
	v.packed = v.grad || v.dots || v.panels > 1 || v.form != plain
}

// ldb returns how far apart the rows of a panel of the filter lie.
func (v *correlation) ldb(width int) int {
	if v.packed {
		return width
	}
	return v.dst[3]
}

// panelAt returns where the panel of the channels from the given one on begins
// in a block.
func (v *correlation) panelAt(b *tapBlock, channel int) int {
	if v.packed {
		return channel * b.k
	}
	return channel
}

// panelsOf cuts n channels into as few panels as there may be, of full vectors
// and about equal width.
func panelsOf(n int) (panels, width int) {
	panels = (n + panelWidth - 1) / panelWidth
	if panels == 1 {
		return 1, n
	}
	width = (n + panels*vector - 1) / (panels * vector) * vector
	return (n + width - 1) / width, width
}

// planBlocks lays the taps of all phases one after the other and returns the
// elements they take.
func (v *correlation) planBlocks() int {
	at := 0
	for _, rowTaps := range v.rows.taps {
		var blocks []tapBlock
		for _, colTaps := range v.cols.taps {
			rowK := len(colTaps) * v.channels
			b := tapBlock{at, len(rowTaps) * rowK, rowK}
			blocks = append(blocks, b)
			at += b.k * v.dst[3]
		}
		v.blocks = append(v.blocks, blocks)
	}
	return at
}

// planParts makes the products of all parts.
func (v *correlation) planParts() {
	for i := range v.rows.spans {
		for j := range v.cols.spans {
			p := part{rows: &v.rows.spans[i], cols: &v.cols.spans[j]}
			p.block = &v.blocks[p.rows.phase][p.cols.phase]
			p.from = p.rows.tap*p.block.rowK + p.cols.tap*v.channels
			p.full = v.product(&p, v.panel)
			p.last = v.product(&p, v.dst[3]-(v.panels-1)*v.panel)
			v.parts = append(v.parts, p)
		}
	}
}

func (v *correlation) product(p *part, width int) product {
	q := product{width: width, Product: simd.Product{
		N: width, K: p.cols.taps * v.channels, KS: 1, LDB: v.ldb(width),
		Init: v.epilogue.init, Act: v.epilogue.act,
	}}
	tapB := p.block.rowK * q.LDB
	if v.dots {
		q.LDB, tapB = p.block.k, p.block.rowK
	}
	if p.cols.taps > 0 {
		for i := range p.rows.taps {
			q.taps = append(q.taps, simd.Tap{A: i * v.src[2] * v.channels, B: i * tapB})
		}
	}
	return q
}

// Limits of the cut into tasks.
const (
	grainFlops  = 1 << 21 // the least a task has to do
	filterReuse = 128     // the fewest operations for each filter element
	wholeImages = 64      // with as many images, tasks are cut between them
	nearSize    = 1 << 18 // elements of a source that is in the second-level cache when a segment made it there
	imagesSize  = 1 << 15 // elements of the source images that are computed at a time
	fewTasks    = 8       // with fewer of them, the channels are cut, too,
	spreadFlops = 1 << 19 // into tasks of at least as many operations
	spreadPanel = 2 * vector
)

// cut decides how the work is cut into tasks, by shape alone.
func (v *correlation) cut() {
	v.tasks, v.unit = rowTasks(v.g, v.dst)
	v.together = max(1, imagesSize/v.src[1:].Size())
	v.far = v.src.Size() > nearSize
	v.farGate = v.gate != 0 && v.dst.Size() > nearSize
	v.cutChannels()
}

// rowTasks returns into how many tasks the rows of a convolution's results are
// cut, at multiples of unit.
func rowTasks(g *kernels.ConvGeometry, dst kernels.Shape) (tasks, unit int) {
	rows := dst[0] * dst[1]
	unit = 1
	if dst[0] >= wholeImages {
		unit = dst[1]
	}
	if rows > 0 {
		grain := max(grainFlops, filterReuse*g.Filter().Size())
		tasks = min(pieces(int(g.Flops()), grain), (rows+unit-1)/unit)
	}
	return tasks, unit
}

// cutChannels makes tasks of a few images' panels, or cuts panels for them. All
// threads then read the source, but each only its part of the filter.
func (v *correlation) cutChannels() {
	wanted := min(fewTasks, pieces(int(v.g.Flops()), spreadFlops))
	if v.dots || v.form != plain || v.tasks >= wanted {
		return
	}
	if v.panels == 1 {
		n := max(1, min(wanted/max(v.tasks, 1), v.dst[3]/spreadPanel))
		v.panel = ((v.dst[3]+n-1)/n + vector - 1) / vector * vector
		v.panels = (v.dst[3] + v.panel - 1) / v.panel
	}
	v.spread = v.panels > 1
}

// pack copies one tap of the filter w to its place in its block.
func (v *correlation) pack(to, w []float32, kh, kw int, scratch []float32) {
	srcC, dstC := v.src[3], v.dst[3]
	rowPhase, i := v.rows.find(kh)
	colPhase, j := v.cols.find(kw)
	if rowPhase < 0 || colPhase < 0 {
		return // no place of the result has the tap
	}
	b := &v.blocks[rowPhase][colPhase]
	at := i*b.rowK + j*v.channels
	to, tap := to[b.offset:], w[(kh*v.g.KW+kw)*srcC*dstC:][:srcC*dstC]
	if v.form == inPairs && !v.grad {
		v.packPairs(to, tap, b, at)
		return
	}
	if v.form != plain {
		tap = v.form.along(scratch, tap)
		srcC = v.channels
	}
	switch {
	case v.dots && v.grad:
		for n := range dstC {
			copy(to[n*b.k+at:], tap[n*srcC:][:srcC])
		}
	case v.dots:
		simd.Transpose(to[at:], b.k, tap, dstC, srcC, dstC)
	default:
		for n := 0; n < dstC; n += v.panel {
			width := min(v.panel, dstC-n)
			panel := to[n*b.k+at*width:]
			if v.grad {
				simd.Transpose(panel, width, tap[n*srcC:], srcC, width, srcC)
				continue
			}
			for k := range srcC {
				copy(panel[k*width:][:width], tap[k*dstC+n:])
			}
		}
	}
}

// run computes the rows from up to to, counted through all images, of the
// panels from the first up to the second.
func (v *correlation) run(c *call, panels [2]int, from, to int, scratch []float32) {
	filter := c.in[1].f32
	if v.packed {
		filter = c.work
	}
	height := v.dst[1]
	for panel := panels[0]; panel < panels[1]; panel++ {
		for at := from; at < to; {
			image, first := at/height, at%height
			images, last := 1, min(height, first+to-at)
			if first == 0 {
				images = max(1, min(v.together, (to-at)/height))
			}
			b := box{image, images, first, last}
			src := c.in[0].f32[image*v.src[1:].Size():][:images*v.src[1:].Size()]
			if v.form != plain {
				src = v.convert(scratch, src, b)
			} else if v.far && panel == panels[0] {
				preload(src)
			}
			n := (images-1)*height + last - first
			if row := v.dst[2] * v.dst[3]; v.farGate && panel == panels[0] {
				preload(c.in[v.gate].f32[at*row:][:n*row])
			}
			for i := range v.parts {
				v.part(c, src, filter, &v.parts[i], panel, b)
			}
			v.finish(c, panel, at, n)
			at += n
		}
	}
}

// finish completes n rows of the result from row at on when their last panel is
// computed, or those channels of them that are a task of their own.
func (v *correlation) finish(c *call, panel, at, n int) {
	if v.epilogue.fn == kernels.Copy {
		return
	}
	row := v.dst[2] * v.dst[3]
	if !v.spread {
		if panel == v.panels-1 {
			v.epilogue.finish(c, at*row, n*row)
		}
		return
	}
	channel := panel * v.panel
	width := min(v.panel, v.dst[3]-channel)
	for place := at * v.dst[2]; place < (at+n)*v.dst[2]; place++ {
		v.epilogue.finish(c, place*v.dst[3]+channel, width)
	}
}

// box is some images, and rows of each of them.
type box struct{ image, images, from, to int }

// part computes the places of a part that lie in the box, whose images start at
// src.
func (v *correlation) part(c *call, src, filter []float32, p *part, panel int, b box) {
	first, rows := p.rows.within(b.from, b.to)
	if rows == 0 {
		return
	}
	q := &p.full
	if panel == v.panels-1 {
		q = &p.last
	}
	srcRow, dstRow := v.src[2]*v.channels, v.dst[2]*v.dst[3]
	channel := panel * v.panel
	at := (b.image*v.dst[1]+p.rows.first+first*p.rows.every)*dstRow + p.cols.first*v.dst[3] + channel
	dst := c.out.f32[at:]
	if len(q.taps) > 0 {
		src = src[(p.rows.start+first*p.rows.step)*srcRow+p.cols.start*v.channels:]
		if v.dots {
			filter = filter[p.block.offset+p.from:]
		} else {
			filter = filter[p.block.offset+v.panelAt(p.block, channel)+p.from*q.LDB:]
		}
	}
	m := stretch{p.cols.count, p.cols.step * v.channels, p.cols.every * v.dst[3]}
	blocks := stretch{rows, p.rows.step * srcRow, p.rows.every * dstRow}
	calls := stretch{b.images, v.src[1] * srcRow, v.dst[1] * dstRow}
	arrange(&m, &blocks, &calls)
	r := q.Product
	r.M, r.RS, r.LDC = m.count, m.src, m.dst
	r.Blocks, r.BlockA, r.BlockC = blocks.count, blocks.src, blocks.dst
	bias := v.epilogue.biasFrom(c, channel)
	for i := range calls.count {
		a := src
		if len(q.taps) > 0 {
			a = src[i*calls.src:]
		}
		if v.gate != 0 {
			r.Gate = c.in[v.gate].f32[at+i*calls.dst:]
		}
		if v.dots {
			simd.Dot(&r, dst[i*calls.dst:], a, filter, bias, q.taps)
		} else {
			v.form.gemm(&r, dst[i*calls.dst:], a, filter, bias, q.taps)
		}
	}
}

// stretch is a number of places at equal distances in source and result.
type stretch struct{ count, src, dst int }

// enoughRows is how many rows make an efficient tile.
const enoughRows = 6

// arrange swaps the stretches so that m, the rows of a tile, has enough places
// if any has, and calls has the fewest.
func arrange(m, blocks, calls *stretch) {
	if m.count < enoughRows && blocks.count > m.count {
		*m, *blocks = *blocks, *m
	}
	if m.count < enoughRows && calls.count > m.count {
		*m, *calls = *calls, *m
	}
	if calls.count > blocks.count {
		*blocks, *calls = *calls, *blocks
	}
}

// shapes returns the operands' shapes.
func shapes(in []kernels.Operand) []kernels.Shape {
	s := make([]kernels.Shape, len(in))
	for i := range in {
		s[i] = in[i].Shape
	}
	return s
}
