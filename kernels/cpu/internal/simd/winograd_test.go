package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// winogradFences hold the operands of the transforms between unreadable pages.
type winogradFences struct {
	rows   [6]*fence
	planes *fence
	bias   *fence
}

// TestWinograd holds the transforms of every tier to the portable ones between
// unreadable pages: to their rounding, which adds up tens of products.
func TestWinograd(t *testing.T) {
	f := winogradFences{planes: newFence(t, 36*4*48), bias: newFence(t, 48)}
	for i := range f.rows {
		f.rows[i] = newFence(t, 3*9*48+6*50+48)
	}
	eachTier(t, func(t *testing.T) {
		for _, channels := range []int{0, 16, 48} {
			for _, tiles := range []int{0, 1, 3} {
				for _, gap := range []int{0, 2} {
					f.check(t, Tiles{Step: channels + gap, Advance: 5*channels + gap, Count: tiles, Channels: channels})
				}
			}
		}
	})
}

func (f *winogradFences) check(t *testing.T, at Tiles) {
	random := rand.New(rand.NewPCG(1, uint64(at.Count*at.Channels)))
	draw := func(f *fence, n int) []float32 {
		x := f.slice(n, false)
		for i := range x {
			x[i] = float32(random.NormFloat64())
		}
		return x
	}
	name := fmt.Sprintf("%d tiles of %d channels, %d and %d apart", at.Count, at.Channels, at.Step, at.Advance)
	next := at.Count*at.Channels + at.Step%16
	planes := draw(f.planes, 35*next+at.Count*at.Channels)
	bias := draw(f.bias, at.Channels)
	tiles := func(size int) (Tiles, Tiles) {
		a, b := at, at
		for i := range size {
			a.Rows[i] = draw(f.rows[i], max(0, at.Count-1)*at.Advance+(size-1)*at.Step+at.Channels)
			b.Rows[i] = slices.Clone(a.Rows[i])
		}
		return a, b
	}
	for _, try := range []struct {
		name           string
		size           int
		fast, portable func(dst []float32, next int, t *Tiles)
	}{
		{"input", 6, WinogradInput, winogradInputGeneric},
		{"spread", 4, WinogradSpread, winogradSpreadGeneric},
		{"filter", 3, func(dst []float32, next int, t *Tiles) { WinogradFilter(dst, next, t, false) },
			func(dst []float32, next int, t *Tiles) { winogradFilterGeneric(dst, next, t, false) }},
		{"turned filter", 3, func(dst []float32, next int, t *Tiles) { WinogradFilter(dst, next, t, true) },
			func(dst []float32, next int, t *Tiles) { winogradFilterGeneric(dst, next, t, true) }},
	} {
		a, b := tiles(try.size)
		want := slices.Clone(planes)
		try.fast(planes, next, &a)
		try.portable(want, next, &b)
		closeTo(t, try.name+" of "+name, planes, want)
		if try.size == 3 {
			continue
		}
		for _, edge := range [][2]int{{1, 0}, {0, 1}, {2, try.size - 3}, {try.size, 0}} {
			for _, x := range []*Tiles{&a, &b} { // begin before the rows, and end after them
				x.Before, x.After, x.Start = edge[0], edge[1], -edge[0]*at.Step
				for i, row := range x.Rows[:try.size] {
					if n := max(0, at.Count-1)*at.Advance + (try.size-edge[0]-edge[1]-1)*at.Step + at.Channels; n >= 0 && n < len(row) {
						x.Rows[i] = row[len(row)-max(n, 1):]
					}
				}
			}
			try.fast(planes, next, &a)
			try.portable(want, next, &b)
			closeTo(t, fmt.Sprintf("%s of %s, %d before and %d after", try.name, name, edge[0], edge[1]), planes, want)
		}
	}
	a, b := tiles(4)
	WinogradResult(&a, planes, next, bias)
	winogradResultGeneric(&b, planes, next, bias)
	for i := range 4 {
		closeTo(t, "result of "+name, a.Rows[i], b.Rows[i])
	}
	a, b = tiles(3)
	WinogradGradient(&a, planes, next)
	winogradGradientGeneric(&b, planes, next)
	for i := range 3 {
		closeTo(t, "gradient of "+name, a.Rows[i], b.Rows[i])
	}
}

// closeTo compares sums of numbers of about 1, of which some cancel.
func closeTo(t *testing.T, name string, got, want []float32) {
	t.Helper()
	for i, w := range want {
		if d := math.Abs(float64(got[i] - w)); !(d <= 1e-5*(1+math.Abs(float64(w)))) {
			t.Fatalf("%s: element %d is %g, the portable form gives %g", name, i, got[i], w)
		}
	}
}

// TestWinogradIsExact holds the transforms, and that they undo one another, to
// the definition of a convolution and of its filter's gradient in float64.
func TestWinogradIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 0))
	const channels = 16
	tile := func(size int) *Tiles {
		x := &Tiles{Step: channels, Count: 1, Channels: channels}
		for i := range size {
			x.Rows[i] = make([]float32, size*channels)
			for j := range x.Rows[i] {
				x.Rows[i][j] = float32(random.NormFloat64())
			}
		}
		return x
	}
	image, dy, g, y, dg := tile(6), tile(4), tile(3), tile(4), tile(3)
	planes := func() []float32 { return make([]float32, WinogradPlaces*channels) }
	d, spread, filter, sum := planes(), planes(), planes(), planes()
	WinogradInput(d, channels, image)
	WinogradSpread(spread, channels, dy)
	WinogradFilter(filter, channels, g, false)
	Mul(sum, d, filter)
	WinogradResult(y, sum, channels, make([]float32, channels))
	Mul(sum, d, spread)
	WinogradGradient(dg, sum, channels)
	for _, c := range []struct {
		name string
		got  *Tiles
		by   *Tiles
		n, m int // places of the result and of the factor
	}{{"convolution", y, g, 4, 3}, {"filter gradient", dg, dy, 3, 4}} {
		for i := range c.n {
			for at, v := range c.got.Rows[i][:c.n*channels] {
				want, size := 0., 0.
				for k := range c.m {
					for l := range c.m {
						p := float64(image.Rows[i+k][at+l*channels]) * float64(c.by.Rows[k][l*channels+at%channels])
						want, size = want+p, size+math.Abs(p)
					}
				}
				if diff := math.Abs(float64(v) - want); !(diff <= 2e-6*size) {
					t.Errorf("%s, row %d, element %d: got %g, want %g", c.name, i, at, v, want)
				}
			}
		}
	}
}
