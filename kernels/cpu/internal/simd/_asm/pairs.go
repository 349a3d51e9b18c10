package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// pairs writes the tiles whose steps of k are pairs of bfloat16, and what makes
// pairs. Neither avo nor Go's assembler knows the instructions of AVX512-BF16,
// so they are written as bytes.
func pairs(a *asm) {
	a.kernel = "pairs"
	for nv, most := range a.pairRows {
		for mr := 1; mr <= most; mr++ {
			gemmTile(a, mr, nv)
		}
	}
	pairRows(a)
	pairNeighbours(a)
}

func pairsSwitch(s isa) string { return tileSwitch("pairs", s.name, s.pairRows) }

// mulAdd adds x·y to sum, or for pairs the products of the upper and then the
// lower halves.
func (a *asm) mulAdd(x, y, sum VecPhysical) {
	if a.kernel != "pairs" {
		a.VFMADD231PS(x, y, sum)
		return
	}
	a.evex(prefixF3, 0x52, x, y, sum) // VDPBF16PS
}

// The last two bits of an EVEX prefix's second byte.
const (
	prefixF3 = 2
	prefixF2 = 3
)

// evex writes an instruction on whole ZMM registers of opcode map 0F38, with
// operands in Go's order: the destination last. See Intel's manual, volume 2,
// section 2.7, for the bits; those of register numbers are inverted.
func (a *asm) evex(prefix, opcode byte, rm, v, reg VecPhysical) {
	m, vvvv, r := byte(rm.ID().Index()), byte(v.ID().Index()), byte(reg.ID().Index())
	no := func(x, bit, at byte) byte { return (^x >> bit & 1) << at }
	p0 := no(r, 3, 7) | no(m, 4, 6) | no(m, 3, 5) | no(r, 4, 4) | 2
	p1 := (^vvvv&15)<<3 | 4 | prefix
	p2 := byte(0x40) | no(vvvv, 4, 3)
	modRM := 0xC0 | r&7<<3 | m&7
	a.Instruction(&ir.Instruction{Opcode: "LONG", Operands: []Op{
		U32(0x62 | uint32(p0)<<8 | uint32(p1)<<16 | uint32(p2)<<24),
	}})
	a.Instruction(&ir.Instruction{Opcode: "WORD", Operands: []Op{U16(uint16(opcode) | uint16(modRM)<<8)}})
}

// convert rounds low to the first and high to the last sixteen bfloat16 of dst.
func (a *asm) convert(low, high, dst VecPhysical) {
	a.evex(prefixF2, 0x72, low, high, dst) // VCVTNE2PS2BF16
}

// pairRows writes the function that pairs x[i] with y[i], x in the upper half,
// sixteen at a time; y moves by yStep bytes.
func pairRows(a *asm) {
	order := a.StaticGlobal("pairOrder")
	a.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 16 {
		a.AddDatum(4*i, U32(i|(16+i)<<16))
	}
	a.begin("pairRows", "func(dst *uint32, x, y *float32, yStep, blocks int)")
	a.VMOVUPS(order, Z3)
	a.Load(a.Param("dst"), RDI)
	a.Load(a.Param("x"), RSI)
	a.Load(a.Param("y"), RDX)
	a.Load(a.Param("yStep"), RAX)
	a.Load(a.Param("blocks"), RCX)
	a.Label("loop")
	a.VMOVUPS(Mem{Base: RSI}, Z0)
	a.VMOVUPS(Mem{Base: RDX}, Z1)
	a.convert(Z1, Z0, Z2)
	a.VPERMW(Z2, Z3, Z2)
	a.VMOVUPS(Z2, Mem{Base: RDI})
	a.ADDQ(U8(64), RSI)
	a.ADDQ(U8(64), RDI)
	a.ADDQ(RAX, RDX)
	a.DECQ(RCX)
	a.JNZ(LabelRef("loop"))
	a.VZEROUPPER()
	a.RET()
}

// pairNeighbours writes the function that pairs x[2i] with x[2i+1], the first
// in the upper half, sixteen pairs at a time.
func pairNeighbours(a *asm) {
	a.begin("pairNeighbours", "func(dst *uint32, x *float32, blocks int)")
	a.Load(a.Param("dst"), RDI)
	a.Load(a.Param("x"), RSI)
	a.Load(a.Param("blocks"), RCX)
	a.Label("loop")
	a.VMOVUPS(Mem{Base: RSI}, Z0)
	a.VMOVUPS(Mem{Base: RSI, Disp: 64}, Z1)
	a.convert(Z0, Z1, Z2)
	a.VPROLD(U8(16), Z2, Z2)
	a.VMOVUPS(Z2, Mem{Base: RDI})
	a.ADDQ(U8(128), RSI)
	a.ADDQ(U8(64), RDI)
	a.DECQ(RCX)
	a.JNZ(LabelRef("loop"))
	a.VZEROUPPER()
	a.RET()
}
