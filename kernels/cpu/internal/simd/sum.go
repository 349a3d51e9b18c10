package simd

import "fmt"

// Reductions add in float64, where the product of two float32 numbers is
// exact: element i goes to sum i mod 32, and the sums are added pairwise. So
// the bits are the same in every tier, and a million elements of one sign lose
// nothing that float32 can show.

const sumLanes = 32

// Sum returns Σ x[i].
func Sum(x []float32) float64 {
	var s [sumLanes]float64
	whole := len(x) / sumLanes * sumLanes
	if whole > 0 {
		sum(&s, x[:whole])
	}
	for i, v := range x[whole:] {
		s[i] += float64(v)
	}
	return pairwise(&s)
}

// SumProduct returns Σ x[i]·y[i].
func SumProduct(x, y []float32) float64 {
	same("SumProduct", x, y)
	var s [sumLanes]float64
	whole := len(x) / sumLanes * sumLanes
	if whole > 0 {
		sumProduct(&s, x[:whole], y[:whole])
	}
	for i, v := range x[whole:] {
		s[i] += float64(v) * float64(y[whole+i])
	}
	return pairwise(&s)
}

// pairwise adds the upper half of the sums to the lower until one is left.
func pairwise(s *[sumLanes]float64) float64 {
	for n := sumLanes / 2; n > 0; n /= 2 {
		for i := range n {
			s[i] += s[n+i]
		}
	}
	return s[0]
}

// SumRows adds rows of len(sum) elements, which begin step elements apart in x,
// to sum, in their order: sum[i] += Σ_r x[r·step + i].
func SumRows(sum []float64, x []float32, step, rows int) {
	if rows <= 0 || len(sum) == 0 {
		return
	}
	checkRows("SumRows", len(sum), len(x), step, rows)
	sumRows(sum, x, step, rows)
}

// SumProductRows adds the products of the rows of x and of y, which lie as those
// of SumRows: sum[i] += Σ_r x[r·step + i]·y[r·step + i].
func SumProductRows(sum []float64, x, y []float32, step, rows int) {
	if rows <= 0 || len(sum) == 0 {
		return
	}
	checkRows("SumProductRows", len(sum), min(len(x), len(y)), step, rows)
	sumProductRows(sum, x, y, step, rows)
}

// MomentRows adds the differences of rows of len(sum) elements from shift to
// sum, and their squares to square, in the order of the rows:
//
//	sum[i] += Σ_r (x[r·step + i] − shift[i])
//	square[i] += Σ_r (x[r·step + i] − shift[i])²
func MomentRows(sum, square, shift []float64, x []float32, step, rows int) {
	if rows <= 0 || len(sum) == 0 {
		return
	}
	if len(square) != len(sum) || len(shift) != len(sum) {
		panic(fmt.Sprintf("simd: MomentRows of %d sums got %d squares and %d shifts", len(sum), len(square), len(shift)))
	}
	checkRows("MomentRows", len(sum), len(x), step, rows)
	momentRows(sum, square, shift, x, step, rows)
}

// checkRows holds rows to the memory they lie in.
func checkRows(name string, width, elements, step, rows int) {
	if step < 0 || elements < (rows-1)*step+width {
		panic(fmt.Sprintf("simd: %s of %d rows of %d elements, %d apart, got %d elements", name, rows, width, step, elements))
	}
}

func sumGeneric(s *[sumLanes]float64, x []float32) {
	for len(x) >= sumLanes {
		b := x[:sumLanes]
		for i := range s {
			s[i] += float64(b[i])
		}
		x = x[sumLanes:]
	}
}

func sumProductGeneric(s *[sumLanes]float64, x, y []float32) {
	for len(x) >= sumLanes && len(y) >= sumLanes {
		b, c := x[:sumLanes], y[:sumLanes]
		for i := range s {
			s[i] += float64(b[i]) * float64(c[i])
		}
		x, y = x[sumLanes:], y[sumLanes:]
	}
}

func sumRowsGeneric(sum []float64, x []float32, step, rows int) {
	for r := range rows {
		row := x[r*step:][:len(sum)]
		for i, v := range row {
			sum[i] += float64(v)
		}
	}
}

func sumProductRowsGeneric(sum []float64, x, y []float32, step, rows int) {
	for r := range rows {
		row, by := x[r*step:][:len(sum)], y[r*step:][:len(sum)]
		for i, v := range row {
			sum[i] += float64(v) * float64(by[i])
		}
	}
}

func momentRowsGeneric(sum, square, shift []float64, x []float32, step, rows int) {
	for r := range rows {
		row := x[r*step:][:len(sum)]
		for i, v := range row {
			d := float64(v) - shift[i]
			sum[i] += d
			square[i] += d * d
		}
	}
}

// FromBytes sets dst = x/divisor, correctly rounded.
func FromBytes(dst []float32, x []byte, divisor float32) {
	if len(x) != len(dst) {
		panic(fmt.Sprintf("simd: FromBytes of %d elements got %d bytes", len(dst), len(x)))
	}
	fromBytes(dst, x, divisor)
}

func fromBytesGeneric(dst []float32, x []byte, divisor float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = float32(x[i]) / divisor
	}
}

// ScaleBytes sets dst = factor·x.
func ScaleBytes(dst []float32, x []byte, factor float32) {
	if len(x) != len(dst) {
		panic(fmt.Sprintf("simd: ScaleBytes of %d elements got %d bytes", len(dst), len(x)))
	}
	scaleBytes(dst, x, factor)
}

func scaleBytesGeneric(dst []float32, x []byte, factor float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = float32(x[i]) * factor
	}
}
