package simd

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestWindowGrad holds every shape of filter, and channels at which some tier
// changes its code, to float64, between unreadable pages.
func TestWindowGrad(t *testing.T) {
	fs := fences(t, 1<<13, 1<<13, 1<<13)
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(31, 32))
		for lines := 1; lines <= 5; lines++ {
			for elements := 1; elements <= 26; elements++ {
				for range 4 {
					w := &Window{Rows: 1 + r.IntN(4), Places: 1 + r.IntN(5), Lines: lines, Elements: elements, N: 1 + r.IntN(40)}
					w.Step, w.Row, w.Line = r.IntN(5), r.IntN(30), r.IntN(30)
					w.DYRow, w.SumLine = w.Places*w.N+r.IntN(3), elements*w.N+r.IntN(3)
					w.check(t, r, fs)
				}
			}
		}
	})
}

func (w *Window) check(t *testing.T, r *rand.Rand, fs []*fence) {
	t.Helper()
	front := r.IntN(2) == 0
	draw := func(f *fence, n int) []float32 {
		x := f.slice(n, front)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	sum := draw(fs[0], (w.Lines-1)*w.SumLine+w.Elements*w.N)
	x := draw(fs[1], (w.Rows-1)*w.Row+(w.Places-1)*w.Step+(w.Lines-1)*w.Line+w.Elements)
	dy := draw(fs[2], (w.Rows-1)*w.DYRow+w.Places*w.N)
	was := slices.Clone(sum)
	WindowGrad(w, sum, x, dy)
	for i, got := range sum {
		l, e, n := i/w.SumLine, i%w.SumLine/w.N, i%w.SumLine%w.N
		want := float64(was[i])
		if e >= w.Elements {
			if got != was[i] {
				t.Fatalf("%+v: wrote %g between the rows of the sums, at %d", *w, got, i)
			}
			continue
		}
		size := math.Abs(want)
		for row := range w.Rows {
			for p := range w.Places {
				v := float64(x[row*w.Row+p*w.Step+l*w.Line+e]) * float64(dy[row*w.DYRow+p*w.N+n])
				want, size = want+v, size+math.Abs(v)
			}
		}
		if d := math.Abs(float64(got) - want); !(d <= 0x1p-23*float64(w.Rows*w.Places+1)*size) {
			t.Fatalf("%+v: sum %d is %g, want %g", *w, i, got, want)
		}
	}
}
