package simd

import "fmt"

// Transpose writes dst[j·ldd + i] = src[i·lds + j] for i in [0,rows) and
// j in [0,cols). dst and src do not overlap.
func Transpose(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	if rows == 0 || cols == 0 {
		return
	}
	if rows < 0 || cols < 0 || ldd < rows && cols > 1 || lds < cols && rows > 1 ||
		len(dst) < (cols-1)*ldd+rows || len(src) < (rows-1)*lds+cols {
		panic(fmt.Sprintf("simd: Transpose of %d×%d: dst has %d elements in rows of %d, src %d in rows of %d",
			rows, cols, len(dst), ldd, len(src), lds))
	}
	transpose(dst, ldd, src, lds, rows, cols)
}

// transposeGeneric goes by blocks of 8×8, so that each cache line it touches
// is used whole before it is evicted.
func transposeGeneric(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	for i0 := 0; i0 < rows; i0 += 8 {
		i1 := min(i0+8, rows)
		for j0 := 0; j0 < cols; j0 += 8 {
			j1 := min(j0+8, cols)
			for j := j0; j < j1; j++ {
				d := dst[j*ldd+i0 : j*ldd+i1]
				s := i0*lds + j
				for i := range d {
					d[i] = src[s]
					s += lds
				}
			}
		}
	}
}
