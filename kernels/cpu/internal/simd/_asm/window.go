package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Byte offsets of the fields of simd's type window.
const (
	windowSum = 8 * iota
	windowX
	windowDY
	windowRows
	windowPlaces
	windowStep
	windowRow
	windowLine
	windowDYStep
	windowDYRow
	windowSumStep
	windowSumLine
	windowMaskBits
	windowMask
)

// windowShapes calls f for the shape of each kernel: filter rows, elements of
// each, and vectors of the result's channels.
func windowShapes(s isa, f func(lines, elements, vectors int)) {
	for vectors := 1; vectors <= s.lanes/8; vectors++ {
		for e := 1; e <= 12; e++ {
			f(1, e, vectors)
		}
		for e := 1; e <= 4; e++ {
			f(2, e, vectors)
			f(3, e, vectors)
		}
	}
}

func windows(a *asm) {
	windowShapes(a.isa, func(lines, elements, vectors int) { windowTile(a, lines, elements, vectors) })
}

// windowAhead is how many bytes before its use the gradient is fetched.
const windowAhead = 6144

// windowSwitch returns the Go function that calls a kernel by its shape.
func windowSwitch(s isa) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n// window%s runs the kernel of so many filter rows, elements of each and vectors.\n", s.name)
	fmt.Fprintf(&b, "func window%s(lines, elements, vectors int, t *window) {\n\tswitch lines<<8 | elements<<4 | vectors {\n", s.name)
	windowShapes(s, func(lines, elements, vectors int) {
		fmt.Fprintf(&b, "\tcase %d<<8 | %d<<4 | %d:\n\t\twindow%dx%dx%d%s(t)\n", lines, elements, vectors, lines, elements, vectors, s.name)
	})
	b.WriteString("\tdefault:\n\t\tpanic(\"simd: no such window\")\n\t}\n}\n")
	return b.String()
}

// windowTile writes the kernel for one shape. All of the filter's sums are in
// registers; a place of the gradient is read once for all of them.
func windowTile(a *asm, lines, elements, vectors int) {
	a.begin(fmt.Sprintf("window%dx%dx%d", lines, elements, vectors), "func(t *window)")
	count := lines * elements
	acc := func(l, e, v int) VecPhysical { return a.regs[(l*elements+e)*vectors+v] }
	d := func(v int) VecPhysical { return a.regs[count*vectors+v] }
	spread := a.regs[count*vectors+vectors]

	t, rows, left := RDI, RDX, RCX
	x, dy, step, dyStep, line := R8, R9, RBX, RAX, RSI
	at := []GPPhysical{R10, R11, R12}
	dyAt, p := R13, R15
	field := func(off int) Mem { return Mem{Base: t, Disp: off} }
	vec := func(base GPPhysical, v int) Mem { return Mem{Base: base, Disp: v * a.bytes()} }

	a.Load(a.Param("t"), t)
	if a.lanes == 16 {
		a.MOVQ(field(windowMaskBits), RAX)
		a.KMOVW(EAX, K1)
	}
	// sums loads or stores the sums.
	sums := func(f func(r VecPhysical, m Mem, partial bool)) {
		a.MOVQ(field(windowSum), p)
		for l := range lines {
			a.MOVQ(p, dyAt)
			for e := range elements {
				for v := range vectors {
					f(acc(l, e, v), vec(dyAt, v), v == vectors-1)
				}
				if e < elements-1 {
					a.ADDQ(field(windowSumStep), dyAt)
				}
			}
			if l < lines-1 {
				a.ADDQ(field(windowSumLine), p)
			}
		}
	}
	sums(func(r VecPhysical, m Mem, partial bool) { a.load(m, r, partial, field(windowMask), spread) })
	for _, f := range []struct {
		field int
		to    GPPhysical
	}{{windowRows, rows}, {windowX, x}, {windowDY, dy}, {windowStep, step}, {windowDYStep, dyStep}, {windowLine, line}} {
		a.MOVQ(field(f.field), f.to)
	}

	a.Label("row")
	a.MOVQ(x, at[0])
	for l := 1; l < lines; l++ {
		a.LEAQ(Mem{Base: at[l-1], Index: line, Scale: 1}, at[l])
	}
	a.MOVQ(dy, dyAt)
	a.MOVQ(field(windowPlaces), left)
	a.Label("place")
	for v := range vectors {
		a.load(vec(dyAt, v), d(v), v == vectors-1, field(windowMask), spread)
	}
	for v := range vectors {
		a.PREFETCHT0(Mem{Base: dyAt, Disp: windowAhead + v*a.bytes()})
	}
	for l := range lines {
		for e := range elements {
			a.VBROADCASTSS(Mem{Base: at[l], Disp: 4 * e}, spread)
			for v := range vectors {
				a.VFMADD231PS(d(v), spread, acc(l, e, v))
			}
		}
		a.ADDQ(step, at[l])
	}
	a.ADDQ(dyStep, dyAt)
	a.DECQ(left)
	a.JNZ(LabelRef("place"))
	a.ADDQ(field(windowRow), x)
	a.ADDQ(field(windowDYRow), dy)
	a.DECQ(rows)
	a.JNZ(LabelRef("row"))

	sums(func(r VecPhysical, m Mem, partial bool) { a.store(r, m, partial, field(windowMask), spread) })
	a.VZEROUPPER()
	a.RET()
}
