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

// edge is the scratch elements that gather wants for so many channels.
func (t *tiling) edge(channels int) int { return t.size * t.size * channels }

// gather transforms the tiles of one row, counted through all images, for some
// of the channels. edge takes the tiles that are not on the image entirely.
func (t *tiling) gather(to []float32, next int, x []float32, tileRow, channel, channels int, edge []float32) {
	image, i := tileRow/t.rows, tileRow%t.rows
	step := t.shape[3]
	var rows [6][]float32
	for k := range t.size {
		rows[k] = imageRow(x, t.shape, image, 4*i-t.top+k, t.zeros)
	}
	if t.from < t.to {
		whole := simd.Tiles{Step: step, Advance: 4 * step, Count: t.to - t.from, Channels: channels}
		for k := range t.size {
			whole.Rows[k] = rows[k][(4*t.from-t.left)*step+channel:]
		}
		t.transform(to[t.from*channels:], next, &whole)
	}
	for col := range t.cols {
		if col >= t.from && col < t.to {
			continue
		}
		one := simd.Tiles{Step: channels, Count: 1, Channels: channels}
		first := 4*col - t.left // column of the image
		last := min(first+t.size, t.shape[2])
		for k := range t.size {
			one.Rows[k] = edge[k*t.size*channels:][:t.size*channels]
			clear(one.Rows[k])
			at := max(0, first)
			if channels == step {
				copy(one.Rows[k][(at-first)*step:], rows[k][at*step:last*step])
				continue
			}
			for ; at < last; at++ {
				copy(one.Rows[k][(at-first)*channels:][:channels], rows[k][at*step+channel:])
			}
		}
		t.transform(to[col*channels:], next, &one)
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
