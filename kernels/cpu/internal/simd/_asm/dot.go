package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// dot writes a kernel for each height and number of columns.
func dot(a *asm) {
	for nc, most := range a.dotRows {
		for mr := 1; mr <= most; mr++ {
			dotTile(a, mr, nc)
		}
	}
	narrows(a)
}

func dotSwitch(s isa) string { return tileSwitch("dot", s.name, s.dotRows) + narrowSwitch(s) }

// dotTile writes the kernel for mr rows of A and nc columns of B, both
// contiguous in k: an accumulator for each pair holds as many partial sums as
// it has lanes.
func dotTile(a *asm, mr, nc int) {
	a.begin(fmt.Sprintf("dot%dx%d", mr, nc), "func(t *tile)")
	acc := func(m, n int) VecPhysical { return a.regs[n*mr+m] }
	row := a.regs[mr*nc]
	bReg := func(n int) VecPhysical { return a.regs[mr*nc+1+n] }

	t, left, kLeft := RDI, RDX, RCX
	rs, rs3, rs5, ldb, ldb3 := R8, R9, R10, R11, R12
	p, p7, pb, tap := R13, RAX, RBX, R15
	p14 := ldb3 // of one column only
	field := func(off int) Mem { return Mem{Base: t, Disp: off} }
	mask := field(tileMask)
	column := [4]Mem{{Base: pb}, {Base: pb, Index: ldb, Scale: 1}, {Base: pb, Index: ldb, Scale: 2}, {Base: pb, Index: ldb3, Scale: 1}}

	a.Load(a.Param("t"), t)
	if a.lanes == 16 {
		a.MOVQ(field(tileMaskBits), RAX)
		a.KMOVW(EAX, K1)
	}
	a.MOVQ(field(tileLDB), ldb)
	a.LEAQ(Mem{Base: ldb, Index: ldb, Scale: 2}, ldb3)
	if a.lanes == 16 {
		dotInit(a, mr, nc, field)
	}

	a.Label("tile")
	a.MOVQ(field(tileRS), rs)
	a.LEAQ(Mem{Base: rs, Index: rs, Scale: 2}, rs3)
	a.LEAQ(Mem{Base: rs, Index: rs, Scale: 4}, rs5)
	for i := range mr * nc {
		a.zero(a.regs[i])
	}
	a.MOVQ(field(tileTaps), tap)
	a.MOVQ(field(tileNTaps), left)
	a.TESTQ(left, left)
	a.JZ(LabelRef("sum"))

	a.Label("tap")
	a.MOVQ(Mem{Base: tap}, p)
	a.MOVQ(field(tileA), RSI)
	a.LEAQ(Mem{Base: RSI, Index: p, Scale: 4}, p)
	if mr > 7 {
		a.LEAQ(Mem{Base: p, Index: rs3, Scale: 2}, p7)
		a.ADDQ(rs, p7)
	}
	if mr > 14 {
		a.LEAQ(Mem{Base: p7, Index: rs3, Scale: 2}, p14)
		a.ADDQ(rs, p14)
	}
	a.MOVQ(Mem{Base: tap, Disp: 8}, pb)
	a.MOVQ(field(tileB), RSI)
	a.LEAQ(Mem{Base: RSI, Index: pb, Scale: 4}, pb)
	a.ADDQ(U8(16), tap)
	a.MOVQ(field(tileK), kLeft)
	a.SUBQ(U8(a.lanes), kLeft)
	a.JB(LabelRef("tail"))

	step := func(partial bool) {
		for n := range nc {
			a.load(column[n], bReg(n), partial, mask, row)
		}
		for m := range mr {
			at := rowAddress(m%14, p, p7, rs, rs3, rs5)
			if m >= 14 {
				at = rowAddress(m-14, p14, p7, rs, rs3, rs5)
			}
			if nc == 1 && !partial {
				a.VFMADD231PS(at, bReg(0), acc(m, 0))
				continue
			}
			a.load(at, row, partial, mask, row)
			for n := range nc {
				a.VFMADD231PS(row, bReg(n), acc(m, n))
			}
		}
	}
	a.Label("k")
	step(false)
	a.ADDQ(U8(a.bytes()), p)
	if mr > 7 {
		a.ADDQ(U8(a.bytes()), p7)
	}
	if mr > 14 {
		a.ADDQ(U8(a.bytes()), p14)
	}
	a.ADDQ(U8(a.bytes()), pb)
	a.SUBQ(U8(a.lanes), kLeft)
	a.JAE(LabelRef("k"))
	a.Label("tail")
	a.ADDQ(U8(a.lanes), kLeft)
	a.JZ(LabelRef("next"))
	step(true)
	a.Label("next")
	a.DECQ(left)
	a.JNZ(LabelRef("tap"))

	a.Label("sum")
	if a.lanes == 16 {
		dotFinish(a, mr, nc, field, a.sumLanes(mr*nc, func(i int) VecPhysical { return acc(i/nc, i%nc) }, sumTemp))
	} else {
		for n := range nc {
			for m := 0; m < mr; m += 4 {
				a.addLanes(acc, m, n, mr, row)
			}
		}
		dotStore(a, mr, nc, field, acc, row)
	}

	a.DECQ(field(tileTiles))
	a.JZ(LabelRef("done"))
	nextTile(a, field)
	a.JMP(LabelRef("tile"))
	a.Label("done")
	a.VZEROUPPER()
	a.RET()
}

// addLanes adds up the lanes of the accumulators of rows m to m+3 and leaves
// the four sums, in order, in the first one's low quarter.
func (a *asm) addLanes(acc func(m, n int) VecPhysical, m, n, mr int, tmp VecPhysical) {
	var y [4]VecPhysical
	for i := range y {
		y[i] = acc(min(m+i, mr-1), n)
	}
	a.VHADDPS(y[1], y[0], y[0])
	if m+2 < mr {
		a.VHADDPS(y[3], y[2], y[2])
		a.VHADDPS(y[2], y[0], y[0])
	} else {
		a.VHADDPS(y[0], y[0], y[0])
	}
	x := tmp.AsX()
	a.VEXTRACTF128(U8(1), y[0], x)
	a.VADDPS(x, y[0].AsX(), y[0].AsX())
}

// dotStore adds the initial values, applies the activation and scatters the
// sums into C, whose rows lie far apart.
func dotStore(a *asm, mr, nc int, field func(int) Mem, acc func(m, n int) VecPhysical, tmp VecPhysical) {
	p, step, step3 := R13, R8, R9
	at := func(i, n int) Mem {
		m := Mem{Base: p, Disp: 4 * n}
		switch i {
		case 1, 2:
			m.Index, m.Scale = step, uint8(i)
		case 3:
			m.Index, m.Scale = step3, 1
		}
		return m
	}
	// walk calls f for each group of four rows and each column.
	walk := func(pointer, stride int, f func(m, n int, x Register)) {
		a.MOVQ(field(pointer), p)
		a.MOVQ(field(stride), step)
		a.LEAQ(Mem{Base: step, Index: step, Scale: 2}, step3)
		for m := 0; m < mr; m += 4 {
			for n := range nc {
				f(m, n, acc(m, n).AsX())
			}
			if m+4 < mr {
				a.LEAQ(Mem{Base: p, Index: step, Scale: 4}, p)
			}
		}
	}
	a.CMPQ(field(tileFrom), U8(0))
	a.JEQ(LabelRef("activate"))
	x0 := tmp.AsX()
	walk(tileFrom, tileFromStep, func(m, n int, x Register) {
		a.VMOVSS(at(0, n), x0)
		for i := 1; i < min(4, mr-m); i++ {
			a.VINSERTPS(U8(16*i), at(i, n), x0, x0)
		}
		a.VADDPS(x, x0, x)
	})
	a.Label("activate")
	a.CMPQ(field(tileReLU), U8(0))
	a.JEQ(LabelRef("store"))
	a.zero(tmp)
	for n := range nc {
		for m := 0; m < mr; m += 4 {
			// The maximum is the operand named first if one is a NaN.
			a.VMAXPS(acc(m, n).AsX(), x0, acc(m, n).AsX())
		}
	}
	a.Label("store")
	walk(tileC, tileLDC, func(m, n int, x Register) {
		a.VMOVSS(x, at(0, n))
		for i := 1; i < min(4, mr-m); i++ {
			a.VEXTRACTPS(U8(i), x, at(i, n))
		}
	})
}
