package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// winograd writes the transforms of F(2×2, 3×3) that go from column to column.
func winograd(a *asm) {
	a.acrossTiles("winogradColumns", 4, func(x []vec) []vec {
		return []vec{a.sub(x[0], x[2]), a.add(x[1], x[2]), a.sub(x[2], x[1]), a.sub(x[1], x[3])}
	})
	a.acrossTiles("winogradSpread", 2, func(y []vec) []vec {
		return []vec{y[0], a.add(y[0], y[1]), a.sub(y[0], y[1]), a.sub(a.reg(a.f(0)), y[1])}
	})
	winogradResult(a)
}

// acrossTiles writes a function from a row of tiles, each of so many
// neighbouring places and two further on than the last, to four planes.
func (a *asm) acrossTiles(name string, places int, body func([]vec) []vec) {
	a.begin(name, "func(dst *float32, next int, src *float32, tiles, channels int)")
	next, tiles, channels, at := a.GP64(), a.GP64(), a.GP64(), a.GP64()
	dst, src := make([]GPVirtual, 4), make([]GPVirtual, places)
	a.elements("next", next)
	a.elements("channels", channels)
	a.Load(a.Param("tiles"), tiles)
	a.each("dst", dst, next)
	a.each("src", src, channels)
	a.Label("tile")
	a.XORQ(at, at)
	a.Label("channel")
	x := make([]vec, places)
	for i := range x {
		x[i] = a.reg(Mem{Base: src[i], Index: at, Scale: 1})
	}
	for i, v := range body(x) {
		a.VMOVUPS(v, Mem{Base: dst[i], Index: at, Scale: 1})
	}
	a.ADDQ(U8(a.bytes()), at)
	a.CMPQ(at, channels)
	a.JB(LabelRef("channel"))
	for i := range dst {
		a.ADDQ(channels, dst[i])
	}
	for i := range src {
		a.LEAQ(Mem{Base: src[i], Index: channels, Scale: 2}, src[i])
	}
	a.DECQ(tiles)
	a.JNZ(LabelRef("tile"))
	a.VZEROUPPER()
	a.RET()
}

// elements loads a parameter that counts float32s, as bytes.
func (a *asm) elements(param string, to GPVirtual) {
	a.Load(a.Param(param), to)
	a.SHLQ(U8(2), to)
}

// each loads a pointer, and makes the others point step bytes further each.
func (a *asm) each(param string, to []GPVirtual, step Op) {
	for i := range to {
		to[i] = a.GP64()
		if i == 0 {
			a.Load(a.Param(param), to[i])
			continue
		}
		a.MOVQ(to[i-1], to[i])
		a.ADDQ(step, to[i])
	}
}

// winogradResult adds up the 16 planes of each tile to its four places.
func winogradResult(a *asm) {
	a.begin("winogradResult", "func(top, bottom, src *float32, next, tiles, channels int, bias *float32)")
	next, next3, row := a.GP64(), a.GP64(), a.GP64()
	tiles, channels, at := a.GP64(), a.GP64(), a.GP64()
	top, bottom, bias := a.GP64(), a.GP64(), a.GP64()
	src := make([]GPVirtual, 4)
	a.elements("next", next)
	a.LEAQ(Mem{Base: next, Index: next, Scale: 2}, next3)
	a.MOVQ(next, row)
	a.SHLQ(U8(2), row)
	a.each("src", src, row)
	a.elements("channels", channels)
	a.Load(a.Param("top"), top)
	a.Load(a.Param("bottom"), bottom)
	a.Load(a.Param("bias"), bias)
	a.Load(a.Param("tiles"), tiles)
	a.Label("tile")
	a.XORQ(at, at)
	a.Label("channel")
	var s, t [4]vec
	for k := range 4 {
		m := func(i int) Mem {
			switch k {
			case 0:
				return Mem{Base: src[i]}
			case 3:
				return Mem{Base: src[i], Index: next3, Scale: 1}
			}
			return Mem{Base: src[i], Index: next, Scale: uint8(k)}
		}
		m1, m2 := a.reg(m(1)), a.reg(m(2))
		s[k] = a.add(a.add(m1, m(0)), m2)
		t[k] = a.sub(a.sub(m1, m2), m(3))
	}
	b := Mem{Base: bias, Index: at, Scale: 1}
	for _, out := range []struct {
		to GPVirtual
		x  [4]vec
	}{{top, s}, {bottom, t}} {
		x := out.x
		a.VMOVUPS(a.add(a.add(a.add(x[0], x[1]), x[2]), b), Mem{Base: out.to})
		a.VMOVUPS(a.add(a.sub(a.sub(x[1], x[2]), x[3]), b), Mem{Base: out.to, Index: channels, Scale: 1})
		a.ADDQ(U8(a.bytes()), out.to)
	}
	for i := range src {
		a.ADDQ(U8(a.bytes()), src[i])
	}
	a.ADDQ(U8(a.bytes()), at)
	a.CMPQ(at, channels)
	a.JB(LabelRef("channel"))
	a.ADDQ(channels, top)
	a.ADDQ(channels, bottom)
	a.DECQ(tiles)
	a.JNZ(LabelRef("tile"))
	a.VZEROUPPER()
	a.RET()
}
