package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// filterGrad is the plan of a Conv2DFilterGrad. The result's rows are cut into
// groups. A task adds up the filter, or one row of it if there are few groups,
// over one group, into an accumulator of its own; a second phase adds the
// accumulators of all groups. Where these are few tasks, each has but some of
// the result channels.
//
// One filter row is a matrix [KW·Ci]×[Co]: a product of the image, whose
// elements under the row are contiguous, and the gradient, summed over the
// places of the result. Where that is narrow, its transpose is computed. Places
// where the filter lies on the image with all columns are summed together; each
// other result column takes only the filter columns that lie on the image.
type filterGrad struct {
	g       *kernels.ConvGeometry
	swapped bool // accumulators hold [KH][Co][KW·Ci]
	groups  int
	split   int // 1, or KH where each filter row has its own tasks
	parts   int // of the result channels, each with its own tasks
	width   int // of a part
	unit    int // the rows of all results are cut into groups at multiples of unit
	images  int // whole images that are taken at a time, or 0
	rows    int // result rows of one image that are taken at a time, where images is 0
	columns []columns
	form    form // of image and gradient
}

// columns is neighbouring result columns that meet the same filter columns.
type columns struct {
	product simd.Product
	down    bool // the sum runs down one column, else along the rows
	width   int  // of the part of an image row that one place meets
	x, dy   int  // offsets of the first element in a row of the image and of the gradient
	acc     int  // and in the accumulator
	// taps are for each filter row, in an image's result rows or, if the sum
	// runs down, in as many images as are taken at a time.
	taps [][]simd.Tap
}

func conv2DFilterGrad(s kernels.Conv2DFilterGrad, in []kernels.Operand, p Precision) (kernel, error) {
	g, err := s.Geometry(shapes(in)...)
	if err != nil {
		return kernel{}, err
	}
	if fitsWinograd(g, p) {
		return newWinogradFilter(g), nil
	}
	if fitsStride(g, p) {
		if fitsStride4(g) {
			return newStrideFilter4(g), nil
		}
		return newStrideFilter(g), nil
	}
	if fitsNarrow(g, p) {
		return newNarrowFilter(g), nil
	}
	f := &filterGrad{g: g, swapped: filled(g.KW*g.Ci) > filled(g.Co)}
	f.cut()
	f.cutChannels(p)
	if p == BF16 {
		f.form = formOf(g.Ci > 1) // else making pairs takes longer than the products
	}
	f.planColumns()
	k := kernel{phases: []phase{{f.groups * f.split * f.parts, func(c *call, task int, scratch []float32) {
		part, task := task%f.parts, task/f.parts
		from, to := split(g.KH, f.split, task%f.split, 1)
		f.run(c, task/f.split, part, from, to, scratch)
	}}}}
	k.scratch = f.words()
	if f.direct() {
		k.adds = true
		return k, nil
	}
	size := g.Filter().Size()
	k.workspace = f.groups * size
	if f.swapped {
		k.phases = append(k.phases, phase{g.KH, func(c *call, kh int, _ []float32) {
			row := size / g.KH
			f.add(c.work[kh*row:][:row], c.work, kh*row)
			simd.Transpose(c.out.f32[kh*row:], g.Co, c.work[kh*row:], g.KW*g.Ci, g.Co, g.KW*g.Ci)
		}})
		return k, nil
	}
	n := pieces(size*f.groups, grainElements)
	k.phases = append(k.phases, phase{n, func(c *call, task int, _ []float32) {
		from, to := split(size, n, task, vector)
		f.add(c.out.f32[from:to], c.work, from)
	}})
	return k, nil
}

// direct reports whether the result itself is the only accumulator.
func (f *filterGrad) direct() bool { return f.groups == 1 && !f.swapped }

// filled returns which share, in thousandths, of vectors of n elements is used.
func filled(n int) int { return 1000 * n / ((n + vector - 1) / vector * vector) }

// Limits of the cut into groups and parts.
const (
	groupPlaces = 1024 // the fewest result places for an accumulator of their own
	maxGroups   = 32
	fewGroups   = 8
	partPlaces  = 800 // about as many places as let image and gradient stay in the second-level cache
)

// cut decides how the places are grouped, by shape alone.
func (f *filterGrad) cut() {
	g := f.g
	rows := g.N * g.OH
	f.groups = max(1, min(rows*g.OW/groupPlaces, maxGroups, rows))
	f.split = 1
	if f.groups < fewGroups {
		f.split = g.KH
	}
	f.unit = 1
	if g.N >= f.groups {
		f.unit = g.OH
	}
	f.rows = max(1, partPlaces/g.OW)
	if f.rows >= g.OH {
		f.images = max(1, min(f.rows/g.OH, g.N))
		return
	}
	parts := (g.OH + f.rows - 1) / f.rows
	f.rows = (g.OH + parts - 1) / parts
}

// cutChannels decides which result channels a task has.
func (f *filterGrad) cutChannels(p Precision) {
	f.parts, f.width = 1, f.g.Co
	tasks := f.groups * f.split
	n := min((fewGroups+tasks-1)/tasks, f.g.Co/panelWidth, int(f.g.Flops())/tasks/grainFlops)
	if p == Float32 && n > 1 {
		f.width = (f.g.Co + n*panelWidth - 1) / (n * panelWidth) * panelWidth
		f.parts = (f.g.Co + f.width - 1) / f.width
	}
}

// planColumns finds the result columns that meet the same filter columns.
func (f *filterGrad) planColumns() {
	g := f.g
	for j := 0; j < g.OW; {
		from, to := lies(j, g.SW, g.Left, g.W, g.KW)
		n := 1
		for ; from == 0 && to == g.KW && j+n < g.OW; n++ {
			if a, b := lies(j+n, g.SW, g.Left, g.W, g.KW); a != from || b != to {
				break
			}
		}
		if f.form != plain && n > 1 {
			n -= n % 2 // for pairs of places; other forms sum in the same order
		}
		if from < to {
			f.columns = append(f.columns, f.newColumns(j, n, from, to))
		}
		j += n
	}
}

// lies returns which of kernel elements lie on the image at one place.
func lies(place, stride, before, size, kernel int) (from, to int) {
	start := place*stride - before
	return max(0, -start), min(kernel, size-start)
}

// newColumns plans n result columns from j on, which meet the filter columns
// from up to to.
func (f *filterGrad) newColumns(j, n, from, to int) columns {
	g := f.g
	c := columns{down: n == 1, width: (to - from) * g.Ci, x: (j*g.SW - g.Left + from) * g.Ci, dy: j * g.Co, acc: from * g.Ci * g.Co}
	xStep, dyStep := g.SW*g.Ci, g.Co
	if c.down {
		xStep, dyStep = g.SH*g.W*g.Ci, g.OW*g.Co
	}
	p := simd.Product{M: (to - from) * g.Ci, N: g.Co, K: n, RS: 1, KS: xStep, LDB: dyStep, LDC: g.Co, Init: simd.Accumulate}
	if f.swapped {
		c.acc = from * g.Ci
		p.M, p.N, p.KS, p.LDB, p.LDC = p.N, p.M, dyStep, xStep, g.KW*g.Ci
	}
	if f.form == inPairs && !c.down {
		p.K, p.KS, p.LDB = p.K/2, 2*p.KS, 2*p.LDB
	}
	c.product = p
	for kh := range g.KH {
		c.taps = append(c.taps, f.newTaps(kh, c.down))
	}
	return c
}

// newTaps returns where the places of filter row kh lie that are summed in one
// product, from the first image taken on.
func (f *filterGrad) newTaps(kh int, down bool) (taps []simd.Tap) {
	g := f.g
	from, to := f.resultRows(kh, 0, g.OH)
	if down {
		from, to = 0, min(1, to-from) // each image is one tap
	}
	for image := range max(1, f.images) {
		for i := from; i < to; i++ {
			t := simd.Tap{A: (image*g.H + i*g.SH) * g.W * g.Ci, B: (image*g.OH + i) * g.OW * g.Co}
			if !down {
				t.A += (kh - g.Top) * g.W * g.Ci
			}
			if f.swapped {
				t.A, t.B = t.B, t.A
			}
			taps = append(taps, t)
		}
	}
	return taps
}

// resultRows returns which of the result rows from up to to meet filter row kh
// on the image.
func (f *filterGrad) resultRows(kh, from, to int) (int, int) {
	g := f.g
	from = max(from, (g.Top-kh+g.SH-1)/g.SH)
	return from, max(from, min(to, (g.H-1+g.Top-kh+g.SH)/g.SH))
}

// run adds up the filter rows from up to to over one group, for one part of the
// result channels.
func (f *filterGrad) run(c *call, group, part, fromKH, toKH int, scratch []float32) {
	g := f.g
	row := g.KW * g.Ci * g.Co
	acc := c.out.f32
	if !f.direct() {
		acc = c.work[group*g.KH*row:]
	}
	if !c.add {
		f.clear(acc[fromKH*row:toKH*row], part)
	}
	at, end := split(g.N*g.OH, f.groups, group, f.unit)
	for at < end {
		image, from := at/g.OH, at%g.OH
		images, to := 1, min(g.OH, from+end-at)
		if f.images == 0 {
			to = min(to, from+f.rows)
		} else if from == 0 {
			images = max(1, min(f.images, (end-at)/g.OH))
		}
		at += (images-1)*g.OH + to - from
		x, dy := c.in[0].f32[image*g.H*g.W*g.Ci:], c.in[1].f32[image*g.OH*g.OW*g.Co:]
		o := operands{x, dy, x, dy}
		if f.form == plain {
			f.preload(x, dy, images, from, to)
		} else {
			o = f.convert(scratch, x, dy, images, from, to)
		}
		for kh := fromKH; kh < toKH; kh++ {
			if a, b := f.resultRows(kh, from, to); a < b {
				f.part(acc[kh*row:][:row], o, part, kh, images, a, b)
			}
		}
	}
}

// clear sets what a part has of filter rows to zero.
func (f *filterGrad) clear(acc []float32, part int) {
	if f.parts == 1 {
		clear(acc)
		return
	}
	channel, width := f.channels(part)
	every := f.g.Co
	if f.swapped {
		n := f.g.KW * f.g.Ci
		channel, width, every = channel*n, width*n, every*n
	}
	for ; len(acc) > 0; acc = acc[every:] {
		clear(acc[channel:][:width])
	}
}

// channels returns the first of a part's channels and how many there are.
func (f *filterGrad) channels(part int) (channel, width int) {
	channel = part * f.width
	return channel, min(f.width, f.g.Co-channel)
}

// imageRows returns which image rows the result rows from up to to meet.
func (f *filterGrad) imageRows(from, to int) (top, bottom int) {
	g := f.g
	return max(0, from*g.SH-g.Top), min(g.H, (to-1)*g.SH-g.Top+g.KH)
}

// preload preloads the result rows from up to to of one image, or all rows of
// several images, and the image rows that they meet.
func (f *filterGrad) preload(x, dy []float32, images, from, to int) {
	g := f.g
	top, bottom := f.imageRows(from, to)
	if top < bottom {
		preload(x[top*g.W*g.Ci : ((images-1)*g.H+bottom)*g.W*g.Ci])
	}
	preload(dy[from*g.OW*g.Co : ((images-1)*g.OH+to)*g.OW*g.Co])
}

// part adds the places of the result rows from up to to of one image, or of all
// rows of several images, which start at the operands, for some channels.
func (f *filterGrad) part(acc []float32, o operands, part, kh, images, from, to int) {
	g := f.g
	channel, width := f.channels(part)
	first, _ := f.resultRows(kh, 0, g.OH)
	for i := range f.columns {
		col := &f.columns[i]
		p, taps := col.product, col.taps[kh]
		x, dy := o.x[col.x:], o.dy[col.dy:]
		if col.down {
			x, dy = o.downX[col.x:], o.downDY[col.dy:]
			p.K = to - from
			taps = taps[:images]
			x, dy = x[(from*g.SH+kh-g.Top)*g.W*g.Ci:], dy[from*g.OW*g.Co:]
		} else {
			taps = taps[from-first:][:images*(to-from)]
		}
		dy = dy[channel:]
		if f.swapped {
			p.M = width
			f.form.gemm(&p, acc[channel*g.KW*g.Ci+col.acc:], dy, x, nil, taps)
			continue
		}
		p.N = width
		f.form.gemm(&p, acc[channel+col.acc:], x, dy, nil, taps)
	}
}

// add adds up the accumulators' elements from up to as many as dst has.
func (f *filterGrad) add(dst, acc []float32, from int) {
	size := f.g.Filter().Size()
	if first := acc[from:][:len(dst)]; f.groups == 1 {
		copy(dst, first)
	} else {
		apply(kernels.Add, 0, dst, first, acc[size+from:][:len(dst)])
	}
	for group := 2; group < f.groups; group++ {
		apply(kernels.Add, 0, dst, dst, acc[group*size+from:][:len(dst)])
	}
}
