package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// tiling is how the tiles of a transform lie on images: rows by cols tiles of
// size×size places, four places from one to the next. The first one begins top
// rows and left columns before the image, and the last may reach beyond it:
// what is not on the image is zero.
type tiling struct {
	shape      kernels.Shape // [N H W C] of the images
	rows, cols int
	size       int // 6 for an image, 4 for the gradient of a result
	top, left  int
	from, to   int // the columns of tiles that lie on the image with all places
	zeros      []float32
}

func newTiling(shape kernels.Shape, rows, cols, size, top, left int) tiling {
	t := tiling{shape: shape, rows: rows, cols: cols, size: size, top: top, left: left}
	t.from = min(cols, (left+3)/4)
	t.to = max(t.from, min(cols, (shape[2]+left-size+4)/4))
	t.zeros = make([]float32, shape[2]*shape[3])
	return t
}

// gather transforms the tiles of one row, counted through all images, for some
// of the channels.
func (t *tiling) gather(to []float32, next int, x []float32, tileRow, channel, channels int) {
	image, i := tileRow/t.rows, tileRow%t.rows
	step := t.shape[3]
	tiles := simd.Tiles{Step: step, Advance: 4 * step, Channels: channels, Ahead: 4 * t.shape[2] * step}
	for k := range t.size {
		tiles.Rows[k] = imageRow(x, t.shape, image, 4*i-t.top+k, t.zeros)[channel:]
	}
	for col := 0; col < t.cols; col += tiles.Count {
		first := 4*col - t.left // column of the image
		tiles.Start, tiles.Count = first*step, 1
		if col == t.from && t.from < t.to {
			tiles.Count = t.to - t.from
		}
		tiles.Before = max(0, -first)
		tiles.After = max(0, first+4*(tiles.Count-1)+t.size-t.shape[2])
		t.transform(to[col*channels:], next, &tiles)
	}
}

func (t *tiling) transform(to []float32, next int, x *simd.Tiles) {
	if t.size == 4 {
		simd.WinogradSpread(to, next, x)
	} else {
		simd.WinogradInput(to, next, x)
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
