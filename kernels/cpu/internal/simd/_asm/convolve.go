package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Byte offsets of the fields of simd's type convolution.
const (
	convolveDst = 8 * iota
	convolveX
	convolveW
	convolveGate
	convolveImages
	convolveRows
	convolvePlaces
	convolveStep
	convolveRow
	convolveImage
	convolveLine
	convolveDstStep
	convolveDstRow
	convolveDstImage
	convolveWStep
	convolveWLine
	convolveReLU
	convolveStream
	convolveMaskBits
	convolveXAt
	convolveDstAt
	convolveRowsLeft
	convolveXImageAt
	convolveDstImageAt
	_
	convolveMask
	_
	_
	_
	convolveBias
	convolvePacked = convolveBias + 4*32
)

// convolvePlacesAtOnce is how many results are computed together, so that no
// multiply-add waits for the one before it.
const convolvePlacesAtOnce = 6

// convolveAhead is how many bytes before its use the gate is fetched.
const convolveAhead = 4096

// convolveShapes calls f for the shape of each kernel: filter rows, elements of
// each, and vectors of the result's channels.
func convolveShapes(s isa, f func(lines, elements, vectors int)) {
	for vectors := 1; vectors <= 2; vectors++ {
		for lines := 1; lines <= 3; lines++ {
			for elements := 1; elements <= 3; elements++ {
				f(lines, elements, vectors)
			}
		}
	}
}

func convolves(a *asm) {
	convolveShapes(a.isa, func(lines, elements, vectors int) { convolve(a, lines, elements, vectors) })
}

// convolveSwitch returns the Go function that calls a kernel by its shape.
func convolveSwitch(s isa) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n// convolve%s runs the kernel of so many filter rows, elements of each and vectors.\n", s.name)
	fmt.Fprintf(&b, "func convolve%s(lines, elements, vectors int, t *convolution) {\n\tswitch lines<<8 | elements<<4 | vectors {\n", s.name)
	convolveShapes(s, func(lines, elements, vectors int) {
		fmt.Fprintf(&b, "\tcase %d<<8 | %d<<4 | %d:\n\t\tconvolve%dx%dx%d%s(t)\n", lines, elements, vectors, lines, elements, vectors, s.name)
	})
	b.WriteString("\tdefault:\n\t\tpanic(\"simd: no such filter\")\n\t}\n}\n")
	return b.String()
}

// convolve writes the kernel for one shape. The filter is in registers, or where
// they are too few packed in the argument; an element of the image is read for
// each of the results that it is part of, and a result is written once.
func convolve(a *asm, lines, elements, vectors int) {
	a.begin(fmt.Sprintf("convolve%dx%dx%d", lines, elements, vectors), "func(t *convolution)")
	count := lines * elements
	packed := a.lanes == 8 && vectors == 2
	weights := count // whose vectors are in registers
	if packed {
		weights = 1
	}
	w := func(i, v int) VecPhysical { return a.regs[i%weights*vectors+v] }
	acc := func(m, v int) VecPhysical { return a.regs[(weights+m)*vectors+v] }
	tmp := a.regs[(weights+convolvePlacesAtOnce)*vectors]

	t, left := RDI, RCX
	x := []GPPhysical{R8, R9, R10}
	step, step3, step5 := RBX, R11, R12
	dst, dstStep, p, gate := R13, RSI, RAX, RDX
	field := func(off int) Mem { return Mem{Base: t, Disp: off} }
	mask := field(convolveMask)

	a.Load(a.Param("t"), t)
	if a.lanes == 16 {
		a.MOVQ(field(convolveMaskBits), RAX)
		a.KMOVW(EAX, K1)
	}
	if !packed {
		a.MOVQ(field(convolveW), p)
		for l := range lines {
			a.MOVQ(p, dst)
			for e := range elements {
				for v := range vectors {
					a.load(Mem{Base: dst, Disp: v * a.bytes()}, w(l*elements+e, v), v == vectors-1, mask, tmp)
				}
				if e < elements-1 {
					a.ADDQ(field(convolveWStep), dst)
				}
			}
			if l < lines-1 {
				a.ADDQ(field(convolveWLine), p)
			}
		}
	}
	a.MOVQ(field(convolveStep), step)
	a.LEAQ(Mem{Base: step, Index: step, Scale: 2}, step3)
	a.LEAQ(Mem{Base: step, Index: step, Scale: 4}, step5)
	a.MOVQ(field(convolveDstStep), dstStep)

	// on moves what lies at one field on by another.
	on := func(at, by int) {
		a.MOVQ(field(by), RAX)
		a.ADDQ(RAX, field(at))
	}
	set := func(to, from int) {
		a.MOVQ(field(from), RAX)
		a.MOVQ(RAX, field(to))
	}
	a.Label("image")
	set(convolveXAt, convolveXImageAt)
	set(convolveDstAt, convolveDstImageAt)
	set(convolveRowsLeft, convolveRows)
	a.Label("row")
	a.MOVQ(field(convolveX), x[0])
	a.ADDQ(field(convolveXAt), x[0])
	for l := 1; l < lines; l++ {
		a.MOVQ(x[l-1], x[l])
		a.ADDQ(field(convolveLine), x[l])
	}
	a.MOVQ(field(convolveDst), dst)
	a.ADDQ(field(convolveDstAt), dst)
	a.MOVQ(field(convolveGate), gate) // less where the result lies
	a.SUBQ(field(convolveDst), gate)
	a.MOVQ(field(convolvePlaces), left)

	element := func(l, m, e int) Mem {
		at := Mem{Base: x[l], Disp: 4 * e}
		switch m {
		case 1, 2, 4:
			at.Index, at.Scale = step, uint8(m)
		case 3:
			at.Index, at.Scale = step3, 1
		case 5:
			at.Index, at.Scale = step5, 1
		}
		return at
	}
	// results computes n places, stores them and goes on behind them.
	results := func(n int, label string) {
		each := func(f func(r VecPhysical, v int)) {
			for m := range n {
				for v := range vectors {
					f(acc(m, v), v)
				}
			}
		}
		each(func(r VecPhysical, v int) { a.VMOVUPS(field(convolveBias+v*a.bytes()), r) })
		for l := range lines {
			for e := range elements {
				if packed {
					for v := range vectors {
						a.VMOVUPS(field(convolvePacked+((l*elements+e)*vectors+v)*a.bytes()), w(0, v))
					}
				}
				for m := range n {
					a.VBROADCASTSS(element(l, m, e), tmp)
					for v := range vectors {
						a.VFMADD231PS(tmp, w(l*elements+e, v), acc(m, v))
					}
				}
			}
			switch n {
			case convolvePlacesAtOnce:
				a.LEAQ(Mem{Base: x[l], Index: step3, Scale: 2}, x[l])
			case 2:
				a.LEAQ(Mem{Base: x[l], Index: step, Scale: 2}, x[l])
			case 1:
				a.ADDQ(step, x[l])
			}
		}
		a.CMPQ(field(convolveReLU), U8(0))
		a.JEQ(LabelRef(label + "linear"))
		a.zero(tmp)
		// The maximum is the operand named first if one is a NaN.
		each(func(r VecPhysical, v int) { a.VMAXPS(r, tmp, r) })
		a.Label(label + "linear")
		// store leaves dst behind the places.
		store := func(f func(r VecPhysical, at Mem, partial bool)) {
			for m := range n {
				for v := range vectors {
					f(acc(m, v), Mem{Base: dst, Disp: v * a.bytes()}, v == vectors-1)
				}
				a.ADDQ(dstStep, dst)
			}
		}
		a.CMPQ(field(convolveGate), U8(0))
		a.JEQ(LabelRef(label + "ungated"))
		a.MOVQ(dst, p)
		a.ADDQ(gate, p)
		if a.lanes == 16 {
			a.zero(tmp)
		}
		for m := range n {
			for v := range vectors {
				a.PREFETCHT0(Mem{Base: p, Disp: convolveAhead + v*a.bytes()})
				a.convolveGate(acc(m, v), Mem{Base: p, Disp: v * a.bytes()}, v == vectors-1, mask, tmp)
			}
			if m < n-1 {
				a.ADDQ(dstStep, p)
			}
		}
		a.Label(label + "ungated")
		a.CMPQ(field(convolveStream), U8(0))
		a.JEQ(LabelRef(label + "near"))
		store(func(r VecPhysical, at Mem, _ bool) { a.VMOVNTPS(r, at) })
		a.JMP(LabelRef(label + "stored"))
		a.Label(label + "near")
		store(func(r VecPhysical, at Mem, partial bool) { a.store(r, at, partial, mask, tmp) })
		a.Label(label + "stored")
	}
	a.SUBQ(U8(convolvePlacesAtOnce), left)
	a.JB(LabelRef("rest"))
	a.Label("places")
	results(convolvePlacesAtOnce, "all")
	a.SUBQ(U8(convolvePlacesAtOnce), left)
	a.JAE(LabelRef("places"))
	a.Label("rest")
	a.ADDQ(U8(convolvePlacesAtOnce-2), left)
	a.JL(LabelRef("last"))
	a.Label("pair")
	results(2, "two")
	a.SUBQ(U8(2), left)
	a.JGE(LabelRef("pair"))
	a.Label("last")
	a.INCQ(left)
	a.JNZ(LabelRef("next"))
	results(1, "one")
	a.Label("next")
	on(convolveXAt, convolveRow)
	on(convolveDstAt, convolveDstRow)
	a.DECQ(field(convolveRowsLeft))
	a.JNZ(LabelRef("row"))
	on(convolveXImageAt, convolveImage)
	on(convolveDstImageAt, convolveDstImage)
	a.DECQ(field(convolveImages))
	a.JNZ(LabelRef("image"))
	a.SFENCE() // streamed results are in order before what tells that they are there
	a.VZEROUPPER()
	a.RET()
}

// convolveGate zeroes the lanes of r where those of the gate are not above 0.
// With AVX-512 tmp is zeros.
func (a *asm) convolveGate(r VecPhysical, at Mem, partial bool, mask Mem, tmp VecPhysical) {
	switch {
	case a.lanes == 16 && partial:
		a.VCMPPS(U8(less), at, tmp, K1, K2) // 0 < y
		a.VMOVUPS_Z(r, K2, r)
	case a.lanes == 16:
		a.VCMPPS(U8(less), at, tmp, K2)
		a.VMOVUPS_Z(r, K2, r)
	default:
		a.load(at, tmp, partial, mask, tmp)
		a.VCMPPS(U8(greater), a.f(0), tmp, tmp)
		a.VANDPS(tmp, r, r)
	}
}
