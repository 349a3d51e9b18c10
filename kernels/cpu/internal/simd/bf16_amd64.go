//go:build !purego

package simd

import (
	"math"
	"unsafe"

	"golang.org/x/sys/cpu"
)

var hasBF16 = cpu.X86.HasAVX512BF16

func gemmPairs(p *Product, c, a, b, bias []float32, taps []Tap) {
	gemmTiled(&planPairs, p, c, a, b, bias, taps)
}

// pads are sixteen numbers that round to the bits zero, and to Pad.
var pads = func() (p [2][16]float32) {
	for i := range p[1] {
		p[1][i] = float32(math.Copysign(0, -1))
	}
	return p
}()

// pairRows makes the pairs in whole vectors and returns how many those are.
func pairRows(dst []Pair, x, y []float32, pad uint16) (done int) {
	blocks, step := len(dst)/16, 64
	if blocks == 0 {
		return 0
	}
	if y == nil {
		y, step = pads[pad>>15][:], 0
	}
	pairRowsAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(y), step, blocks)
	return 16 * blocks
}

// pairNeighbours is pairRows for neighbours.
func pairNeighbours(dst []Pair, x []float32) (done int) {
	blocks := len(x) / 32
	if blocks > 0 {
		pairNeighboursAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), blocks)
	}
	return 16 * blocks
}
