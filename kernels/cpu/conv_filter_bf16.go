package cpu

import "hourglass/kernels/cpu/internal/simd"

// bf16 plans a gradient of bfloat16 and returns the words that a task needs to
// hold them.
func (f *filterGrad) bf16() (scratch int) {
	g := f.g
	f.form = formOf(false)
	images := max(1, f.images)
	return images * (g.H*g.W*g.Ci + g.OH*g.OW*g.Co)
}

// convert rounds the result rows from up to to of one image, or all of several,
// and the image rows that they meet, to their places in scratch.
func (f *filterGrad) convert(scratch, x, dy []float32, images, from, to int) (image, gradient []float32) {
	g := f.g
	row, dyRow := g.W*g.Ci, g.OW*g.Co
	size := max(1, f.images) * g.H * row
	image, gradient = scratch[:size], scratch[size:]
	if top, bottom := f.imageRows(from, to); top < bottom {
		start, end := top*row, ((images-1)*g.H+bottom)*row
		simd.RoundBF16(image[start:end], x[start:end])
	}
	start, end := from*dyRow, ((images-1)*g.OH+to)*dyRow
	simd.RoundBF16(gradient[start:end], dy[start:end])
	return image, gradient
}
