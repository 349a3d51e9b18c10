package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// correlation is the plan of a Conv2D or a Conv2DInputGrad: each row of the
// result is a sum of products of parts of the source's rows with taps of the
// filter. In a Conv2D every place of the result meets all taps. In a
// Conv2DInputGrad of stride s the places fall into s² phases, each of which
// meets its own taps, and none meets a zero that a dilated image would have.
//
// The columns that the taps reach outside the source are zeros of a copy in the
// task's scratch memory; taps on rows outside are left out.
type correlation struct {
	n             int // images
	srcC, dstC    int // channels
	v, h          axis
	grad          bool // a Conv2DInputGrad
	epilogue      epilogue
	left, padded  int      // zero columns before the source's, and its columns with all zeros
	parts         [][]part // by the phases of the rows and of the columns
	panels, panel int      // the result's channels are cut into panels of that many
	dots          bool     // the filter is packed for simd.Dot
	packed        bool     // the filter is packed in the workspace
	packs         []tapPack
	chunk         int // how many images a task takes through one panel before the next
	tasks, unit   int // the rows of all images are cut into tasks at multiples of unit
}

// axis describes the places of the result along the rows or the columns.
type axis struct {
	src, dst int
	phases   []axisPhase // the place i is of phase i mod len(phases)
	step     int         // source elements from one place of a phase to its next
}

// axisPhase is the places that meet the same taps, in the same way.
type axisPhase struct {
	count int   // how many places
	start int   // the source element under the first tap of the first place, may be negative
	taps  []int // where the taps lie in the filter, in the order of the source
}

// part is what the places of one row phase and one column phase meet.
type part struct {
	filter     int // where its taps start in the packed filter
	k          int // filter elements for each channel of the result
	rowK       int // those of one filter row
	full, last product
}

// product computes one row of a part, for one panel.
type product struct {
	simd.Product
	taps   []simd.Tap // one for each filter row
	rowLen int        // elements of the filter for each filter row
}

// tapPack says where one filter tap goes.
type tapPack struct {
	part *part
	from int // the offset of the tap's matrix in the filter
	k    int // its first row among the part's
}

// panelWidth is the most channels that are computed together: four vectors, so that the part of the filter that they need stays in the
// second-level cache.
const panelWidth = 4 * vector

// vector is the float32s of the widest vector.
const vector = 16

// maxDotWidth is the largest number of result channels for which simd.Dot
// beats simd.Gemm.
const maxDotWidth = 7

func conv2D(s kernels.Conv2D, in []kernels.Operand) (kernel, error) {
	g, err := s.Geometry(shapes(in)...)
	if err != nil {
		return kernel{}, err
	}
	v := &correlation{
		n: g.N, srcC: g.Ci, dstC: g.Co,
		v:        forwardAxis(g.H, g.OH, g.KH, g.SH, g.Top),
		h:        forwardAxis(g.W, g.OW, g.KW, g.SW, g.Left),
		epilogue: newEpilogue(s.Epilogue),
	}
	return v.kernel(g), nil
}

func conv2DInputGrad(s kernels.Conv2DInputGrad, in []kernels.Operand) (kernel, error) {
	g, err := s.Geometry(shapes(in)...)
	if err != nil {
		return kernel{}, err
	}
	v := &correlation{
		n: g.N, srcC: g.Co, dstC: g.Ci, grad: true,
		v:        backwardAxis(g.OH, g.H, g.KH, g.SH, g.Top),
		h:        backwardAxis(g.OW, g.W, g.KW, g.SW, g.Left),
		epilogue: newEpilogue(s.Epilogue),
	}
	return v.kernel(g), nil
}

// forwardAxis has one phase, of all taps.
func forwardAxis(src, dst, kernel, stride, before int) axis {
	taps := make([]int, kernel)
	for i := range taps {
		taps[i] = i
	}
	return axis{src, dst, []axisPhase{{dst, -before, taps}}, stride}
}

// backwardAxis has a phase for each place within a stride. Place i got a share
// of the result's element o through tap k = i + before − o·stride, so it meets
// the taps of one remainder, the last first.
func backwardAxis(src, dst, kernel, stride, before int) axis {
	a := axis{src: src, dst: dst, step: 1}
	for first := range min(stride, dst) {
		rest, o := (first+before)%stride, (first+before)/stride
		var taps []int
		for k := rest; k < kernel; k += stride {
			taps = append([]int{k}, taps...)
		}
		count := (dst - first + stride - 1) / stride
		a.phases = append(a.phases, axisPhase{count, o - len(taps) + 1, taps})
	}
	return a
}

// at returns the phase of place i and the source element under its first tap.
func (a *axis) at(i int) (phase, start int) {
	phase = i % len(a.phases)
	return phase, a.phases[phase].start + i/len(a.phases)*a.step
}

// reach returns how many elements before and after the source the taps touch.
func (a *axis) reach() (before, after int) {
	for _, p := range a.phases {
		if len(p.taps) > 0 {
			before = max(before, -p.start)
			after = max(after, p.start+(p.count-1)*a.step+len(p.taps)-a.src)
		}
	}
	return before, after
}

// clip returns the taps of a place that lie on the source, when its first lies
// on element start.
func (a *axis) clip(phase, start int) (from, to int) {
	from = max(0, -start)
	return from, max(from, min(len(a.phases[phase].taps), a.src-start))
}

// kernel completes the plan.
func (v *correlation) kernel(g *kernels.ConvGeometry) kernel {
	left, right := v.h.reach()
	v.left, v.padded = left, left+v.h.src+right
	v.choosePanels()
	filter := v.planParts(g)
	v.cut(g)

	k := kernel{scratch: v.chunk * v.imageScratch()}
	if v.packed {
		k.workspace = filter
		n := pieces(filter, grainElements)
		k.phases = append(k.phases, phase{n, func(c *call, task int, _ []float32) {
			from, to := split(len(v.packs), n, task, 1)
			for _, p := range v.packs[from:to] {
				v.pack(c.work, c.in[1].f32, p)
			}
		}})
	}
	rows := v.n * v.v.dst
	k.phases = append(k.phases, phase{v.tasks, func(c *call, task int, scratch []float32) {
		from, to := split(rows, v.tasks, task, v.unit)
		v.run(c, from, to, scratch)
	}})
	return k
}

// choosePanels decides how the filter lies in memory. HWIO is as simd.Gemm
// wants it for a Conv2D of few channels; anything else is packed.
func (v *correlation) choosePanels() {
	places := v.n * v.v.dst * v.h.dst
	v.panels, v.panel = 1, v.dstC
	v.dots = v.dstC <= maxDotWidth && v.srcC >= 4
	if !v.dots && places >= panelWidth {
		v.panels = (v.dstC + panelWidth - 1) / panelWidth
		v.panel = (v.dstC + v.panels*vector - 1) / (v.panels * vector) * vector
		v.panels = (v.dstC + v.panel - 1) / v.panel
	}
	if v.panels == 1 {
		v.panel = v.dstC
	}
	v.packed = v.grad || v.dots || v.panels > 1
}

// planParts lays the taps of all phases one after the other and returns the
// elements they take.
func (v *correlation) planParts(g *kernels.ConvGeometry) int {
	at := 0
	v.parts = make([][]part, len(v.v.phases))
	for i, vp := range v.v.phases {
		v.parts[i] = make([]part, len(v.h.phases))
		for j, hp := range v.h.phases {
			p := &v.parts[i][j]
			p.filter, p.rowK = at, len(hp.taps)*v.srcC
			p.k = len(vp.taps) * p.rowK
			at += p.k * v.dstC
			p.full = v.product(p, hp.count, len(vp.taps), v.panel)
			p.last = v.product(p, hp.count, len(vp.taps), v.dstC-(v.panels-1)*v.panel)
			for a, kh := range vp.taps {
				for b, kw := range hp.taps {
					v.packs = append(v.packs, tapPack{p, (kh*g.KW + kw) * g.Ci * g.Co, a*p.rowK + b*v.srcC})
				}
			}
		}
	}
	return at
}

func (v *correlation) product(p *part, count, rows, width int) product {
	q := product{Product: simd.Product{
		M: count, N: width, K: p.rowK,
		RS: v.h.step * v.srcC, KS: 1,
		LDB: width, LDC: len(v.h.phases) * v.dstC,
		Init: v.epilogue.init, Act: v.epilogue.act,
	}, rowLen: p.rowK * width}
	if v.dots {
		q.LDB, q.rowLen = p.k, p.rowK
	}
	for i := range rows {
		q.taps = append(q.taps, simd.Tap{A: i * v.padded * v.srcC, B: i * q.rowLen})
	}
	return q
}

// imageScratch returns the elements of one padded image.
func (v *correlation) imageScratch() int {
	if v.padded == v.h.src {
		return 0
	}
	return v.v.src * v.padded * v.srcC
}

// Limits of the cut into tasks.
const (
	grainFlops   = 1 << 21 // the least a task has to do
	filterReuse  = 128     // the fewest operations for each filter element
	chunkScratch = 1 << 16 // elements of padded images a task holds at once
	wholeImages  = 64      // with as many images, tasks are cut between them
)

// cut decides how the work is cut into tasks, by shape alone.
func (v *correlation) cut(g *kernels.ConvGeometry) {
	rows := v.n * v.v.dst
	v.unit = 1
	if v.n >= wholeImages {
		v.unit = v.v.dst
	}
	if rows > 0 {
		grain := max(grainFlops, filterReuse*g.Filter().Size())
		v.tasks = min(pieces(int(g.Flops()), grain), (rows+v.unit-1)/v.unit)
	}
	v.chunk = 1
	if v.panels > 1 {
		v.chunk = max(1, min(v.n, chunkScratch/max(1, v.imageScratch())))
	}
}

// pack copies one tap of the filter w to its place.
func (v *correlation) pack(to, w []float32, p tapPack) {
	to, tap := to[p.part.filter:], w[p.from:][:v.srcC*v.dstC]
	switch {
	case v.dots && v.grad:
		for n := range v.dstC {
			copy(to[n*p.part.k+p.k:], tap[n*v.srcC:][:v.srcC])
		}
	case v.dots:
		simd.Transpose(to[p.k:], p.part.k, tap, v.dstC, v.srcC, v.dstC)
	case v.grad:
		for n := 0; n < v.dstC; n += v.panel {
			width := min(v.panel, v.dstC-n)
			simd.Transpose(to[n*p.part.k+p.k*width:], width, tap[n*v.srcC:], v.srcC, width, v.srcC)
		}
	default:
		for n := 0; n < v.dstC; n += v.panel {
			width := min(v.panel, v.dstC-n)
			panel := to[n*p.part.k+p.k*width:]
			for k := range v.srcC {
				copy(panel[k*width:][:width], tap[k*v.dstC+n:])
			}
		}
	}
}

// run computes the rows from up to to, counted through all images.
func (v *correlation) run(c *call, from, to int, scratch []float32) {
	filter := c.in[1].f32
	if v.packed {
		filter = c.work
	}
	for from < to {
		end := min(to, (from/v.v.dst+v.chunk)*v.v.dst)
		v.pad(c.in[0].f32, from, end, scratch)
		for panel := range v.panels {
			for row := from; row < end; row++ {
				v.row(c, filter, panel, from, row, scratch)
				if panel == v.panels-1 {
					n := v.h.dst * v.dstC
					v.epilogue.finish(c, row*n, n)
				}
			}
		}
		from = end
	}
}

// pad copies what the rows from up to end read of the source to scratch, with
// zero columns around: whole images, each at its place, but only the rows of
// them that are read.
func (v *correlation) pad(src []float32, from, end int, scratch []float32) {
	if v.imageScratch() == 0 {
		return
	}
	width, padded, left := v.h.src*v.srcC, v.padded*v.srcC, v.left*v.srcC
	for image := from / v.v.dst; image*v.v.dst < end; image++ {
		first := max(from-image*v.v.dst, 0)
		last := min(end-image*v.v.dst, v.v.dst) - 1
		lo, hi := v.sourceRows(first, last)
		to := scratch[(image-from/v.v.dst)*v.imageScratch():]
		for h := lo; h < hi; h++ {
			row := to[h*padded:][:padded]
			clear(row[:left])
			copy(row[left:], src[(image*v.v.src+h)*width:][:width])
			clear(row[left+width:])
		}
	}
}

// sourceRows returns the source rows that the result's rows first to last of an
// image read.
func (v *correlation) sourceRows(first, last int) (lo, hi int) {
	lo, hi = v.v.src, 0
	for h := first; h <= last; h++ {
		phase, start := v.v.at(h)
		a, b := v.v.clip(phase, start)
		if a < b {
			lo, hi = min(lo, start+a), max(hi, start+b)
		}
	}
	return lo, hi
}

// row computes one panel of a row; chunk is the first row whose image is in
// scratch.
func (v *correlation) row(c *call, filter []float32, panel, chunk, row int, scratch []float32) {
	image, h := row/v.v.dst, row%v.v.dst
	phase, start := v.v.at(h)
	tap, tapEnd := v.v.clip(phase, start)
	src := scratch
	if v.imageScratch() == 0 {
		src = c.in[0].f32[image*v.v.src*v.padded*v.srcC:]
	} else {
		src = src[(image-chunk/v.v.dst)*v.imageScratch():]
	}
	if tap < tapEnd {
		src = src[(start+tap)*v.padded*v.srcC:]
	}
	channel := panel * v.panel
	bias := v.epilogue.biasFrom(c, channel)
	for j := range v.parts[phase] {
		p := &v.parts[phase][j]
		q := &p.full
		if panel == v.panels-1 {
			q = &p.last
		}
		dst := c.out.f32[(row*v.h.dst+j)*v.dstC+channel:]
		var a, b []float32
		taps := q.taps[:tapEnd-tap]
		if q.K > 0 && len(taps) > 0 {
			a = src[(v.left+v.h.phases[j].start)*v.srcC:]
			b = filter[p.filter+channel*p.k+tap*q.rowLen:]
		}
		if v.dots {
			simd.Dot(&q.Product, dst, a, b, bias, taps)
		} else {
			simd.Gemm(&q.Product, dst, a, b, bias, taps)
		}
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
