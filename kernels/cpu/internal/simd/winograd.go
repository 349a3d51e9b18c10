package simd

import "fmt"

// The transforms of Winograd's minimal filtering F(2×2, 3×3), which computes
// four neighbouring places of a convolution by 16 products in place of 36
// (Winograd, Arithmetic Complexity of Computations, 1980; Lavin and Gray, Fast
// Algorithms for Convolutional Neural Networks, 2016):
//
//	Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A
//
//	     ⎡1  0 -1  0⎤       ⎡ 1   0   0⎤
//	Bᵀ = ⎢0  1  1  0⎥   G = ⎢ ½   ½   ½⎥   Aᵀ = ⎡1 1  1  0⎤
//	     ⎢0 -1  1  0⎥       ⎢ ½  -½   ½⎥        ⎣0 1 -1 -1⎦
//	     ⎣0  1  0 -1⎦       ⎣ 0   0   1⎦
//
// d is a tile of 4×4 places, each a vector of channels. The functions below do
// the step from column to column for a row of tiles, channels a multiple of
// 16; the one from row to row is additions of whole rows. Channel c of place p
// lies at p·channels + c. Transformed tiles lie in planes, one for each of the
// 16 places, next elements apart, with tile after tile in each. All tiers give
// the same bits.

// WinogradColumns applies B to a row of tiles that overlap by two places: each
// tile t, of the places 2t … 2t+3 of src, gives its four values to four planes
// of dst.
func WinogradColumns(dst []float32, next int, src []float32, tiles, channels int) {
	checkWinograd("WinogradColumns", tiles, channels, next, 4, len(dst), len(src), (2*tiles+2)*channels)
	if tiles > 0 && channels > 0 {
		winogradColumns(dst, next, src, tiles, channels)
	}
}

// WinogradSpread applies Aᵀ to a row of tiles side by side: each tile t, of the
// places 2t and 2t+1 of src, gives four values to four planes of dst.
func WinogradSpread(dst []float32, next int, src []float32, tiles, channels int) {
	checkWinograd("WinogradSpread", tiles, channels, next, 4, len(dst), len(src), 2*tiles*channels)
	if tiles > 0 && channels > 0 {
		winogradSpread(dst, next, src, tiles, channels)
	}
}

// WinogradResult applies Aᵀ and A to a row of tiles, whose 16 planes are src,
// and adds the bias: tile t gives the places 2t and 2t+1 of two rows.
func WinogradResult(top, bottom, src []float32, next, tiles, channels int, bias []float32) {
	places := 2 * tiles * channels
	checkWinograd("WinogradResult", tiles, channels, next, 16, len(src), min(len(top), len(bottom)), places)
	if len(bias) < channels {
		panic(fmt.Sprintf("simd: WinogradResult of %d channels got a bias of %d", channels, len(bias)))
	}
	if tiles > 0 && channels > 0 {
		winogradResult(top, bottom, src, next, tiles, channels, bias)
	}
}

// checkWinograd holds planes and places to their lengths.
func checkWinograd(name string, tiles, channels, next, count, planes, places, want int) {
	if tiles < 0 || channels < 0 || channels%16 != 0 || next < 0 || places < want && tiles > 0 ||
		tiles > 0 && planes < (count-1)*next+tiles*channels {
		panic(fmt.Sprintf("simd: %s of %d tiles of %d channels in planes %d apart: %d elements in planes, %d in places",
			name, tiles, channels, next, planes, places))
	}
}

func winogradColumnsGeneric(dst []float32, next int, src []float32, tiles, channels int) {
	for t := range tiles {
		x := src[2*t*channels:]
		for c := range channels {
			x0, x1, x2, x3 := x[c], x[channels+c], x[2*channels+c], x[3*channels+c]
			at := t*channels + c
			dst[at], dst[next+at], dst[2*next+at], dst[3*next+at] = x0-x2, x1+x2, x2-x1, x1-x3
		}
	}
}

func winogradSpreadGeneric(dst []float32, next int, src []float32, tiles, channels int) {
	for t := range tiles {
		y := src[2*t*channels:]
		for c := range channels {
			y0, y1 := y[c], y[channels+c]
			at := t*channels + c
			dst[at], dst[next+at], dst[2*next+at], dst[3*next+at] = y0, y0+y1, y0-y1, 0-y1
		}
	}
}

func winogradResultGeneric(top, bottom, src []float32, next, tiles, channels int, bias []float32) {
	var s, t [4]float32
	for tile := range tiles {
		for c := range channels {
			m := src[tile*channels+c:]
			for k := range 4 {
				m1, m2 := m[(4+k)*next], m[(8+k)*next]
				s[k] = m[k*next] + m1 + m2
				t[k] = m1 - m2 - m[(12+k)*next]
			}
			at := 2*tile*channels + c
			top[at] = s[0] + s[1] + s[2] + bias[c]
			top[at+channels] = s[1] - s[2] - s[3] + bias[c]
			bottom[at] = t[0] + t[1] + t[2] + bias[c]
			bottom[at+channels] = t[1] - t[2] - t[3] + bias[c]
		}
	}
}
