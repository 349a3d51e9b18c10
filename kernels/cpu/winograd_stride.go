package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// strideForm is one of the ways that tiles go through the transforms of stride
// 2, in each dimension: see simd.StridedTiles and simd.StridedTiles4.
type strideForm struct {
	places, step int // of the source under a tile, and from tile to tile
	inputs       int // transformed places
	taps         int // of a filter
	products     []strideProduct
	sums, result int // sums of products, and places of the result that they give
}

// strideProduct is of an input and of one of a filter's taps.
type strideProduct struct{ input, tap, sum int }

// strideTaps is the number of a filter's transformed taps in each dimension
// where tiles are two places wide: w0, w1, w0+w2 and w2.
const strideTaps = 4

var stridedForm = strideForm{
	places: 5, step: 4, inputs: 5, taps: strideTaps,
	products: []strideProduct{{0, 0, 0}, {1, 1, 0}, {2, 2, 1}, {3, 3, 2}, {4, 1, 2}},
	sums:     3, result: 2,
}

var transposedForm = strideForm{
	places: 3, step: 2, inputs: 4, taps: strideTaps,
	products: []strideProduct{{0, 3, 0}, {1, 2, 1}, {2, 0, 2}, {1, 1, 3}, {3, 1, 4}},
	sums:     5, result: 4,
}

// The forms of tiles that are four places wide.
var (
	stridedForm4 = strideForm{
		places: 9, step: 8, inputs: 9, taps: simd.StrideTaps4,
		products: []strideProduct{
			{0, 0, 0}, {1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {4, 4, 4},
			{5, 5, 1}, {6, 5, 2}, {7, 5, 3}, {8, 5, 4},
		},
		sums: 5, result: 4,
	}
	transposedForm4 = strideForm{
		places: 5, step: 4, inputs: 5, taps: simd.StrideTaps4,
		products: []strideProduct{
			{0, 0, 0}, {1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {4, 4, 4},
			{1, 5, 5}, {2, 5, 6}, {3, 5, 7}, {4, 5, 8},
		},
		sums: 9, result: 8,
	}
)

// isWide reports whether tiles are four places wide.
func (f *strideForm) isWide() bool { return f.taps == simd.StrideTaps4 }

// planes is the number of places of a transformed tile of the source.
func (f *strideForm) planes() int { return f.inputs * f.inputs }

// strideAxis is how an image's tiles lie along the rows or along the columns.
// Where the number of places on the strided side is odd, one tile has only one
// of the two, and lacks the sums that the other one would need.
type strideAxis struct {
	tiles int
	start int     // the source's place under the first tile, maybe before its beginning
	first int     // and the result's
	odd   int     // the tile that has one place, or −1
	lacks [5]bool // by sum, whether that tile lacks it
}

// strideForward returns the tiles of a dimension of a convolution.
func strideForward(src, dst, before int) strideAxis {
	a := strideAxis{tiles: (dst + 1) / 2, start: -before, odd: -1}
	if dst%2 == 1 {
		a.odd = a.tiles - 1
		a.lacks[1] = a.start+4*a.odd+2 >= src
		a.lacks[2] = true
	}
	return a
}

// strideBackward returns the tiles of a dimension of a transposed convolution.
// If one has one place it is the first, since that place meets nothing before
// it.
func strideBackward(dst, before int) strideAxis {
	places := (dst-1+before)/2 + 1
	a := strideAxis{tiles: (places + 1) / 2, start: -1, first: -before, odd: -1}
	if places%2 == 1 {
		a.start, a.first, a.odd = -2, -before-2, 0
		a.lacks = [5]bool{0: true, 1: true, 3: true}
	}
	return a
}

// fitsStride4 reports whether tiles that are four places wide fit a convolution,
// either way: if none reaches beyond the result, and of the places under them
// only the first or the last of a dimension are beyond the image.
func fitsStride4(g *kernels.ConvGeometry) bool {
	return g.OH%4 == 0 && g.OW%4 == 0 && g.H+g.Top == 2*g.OH && g.W+g.Left == 2*g.OW
}

// strideForward4 returns the tiles of a dimension of a convolution that are four
// places wide, strideBackward4 those of a transposed one.
func strideForward4(dst, before int) strideAxis {
	return strideAxis{tiles: dst / 4, start: -before, odd: -1}
}

func strideBackward4(src, before int) strideAxis {
	return strideAxis{tiles: src / 4, start: -1, first: -before, odd: -1}
}

// even is how many of the tiles have two places.
func (a *strideAxis) even() int {
	if a.odd >= 0 {
		return a.tiles - 1
	}
	return a.tiles
}

// lastEven returns the last tile that has two places.
func (a *strideAxis) lastEven() int {
	if a.odd > 0 {
		return a.tiles - 2
	}
	return a.tiles - 1
}

// odds returns how many of the first n tiles, through all images, have one
// place.
func (a *strideAxis) odds(n int) int {
	if a.odd < 0 {
		return 0
	}
	return (n - a.odd + a.tiles - 1) / a.tiles
}

// fitsStride reports whether a convolution is one that the transforms of stride
// 2 are for, and wide enough that they pay. The fewer places a result has, the
// more of the products meet the border, where the definition leaves them out,
// and the more the transform of the filter weighs; tiles that are four places
// wide pay from one tile on. It does not look at the number of images, so an
// image has the same result in a batch of any size.
func fitsStride(g *kernels.ConvGeometry, p Precision) bool {
	size, channels := min(g.OH, g.OW), min(g.Ci, g.Co)
	return p == Float32 && g.KH == 3 && g.KW == 3 && g.SH == 2 && g.SW == 2 &&
		g.Ci%vector == 0 && g.Co%vector == 0 && g.Top <= 1 && g.Left <= 1 &&
		(size >= 8 && channels >= 2*vector || (size >= 6 || fitsStride4(g)) && channels >= 4*vector)
}

// strideTiles is where the tiles of some rows of tiles lie in a plane: those of
// odd rows in even columns, of even rows in even columns, of even rows in the
// odd column, of odd rows in the odd column. Those that lack no sum are next to
// one another, whichever sum it is.
type strideTiles struct {
	rows, cols *strideAxis
	from, to   int    // rows of tiles, counted through all images
	ends       [4]int // of the four kinds of tiles
}

func newStrideTiles(rows, cols *strideAxis, from, to int) strideTiles {
	t := strideTiles{rows: rows, cols: cols, from: from, to: to}
	odd := rows.odds(to) - rows.odds(from)
	even := to - from - odd
	width := cols.even()
	t.ends[0] = odd * width
	t.ends[1] = t.ends[0] + even*width
	t.ends[2] = t.ends[1] + even*(cols.tiles-width)
	t.ends[3] = t.ends[2] + odd*(cols.tiles-width)
	return t
}

func (t *strideTiles) count() int { return t.ends[3] }

// column returns where the tile in column j of a row of tiles lies. Those of
// neighbouring even columns are neighbours.
func (t *strideTiles) column(row, j int) int {
	n := t.rows.odds(row) - t.rows.odds(t.from)
	even, odd := n*t.cols.even(), t.ends[2]+n
	if row%t.rows.tiles != t.rows.odd {
		n = row - t.from - n
		even, odd = t.ends[0]+n*t.cols.even(), t.ends[1]+n
	}
	switch {
	case j == t.cols.odd:
		return odd
	case t.cols.odd == 0:
		return even + j - 1
	}
	return even + j
}

// sum returns the tiles that have the sum i of the rows and j of the columns.
func (t *strideTiles) sum(i, j int) (from, to int) {
	lacksRow, lacksCol := t.rows.odd >= 0 && t.rows.lacks[i], t.cols.odd >= 0 && t.cols.lacks[j]
	to = t.ends[3]
	if lacksRow {
		from, to = t.ends[0], t.ends[2]
	}
	if lacksCol {
		to = t.ends[1]
	}
	return from, to
}

// strideSource transforms rows of tiles of an image.
type strideSource struct {
	*strideForm
	shape      kernels.Shape // [N H W C]
	rows, cols strideAxis
	zeros      []float32
}

// edge is the scratch elements that gather wants.
func (s *strideSource) edge() int {
	if s.isWide() {
		return 0
	}
	return s.places * s.places * s.shape[3]
}

// gather transforms one row of tiles to planes that are next elements apart. It
// touches the source's rows first: the transform reads five at once and writes
// 25 planes, more streams than the processor fetches ahead.
// edge takes the places under a tile that lies beyond the image in part.
func (s *strideSource) gather(to []float32, next int, src []float32, tiles *strideTiles, tileRow int, edge []float32) {
	image, i := tileRow/s.rows.tiles, tileRow%s.rows.tiles
	channels := s.shape[3]
	s.touch(src, tileRow)
	if s.isWide() {
		s.gather4(to, next, src, tiles, tileRow, 0, s.shape[3])
		return
	}
	var rows, under [5][]float32
	for k := range s.places {
		rows[k] = imageRow(src, s.shape, image, s.rows.start+i*s.step+k, s.zeros)
	}
	for j := 0; j < s.cols.tiles; {
		at, count := tiles.column(tileRow, j), 1
		from := s.cols.start + j*s.step
		if from >= 0 && from+s.places <= s.shape[2] {
			if j != s.cols.odd {
				count = min((s.shape[2]-s.places-from)/s.step+1, s.cols.lastEven()-j+1)
			}
			for k := range s.places {
				under[k] = rows[k][from*channels:]
			}
		} else {
			clear(edge)
			first, last := max(0, -from), min(s.places, s.shape[2]-from)
			for k := range s.places {
				under[k] = edge[k*s.places*channels:][:s.places*channels]
				if first < last {
					copy(under[k][first*channels:last*channels], rows[k][(from+first)*channels:])
				}
			}
		}
		s.transform(to[at*channels:], next, &under, count)
		j += count
	}
}

// touch brings the source's rows under one row of tiles into the cache.
func (s *strideSource) touch(src []float32, tileRow int) {
	image, i := tileRow/s.rows.tiles, tileRow%s.rows.tiles
	top, bottom := max(0, s.rows.start+i*s.step), min(s.shape[1], s.rows.start+i*s.step+s.places)
	if top < bottom {
		n := s.shape[2] * s.shape[3]
		touch(src[(image*s.shape[1]+top)*n:][:(bottom-top)*n])
	}
}

// gather4 is gather of some of the channels of tiles that are four places wide,
// of which the first may begin one place before the image and the last end one
// behind it.
func (s *strideSource) gather4(to []float32, next int, src []float32, tiles *strideTiles, tileRow, channel, channels int) {
	image, i := tileRow/s.rows.tiles, tileRow%s.rows.tiles
	x := simd.StrideTiles{Step: s.shape[3], Channels: channels}
	for k := range s.places {
		x.Rows[k] = imageRow(src, s.shape, image, s.rows.start+i*s.step+k, s.zeros)[channel:]
	}
	whole := (s.shape[2] - s.places - s.cols.start + s.step) / s.step // so many end on the image
	for j := 0; j < s.cols.tiles; j += x.Count {
		x.Start, x.Count = s.cols.start+j*s.step, 1
		x.Before, x.After = x.Start < 0, j >= whole
		if !x.Before && !x.After {
			x.Count = min(whole, s.cols.tiles) - j
		}
		plane := to[tiles.column(tileRow, j)*x.Channels:]
		if s.strideForm == &stridedForm4 {
			simd.StridedTiles4(plane, next, &x)
		} else {
			simd.TransposedTiles4(plane, next, &x)
		}
	}
}

func (s *strideSource) transform(to []float32, next int, rows *[5][]float32, tiles int) {
	if s.strideForm == &stridedForm {
		simd.StridedTiles(to, next, rows, tiles, s.shape[3])
	} else {
		simd.TransposedTiles(to, next, rows, tiles, s.shape[3])
	}
}
