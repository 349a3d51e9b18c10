package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// transpose writes the function that transposes eight rows of whole blocks of
// eight columns. Rows i and i+4 share a register, so that all shuffles stay in
// its halves.
func transpose(a *asm) {
	a.begin("transposeRows", "func(dst *float32, ldd int, src *float32, lds, blocks int)")
	ldd, lds, blocks := a.GP64(), a.GP64(), a.GP64()
	a.elements("ldd", ldd)
	a.elements("lds", lds)
	a.Load(a.Param("blocks"), blocks)
	dst, src := a.rowsOf("dst", ldd), a.rowsOf("src", lds)
	a.Label("block")
	for half := range 2 {
		var w [4]vec
		for i := range w {
			w[i] = a.vec()
			a.VMOVUPS(src(i).Offset(16*half), w[i].AsX())
			a.VINSERTF128(Imm(1), src(i+4).Offset(16*half), w[i], w[i])
		}
		for i, v := range a.interleave(w) {
			a.VMOVUPS(v, dst(4*half+i))
		}
	}
	a.ADDQ(U8(32), src(0).Base)
	a.ADDQ(U8(32), src(4).Base)
	a.LEAQ(Mem{Base: dst(0).Base, Index: ldd, Scale: 8}, dst(0).Base)
	a.LEAQ(Mem{Base: dst(4).Base, Index: ldd, Scale: 8}, dst(4).Base)
	a.DECQ(blocks)
	a.JNZ(LabelRef("block"))
	a.VZEROUPPER()
	a.RET()
}

// rowsOf returns where each of eight rows begins, which lie step bytes apart.
func (a *asm) rowsOf(param string, step GPVirtual) func(row int) Mem {
	top, bottom, step3 := a.GP64(), a.GP64(), a.GP64()
	a.Load(a.Param(param), top)
	a.LEAQ(Mem{Base: top, Index: step, Scale: 4}, bottom)
	a.LEAQ(Mem{Base: step, Index: step, Scale: 2}, step3)
	return func(row int) Mem {
		m := Mem{Base: top}
		if row >= 4 {
			m.Base = bottom
		}
		switch row % 4 {
		case 1, 2:
			m.Index, m.Scale = step, uint8(row%4)
		case 3:
			m.Index, m.Scale = step3, 1
		}
		return m
	}
}
