package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// stripCase is a Slide, or a Spread of 1 to MaxSpread channels, with arguments.
type stripCase struct {
	Strip
	dst, src, w, bias []float32
	taps              []Tap
}

func (s *stripCase) run() {
	if s.N == 0 {
		Slide(&s.Strip, s.dst, s.src, s.w, s.bias[0], s.taps)
	} else {
		Spread(&s.Strip, s.dst, s.src, s.w, s.bias, s.taps)
	}
}

// columns is the filter's: of a slide 3, of a spread N for each of them.
func (s *stripCase) columns() int { return 3 * max(1, s.N) }

// results is the elements of a row of the result.
func (s *stripCase) results() int {
	if s.N == 0 {
		return s.Places
	}
	return 2 * s.N * s.Places
}

// draw makes a case, its slices between unreadable pages.
func (s *stripCase) draw(r *rand.Rand, fs []*fence) {
	normal := func(f *fence, n int) []float32 {
		x := f.slice(n, r.IntN(2) == 0)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	s.Width = s.Places
	if s.N == 0 {
		s.Before = r.IntN(2)
		s.Width = max(1, s.Places+1-s.Before+r.IntN(2))
		s.Column = s.C + r.IntN(3)
	}
	s.Images, s.Rows, s.Act = 1+r.IntN(2), 1+r.IntN(3), Activation(r.IntN(2))
	s.Row, s.DstRow = r.IntN(50), s.results()+r.IntN(3)
	s.Image, s.DstImage = r.IntN(50), s.Rows*s.DstRow
	span := (s.columns()-1)*max(s.C, s.Column) + s.C
	s.taps = nil
	for i := range 1 + r.IntN(3) {
		s.taps = append(s.taps, Tap{A: i * r.IntN(40), B: i * r.IntN(30)})
	}
	wantSrc, wantW := 0, 0
	backward := s.N == 0 && r.IntN(2) == 0
	for i := range s.taps {
		if backward {
			s.taps[i].B += 2 * s.Column
			wantW = max(wantW, s.taps[i].B+s.C)
		} else {
			wantW = max(wantW, s.taps[i].B+span)
		}
		wantSrc = max(wantSrc, s.taps[i].A+(s.Images-1)*s.Image+(s.Rows-1)*s.Row+s.Width*s.C)
	}
	if backward {
		s.Column = -s.Column
	}
	s.dst = normal(fs[0], (s.Images*s.Rows-1)*s.DstRow+s.results())
	s.src, s.w = normal(fs[1], wantSrc), normal(fs[2], wantW)
	s.bias = []float32{0.5, -0.25, 1, -2}
	if s.N > 0 && r.IntN(3) == 0 {
		s.bias = nil
	}
}

// want returns an element of a row of the result, counted through the images, by the definition, and the sum of the
// absolute values of its terms.
func (s *stripCase) want(row, i int) (sum, size float64) {
	n := max(1, s.N)
	if s.bias != nil {
		sum = float64(s.bias[i%n])
	}
	size = math.Abs(sum)
	for _, t := range s.taps {
		for d := range 3 {
			place, at := i+d-s.Before, t.B+d*s.Column
			if s.N > 0 { // result 2x+d has the product of place x with column d
				if (i/n+d)%2 == 1 {
					continue
				}
				place, at = (i/n-d)/2, t.B+(d*n+i%n)*s.C
				if i/n < d {
					continue
				}
			}
			if place < 0 || place >= s.Width {
				continue
			}
			for c := range s.C {
				v := float64(s.src[t.A+row/s.Rows*s.Image+row%s.Rows*s.Row+place*s.C+c]) * float64(s.w[at+c])
				sum, size = sum+v, size+math.Abs(v)
			}
		}
	}
	if s.Act == ReLU {
		sum = max(sum, 0)
	}
	return sum, size
}

// TestStrip holds tiles of all sizes, and of any rest of channels, to float64,
// between unreadable pages.
func TestStrip(t *testing.T) {
	fs := fences(t, 1<<12, 1<<13, 1<<12)
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(41, 42))
		for n := range MaxSpread + 1 {
			for places := 1; places <= 40; places++ {
				for range 4 {
					s := &stripCase{Strip: Strip{Places: places, N: n, C: 1 + r.IntN(40)}}
					s.draw(r, fs)
					old := append([]float32{}, s.dst...)
					s.run()
					for i, got := range s.dst {
						row, at := i/s.DstRow, i%s.DstRow
						if at >= s.results() {
							if got != old[i] {
								t.Fatalf("%+v: wrote %g between the rows of the result, at %d", s.Strip, got, i)
							}
							continue
						}
						want, size := s.want(row, at)
						if d := math.Abs(float64(got) - want); !(d <= 0x1p-23*float64(3*len(s.taps)*s.C+1)*size) {
							t.Fatalf("%+v, taps %v: row %d, element %d is %g, want %g", s.Strip, s.taps, row, at, got, want)
						}
					}
				}
			}
		}
	})
}

// TestStripNaN: a NaN of the filter or of the source is in those results that
// it is part of, through the activation, and in no others.
func TestStripNaN(t *testing.T) {
	fs := fences(t, 1<<12, 1<<13, 1<<12)
	nan := float32(math.NaN())
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(43, 44))
		for n := range MaxSpread + 1 {
			for places := 1; places <= 20; places++ {
				for where := range 2 {
					s := &stripCase{Strip: Strip{Places: places, N: n, C: 1 + r.IntN(40)}}
					s.draw(r, fs)
					x := [][]float32{s.src, s.w}[where]
					x[r.IntN(len(x))] = nan
					s.run()
					for row := range s.Images * s.Rows {
						for i := range s.results() {
							linear := *s
							linear.Act = Linear
							want, _ := linear.want(row, i)
							if got := s.dst[row*s.DstRow+i]; (got != got) != (want != want) {
								t.Fatalf("%+v, NaN in %s: row %d, element %d is %g, want %g",
									s.Strip, [...]string{"the source", "the filter"}[where], row, i, got, want)
							}
						}
					}
				}
			}
		}
	})
}

func BenchmarkStrip(b *testing.B) {
	for _, n := range []int{0, 1, 2, 3, 4} {
		s := &stripCase{Strip: Strip{Images: 1, Rows: 8, Places: 28, Width: 28, N: n, C: 32, Row: 28 * 32, DstRow: 28 * 2 * max(1, n)}}
		s.taps = []Tap{{0, 0}, {28 * 32, 3 * 32 * max(1, n)}}
		terms := 3 * n * 28
		if n == 0 {
			s.Before, s.Column, s.DstRow = 1, 32, 28
			s.taps = append(s.taps, Tap{2 * 28 * 32, 6 * 32})
			terms = 82
		}
		s.dst, s.src = make([]float32, s.Rows*s.DstRow), make([]float32, 10*s.Row)
		s.w, s.bias = make([]float32, 9*32*max(1, n)), make([]float32, max(1, n))
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) {
			best := time.Hour
			for b.Loop() {
				start := time.Now()
				s.run()
				best = min(best, time.Since(start))
			}
			reached := float64(2*s.Rows*len(s.taps)*s.C*terms) / best.Seconds()
			b.ReportMetric(reached/1e9, "GFLOP/s")
			b.ReportMetric(100*reached/peak(), "%peak")
		})
	}
}
