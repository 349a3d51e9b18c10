//go:build !purego

package simd

import "unsafe"

func slide(s *Strip, dst, src, w []float32, bias float32, taps []Tap) {
	if tier == AVX512 {
		slideTiles(16, s, dst, src, w, bias, taps)
	} else if tier == AVX2 {
		slideTiles(8, s, dst, src, w, bias, taps)
	} else {
		slideGeneric(s, dst, src, w, bias, taps)
	}
}

func spread(s *Strip, dst, src, w, bias []float32, taps []Tap) {
	if tier == AVX512 {
		spreadTiles(16, spreadMostAVX512[s.N], s, dst, src, w, bias, taps)
	} else if tier == AVX2 {
		spreadTiles(8, spreadMostAVX2[s.N], s, dst, src, w, bias, taps)
	} else {
		spreadGeneric(s, dst, src, w, bias, taps)
	}
}

// slideTiles runs the rows by tiles of up to lanes places.
func slideTiles(lanes int, s *Strip, dst, src, w []float32, bias float32, taps []Tap) {
	t := s.strip(lanes, dst, src, w, taps)
	t.column = 4 * s.Column
	for i := range t.bias {
		t.bias[i] = bias
	}
	over := s.Places+2-s.Before > s.Width
	for _, r := range tileRuns(s.Places, lanes) {
		if r.tiles == 0 {
			continue
		}
		t.run(s, r, r.from-s.Before, 1)
		if over && r.from+r.tiles*r.size == s.Places {
			t.right = 1
		}
		if lanes == 16 {
			slideAVX512(r.size, &t)
		} else {
			slideAVX2(r.size, &t)
		}
	}
}

// spreadTiles runs the rows by tiles of up to most places.
func spreadTiles(lanes, most int, s *Strip, dst, src, w, bias []float32, taps []Tap) {
	t := s.strip(lanes, dst, src, w, taps)
	if bias != nil {
		for i := range t.bias {
			t.bias[i] = bias[i%s.N]
		}
	}
	for _, r := range tileRuns(s.Places, most) {
		if r.tiles == 0 {
			continue
		}
		t.run(s, r, r.from, 2*s.N)
		if r.from == 0 {
			t.left = 1
		}
		if lanes == 16 {
			spreadAVX512(r.size, s.N, &t)
		} else {
			spreadAVX2(r.size, s.N, &t)
		}
	}
}

// strip returns what all tiles have in common.
func (s *Strip) strip(lanes int, dst, src, w []float32, taps []Tap) strip {
	t := strip{
		dst: unsafe.Pointer(&dst[0]), src: unsafe.Pointer(&src[0]), w: unsafe.Pointer(&w[0]),
		taps: &taps[0], nTaps: len(taps), vectors: s.C / lanes, place: 4 * s.C,
		rows: s.Rows, srcImage: 4 * s.Image, dstImage: 4 * s.DstImage, srcRow: 4 * s.Row, dstRow: 4 * s.DstRow,
	}
	if s.Act == ReLU {
		t.relu = 1
	}
	t.maskBits, t.mask = firstLanes(s.C % lanes)
	return t
}

// tileRun is neighbouring tiles of one size.
type tileRun struct{ from, size, tiles int }

// tileRuns cuts n places into as few tiles as there may be of up to most, whose
// sizes differ by one at most.
func tileRuns(n, most int) [2]tileRun {
	count := (n + most - 1) / most
	low, high := n/count, n%count
	return [2]tileRun{{0, low + 1, high}, {high * (low + 1), low, count - high}}
}

// run moves t to a run of tiles, the first of which begins at a place of the
// source and has so many elements of the result for each of its places.
func (t *strip) run(s *Strip, r tileRun, first, elements int) {
	t.images, t.tiles = s.Images, r.tiles
	t.srcAt, t.dstAt = 4*first*s.C, 4*r.from*elements
	t.srcTile, t.dstTile = 4*r.size*s.C, 4*r.size*elements
	t.left, t.right = 0, 0
	if first < 0 {
		t.left = 1
	}
}
