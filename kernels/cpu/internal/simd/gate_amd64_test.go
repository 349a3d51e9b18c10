//go:build !purego

package simd

import (
	"testing"
	"unsafe"
)

// TestTilesPointInside holds the pointers that a column of tiles leaves behind to
// their operands: the garbage collector may see them, and one beyond the end of
// an operand is a fault of its own.
func TestTilesPointInside(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		pl := &planAVX512
		switch tier {
		case AVX2:
			pl = &planAVX2
		case Generic:
			t.Skip("no tiles")
		}
		p := &Product{M: 100, N: pl.lanes, K: 3, RS: 3, KS: 1, LDB: pl.lanes, LDC: pl.lanes}
		a, b, c := make([]float32, 300), make([]float32, 3*pl.lanes), make([]float32, 100*pl.lanes)
		p.Gate = make([]float32, len(c))
		x := p.tile(b, atStart[:])
		x.maskBits, x.mask = firstLanes(pl.lanes)
		x.columns(pl, 1, p, 0, c, a, nil)
		for name, f := range map[string]struct {
			at unsafe.Pointer
			of []float32
		}{"A": {x.a, a}, "C": {x.c, c}, "the gate": {x.gate, p.Gate}} {
			if d := uintptr(f.at) - uintptr(unsafe.Pointer(&f.of[0])); d >= uintptr(4*len(f.of)) {
				t.Errorf("the pointer to %s is %d bytes behind the start of %d", name, d, 4*len(f.of))
			}
		}
	})
}
