package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Byte offsets of the fields of simd's type strip.
const (
	stripDst = 8 * iota
	stripSrc
	stripW
	stripTaps
	stripNTaps
	stripVectors
	stripPlace
	stripColumn
	stripTiles
	stripSrcTile
	stripDstTile
	stripImages
	stripRows
	stripSrcImage
	stripDstImage
	stripSrcRow
	stripDstRow
	stripLeft
	stripRight
	stripReLU
	stripMaskBits
	stripSrcImageAt
	stripDstImageAt
	stripSrcAt
	stripDstAt
	stripRowsNow
	stripTilesNow
	stripTapsNow
	_
	stripMask
	_
	_
	_
	stripBias
)

// slideMost and spreadMost are the most places of a tile, the latter by the
// number of result channels.
func slideMost(s isa) int { return s.lanes }

func spreadMost(s isa) [5]int {
	if s.lanes == 16 {
		return [5]int{1: 8, 2: 4, 3: 4, 4: 3}
	}
	return [5]int{1: 4, 2: 2, 3: 2, 4: 1}
}

func strips(a *asm) {
	for mr := 1; mr <= slideMost(a.isa); mr++ {
		slideTile(a, mr)
	}
	for n, most := range spreadMost(a.isa) {
		for mr := 1; mr <= most; mr++ {
			spreadTile(a, mr, n)
		}
	}
}

// stripSwitch returns what the Go code has to know of the kernels.
func stripSwitch(s isa) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n// slide%s runs the kernel of tiles of so many places.\n", s.name)
	fmt.Fprintf(&b, "func slide%s(places int, t *strip) {\n\tswitch places {\n", s.name)
	for mr := 1; mr <= slideMost(s); mr++ {
		fmt.Fprintf(&b, "\tcase %d:\n\t\tslide%d%s(t)\n", mr, mr, s.name)
	}
	b.WriteString("\tdefault:\n\t\tpanic(\"simd: no such tile\")\n\t}\n}\n")
	most := spreadMost(s)
	fmt.Fprintf(&b, "\n// spreadMost%s is the most places of a tile by the number of result channels.\n", s.name)
	fmt.Fprintf(&b, "var spreadMost%s = [5]int{%d, %d, %d, %d, %d}\n", s.name, most[0], most[1], most[2], most[3], most[4])
	fmt.Fprintf(&b, "\n// spread%s runs the kernel of tiles of so many places and result channels.\n", s.name)
	fmt.Fprintf(&b, "func spread%s(places, n int, t *strip) {\n\tswitch n<<4 | places {\n", s.name)
	for n, most := range most {
		for mr := 1; mr <= most; mr++ {
			fmt.Fprintf(&b, "\tcase %d<<4 | %d:\n\t\tspread%dx%d%s(t)\n", n, mr, mr, n, s.name)
		}
	}
	b.WriteString("\tdefault:\n\t\tpanic(\"simd: no such tile\")\n\t}\n}\n")
	return b.String()
}

// stripAhead is how many bytes before its use the source is fetched.
const stripAhead = 16384

// Registers of all strip kernels. The pointers to the current source place and
// to the current filter column are at and column; step and step3 are one and
// three places.
var (
	stripArg, stripAtSrc, stripAtDst = RDI, R9, R10
	stripAt, stripAtColumn           = R11, RCX
	stripFirst                       = R12 // whether the tile begins at the left border
	stripTap, stripKLeft             = RBX, RDX
	stripP, stripPW                  = RAX, R15
	stripStep, stripStep3            = R8, RSI
	stripAcross                      = R13 // from column to column in a slide
)

func stripField(off int) Mem { return Mem{Base: stripArg, Disp: off} }

func (a *asm) copyField(from, to int) {
	a.MOVQ(stripField(from), RAX)
	a.MOVQ(RAX, stripField(to))
}

func (a *asm) addField(from, to int) {
	a.MOVQ(stripField(from), RAX)
	a.ADDQ(RAX, stripField(to))
}

// nth returns the address of place i behind base, which it moves on by four
// places where that is due: i goes up by ones from 0.
func (a *asm) nth(base GPPhysical, i int) Mem {
	if i > 0 && i%4 == 0 {
		a.LEAQ(Mem{Base: base, Index: stripStep, Scale: 4}, base)
	}
	m := Mem{Base: base}
	switch i % 4 {
	case 1, 2:
		m.Index, m.Scale = stripStep, uint8(i%4)
	case 3:
		m.Index, m.Scale = stripStep3, 1
	}
	return m
}

// slideTile writes the kernel of stride 1 and one result channel. A vector of a
// source place's channels is loaded once for the three results that it is part
// of.
func slideTile(a *asm, mr int) {
	w := func(d int) VecPhysical { return a.regs[mr+d] }
	src := a.regs[mr+3]
	stripTile(a, fmt.Sprintf("slide%d", mr), mr, func(partial bool, name string) {
		mask := stripField(stripMask)
		for d := range 3 {
			m := Mem{Base: stripPW}
			if d > 0 {
				m.Index, m.Scale = stripAcross, uint8(d)
			}
			a.load(m, w(d), partial, mask, w(d))
		}
		a.MOVQ(stripP, stripAt)
		for i := range mr + 2 {
			at := a.nth(stripAt, i)
			skip := fmt.Sprintf("%s%d", name, i)
			switch i {
			case 0:
				a.TESTQ(stripFirst, stripFirst)
				a.JNZ(LabelRef(skip))
			case mr + 1:
				within := name + "within"
				a.CMPQ(stripField(stripTilesNow), U8(1))
				a.JNE(LabelRef(within))
				a.CMPQ(stripField(stripRight), U8(0))
				a.JNE(LabelRef(skip))
				a.Label(within)
			}
			a.load(at, src, partial, mask, src)
			if i > 0 && i < mr+1 && !partial {
				a.PREFETCHT0(at.Offset(stripAhead))
			}
			for d := range 3 {
				if m := i - d; m >= 0 && m < mr {
					a.VFMADD231PS(src, w(d), a.regs[m])
				}
			}
			if i == 0 || i == mr+1 {
				a.Label(skip)
			}
		}
	})
}

// spreadTile writes the kernel of stride 2 and n result channels: a source
// place is part of two results through the filter's first columns, and of the
// one after them through the last.
func spreadTile(a *asm, mr, n int) {
	acc := func(m, odd, c int) VecPhysical { return a.regs[(2*m+odd)*n+c] }
	src := func(m int) VecPhysical { return a.regs[2*mr*n+m] }
	w, before := a.regs[2*mr*n+mr], src(0)
	stripTile(a, fmt.Sprintf("spread%dx%d", mr, n), 2*mr*n, func(partial bool, name string) {
		mask := stripField(stripMask)
		a.MOVQ(stripP, stripAt)
		for m := range mr {
			at := a.nth(stripAt, m)
			a.load(at, src(m), partial, mask, src(m))
			if !partial {
				a.PREFETCHT0(at.Offset(stripAhead))
			}
		}
		a.MOVQ(stripPW, stripAtColumn)
		for j := range 3 * n {
			if j == 2*n && mr == 1 {
				break
			}
			a.load(a.nth(stripAtColumn, j), w, partial, mask, w)
			for m := range mr {
				switch {
				case j < 2*n:
					a.VFMADD231PS(src(m), w, acc(m, j/n, j%n))
				case m > 0:
					a.VFMADD231PS(src(m-1), w, acc(m, 0, j%n))
				}
			}
		}
		a.TESTQ(stripFirst, stripFirst)
		a.JNZ(LabelRef(name))
		a.MOVQ(stripP, stripAt)
		a.SUBQ(stripStep, stripAt)
		a.load(Mem{Base: stripAt}, before, partial, mask, before)
		a.MOVQ(stripPW, stripAtColumn)
		for j := range 3 * n {
			at := a.nth(stripAtColumn, j)
			if j >= 2*n {
				a.load(at, w, partial, mask, w)
				a.VFMADD231PS(before, w, acc(0, 0, j%n))
			}
		}
		a.Label(name)
	})
}

// stripTile writes what the kernels have in common, around a step of one
// filter row and one vector of channels.
func stripTile(a *asm, name string, sums int, step func(partial bool, label string)) {
	field := stripField
	a.begin(name, "func(t *strip)")
	a.Load(a.Param("t"), stripArg)
	if a.lanes == 16 {
		a.MOVQ(field(stripMaskBits), RAX)
		a.KMOVW(EAX, K1)
		a.MOVL(U32(0xff00), EAX)
		a.KMOVW(EAX, sumMask)
		a.MOVL(U32(1<<((sums-1)%16+1)-1), EAX)
		a.KMOVW(EAX, rowMask)
	}
	a.MOVQ(field(stripPlace), stripStep)
	a.LEAQ(Mem{Base: stripStep, Index: stripStep, Scale: 2}, stripStep3)
	a.MOVQ(field(stripColumn), stripAcross)

	a.Label("image")
	a.copyField(stripSrcImageAt, stripSrcAt)
	a.copyField(stripDstImageAt, stripDstAt)
	a.copyField(stripRows, stripRowsNow)
	a.Label("row")
	a.MOVQ(field(stripSrc), stripAtSrc)
	a.ADDQ(field(stripSrcAt), stripAtSrc)
	a.MOVQ(field(stripDst), stripAtDst)
	a.ADDQ(field(stripDstAt), stripAtDst)
	a.copyField(stripTiles, stripTilesNow)
	a.MOVQ(field(stripLeft), stripFirst)

	a.Label("tile")
	for i := range sums {
		a.zero(a.regs[i])
	}
	a.MOVQ(field(stripTaps), stripTap)
	a.copyField(stripNTaps, stripTapsNow)
	a.Label("tap")
	a.MOVQ(Mem{Base: stripTap}, stripP)
	a.LEAQ(Mem{Base: stripAtSrc, Index: stripP, Scale: 4}, stripP)
	a.MOVQ(Mem{Base: stripTap, Disp: 8}, stripPW)
	a.MOVQ(field(stripW), RDX)
	a.LEAQ(Mem{Base: RDX, Index: stripPW, Scale: 4}, stripPW)
	a.ADDQ(U8(16), stripTap)
	a.MOVQ(field(stripVectors), stripKLeft)
	a.TESTQ(stripKLeft, stripKLeft)
	a.JZ(LabelRef("tail"))
	a.Label("k")
	step(false, "whole")
	a.ADDQ(U8(a.bytes()), stripP)
	a.ADDQ(U8(a.bytes()), stripPW)
	a.DECQ(stripKLeft)
	a.JNZ(LabelRef("k"))
	a.Label("tail")
	a.CMPQ(field(stripMaskBits), U8(0))
	a.JEQ(LabelRef("next"))
	step(true, "part")
	a.Label("next")
	a.DECQ(field(stripTapsNow))
	a.JNZ(LabelRef("tap"))

	if a.lanes == 16 {
		stripStore512(a, sums)
	} else {
		stripStore(a, sums)
	}

	a.ADDQ(field(stripSrcTile), stripAtSrc)
	a.ADDQ(field(stripDstTile), stripAtDst)
	a.XORQ(stripFirst, stripFirst)
	a.DECQ(field(stripTilesNow))
	a.JNZ(LabelRef("tile"))
	a.addField(stripSrcRow, stripSrcAt)
	a.addField(stripDstRow, stripDstAt)
	a.DECQ(field(stripRowsNow))
	a.JNZ(LabelRef("row"))
	a.addField(stripSrcImage, stripSrcImageAt)
	a.addField(stripDstImage, stripDstImageAt)
	a.DECQ(field(stripImages))
	a.JNZ(LabelRef("image"))
	a.VZEROUPPER()
	a.RET()
}

// stripStore512 adds up the lanes of the sums, sixteen sums at a time, adds the
// bias, applies the activation and stores them behind one another.
func stripStore512(a *asm, sums int) {
	temps := a.regs[24:31]
	for i := 0; i < sums; i += 16 {
		count := min(16, sums-i)
		sum := a.sumLanes(count, func(j int) VecPhysical { return a.regs[i+j] }, temps)
		a.VADDPS(stripField(stripBias+4*i), sum, sum)
		linear := fmt.Sprintf("linear%d", i)
		a.CMPQ(stripField(stripReLU), U8(0))
		a.JEQ(LabelRef(linear))
		a.zero(temps[0])
		// The maximum is the operand named first if one is a NaN.
		a.VMAXPS(sum, temps[0], sum)
		a.Label(linear)
		at := Mem{Base: stripAtDst, Disp: 4 * i}
		if count == 16 {
			a.VMOVUPS(sum, at)
		} else {
			a.VMOVUPS(sum, rowMask, at)
		}
	}
}

// stripStore does the same for AVX2, four sums at a time.
func stripStore(a *asm, sums int) {
	tmp := a.regs[15]
	for i := 0; i < sums; i += 4 {
		a.addLanes(func(m, _ int) VecPhysical { return a.regs[m] }, i, 0, sums, tmp)
		x := a.regs[i].AsX()
		a.VADDPS(stripField(stripBias+4*i), x, x)
		linear := fmt.Sprintf("linear%d", i)
		a.CMPQ(stripField(stripReLU), U8(0))
		a.JEQ(LabelRef(linear))
		a.zero(tmp)
		a.VMAXPS(x, tmp.AsX(), x)
		a.Label(linear)
		at := func(j int) Mem { return Mem{Base: stripAtDst, Disp: 4 * (i + j)} }
		switch min(4, sums-i) {
		case 4:
			a.VMOVUPS(x, at(0))
		case 3:
			a.VEXTRACTPS(U8(2), x, at(2))
			fallthrough
		case 2:
			a.VMOVLPS(x, at(0))
		case 1:
			a.VMOVSS(x, at(0))
		}
	}
}
