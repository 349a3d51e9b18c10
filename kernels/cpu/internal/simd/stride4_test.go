package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestStride4 holds the transforms of stride 2 for four places of every tier to
// the portable ones, between unreadable pages.
func TestStride4(t *testing.T) {
	s := strideFences{newFence(t, 9*41*60), newFence(t, 81*(5*48+7)), newFence(t, 8*40*60), newFence(t, 48)}
	eachTier(t, func(t *testing.T) {
		for _, channels := range []int{0, 16, 48} {
			for _, tiles := range []int{0, 1, 2, 5} {
				for _, gap := range []int{0, 7} {
					name := fmt.Sprintf("%d tiles of %d channels, planes and places %d further apart", tiles, channels, gap)
					for edge := range 4 {
						s.tiles4(t, fmt.Sprintf("%s, edge %d", name, edge), tiles, channels, tiles*channels+gap, channels+gap, edge&1 > 0, edge&2 > 0)
					}
					s.results4(t, name, tiles, channels, tiles*channels+gap, channels+gap)
				}
			}
		}
	})
}

func (s *strideFences) tiles4(t *testing.T, name string, tiles, channels, next, step int, before, after bool) {
	for _, f := range []struct {
		name           string
		fast, portable func(dst []float32, next int, x *StrideTiles)
		size, planes   int
		advance        int
	}{
		{"StridedTiles4", StridedTiles4, stridedTiles4Generic, 9, 9, 8},
		{"TransposedTiles4", TransposedTiles4, transposedTiles4Generic, 5, 5, 4},
		{"StridedSpread4", StridedSpread4, stridedSpread4Generic, 4, 5, 4},
	} {
		x := StrideTiles{Step: step, Count: tiles, Channels: channels, Before: before, After: after}
		places := (tiles-1)*f.advance + f.size
		if before {
			x.Start = -1
			places--
		}
		if after {
			places--
		}
		n := max(0, (places-1)*step+channels)
		src, dst := drawInto(s.places, f.size*n), drawInto(s.planes, (f.planes*f.planes-1)*next+tiles*channels)
		for i := range f.size {
			x.Rows[i] = src[i*n:][:n]
		}
		want := slices.Clone(dst)
		f.portable(want, next, &x)
		f.fast(dst, next, &x)
		closeIn(t, f.name+" of "+name, dst, want, 3e-5)
	}
}

func (s *strideFences) results4(t *testing.T, name string, tiles, channels, next, step int) {
	bias := drawInto(s.bias, channels)
	for _, f := range []struct {
		name           string
		fast, portable func(rows *[8][]float32, src []float32, next, tiles, channels, step int, bias []float32)
		places, size   int
	}{
		{"StridedResult4", StridedResult4, stridedResult4Generic, 4, 5},
		{"TransposedResult4", TransposedResult4, transposedResult4Generic, 8, 9},
		{"StridedGradient4", func(rows *[8][]float32, src []float32, next, _, channels, step int, bias []float32) {
			StridedGradient4(rows, src, next, channels, step, bias)
		}, func(rows *[8][]float32, src []float32, next, _, channels, step int, bias []float32) {
			stridedGradient4Generic(rows, src, next, channels, step, bias)
		}, 3, 6},
	} {
		if f.size == 6 && tiles != 1 {
			continue
		}
		src := drawInto(s.planes, (f.size*f.size-1)*next+tiles*channels)
		n := 0
		if tiles > 0 {
			n = (f.places*tiles-1)*step + channels
		}
		out := drawInto(s.out, f.places*n)
		want := slices.Clone(out)
		rows := func(x []float32) (r [8][]float32) {
			for i := range f.places {
				r[i] = x[i*n:][:n]
			}
			return r
		}
		to, wantTo := rows(out), rows(want)
		f.portable(&wantTo, src, next, tiles, channels, step, bias)
		f.fast(&to, src, next, tiles, channels, step, bias)
		closeIn(t, f.name+" of "+name, out, want, 1e-4)
	}
}

// closeIn compares sums of numbers of which some are many times the sum.
func closeIn(t *testing.T, name string, got, want []float32, tol float64) {
	t.Helper()
	for i, w := range want {
		if d := math.Abs(float64(got[i] - w)); !(d <= tol*(1+math.Abs(float64(w)))) {
			t.Fatalf("%s: element %d is %g, the portable form gives %g", name, i, got[i], w)
		}
	}
}

// TestStride4IsExact holds the transforms to the definition of a convolution and
// of a transposed one in float64.
func TestStride4IsExact(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(3, 0))
		draw := func(size int) [][]float32 {
			x := make([][]float32, size)
			for i := range x {
				x[i] = make([]float32, size)
				for j := range x[i] {
					x[i][j] = float32(random.NormFloat64())
				}
			}
			return x
		}
		for range 50 {
			strided4Case(t, draw(9), draw(3))
			transposed4Case(t, draw(5), draw(3))
		}
	})
}

// The input and the sum that belong to each product's tap.
var strideLines4 = [9]int{0, 1, 2, 3, 4, 1, 2, 3, 4}

const strideLane = 3 // the channel that holds a tile

func strided4Case(t *testing.T, x, w [][]float32) {
	planes, sums := make([]float32, 81*16), make([]float32, 25*16)
	StridedTiles4(planes, 16, inLane(x))
	for i := range 9 {
		for j := range 9 {
			at := 16*(strideLines4[i]*5+strideLines4[j]) + strideLane
			sums[at] += planes[16*(i*9+j)+strideLane] * strideTap4(w, min(i, 5), min(j, 5), false)
		}
	}
	y := rowsOfPlaces(4)
	StridedResult4(&y, sums, 16, 1, 16, 16, make([]float32, 16))
	for i := range 4 {
		for j := range 4 {
			want := 0.0
			for a := range 3 {
				for b := range 3 {
					want += float64(x[2*i+a][2*j+b]) * float64(w[a][b])
				}
			}
			isNear(t, "StridedResult4", i, j, y[i], want)
		}
	}
}

func transposed4Case(t *testing.T, x, w [][]float32) {
	planes, sums := make([]float32, 25*16), make([]float32, 81*16)
	TransposedTiles4(planes, 16, inLane(x))
	for i := range 9 {
		for j := range 9 {
			from := 16*(strideLines4[i]*5+strideLines4[j]) + strideLane
			sums[16*(i*9+j)+strideLane] = planes[from] * strideTap4(w, min(i, 5), min(j, 5), true)
		}
	}
	y := rowsOfPlaces(8)
	TransposedResult4(&y, sums, 16, 1, 16, 16, make([]float32, 16))
	for i := range 8 {
		for j := range 8 {
			want := 0.0
			for a := i % 2; a < 3; a += 2 {
				for b := j % 2; b < 3; b += 2 {
					want += float64(x[(i-a)/2+1][(j-b)/2+1]) * float64(w[a][b])
				}
			}
			isNear(t, "TransposedResult4", i, j, y[i], want)
		}
	}
}

// strideTap4 returns a transformed tap of w, turned if exchanged.
func strideTap4(w [][]float32, i, j int, exchanged bool) float32 {
	var rows, cols [3]float32
	rows[0], rows[1], rows[2] = StrideTap4(i)
	cols[0], cols[1], cols[2] = StrideTap4(j)
	if exchanged {
		slices.Reverse(rows[:])
		slices.Reverse(cols[:])
	}
	sum := 0.0
	for a := range 3 {
		for b := range 3 {
			sum += float64(rows[a]) * float64(cols[b]) * float64(w[a][b])
		}
	}
	return float32(sum)
}

// inLane returns a tile of 16 channels of which one is x and the others are zero.
func inLane(x [][]float32) *StrideTiles {
	t := &StrideTiles{Step: 16, Count: 1, Channels: 16}
	for i, row := range x {
		t.Rows[i] = make([]float32, 16*len(row))
		for j, v := range row {
			t.Rows[i][16*j+strideLane] = v
		}
	}
	return t
}

func rowsOfPlaces(n int) (y [8][]float32) {
	for i := range n {
		y[i] = make([]float32, 16*n)
	}
	return y
}

func isNear(t *testing.T, name string, i, j int, row []float32, want float64) {
	t.Helper()
	if got := float64(row[16*j+strideLane]); !(math.Abs(got-want) <= 5e-5) {
		t.Fatalf("%s: place %d, %d is %g, the definition gives %g", name, i, j, got, want)
	}
}
