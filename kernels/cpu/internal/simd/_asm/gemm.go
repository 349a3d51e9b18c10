package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Byte offsets of the fields of simd's type tile.
const (
	tileA = 8 * iota
	tileB
	tileC
	tileFrom
	tileTaps
	tileNTaps
	tileK
	tileRS
	tileKS
	tileLDB
	tileLDC
	tileFromStep
	tileReLU
	tileTiles
	tileAStep
	tileCStep
	tileFromNext
	tileMaskBits
	tileFlush
	tileSaved
	tileGate
	tileMask
)

// gemm writes a function for each tile shape, and one that measures the peak.
func gemm(a *asm) {
	a.kernel = "gemm"
	for nv, most := range a.rows {
		for mr := 1; mr <= most; mr++ {
			gemmTile(a, mr, nv)
		}
	}
	peak(a)
}

func gemmSwitch(s isa) string { return tileSwitch("gemm", s.name, s.rows) }

// tileSwitch returns the Go function that calls a tile by its shape. A table
// of functions would do, but makes the argument escape to the heap.
func tileSwitch(kernel, set string, rows [9]int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n// %s%s runs the kernel of mr rows by w columns, for the widths of %sRows%s.\n", kernel, set, kernel, set)
	fmt.Fprintf(&b, "func %s%s(mr, w int, t *tile) {\n\tswitch w<<4 | mr {\n", kernel, set)
	for w, most := range rows {
		for mr := 1; mr <= most; mr++ {
			fmt.Fprintf(&b, "\tcase %d<<4 | %d:\n\t\t%s%dx%d%s(t)\n", w, mr, kernel, mr, w, set)
		}
	}
	b.WriteString("\tdefault:\n\t\tpanic(\"simd: no such tile\")\n\t}\n}\n")
	fmt.Fprintf(&b, "\n// %sRows%s[w] is the greatest height of a tile of width w.\nvar %sRows%s = [9]int{", kernel, set, kernel, set)
	for w, most := range rows {
		fmt.Fprintf(&b, "%d: %d, ", w, most)
	}
	b.WriteString("}\n")
	return strings.ReplaceAll(b.String(), ", }", "}")
}

// rowAddress returns the address of A in row m, where p7 = p + 7·rs. Scaled
// indices reach seven rows from one pointer.
func rowAddress(m int, p, p7, rs, rs3, rs5 GPPhysical) Mem {
	if m >= 7 {
		p, m = p7, m-7
	}
	at := Mem{Base: p}
	switch m {
	case 1, 2, 4:
		at.Index, at.Scale = rs, uint8(m)
	case 3, 6:
		at.Index, at.Scale = rs3, uint8(m/3)
	case 5:
		at.Index, at.Scale = rs5, 1
	}
	return at
}

// flush makes products and sums treat subnormal numbers as zero, where the tile
// asks for it. The initial values and what follows the sums are as ever.
func (a *asm) flush(field func(int) Mem) {
	if a.kernel != "gemm" {
		return
	}
	a.CMPQ(field(tileFlush), U8(0))
	a.JEQ(LabelRef("flushed"))
	a.STMXCSR(field(tileSaved))
	a.LDMXCSR(field(tileFlush))
	a.Label("flushed")
}

// unflush ends what flush began.
func (a *asm) unflush(field func(int) Mem) {
	if a.kernel != "gemm" {
		return
	}
	a.CMPQ(field(tileFlush), U8(0))
	a.JEQ(LabelRef("store"))
	a.LDMXCSR(field(tileSaved))
}

// inMemory is how many vectors of a row of B find no register and are read
// from memory by each multiply-add; these are the first, since the last may
// be partial.
func (a *asm) inMemory(mr, nv int) int {
	if a.kernel == "pairs" {
		return 0 // its tiles are lower
	}
	if mr == 1 {
		return nv - 1 // nothing to reuse
	}
	return max(0, mr*nv+nv+1-len(a.regs))
}

// gemmTile writes the kernel for tiles of mr rows and nv vectors.
func gemmTile(a *asm, mr, nv int) {
	a.begin(fmt.Sprintf("%s%dx%d", a.kernel, mr, nv), "func(t *tile)")

	// Accumulators first, then the broadcast of A, then B.
	acc := func(m, v int) VecPhysical { return a.regs[m*nv+v] }
	bcast := a.regs[mr*nv]
	mem := a.inMemory(mr, nv)
	bReg := func(v int) VecPhysical { return a.regs[mr*nv+1+v-mem] }

	t, left, kLeft := RDI, RDX, RCX
	rs, rs3, rs5, ks, ldb := R8, R9, R10, R11, R12
	p, p7, pb, tap := R13, RAX, RBX, R15
	field := func(off int) Mem { return Mem{Base: t, Disp: off} }
	mask := field(tileMask)
	vec := func(base GPPhysical, v int) Mem { return Mem{Base: base, Disp: v * a.bytes()} }

	a.Load(a.Param("t"), t)
	if a.lanes == 16 {
		a.MOVQ(field(tileMaskBits), RAX)
		a.KMOVW(EAX, K1)
	}
	a.MOVQ(field(tileRS), rs)
	a.LEAQ(Mem{Base: rs, Index: rs, Scale: 2}, rs3)
	a.LEAQ(Mem{Base: rs, Index: rs, Scale: 4}, rs5)
	a.MOVQ(field(tileKS), ks)
	a.MOVQ(field(tileLDB), ldb)

	a.Label("tile")
	// The initial values: zero, or rows that are FromStep bytes apart.
	a.MOVQ(field(tileFrom), p)
	a.TESTQ(p, p)
	a.JNZ(LabelRef("load"))
	for i := range mr * nv {
		a.zero(a.regs[i])
	}
	a.JMP(LabelRef("taps"))
	a.Label("load")
	for m := range mr {
		for v := range nv {
			a.load(vec(p, v), acc(m, v), v == nv-1, mask, bcast)
		}
		if m < mr-1 {
			a.ADDQ(field(tileFromStep), p)
		}
	}
	a.fetchNext(mr, nv, p, field)

	a.Label("taps")
	a.MOVQ(field(tileTaps), tap)
	a.MOVQ(field(tileNTaps), left)
	a.TESTQ(left, left)
	a.JZ(LabelRef("store"))
	a.flush(field)
	a.Label("tap")
	a.MOVQ(Mem{Base: tap}, p)
	a.MOVQ(field(tileA), RSI)
	a.LEAQ(Mem{Base: RSI, Index: p, Scale: 4}, p)
	if mr > 7 {
		a.LEAQ(Mem{Base: p, Index: rs3, Scale: 2}, p7)
		a.ADDQ(rs, p7)
	}
	a.MOVQ(Mem{Base: tap, Disp: 8}, pb)
	a.MOVQ(field(tileB), RSI)
	a.LEAQ(Mem{Base: RSI, Index: pb, Scale: 4}, pb)
	a.ADDQ(U8(16), tap)
	a.MOVQ(field(tileK), kLeft)

	a.Label("k")
	for v := mem; v < nv; v++ {
		a.load(vec(pb, v), bReg(v), v == nv-1, mask, bcast)
	}
	for m := range mr {
		a.VBROADCASTSS(rowAddress(m, p, p7, rs, rs3, rs5), bcast)
		for v := range nv {
			if v < mem {
				a.VFMADD231PS(vec(pb, v), bcast, acc(m, v))
			} else {
				a.mulAdd(bReg(v), bcast, acc(m, v))
			}
		}
	}
	a.ADDQ(ldb, pb)
	a.ADDQ(ks, p)
	if mr > 7 {
		a.ADDQ(ks, p7)
	}
	a.DECQ(kLeft)
	a.JNZ(LabelRef("k"))
	a.DECQ(left)
	a.JNZ(LabelRef("tap"))
	a.unflush(field)

	a.Label("store")
	a.CMPQ(field(tileReLU), U8(0))
	a.JEQ(LabelRef("linear"))
	a.zero(bcast)
	for i := range mr * nv {
		// The maximum is the operand named first if one is a NaN.
		a.VMAXPS(a.regs[i], bcast, a.regs[i])
	}
	a.Label("linear")
	// Registers that held B are free now.
	a.gate(field, mr, nv, acc, bReg(mem))
	a.MOVQ(field(tileC), p)
	for m := range mr {
		for v := range nv {
			a.store(acc(m, v), vec(p, v), v == nv-1, mask, bcast)
		}
		if m < mr-1 {
			a.ADDQ(field(tileLDC), p)
		}
	}

	a.DECQ(field(tileTiles))
	a.JZ(LabelRef("done"))
	nextTile(a, field)
	a.CMPQ(field(tileGate), U8(0))
	a.JEQ(LabelRef("tile"))
	a.MOVQ(field(tileCStep), RSI)
	a.ADDQ(RSI, field(tileGate))
	a.JMP(LabelRef("tile"))
	a.Label("done")
	a.VZEROUPPER()
	a.RET()
}

// fetchNext brings the initial values of the next tile into the nearest cache,
// while the products of this one are added: their rows lie too far apart for
// the processor to expect them. Behind the last tile it fetches in vain.
func (a *asm) fetchNext(mr, nv int, p GPPhysical, field func(int) Mem) {
	a.MOVQ(field(tileFromNext), RSI)
	a.TESTQ(RSI, RSI)
	a.JZ(LabelRef("taps"))
	a.MOVQ(field(tileFrom), p)
	a.ADDQ(RSI, p)
	for m := range mr {
		for line := 0; line < nv*a.bytes(); line += 64 {
			a.PREFETCHT0(Mem{Base: p, Disp: line})
		}
		if m < mr-1 {
			a.ADDQ(field(tileFromStep), p)
		}
	}
}

// gate zeroes the elements of C where those of the gate are not above 0.
func (a *asm) gate(field func(int) Mem, mr, nv int, acc func(m, v int) VecPhysical, tmp VecPhysical) {
	p, mask := R13, field(tileMask)
	a.CMPQ(field(tileGate), U8(0))
	a.JEQ(LabelRef("ungated"))
	a.MOVQ(field(tileGate), p)
	if a.lanes == 16 {
		a.zero(tmp)
	}
	for m := range mr {
		for v := range nv {
			at := Mem{Base: p, Disp: v * a.bytes()}
			switch {
			case a.lanes == 16 && v == nv-1:
				a.VCMPPS(U8(less), at, tmp, K1, K2) // 0 < y
				a.VMOVUPS_Z(acc(m, v), K2, acc(m, v))
			case a.lanes == 16:
				a.VCMPPS(U8(less), at, tmp, K2)
				a.VMOVUPS_Z(acc(m, v), K2, acc(m, v))
			default:
				if v == nv-1 {
					a.VMOVUPS(mask, tmp)
					a.VMASKMOVPS(at, tmp, tmp)
				} else {
					a.VMOVUPS(at, tmp)
				}
				a.VCMPPS(U8(greater), a.f(0), tmp, tmp)
				a.VANDPS(tmp, acc(m, v), acc(m, v))
			}
		}
		if m < mr-1 {
			a.ADDQ(field(tileLDC), p)
		}
	}
	a.Label("ungated")
}

// nextTile moves the pointers to A, C and the initial values to the next tile.
// Only tiles that exist are ever pointed to; where the initial values are zero,
// their step is, too.
func nextTile(a *asm, field func(int) Mem) {
	for _, f := range []struct{ pointer, step int }{{tileA, tileAStep}, {tileC, tileCStep}, {tileFrom, tileFromNext}} {
		a.MOVQ(field(f.step), RSI)
		a.ADDQ(RSI, field(f.pointer))
	}
}

// peakChains is how many independent multiply-adds the peak loop has: more
// than two units of latency 4 or 5 need.
const peakChains = 12

// peak writes a loop of nothing but multiply-adds on registers.
func peak(a *asm) {
	a.begin("peak", "func(n int)")
	a.Load(a.Param("n"), RCX)
	for i := range peakChains + 2 {
		a.zero(a.regs[i])
	}
	a.Label("loop")
	for i := range peakChains {
		a.VFMADD231PS(a.regs[peakChains], a.regs[peakChains+1], a.regs[i])
	}
	a.DECQ(RCX)
	a.JNZ(LabelRef("loop"))
	a.VZEROUPPER()
	a.RET()
}
