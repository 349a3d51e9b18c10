package simd

import (
	"math/rand/v2"
	"testing"
)

func TestTranspose(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		f := fences(t, 1<<14, 1<<14)
		for rows := range 36 {
			for cols := range 36 {
				lds, ldd := cols+r.IntN(5), rows+r.IntN(5)
				var src, dst []float32
				if rows > 0 && cols > 0 {
					src = f[0].slice((rows-1)*lds+cols, rows%2 == 0)
					dst = f[1].slice((cols-1)*ldd+rows, rows%2 == 0)
				}
				for i := range src {
					src[i] = float32(i)
				}
				for i := range dst {
					dst[i] = -1
				}
				Transpose(dst, ldd, src, lds, rows, cols)
				for at, got := range dst {
					want := float32(-1)
					if j, i := at/ldd, at%ldd; i < rows {
						want = float32(i*lds + j)
					}
					if got != want {
						t.Fatalf("%d×%d in rows of %d, out rows of %d: element %d is %g, want %g", rows, cols, lds, ldd, at, got, want)
					}
				}
			}
		}
	})
}
