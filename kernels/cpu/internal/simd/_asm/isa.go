package main

import (
	"go/token"
	"go/types"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// isa is what differs between the two instruction sets.
type isa struct {
	name  string // suffix of function names
	file  string // part of file names
	lanes int    // float32 values to a vector
	regs  []VecPhysical
	// rows maps a tile's width in vectors to its greatest height. The
	// accumulators, the columns of B and one broadcast of A share the
	// registers; see [asm.inMemory].
	rows [9]int
	// dotRows maps a Dot tile's number of columns to its greatest height.
	dotRows [9]int
	// pairRows is rows for tiles of pairs, which read no column of B twice.
	pairRows [9]int
}

var avx512 = isa{
	name: "AVX512", file: "avx512", lanes: 16,
	regs: []VecPhysical{
		Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
		Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31,
	},
	rows:    [9]int{1: 14, 2: 14, 3: 8, 4: 7, 6: 4, 8: 2},
	dotRows: [9]int{1: 16, 2: 8, 3: 5, 4: 4},

	pairRows: [9]int{1: 14, 2: 14, 3: 8, 4: 6, 6: 4, 8: 2},
}

var avx2 = isa{
	name: "AVX2", file: "avx2", lanes: 8,
	regs:    []VecPhysical{Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15},
	rows:    [9]int{1: 12, 2: 6, 3: 4, 4: 3, 8: 1},
	dotRows: [9]int{1: 8, 2: 4, 3: 4, 4: 2},
}

func (s isa) bytes() int { return 4 * s.lanes }

// asm is a file under construction for one instruction set.
type asm struct {
	*build.Context
	isa
	constants map[uint32]Mem // by bit pattern
	masks     Mem            // see [loop.write]
	places    Mem            // see [asm.placesInOrder]
	repeats   [5]Mem         // see [asm.repeat]
	kernel    string         // what names of tiles start with
}

// simd stands for the package that the functions belong to, so that their
// signatures may name its types.
var simd = func() *types.Package {
	p := types.NewPackage("simd", "simd")
	for _, name := range []string{"tile", "window", "strip", "convolution"} {
		n := types.NewTypeName(token.NoPos, p, name, nil)
		types.NewNamed(n, types.NewStruct(nil, nil), nil)
		p.Scope().Insert(n)
	}
	return p
}()

// begin starts the function name+AVX512 or name+AVX2.
func (a *asm) begin(name, signature string) {
	sig, err := gotypes.ParseSignatureInPackage(simd, signature)
	if err != nil {
		panic(err) // the signatures are all in this program
	}
	a.Function(name + a.name)
	a.Attributes(attr.NOSPLIT)
	a.Pragma("noescape")
	a.Signature(sig)
}

// The mask of a partial vector lives in K1 under AVX-512. AVX2 has no mask
// registers and too few others, so there the mask is read from memory, into
// the register that tmp names, at each use.

// load reads the leading lanes that the mask allows and zeroes the rest, or
// reads all lanes if partial is false.
func (a *asm) load(m Mem, dst VecPhysical, partial bool, mask Mem, tmp VecPhysical) {
	switch {
	case !partial:
		a.VMOVUPS(m, dst)
	case a.lanes == 16:
		a.VMOVUPS_Z(m, K1, dst)
	default:
		a.VMOVUPS(mask, tmp)
		a.VMASKMOVPS(m, tmp, dst)
	}
}

// store writes all lanes, or those that the mask allows.
func (a *asm) store(src VecPhysical, m Mem, partial bool, mask Mem, tmp VecPhysical) {
	switch {
	case !partial:
		a.VMOVUPS(src, m)
	case a.lanes == 16:
		a.VMOVUPS(src, K1, m)
	default:
		a.VMOVUPS(mask, tmp)
		a.VMASKMOVPS(src, tmp, m)
	}
}

func (a *asm) zero(r VecPhysical) {
	if a.lanes == 16 {
		a.VPXORD(r, r, r)
	} else {
		a.VXORPS(r, r, r)
	}
}
