package simd

import "fmt"

// The transforms of 3×3 filters of stride 2 for four places of the result along
// each dimension,
//
//	yi = w0·ei + w1·xi + w2·ei₊₁        e0 x0 e1 x1 e2 x2 e3 x3 e4
//
// The taps on even places are Winograd's F(4, 2), by the polynomials' values at
// 0, ±p and ±q, where p = 3/4 and q = 5/2:
//
//	u0  = e0 − (1/p²+1/q²)·e2 + 1/(p²q²)·e4
//	u±p = e4 − q²·e2 ± p·(e3 − q²·e1)
//	u±q = e4 − p²·e2 ± q·(e3 − p²·e1)
//
//	yi = Σ kⁱ·ak        a0 = w0·u0        a±p = (w0 ± p·w2)/(2p²(p²−q²))·u±p
//	                                      a±q = (w0 ± q·w2)/(2q²(q²−p²))·u±q
//
// Four of the five sums may hold any four numbers, so the tap on odd places goes
// along with them, as a product with c·w1 in each, where c = 1/(2p(p²−q²)):
//
//	v±p = p·(x2 − q²·x0) ± (x3 − q²·x1)
//	v±q = −p·(x2 − p²·x0) ∓ p/q·(x3 − p²·x1)
//
// The transposed forms give the filter's gradient from the same tiles of the
// image and the transposes of Σ kⁱ·ak.
//
// That is 9 products in place of 12, and in two dimensions 81 in place of 144,
// of which there are 25 sums. The transposed convolution of x₋₁ x0 x1 x2 x3 has
// four even places, which are those of F(4, 2) with w0 and w2 exchanged, and
// four odd places, w1·xi, which come of the products of c·w1 by u±p and u±q.
//
// In float32 and for sums of 64 channels the error is about twice that of the
// definition, and of the transforms for two places. Points such as 0, ±1, 2 and
// ∞ give three times the definition's. Channels, planes and tiers are as for the
// transforms of F(4×4, 3×3).

// The points ±p and ±q.
const (
	strideP, strideQ = 0.75, 2.5
	strideP2         = strideP * strideP
	strideQ2         = strideQ * strideQ
)

// What w0 is multiplied by in the products with u±p and with u±q.
const (
	strideFilterP = 1 / (2 * strideP2 * (strideP2 - strideQ2))
	strideFilterQ = 1 / (2 * strideQ2 * (strideQ2 - strideP2))
)

// StrideTaps4 is the number of a filter's taps in each dimension that have
// products in the transforms for four places.
const StrideTaps4 = 6

// StrideTap4 returns tap i of w0, w1 and w2, which is of w0, w1 and w2 those
// times what it returns: products with u0, up, u₋p, uq, u₋q and, the last one,
// with the odd places.
func StrideTap4(i int) (w0, w1, w2 float32) {
	switch i {
	case 0:
		return 1, 0, 0
	case 1:
		return strideFilterP, 0, strideFilterP * strideP
	case 2:
		return strideFilterP, 0, -strideFilterP * strideP
	case 3:
		return strideFilterQ, 0, strideFilterQ * strideQ
	case 4:
		return strideFilterQ, 0, -strideFilterQ * strideQ
	}
	return 0, strideFilterP * strideP, 0
}

// StrideTiles is a row of tiles: channel c of place j of tile t is element
// (Start + j)·Step + c of Rows[i], and as much further on as t tiles advance. The
// first place of each tile and the last are zero if Before and After say that
// they lie beyond the rows.
type StrideTiles struct {
	Rows            [9][]float32
	Start, Step     int
	Count, Channels int
	Before, After   bool
}

// StridedTiles4 sets the 81 planes of dst: u0, up, u₋p, uq, u₋q, vp, v₋p, vq and
// v₋q of tiles of 9×9 places that advance by 8, from row to row and in each row.
func StridedTiles4(dst []float32, next int, x *StrideTiles) {
	if x.check("StridedTiles4", 9, 9, 8, dst, next) {
		stridedTiles4(dst, next, x)
	}
}

// TransposedTiles4 sets the 25 planes of dst: u0, up, u₋p, uq and u₋q of tiles of
// 5×5 places that advance by 4.
func TransposedTiles4(dst []float32, next int, x *StrideTiles) {
	if x.check("TransposedTiles4", 5, 5, 4, dst, next) {
		transposedTiles4(dst, next, x)
	}
}

// StridedSpread4 sets the 25 planes of dst, the transposes of StridedResult4's, of
// tiles of 4×4 places that advance by 4: y0, (y0 + p²·y2) ± p·(y1 + p²·y3) and
// (y0 + q²·y2) ± q·(y1 + q²·y3).
func StridedSpread4(dst []float32, next int, y *StrideTiles) {
	if y.check("StridedSpread4", 4, 5, 4, dst, next) {
		stridedSpread4(dst, next, y)
	}
}

// StridedResult4 sums the 25 planes of src, those of a0, ap, a₋p, aq and a₋q of
// the rows in turn, and the bias: tile t gives the places 4t … 4t+3 of four rows,
// whose places are step elements apart.
func StridedResult4(rows *[8][]float32, src []float32, next, tiles, channels, step int, bias []float32) {
	checkRows4("StridedResult4", rows[:4], src, 25, next, tiles, channels, step, bias)
	if tiles > 0 && channels > 0 {
		stridedResult4(rows, src, next, tiles, channels, step, bias)
	}
}

// TransposedResult4 gives the places 8t … 8t+7 of eight rows from 81 planes: the
// products with u0, up, u₋p, uq and u₋q, and of the odd places with up, u₋p, uq
// and u₋q.
func TransposedResult4(rows *[8][]float32, src []float32, next, tiles, channels, step int, bias []float32) {
	checkRows4("TransposedResult4", rows[:], src, 81, next, tiles, channels, step, bias)
	if tiles > 0 && channels > 0 {
		transposedResult4(rows, src, next, tiles, channels, step, bias)
	}
}

// StridedGradient4 gives the gradients of a filter's nine taps, those of w0, w1
// and w2 of each row step elements apart, from the 36 planes of those of its
// transformed taps, each of one tile, and adds the bias.
func StridedGradient4(rows *[8][]float32, src []float32, next, channels, step int, bias []float32) {
	checkRows4("StridedGradient4", rows[:3], src, 36, next, 1, channels, step, bias)
	if channels > 0 {
		stridedGradient4(rows, src, next, channels, step, bias)
	}
}

// check holds rows and planes to their lengths, and reports whether there is
// something to do.
func (t *StrideTiles) check(name string, places, planes, advance int, dst []float32, next int) bool {
	checkPlanes(name, t.Count, t.Channels, next, planes*planes, len(dst))
	if t.Count == 0 || t.Channels == 0 {
		return false
	}
	first, last := t.Start, t.Start+(t.Count-1)*advance+places-1
	if t.Before {
		first++
	}
	if t.After {
		last--
	}
	for i, row := range t.Rows[:places] {
		if first < 0 || t.Step < 0 || len(row) < last*t.Step+t.Channels {
			panic(fmt.Sprintf("simd: %s of the places %d to %d of %d channels, %d apart: row %d has %d elements",
				name, first, last, t.Channels, t.Step, i, len(row)))
		}
	}
	return true
}

func checkRows4(name string, rows [][]float32, src []float32, planes, next, tiles, channels, step int, bias []float32) {
	have := len(rows[0])
	for _, row := range rows {
		have = min(have, len(row))
	}
	checkResult(name, len(rows)*tiles, channels, step, have, len(bias))
	checkPlanes(name, tiles, channels, next, planes, len(src))
}

// A strideLine is a row or a column of a tile or of its planes.
type strideLine [9]float32

// even transforms e0 … e4.
func (e strideLine) even() strideLine {
	f, g := e[4]-strideQ2*e[2], strideP*(e[3]-strideQ2*e[1])
	h, k := e[4]-strideP2*e[2], strideQ*(e[3]-strideP2*e[1])
	return strideLine{e[0] - (1/strideP2+1/strideQ2)*e[2] + 1/(strideP2*strideQ2)*e[4], f + g, f - g, h + k, h - k}
}

// strided transforms e0, x0, e1, … x3, e4.
func (x strideLine) strided() strideLine {
	u := strideLine{x[0], x[2], x[4], x[6], x[8]}.even()
	f, g := x[7]-strideQ2*x[3], strideP*(x[5]-strideQ2*x[1])
	h, k := strideP/strideQ*(x[7]-strideP2*x[3]), strideP*(x[5]-strideP2*x[1])
	u[5], u[6], u[7], u[8] = g+f, g-f, -k-h, h-k
	return u
}

// spread transforms y0 … y3.
func (y strideLine) spread() strideLine {
	f, g := y[0]+strideP2*y[2], strideP*(y[1]+strideP2*y[3])
	h, k := y[0]+strideQ2*y[2], strideQ*(y[1]+strideQ2*y[3])
	return strideLine{y[0], f + g, f - g, h + k, h - k}
}

// sums returns y0 … y3 of the sums a.
func (a strideLine) sums() strideLine {
	f, g := a[1]+a[2], a[3]+a[4]
	h, k := a[1]-a[2], a[3]-a[4]
	return strideLine{
		a[0] + f + g, strideP*h + strideQ*k,
		strideP2*f + strideQ2*g, strideP*strideP2*h + strideQ*strideQ2*k,
	}
}

// gradient returns those of w0, w1 and w2 of those of the six taps.
func (m strideLine) gradient() strideLine {
	return strideLine{
		m[0] + strideFilterP*(m[1]+m[2]) + strideFilterQ*(m[3]+m[4]),
		strideFilterP * strideP * m[5],
		strideFilterP*strideP*(m[1]-m[2]) + strideFilterQ*strideQ*(m[3]-m[4]),
	}
}

// transposed returns eight places.
func (m strideLine) transposed() strideLine {
	e := m.sums()
	f, g := m[5]-m[6], m[7]-m[8]
	h, k := m[5]+m[6], m[7]+m[8]
	return strideLine{
		e[0], f - strideP/strideQ*g, e[1], strideP * (h - k),
		e[2], strideP2*f - strideP*strideQ*g, e[3], strideP*strideP2*h - strideP*strideQ2*k,
	}
}

// strideToPlanes applies a map from size numbers to planes to the rows and
// columns of tiles.
func strideToPlanes(dst []float32, next int, t *StrideTiles, size, planes, advance int, apply func(strideLine) strideLine) {
	for tile := range t.Count {
		for c := range t.Channels {
			var x [9]strideLine
			for i := range size {
				for j := range size {
					if !(j == 0 && t.Before || j == size-1 && t.After) {
						x[i][j] = t.Rows[i][(t.Start+tile*advance+j)*t.Step+c]
					}
				}
				x[i] = apply(x[i])
			}
			for j := range planes {
				var column strideLine
				for i := range size {
					column[i] = x[i][j]
				}
				for i, v := range apply(column) {
					if i < planes {
						dst[(i*planes+j)*next+tile*t.Channels+c] = v
					}
				}
			}
		}
	}
}

// strideFromPlanes applies a map from size numbers to places to the rows and
// columns of planes.
func strideFromPlanes(rows [][]float32, src []float32, size, next, tiles, channels, step int, bias []float32, apply func(strideLine) strideLine) {
	places := len(rows)
	for tile := range tiles {
		for c := range channels {
			var x [9]strideLine
			for i := range size {
				for j := range size {
					x[i][j] = src[(i*size+j)*next+tile*channels+c]
				}
				x[i] = apply(x[i])
			}
			for j := range places {
				var column strideLine
				for i := range size {
					column[i] = x[i][j]
				}
				for i, v := range apply(column) {
					if i < places {
						rows[i][(tile*places+j)*step+c] = v + bias[c]
					}
				}
			}
		}
	}
}

func stridedTiles4Generic(dst []float32, next int, x *StrideTiles) {
	strideToPlanes(dst, next, x, 9, 9, 8, strideLine.strided)
}

func transposedTiles4Generic(dst []float32, next int, x *StrideTiles) {
	strideToPlanes(dst, next, x, 5, 5, 4, strideLine.even)
}

func stridedSpread4Generic(dst []float32, next int, y *StrideTiles) {
	strideToPlanes(dst, next, y, 4, 5, 4, strideLine.spread)
}

func stridedResult4Generic(rows *[8][]float32, src []float32, next, tiles, channels, step int, bias []float32) {
	strideFromPlanes(rows[:4], src, 5, next, tiles, channels, step, bias, strideLine.sums)
}

func transposedResult4Generic(rows *[8][]float32, src []float32, next, tiles, channels, step int, bias []float32) {
	strideFromPlanes(rows[:], src, 9, next, tiles, channels, step, bias, strideLine.transposed)
}

func stridedGradient4Generic(rows *[8][]float32, src []float32, next, channels, step int, bias []float32) {
	strideFromPlanes(rows[:3], src, 6, next, 1, channels, step, bias, strideLine.gradient)
}
