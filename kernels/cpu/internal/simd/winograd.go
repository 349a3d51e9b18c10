package simd

import (
	"fmt"
	"math"
)

// The transforms of Winograd's minimal filtering F(4×4, 3×3), which computes
// sixteen neighbouring places of a convolution by 36 products in place of 144
// (Winograd, Arithmetic Complexity of Computations, 1980; Lavin and Gray, Fast
// Algorithms for Convolutional Neural Networks, 2016):
//
//	Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A
//
// by the polynomials' values at 0, ∞, ±p and ±q, where p = √½ and q = √2:
//
//	     ⎡1   0  -5/2  0   1  0⎤       ⎡ 1     0     0 ⎤
//	     ⎢0   1   0  -5/2  0  1⎥       ⎢ 0     0     1 ⎥        ⎡1 0  1   1  1   1⎤
//	Bᵀ = ⎢0 -2p  -2    p   1  0⎥   G = ⎢-2/3 -2p/3 -1/3⎥   Aᵀ = ⎢0 0  p  -p  q  -q⎥
//	     ⎢0  2p  -2   -p   1  0⎥       ⎢-2/3  2p/3 -1/3⎥        ⎢0 0  ½   ½  2   2⎥
//	     ⎢0 -q/2 -½    q   1  0⎥       ⎢ 1/6   q/6  1/3⎥        ⎣0 1 p/2 -p/2 2q -2q⎦
//	     ⎣0  q/2 -½   -q   1  0⎦       ⎣ 1/6  -q/6  1/3⎦
//
// With these points all matrices have small entries: in float32 the result is
// within 4e-7 of the largest sum of absolute products, for sums of 64 channels,
// where the integer points 0, ∞, ±1 and ±2 give 13e-7 and the definition 1e-7.
// The transposed forms give the filter's gradient,
//
//	dg = Gᵀ[Σ (Bᵀ d B) ⊙ (A dY Aᵀ)]G
//
// Transformed tiles lie in planes, one for each of the 36 places, next elements
// apart, with tile after tile in each, each a vector of channels; the number of
// channels is a multiple of 16. AVX2 and AVX-512 give the same bits. The
// portable tier rounds products.

// WinogradPlaces is the number of places of a transformed tile.
const WinogradPlaces = 36

// Tiles is a row of tiles: channel c of place (i, j) of tile t is element
// Start + t·Advance + j·Step + c of Rows[i]. Start is 0 but for WinogradInput
// and WinogradSpread, which take the first Before and the last After columns of
// each tile as zero. They fetch what lies Ahead elements further on into the
// cache, whether it is theirs or not.
type Tiles struct {
	Rows            [6][]float32
	Start           int
	Step, Advance   int
	Count, Channels int
	Before, After   int
	Ahead           int
}

// WinogradInput sets the planes of dst to Bᵀ d B of tiles d of 6×6 places.
func WinogradInput(dst []float32, next int, d *Tiles) {
	if d.check("WinogradInput", 6, 6, dst, next) {
		winogradInput(dst, next, d)
	}
}

// WinogradSpread sets the planes of dst to A y Aᵀ of tiles y of 4×4 places.
func WinogradSpread(dst []float32, next int, y *Tiles) {
	if y.check("WinogradSpread", 4, 4, dst, next) {
		winogradSpread(dst, next, y)
	}
}

// WinogradFilter sets the planes of dst to G g Gᵀ of filters g of 3×3 places,
// turned by half a turn if turned.
func WinogradFilter(dst []float32, next int, g *Tiles, turned bool) {
	if g.check("WinogradFilter", 3, 3, dst, next) {
		winogradFilter(dst, next, g, turned)
	}
}

// WinogradResult sets the tiles y of 4×4 places to Aᵀ m A and the bias, where m
// are the planes of src.
func WinogradResult(y *Tiles, src []float32, next int, bias []float32) {
	if len(bias) < y.Channels {
		panic(fmt.Sprintf("simd: WinogradResult of %d channels got a bias of %d", y.Channels, len(bias)))
	}
	if y.check("WinogradResult", 4, 4, src, next) {
		winogradResult(y, src, next, bias)
	}
}

// WinogradGradient sets the tiles g of 3×3 places to Gᵀ m G, where m are the
// planes of src.
func WinogradGradient(g *Tiles, src []float32, next int) {
	if g.check("WinogradGradient", 3, 3, src, next) {
		winogradGradient(g, src, next)
	}
}

// check holds rows and planes to their lengths, and reports whether there is
// something to do.
func (t *Tiles) check(name string, rows, cols int, planes []float32, next int) bool {
	if t.Count < 0 || t.Channels < 0 || t.Channels%16 != 0 || next < 0 ||
		t.Count > 0 && len(planes) < (WinogradPlaces-1)*next+t.Count*t.Channels {
		panic(fmt.Sprintf("simd: %s of %d tiles of %d channels in planes %d apart: %d elements in planes",
			name, t.Count, t.Channels, next, len(planes)))
	}
	if t.Step < 0 || t.Advance < 0 || t.Before < 0 || t.After < 0 {
		panic(fmt.Sprintf("simd: %s of places %d and tiles %d elements apart without %d and %d columns",
			name, t.Step, t.Advance, t.Before, t.After))
	}
	if t.Count == 0 || t.Channels == 0 {
		return false
	}
	want := 1
	if t.Before+t.After < cols {
		if first := t.Start + t.Before*t.Step; first < 0 {
			panic(fmt.Sprintf("simd: %s of tiles from element %d on", name, first))
		}
		want = t.Start + (t.Count-1)*t.Advance + (cols-t.After-1)*t.Step + t.Channels
	}
	for i, row := range t.Rows[:rows] {
		if len(row) < want {
			panic(fmt.Sprintf("simd: %s wants %d elements in row %d, got %d", name, want, i, len(row)))
		}
	}
	return true
}

// A line is a row or a column of a tile or of its planes.
type line [6]float32

const (
	rootHalf = float32(math.Sqrt2 / 2)
	root2    = float32(math.Sqrt2)
)

func (x line) input() line {
	e, o := x[4]-2*x[2], rootHalf*(x[3]-2*x[1])
	f, p := x[4]-0.5*x[2], root2*(x[3]-0.5*x[1])
	return line{x[0] + x[4] - 2.5*x[2], x[1] + x[5] - 2.5*x[3], e + o, e - o, f + p, f - p}
}

func (x line) spread() line {
	e, o := x[0]+0.5*x[2], rootHalf*(x[1]+0.5*x[3])
	f, p := x[0]+2*x[2], root2*(x[1]+2*x[3])
	return line{x[0], x[3], e + o, e - o, f + p, f - p}
}

func (x line) filter() line {
	e, o := float32(-2./3)*(x[0]+0.5*x[2]), -2./3*rootHalf*x[1]
	f, p := float32(1./6)*(x[0]+2*x[2]), 1./6*root2*x[1]
	return line{x[0], x[2], e + o, e - o, f + p, f - p}
}

func (x line) result() line {
	e, f := x[2]+x[3], x[4]+x[5]
	o, p := rootHalf*(x[2]-x[3]), root2*(x[4]-x[5])
	return line{x[0] + e + f, o + p, 0.5*e + 2*f, x[1] + 2*p + 0.5*o}
}

func (x line) gradient() line {
	e, f := x[2]+x[3], x[4]+x[5]
	return line{
		x[0] - 2./3*e + 1./6*f,
		-2./3*rootHalf*(x[2]-x[3]) + 1./6*root2*(x[4]-x[5]),
		x[1] - 1./3*e + 1./3*f,
	}
}

// toPlanesGeneric applies a map from size numbers to the rows and columns of
// tiles.
func toPlanesGeneric(dst []float32, next int, t *Tiles, size int, turned bool, apply func(line) line) {
	for tile := range t.Count {
		for c := range t.Channels {
			var x, y [6]line
			for i := range size {
				for j := range size {
					row, col := i, j
					if turned {
						row, col = size-1-i, size-1-j
					}
					if j >= t.Before && j < size-t.After {
						x[i][j] = t.Rows[row][t.Start+tile*t.Advance+col*t.Step+c]
					}
				}
				x[i] = apply(x[i])
			}
			for j := range 6 {
				y[j] = apply(line{x[0][j], x[1][j], x[2][j], x[3][j], x[4][j], x[5][j]})
			}
			for place := range WinogradPlaces {
				dst[place*next+tile*t.Channels+c] = y[place%6][place/6]
			}
		}
	}
}

// fromPlanesGeneric applies a map to size numbers to the rows and columns of
// planes.
func fromPlanesGeneric(t *Tiles, src []float32, next, size int, bias []float32, apply func(line) line) {
	for tile := range t.Count {
		for c := range t.Channels {
			var x [6]line
			for i := range 6 {
				for j := range 6 {
					x[i][j] = src[(6*i+j)*next+tile*t.Channels+c]
				}
				x[i] = apply(x[i])
			}
			for j := range size {
				y := apply(line{x[0][j], x[1][j], x[2][j], x[3][j], x[4][j], x[5][j]})
				for i := range size {
					v := y[i]
					if bias != nil {
						v += bias[c]
					}
					t.Rows[i][tile*t.Advance+j*t.Step+c] = v
				}
			}
		}
	}
}

func winogradInputGeneric(dst []float32, next int, d *Tiles) {
	toPlanesGeneric(dst, next, d, 6, false, line.input)
}

func winogradSpreadGeneric(dst []float32, next int, y *Tiles) {
	toPlanesGeneric(dst, next, y, 4, false, line.spread)
}

func winogradFilterGeneric(dst []float32, next int, g *Tiles, turned bool) {
	toPlanesGeneric(dst, next, g, 3, turned, line.filter)
}

func winogradResultGeneric(y *Tiles, src []float32, next int, bias []float32) {
	fromPlanesGeneric(y, src, next, 4, bias, line.result)
}

func winogradGradientGeneric(g *Tiles, src []float32, next int) {
	fromPlanesGeneric(g, src, next, 3, nil, line.gradient)
}
