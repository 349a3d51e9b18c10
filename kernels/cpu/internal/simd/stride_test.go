package simd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestStride holds the transforms of stride 2 of every tier to the portable
// ones, bit by bit, between unreadable pages.
func TestStride(t *testing.T) {
	s := strideFences{newFence(t, 5*21*48), newFence(t, 25*(5*48+7)), newFence(t, 8*20*60), newFence(t, 48)}
	eachTier(t, func(t *testing.T) {
		for _, channels := range []int{0, 16, 48} {
			for _, tiles := range []int{0, 1, 2, 5} {
				for _, gap := range []int{0, 7} {
					name := fmt.Sprintf("%d tiles of %d channels, planes and places %d further apart", tiles, channels, gap)
					s.tiles(t, name, tiles, channels, tiles*channels+gap)
					s.results(t, name, tiles, channels, tiles*channels+gap, channels+gap)
				}
			}
		}
	})
}

type strideFences struct{ places, planes, out, bias *fence }

func drawInto(f *fence, n int) []float32 {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	x := f.slice(n, false)
	for i := range x {
		x[i] = float32(random.NormFloat64())
	}
	return x
}

func (s *strideFences) tiles(t *testing.T, name string, tiles, channels, next int) {
	for _, f := range []struct {
		name           string
		fast, portable func(dst []float32, next int, rows *[5][]float32, tiles, channels int)
		rows, places   int
		planes         int
	}{
		{"StridedTiles", StridedTiles, stridedTilesGeneric, 5, 4*tiles + 1, 25},
		{"TransposedTiles", TransposedTiles, transposedTilesGeneric, 3, 2*tiles + 1, 16},
		{"StridedSpread", StridedSpread, stridedSpreadGeneric, 2, 2 * tiles, 9},
	} {
		n := f.places * channels
		src, dst := drawInto(s.places, f.rows*n), drawInto(s.planes, (f.planes-1)*next+tiles*channels)
		var rows [5][]float32 // in turn, so that the first and the last meet what is unreadable
		for i := range f.rows {
			rows[i] = src[i*n:][:n]
		}
		want := slices.Clone(dst)
		f.portable(want, next, &rows, tiles, channels)
		f.fast(dst, next, &rows, tiles, channels)
		if !slices.Equal(dst, want) {
			t.Errorf("%s of %s: got other bits than the portable form", f.name, name)
		}
	}
}

func (s *strideFences) results(t *testing.T, name string, tiles, channels, next, step int) {
	bias := drawInto(s.bias, channels)
	for _, f := range []struct {
		name           string
		fast, portable func(top, bottom, src []float32)
		places, planes int
	}{
		{"StridedResult", func(top, bottom, src []float32) {
			StridedResult(top, bottom, src, next, tiles, channels, step, bias)
		}, func(top, bottom, src []float32) {
			stridedResultGeneric(top, bottom, src, next, tiles, channels, step, bias)
		}, 2, 9},
		{"TransposedResult", func(top, bottom, src []float32) {
			TransposedResult(top, bottom, src, src[next:], src[2*next:], next, tiles, channels, step, bias)
		}, func(top, bottom, src []float32) {
			transposedResultGeneric(top, bottom, src, src[next:], src[2*next:], next, tiles, channels, step, bias)
		}, 4, 7},
	} {
		src := drawInto(s.planes, (f.planes-1)*next+tiles*channels)
		row := max(0, (f.places*tiles-1)*step+channels)
		out := drawInto(s.out, 2*row)
		want := slices.Clone(out)
		f.portable(want[:row], want[row:], src)
		f.fast(out[:row], out[row:], src)
		if !slices.Equal(out, want) {
			t.Errorf("%s of %s: got other bits than the portable form", f.name, name)
		}
	}
}
