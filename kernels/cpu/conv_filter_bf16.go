package cpu

import "hourglass/kernels/cpu/internal/simd"

// operands is image and gradient, as the sums along the rows read them and as
// those down a column do. The former take pairs of neighbouring places, the
// latter single ones.
type operands struct{ x, dy, downX, downDY []float32 }

// words returns how much memory a task needs to convert the operands of one
// part.
func (f *filterGrad) words() int {
	image, gradient := f.sizes()
	switch f.form {
	case rounded:
		return image + gradient
	case inPairs:
		return 2 * (image + gradient)
	}
	return 0
}

// sizes returns the elements of the images and gradients of one part.
func (f *filterGrad) sizes() (image, gradient int) {
	images, g := max(1, f.images), f.g
	return images * g.H * g.W * g.Ci, images * g.OH * g.OW * g.Co
}

// convert writes the result rows from up to to of one image, or all of several,
// and the image rows that they meet, to their places in scratch.
func (f *filterGrad) convert(scratch, x, dy []float32, images, from, to int) operands {
	g := f.g
	image, gradient := f.sizes()
	o := operands{x: scratch[:image], dy: scratch[image:][:gradient]}
	o.downX, o.downDY = o.x, o.dy
	top, bottom := f.imageRows(from, to)
	bottom = max(bottom, top)
	start, end := top*g.W*g.Ci, ((images-1)*g.H+bottom)*g.W*g.Ci
	dyStart, dyEnd := from*g.OW*g.Co, ((images-1)*g.OH+to)*g.OW*g.Co
	if f.form == rounded {
		simd.RoundBF16(o.x[start:end], x[start:end])
		simd.RoundBF16(o.dy[dyStart:dyEnd], dy[dyStart:dyEnd])
		return o
	}
	down := scratch[image+gradient:]
	o.downX, o.downDY = down[:image], down[image:]
	pairPlaces(o.x[start:end], x[start:end], g.SW*g.Ci)
	pairPlaces(o.dy[dyStart:dyEnd], dy[dyStart:dyEnd], g.Co)
	for i := range f.columns {
		if c := &f.columns[i]; c.down {
			f.convertDown(o, c, x, dy, images, [2]int{from, to}, [2]int{top, bottom})
		}
	}
	return o
}

// pairPlaces pairs each element with that a step further on. The pairs that
// span two rows are nobody's.
func pairPlaces(to, x []float32, step int) {
	if n := len(x) - step; n > 0 {
		simd.PairRows(pairs(to[:n]), x, x[step:], 0)
	}
}

// convertDown converts what one column of the gradient meets: each element has
// a word of its own, whose other half adds nothing.
func (f *filterGrad) convertDown(o operands, c *columns, x, dy []float32, images int, rows, imageRows [2]int) {
	g := f.g
	for image := range images {
		for i := imageRows[0]; i < imageRows[1]; i++ {
			at := (image*g.H+i)*g.W*g.Ci + c.x
			simd.PairRows(pairs(o.downX[at:][:c.width]), x[at:], nil, simd.Pad)
		}
		for i := rows[0]; i < rows[1]; i++ {
			at := (image*g.OH+i)*g.OW*g.Co + c.dy
			simd.PairRows(pairs(o.downDY[at:][:g.Co]), dy[at:], nil, 0)
		}
	}
}
