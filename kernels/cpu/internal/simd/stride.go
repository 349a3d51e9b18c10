package simd

import "fmt"

// The transforms of 3×3 filters of stride 2. Along one dimension, two
// neighbouring places of the result are
//
//	y0 = w0·e0 + w1·x1 + w2·e1        e0 x1 e1 x3 e2: five places of the image
//	y1 = w0·e1 + w1·x3 + w2·e2
//
// Their two taps on even places are Winograd's F(2, 2), which takes three
// products in place of four, and whose outer two stand in one result each, so
// that the sums of the odd places go along with them:
//
//	a0 = w0·(e0−e1) + w1·x1   a1 = (w0+w2)·e1   a2 = w2·(e2−e1) + w1·x3
//	y0 = a0 + a1              y1 = a1 + a2
//
// That is 5 products in place of 6, and in two dimensions 25 in place of 36.
// The transposed convolution of x₋₁ x0 x1 has four places,
//
//	m0 = w2·(x₋₁−x0)  m1 = (w0+w2)·x0  m2 = w0·(x1−x0)  o0 = w1·x0  o1 = w1·x1
//	m0 + m1           o0               m1 + m2          o1
//
// Channels, planes and bits are as for the transforms of F(2×2, 3×3).

// StridedTiles gives the 25 planes of a row of tiles that overlap by one place:
// e0−e1, x1, e1, e2−e1 and x3 of the places 4t … 4t+4, from row to row and in
// each row.
func StridedTiles(dst []float32, next int, rows *[5][]float32, tiles, channels int) {
	checkTileRows("StridedTiles", rows[:], tiles, channels, next, 25, len(dst), 4*tiles+1)
	if tiles > 0 && channels > 0 {
		stridedTiles(dst, next, rows, tiles, channels)
	}
}

// TransposedTiles gives the 16 planes of a row of tiles that overlap by one
// place: x₋₁−x0, x0, x1−x0 and x1 of the places 2t … 2t+2 of the first three
// rows.
func TransposedTiles(dst []float32, next int, rows *[5][]float32, tiles, channels int) {
	checkTileRows("TransposedTiles", rows[:3], tiles, channels, next, 16, len(dst), 2*tiles+1)
	if tiles > 0 && channels > 0 {
		transposedTiles(dst, next, rows, tiles, channels)
	}
}

// StridedSpread gives the nine planes of a row of tiles side by side: y0, y0+y1
// and y1 of the places 2t and 2t+1 of the first two rows.
func StridedSpread(dst []float32, next int, rows *[5][]float32, tiles, channels int) {
	checkTileRows("StridedSpread", rows[:2], tiles, channels, next, 9, len(dst), 2*tiles)
	if tiles > 0 && channels > 0 {
		stridedSpread(dst, next, rows, tiles, channels)
	}
}

// StridedResult adds up the nine planes of src, those of a0, a1 and a2 of the
// rows in turn, and the bias: tile t gives the places 2t and 2t+1 of two rows,
// whose places are step elements apart.
func StridedResult(top, bottom, src []float32, next, tiles, channels, step int, bias []float32) {
	checkResult("StridedResult", 2*tiles, channels, step, min(len(top), len(bottom)), len(bias))
	checkPlanes("StridedResult", tiles, channels, next, 9, len(src))
	if tiles > 0 && channels > 0 {
		stridedResult(top, bottom, src, next, tiles, channels, step, bias)
	}
}

// TransposedResult gives two rows: even of the sums of the five planes of a and
// of b, odd of those of c, and the bias in each. The planes are those of m0, m1,
// m2, o0 and o1, and tile t gives the places 4t … 4t+3, step elements apart.
func TransposedResult(even, odd, a, b, c []float32, next, tiles, channels, step int, bias []float32) {
	checkResult("TransposedResult", 4*tiles, channels, step, min(len(even), len(odd)), len(bias))
	checkPlanes("TransposedResult", tiles, channels, next, 5, min(len(a), len(b), len(c)))
	if tiles > 0 && channels > 0 {
		transposedResult(even, odd, a, b, c, next, tiles, channels, step, bias)
	}
}

// checkTileRows holds planes, and the rows of places that they are made of, to their
// lengths.
func checkTileRows(name string, rows [][]float32, tiles, channels, next, count, planes, places int) {
	checkPlanes(name, tiles, channels, next, count, planes)
	for i, row := range rows {
		if tiles > 0 && len(row) < places*channels {
			panic(fmt.Sprintf("simd: %s of %d tiles of %d channels: row %d has %d elements", name, tiles, channels, i, len(row)))
		}
	}
}

// checkPlanes holds planes to their length.
func checkPlanes(name string, tiles, channels, next, count, planes int) {
	if tiles < 0 || channels < 0 || channels%16 != 0 || next < 0 || tiles > 0 && planes < (count-1)*next+tiles*channels {
		panic(fmt.Sprintf("simd: %s of %d tiles of %d channels in planes %d apart: %d elements", name, tiles, channels, next, planes))
	}
}

// checkResult holds the places of a result to its length.
func checkResult(name string, places, channels, step, have, bias int) {
	if places > 0 && (step < channels || have < (places-1)*step+channels) || bias < channels {
		panic(fmt.Sprintf("simd: %s of %d places of %d channels, %d apart: %d elements, and %d of the bias",
			name, places, channels, step, have, bias))
	}
}

func stridedTilesGeneric(dst []float32, next int, rows *[5][]float32, tiles, channels int) {
	for t := range tiles {
		for c := range channels {
			var x [5][5]float32
			for i := range x {
				row := rows[i][4*t*channels+c:]
				e0, x1, e1, x3, e2 := row[0], row[channels], row[2*channels], row[3*channels], row[4*channels]
				x[i] = [5]float32{e0 - e1, x1, e1, e2 - e1, x3}
			}
			at := t*channels + c
			for j := range 5 {
				e1 := x[2][j]
				for i, v := range [5]float32{x[0][j] - e1, x[1][j], e1, x[4][j] - e1, x[3][j]} {
					dst[(5*i+j)*next+at] = v
				}
			}
		}
	}
}

func transposedTilesGeneric(dst []float32, next int, rows *[5][]float32, tiles, channels int) {
	for t := range tiles {
		for c := range channels {
			var x [3][4]float32
			for i := range x {
				row := rows[i][2*t*channels+c:]
				before, x0, x1 := row[0], row[channels], row[2*channels]
				x[i] = [4]float32{before - x0, x0, x1 - x0, x1}
			}
			at := t*channels + c
			for j := range 4 {
				x0 := x[1][j]
				for i, v := range [4]float32{x[0][j] - x0, x0, x[2][j] - x0, x[2][j]} {
					dst[(4*i+j)*next+at] = v
				}
			}
		}
	}
}

func stridedSpreadGeneric(dst []float32, next int, rows *[5][]float32, tiles, channels int) {
	for t := range tiles {
		for c := range channels {
			var y [2][3]float32
			for i := range y {
				row := rows[i][2*t*channels+c:]
				y[i] = [3]float32{row[0], row[0] + row[channels], row[channels]}
			}
			at := t*channels + c
			for j := range 3 {
				dst[j*next+at], dst[(3+j)*next+at], dst[(6+j)*next+at] = y[0][j], y[0][j]+y[1][j], y[1][j]
			}
		}
	}
}

func stridedResultGeneric(top, bottom, src []float32, next, tiles, channels, step int, bias []float32) {
	var s, t [3]float32
	for tile := range tiles {
		for c := range channels {
			m := src[tile*channels+c:]
			for k := range 3 {
				middle := m[(3+k)*next]
				s[k], t[k] = m[k*next]+middle, middle+m[(6+k)*next]
			}
			at := 2*tile*step + c
			top[at], top[at+step] = s[0]+s[1]+bias[c], s[1]+s[2]+bias[c]
			bottom[at], bottom[at+step] = t[0]+t[1]+bias[c], t[1]+t[2]+bias[c]
		}
	}
}

func transposedResultGeneric(even, odd, a, b, c []float32, next, tiles, channels, step int, bias []float32) {
	var s, t [5]float32
	for tile := range tiles {
		for n := range channels {
			from := tile*channels + n
			for k := range 5 {
				s[k], t[k] = a[k*next+from]+b[k*next+from], c[k*next+from]
			}
			at := 4*tile*step + n
			even[at], even[at+step] = s[0]+s[1]+bias[n], s[3]+bias[n]
			even[at+2*step], even[at+3*step] = s[1]+s[2]+bias[n], s[4]+bias[n]
			odd[at], odd[at+step] = t[0]+t[1]+bias[n], t[3]+bias[n]
			odd[at+2*step], odd[at+3*step] = t[1]+t[2]+bias[n], t[4]+bias[n]
		}
	}
}
