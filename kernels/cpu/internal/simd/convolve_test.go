package simd

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestConvolve holds every shape of filter, places and channels at which some
// tier changes its code, to float64, between unreadable pages; a NaN in the
// image or the filter is where the definition says, through the activation.
func TestConvolve(t *testing.T) {
	fs := fences(t, 1<<14, 1<<13, 1<<13, 1<<14, 1<<8)
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(51, 52))
		for lines := 1; lines <= ConvolveLines; lines++ {
			for elements := 1; elements <= ConvolveElements; elements++ {
				for places := 1; places <= 14; places++ {
					for range 6 {
						v := &Convolution{Images: 1 + r.IntN(3), Rows: 1 + r.IntN(3), Places: places, Lines: lines, Elements: elements, N: 1 + r.IntN(70)}
						if r.IntN(2) == 0 {
							v.N = (v.N + 15) / 16 * 16
						}
						v.Act, v.Stream = Activation(r.IntN(2)), r.IntN(2) == 0
						v.Step, v.Row, v.Image, v.Line = r.IntN(5), r.IntN(30), r.IntN(99), r.IntN(30)
						v.FilterLine, v.DstStep = r.IntN(2*elements*v.N), v.N+16*r.IntN(2)
						v.DstRow = places * v.DstStep
						v.DstImage = v.Rows * v.DstRow
						if r.IntN(2) == 0 { // places below one another
							v.DstRow, v.DstStep = v.DstStep, v.Rows*v.DstStep
						}
						checkConvolve(t, v, r, fs)
					}
				}
			}
		}
	})
}

func checkConvolve(t *testing.T, v *Convolution, r *rand.Rand, fs []*fence) {
	t.Helper()
	front := r.IntN(2) == 0
	draw := func(f *fence, n int) []float32 {
		x := f.slice(n, front)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	dst := draw(fs[0], (v.Images-1)*v.DstImage+(v.Rows-1)*v.DstRow+(v.Places-1)*v.DstStep+v.N)
	x := draw(fs[1], (v.Images-1)*v.Image+(v.Rows-1)*v.Row+(v.Places-1)*v.Step+(v.Lines-1)*v.Line+v.Elements)
	filter := draw(fs[2], (v.Lines-1)*v.FilterLine+v.Elements*v.N)
	var gate, bias []float32
	if r.IntN(2) == 0 {
		gate = draw(fs[3], len(dst))
	}
	if r.IntN(2) == 0 {
		bias = draw(fs[4], v.N)
	}
	if r.IntN(8) == 0 {
		x[r.IntN(len(x))] = float32(math.NaN())
	}
	between := slices.Clone(dst)
	Convolve(v, dst, x, filter, bias, gate)
	for at := range v.Images * v.Rows * v.Places * v.N {
		n, p, row, image := at%v.N, at/v.N%v.Places, at/v.N/v.Places%v.Rows, at/v.N/v.Places/v.Rows
		i := image*v.DstImage + row*v.DstRow + p*v.DstStep + n
		got := dst[i]
		between[i] = got
		want := 0.0
		if bias != nil {
			want = float64(bias[n])
		}
		size := math.Abs(want)
		for l := range v.Lines {
			for e := range v.Elements {
				term := float64(x[image*v.Image+row*v.Row+p*v.Step+l*v.Line+e]) * float64(filter[l*v.FilterLine+e*v.N+n])
				want, size = want+term, size+math.Abs(term)
			}
		}
		if v.Act == ReLU && want < 0 || gate != nil && !(gate[i] > 0) {
			want = 0
		}
		same := float64(got) == want || math.IsNaN(want) && got != got
		if d := math.Abs(float64(got) - want); !same && !(d <= 0x1p-23*float64(v.Lines*v.Elements+1)*size) {
			t.Fatalf("%+v, gate %t: element %d is %g, want %g", *v, gate != nil, i, got, want)
		}
	}
	for i, was := range between {
		if was != dst[i] && was == was {
			t.Fatalf("%+v: wrote %g between the places of the result, at %d", *v, dst[i], i)
		}
	}
}

func BenchmarkConvolve(b *testing.B) {
	v := &Convolution{
		Images: 1, Rows: 4, Places: 26, Lines: 3, Elements: 3, N: 32, Act: ReLU,
		Step: 1, Row: 28, Line: 28, DstRow: 28 * 32, DstStep: 32, FilterLine: 3 * 32,
	}
	dst, x := make([]float32, v.Rows*v.DstRow), make([]float32, 28*28)
	filter, bias := make([]float32, 9*32), make([]float32, 32)
	best := time.Hour
	for b.Loop() {
		start := time.Now()
		for range 10 {
			Convolve(v, dst, x, filter, bias, nil)
		}
		best = min(best, time.Since(start)/10)
	}
	reached := float64(2*v.Rows*v.Places*v.N*9) / best.Seconds()
	b.ReportMetric(reached/1e9, "GFLOP/s")
	b.ReportMetric(100*reached/peak(), "%peak")
}
