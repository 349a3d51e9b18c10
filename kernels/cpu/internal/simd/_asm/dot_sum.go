package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A Dot tile of up to sixteen elements of C ends with as many vectors of partial
// sums. They are added up together: of two vectors, half the lanes of one and
// half of the other make one vector, and so on, until one vector holds all sums
// in the order of C. That takes three instructions a sum, where each vector by
// itself takes ten.

// Registers that no tile of mr·nc ≤ 16 needs for products.
var (
	sumInit = Z31 // the initial values of all tiles, where they are a bias
	sumTemp = []VecPhysical{Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30}
)

// sumMask has the upper eight lanes, rowMask those of one row of C, or all.
var sumMask, rowMask = K2, K3

// sumLanes returns the register whose lane i is the sum of acc(i)'s lanes, in
// the order of addLanes, for i < count. It uses seven registers t, and acc(i)'s.
func (a *asm) sumLanes(count int, acc func(i int) VecPhysical, t []VecPhysical) VecPhysical {
	at := func(i int) VecPhysical { return acc(min(i, count-1)) }
	// add leaves in lo the sum of the lanes of x and y that the two choices
	// make.
	add := func(shuffle func(...Op), low, high uint8, x, y, lo, hi VecPhysical) {
		shuffle(U8(high), y, x, hi)
		shuffle(U8(low), y, x, lo)
		a.VADDPS(hi, lo, lo)
	}
	var quarters []VecPhysical
	for i := 0; i < count; i += 8 {
		// Lanes j and j+8: those of i+j below, those of i+j+4 above.
		for j := range min(4, count-i) {
			x, y := at(i+j), at(i+j+4)
			a.VSHUFF64X2(U8(0x4e), y, x, t[6])
			a.VBLENDMPS(y, x, sumMask, x)
			a.VADDPS(t[6], x, x)
		}
		q := t[i/8]
		second := t[2+i/8]
		add(a.VSHUFPS, 0x88, 0xdd, at(i), at(i+1), q, t[6])
		if count-i > 2 {
			add(a.VSHUFPS, 0x88, 0xdd, at(i+2), at(i+3), second, t[6])
		} else {
			second = q
		}
		add(a.VSHUFPS, 0x88, 0xdd, q, second, q, t[6])
		quarters = append(quarters, q)
	}
	first, last := quarters[0], quarters[len(quarters)-1]
	add(a.VSHUFF32X4, 0x88, 0xdd, first, last, t[4], t[5])
	return t[4]
}

// dotInit loads the initial values of the tiles if they are the same for all.
func dotInit(a *asm, mr, nc int, field func(int) Mem) {
	a.MOVL(U32(0xff00), EAX)
	a.KMOVW(EAX, sumMask)
	a.CMPQ(field(tileFrom), U8(0))
	a.JEQ(LabelRef("tile"))
	a.CMPQ(field(tileFromStep), U8(0))
	a.JNE(LabelRef("tile"))
	a.MOVL(U32(1<<nc-1), EAX)
	a.KMOVW(EAX, rowMask)
	a.MOVQ(field(tileFrom), RBX)
	a.VMOVUPS_Z(Mem{Base: RBX}, rowMask, sumInit)
	a.VMOVUPS(a.repeat(nc), sumTemp[0])
	a.VPERMPS(sumInit, sumTemp[0], sumInit)
}

// repeat returns the lanes' places in a row of n elements, in memory.
func (a *asm) repeat(n int) Mem {
	if a.repeats[n].Base == nil {
		a.repeats[n] = a.StaticGlobal(fmt.Sprintf("repeat%d%s", n, a.name))
		a.DataAttributes(attr.RODATA | attr.NOPTR)
		for lane := range a.lanes {
			a.AppendDatum(U32(lane % n))
		}
	}
	return a.repeats[n]
}

// dotFinish adds the initial values to the sums, applies the activation and
// stores them.
func dotFinish(a *asm, mr, nc int, field func(int) Mem, sum VecPhysical) {
	a.CMPQ(field(tileFrom), U8(0))
	a.JEQ(LabelRef("activate"))
	a.CMPQ(field(tileFromStep), U8(0))
	a.JEQ(LabelRef("init"))
	dotRows(a, mr, nc, field, tileFrom, tileFromStep, func(at Mem) { a.VMOVUPS(at, rowMask, sumInit) })
	a.Label("init")
	a.VADDPS(sumInit, sum, sum)
	a.Label("activate")
	a.CMPQ(field(tileReLU), U8(0))
	a.JEQ(LabelRef("store"))
	a.zero(sumTemp[0])
	// The maximum is the operand named first if one is a NaN.
	a.VMAXPS(sum, sumTemp[0], sum)
	a.Label("store")
	if mr > 1 {
		a.CMPQ(field(tileLDC), U8(4*nc))
		a.JNE(LabelRef("apart"))
		a.MOVL(U32(1<<(mr*nc)-1), EAX)
		a.KMOVW(EAX, rowMask)
		a.MOVQ(field(tileC), R13)
		a.VMOVUPS(sum, rowMask, Mem{Base: R13})
		a.JMP(LabelRef("stored"))
		a.Label("apart")
	}
	dotRows(a, mr, nc, field, tileC, tileLDC, func(at Mem) { a.VMOVUPS(sum, rowMask, at) })
	a.Label("stored")
}

// dotRows calls f for each row of nc elements in memory with the address that
// its lanes of the sums would have if all lanes were there; rowMask has those
// that are.
func dotRows(a *asm, mr, nc int, field func(int) Mem, pointer, stride int, f func(at Mem)) {
	p, step := R13, RBX
	a.MOVQ(field(pointer), p)
	a.MOVQ(field(stride), step)
	for m := range mr {
		a.MOVL(U32((1<<nc-1)<<(m*nc)), EAX)
		a.KMOVW(EAX, rowMask)
		f(Mem{Base: p, Disp: -4 * m * nc})
		if m < mr-1 {
			a.ADDQ(step, p)
		}
	}
}
