package simd

import (
	"fmt"
	"unsafe"
)

// A Strip is rows of a convolution from many channels to few, by a filter three
// places wide. All strides count elements and are not negative, but for Column.
type Strip struct {
	Images           int
	Rows             int // of the result
	Places           int // of the result in a Slide, of the source in a Spread
	Width            int // places of the source
	Before           int // 0 or 1: how many places before the source a Slide begins
	C                int // source channels: places of the source lie C apart
	N                int // result channels of a Spread
	Column           int // from column to column of the filter in a Slide
	Image            int // from one image's source to the next
	Row              int // from one row's source to the next
	DstImage, DstRow int // of the result
	Act              Activation
}

// Slide computes a convolution of stride 1 to one channel:
//
//	dst[i·DstImage + r·DstRow + p] =
//		act(bias + Σ_t Σ_d Σ_c src[t.A + i·Image + r·Row + (p+d−Before)·C + c] · w[t.B + d·Column + c])
//
// where d goes from 0 to 2, and places left of the source or right of it are
// left out: one on each side at most. There is at least one tap. dst overlaps
// no operand.
func Slide(s *Strip, dst, src, w []float32, bias float32, taps []Tap) {
	if s.Images <= 0 || s.Rows <= 0 || s.Places <= 0 {
		return
	}
	if s.Before < 0 || s.Before > 1 || s.Places+2-s.Before > s.Width+1 {
		panic(fmt.Sprintf("simd: a slide leaves the source by more than a place in %+v", *s))
	}
	column := [2]int{min(0, 2*s.Column), max(0, 2*s.Column)}
	s.check(len(dst), len(src), len(w), s.Places, column, taps)
	slide(s, dst, src, w, bias, taps)
}

// MaxSpread is the most result channels of a [Spread].
const MaxSpread = 4

// Spread computes a transposed convolution of stride 2, which has 2·Places
// places of N channels in a row. The filter is [3][N][C]:
//
//	dst[i·DstImage + r·DstRow + 2p·N + n]     = act(bias[n] + Σ_t (src_t[p]·w_t[0][n] + src_t[p−1]·w_t[2][n]))
//	dst[i·DstImage + r·DstRow + (2p+1)·N + n] = act(bias[n] + Σ_t src_t[p]·w_t[1][n])
//
// where src_t[p] is the C elements of src from t.A + i·Image + r·Row + p·C on,
// those left of the source are left out, and w_t starts at t.B. There is at
// least one tap. A nil bias is zeros. dst overlaps no operand.
func Spread(s *Strip, dst, src, w, bias []float32, taps []Tap) {
	if s.Images <= 0 || s.Rows <= 0 || s.Places <= 0 {
		return
	}
	if s.N < 1 || s.N > MaxSpread || s.Places != s.Width || bias != nil && len(bias) < s.N {
		panic(fmt.Sprintf("simd: a spread wants all places of the source and 1 to %d channels, each with its bias, got %d and %+v", MaxSpread, len(bias), *s))
	}
	s.check(len(dst), len(src), len(w), 2*s.Places*s.N, [2]int{0, (3*s.N - 1) * s.C}, taps)
	spread(s, dst, src, w, bias, taps)
}

// check holds what a strip reads and writes to the lengths of the slices: rows
// of n elements of dst, and the columns of the filter from the first to the
// last of column on.
func (s *Strip) check(dst, src, w, n int, column [2]int, taps []Tap) {
	if s.C <= 0 || min(s.Image, s.Row) < 0 || s.DstRow < n && s.Rows > 1 || s.DstImage < n && s.Images > 1 || len(taps) == 0 {
		panic(fmt.Sprintf("simd: no taps or channels, a negative stride, or rows that overlap, in %+v", *s))
	}
	if want := (s.Images-1)*s.DstImage + (s.Rows-1)*s.DstRow + n; dst < want {
		panic(fmt.Sprintf("simd: %+v wants %d elements of the result, got %d", *s, want, dst))
	}
	last := src - (s.Images-1)*s.Image - (s.Rows-1)*s.Row - s.Width*s.C
	for _, t := range taps {
		if t.A < 0 || t.A > last || t.B+column[0] < 0 || t.B+column[1]+s.C > w {
			panic(fmt.Sprintf("simd: tap %+v reaches outside the source (%d elements) or the filter (%d) for %+v", t, src, w, *s))
		}
	}
}

func slideGeneric(s *Strip, dst, src, w []float32, bias float32, taps []Tap) {
	s.eachRow(dst, src, func(to, from []float32) {
		for p := range s.Places {
			sum := bias
			for _, t := range taps {
				for d := range 3 {
					if x := p + d - s.Before; x >= 0 && x < s.Width {
						sum += dotOf(from[t.A+x*s.C:][:s.C], w[t.B+d*s.Column:])
					}
				}
			}
			to[p] = s.Act.of(sum)
		}
	})
}

func spreadGeneric(s *Strip, dst, src, w, bias []float32, taps []Tap) {
	s.eachRow(dst, src, func(to, from []float32) {
		for at := range s.Places * s.N {
			p, n := at/s.N, at%s.N
			var even, odd float32
			if bias != nil {
				even, odd = bias[n], bias[n]
			}
			for _, t := range taps {
				x := from[t.A:]
				even += dotOf(x[p*s.C:][:s.C], w[t.B+n*s.C:])
				odd += dotOf(x[p*s.C:][:s.C], w[t.B+(s.N+n)*s.C:])
				if p > 0 {
					even += dotOf(x[(p-1)*s.C:][:s.C], w[t.B+(2*s.N+n)*s.C:])
				}
			}
			to[2*p*s.N+n], to[(2*p+1)*s.N+n] = s.Act.of(even), s.Act.of(odd)
		}
	})
}

// eachRow calls f for each row of the result, with its source.
func (s *Strip) eachRow(dst, src []float32, f func(to, from []float32)) {
	for i := range s.Images {
		for r := range s.Rows {
			f(dst[i*s.DstImage+r*s.DstRow:], src[i*s.Image+r*s.Row:])
		}
	}
}

// dotOf is the product of x and as many elements of y, in four sums, so that no
// addition waits for the one before it.
func dotOf(x, y []float32) float32 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float32
	for len(x) >= 4 && len(y) >= 4 {
		s0 += float32(x[0] * y[0])
		s1 += float32(x[1] * y[1])
		s2 += float32(x[2] * y[2])
		s3 += float32(x[3] * y[3])
		x, y = x[4:], y[4:]
	}
	for i := range x {
		s0 += float32(x[i] * y[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// of applies the activation.
func (a Activation) of(x float32) float32 {
	if a == ReLU && x < 0 {
		return 0
	}
	return x
}

// strip is the argument of a Slide or Spread kernel; the generator knows its
// layout. Strides are in bytes, but for the taps' offsets, which are in
// elements.
type strip struct {
	dst, src, w        unsafe.Pointer
	taps               *Tap
	nTaps              int
	vectors            int // whole vectors of channels
	place              int // from place to place of the source
	column             int
	tiles              int // in a row
	srcTile, dstTile   int
	images, rows       int // images that are left
	srcImage, dstImage int
	srcRow, dstRow     int
	left, right        int // 1 where the first tile begins left of the source, the last one ends right of it
	relu               int // 0 or 1
	maskBits           uint64
	srcAt, dstAt       int         // where the image's first tile lies; maybe left of the source
	_, _, _, _, _, _   uint64      // where a kernel counts rows, tiles and taps
	mask               [8]int32    // as in tile, of the channels behind the whole vectors
	bias               [32]float32 // of each result of a tile
}
