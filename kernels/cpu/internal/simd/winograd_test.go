package simd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestWinograd holds the transforms of every tier to the portable ones, bit by
// bit, between unreadable pages.
func TestWinograd(t *testing.T) {
	places, planes, bias := newFence(t, 2*4*12*48), newFence(t, 16*4*12*48), newFence(t, 48)
	eachTier(t, func(t *testing.T) {
		for _, channels := range []int{0, 16, 48} {
			for _, tiles := range []int{0, 1, 2, 5} {
				for _, gap := range []int{0, 7} {
					name := fmt.Sprintf("%d tiles of %d channels, planes %d further apart", tiles, channels, gap)
					checkTransforms(t, name, tiles, channels, tiles*channels+gap, places, planes, bias)
				}
			}
		}
	})
}

func checkTransforms(t *testing.T, name string, tiles, channels, next int, places, planes, bias *fence) {
	random := rand.New(rand.NewPCG(1, uint64(tiles*channels)))
	draw := func(f *fence, n int) []float32 {
		x := f.slice(n, false)
		for i := range x {
			x[i] = float32(random.NormFloat64())
		}
		return x
	}
	for _, f := range []struct {
		name           string
		fast, portable func(dst []float32, next int, src []float32, tiles, channels int)
		width          int
	}{
		{"columns", WinogradColumns, winogradColumnsGeneric, 2*tiles + 2},
		{"spread", WinogradSpread, winogradSpreadGeneric, 2 * tiles},
	} {
		src, dst := draw(places, f.width*channels), draw(planes, 3*next+tiles*channels)
		want := slices.Clone(dst)
		f.portable(want, next, src, tiles, channels)
		f.fast(dst, next, src, tiles, channels)
		if !slices.Equal(dst, want) {
			t.Errorf("%s of %s: got other bits than the portable form", f.name, name)
		}
	}
	src, b := draw(planes, 15*next+tiles*channels), draw(bias, channels)
	n := 2 * tiles * channels
	out := draw(places, 2*n)
	want := slices.Clone(out)
	winogradResultGeneric(want[:n], want[n:], src, next, tiles, channels, b)
	WinogradResult(out[:n], out[n:], src, next, tiles, channels, b)
	if !slices.Equal(out, want) {
		t.Errorf("result of %s: got other bits than the portable form", name)
	}
}
