package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
)

// mostNarrow is the greatest number of columns of a narrow kernel.
const mostNarrow = 7

// narrows writes a kernel for each number of columns.
func narrows(a *asm) {
	for n := 2; n <= mostNarrow; n++ {
		narrow(a, n)
	}
}

// narrow writes the kernel that multiplies blocks of lanes elements of a row of
// A by as many rows of B, which are n wide and lie behind one another. Element f
// of the n vectors of sums adds up the products by element f of B's blocks, so
// the sums are those of dotTile, in another order.
func narrow(a *asm, n int) {
	name := fmt.Sprintf("narrow%d", n)
	places := a.StaticGlobal(name + "Places" + a.name)
	a.DataAttributes(attr.RODATA | attr.NOPTR)
	for f := range n * a.lanes {
		a.AppendDatum(U32(f / n))
	}
	a.begin(name, "func(sums, x, b *float32, blocks int)")
	sums, x, b, blocks := a.GP64(), a.GP64(), a.GP64(), a.GP64()
	a.Load(a.Param("sums"), sums)
	a.Load(a.Param("x"), x)
	a.Load(a.Param("b"), b)
	a.Load(a.Param("blocks"), blocks)
	acc, place := make([]vec, n), make([]vec, n)
	for v := range n {
		acc[v], place[v] = a.vec(), a.vec()
		a.VMOVUPS(Mem{Base: sums, Disp: v * a.bytes()}, acc[v])
		a.VMOVUPS(places.Offset(v*a.bytes()), place[v])
	}
	a.Label("loop")
	row := a.vec()
	a.VMOVUPS(Mem{Base: x}, row)
	for v := range n {
		spread := a.vec()
		a.VPERMPS(row, place[v], spread)
		a.VFMADD231PS(Mem{Base: b, Disp: v * a.bytes()}, spread, acc[v])
	}
	a.ADDQ(U8(a.bytes()), x)
	a.ADDQ(U32(n*a.bytes()), b)
	a.DECQ(blocks)
	a.JNZ(LabelRef("loop"))
	for v := range n {
		a.VMOVUPS(acc[v], Mem{Base: sums, Disp: v * a.bytes()})
	}
	a.VZEROUPPER()
	a.RET()
}

// narrowSwitch returns the Go function that calls a narrow kernel.
func narrowSwitch(s isa) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n// narrow%s runs the kernel of n columns, 2 to %d.\n", s.name, mostNarrow)
	fmt.Fprintf(&b, "func narrow%s(n int, sums, x, b *float32, blocks int) {\n\tswitch n {\n", s.name)
	for n := 2; n <= mostNarrow; n++ {
		fmt.Fprintf(&b, "\tcase %d:\n\t\tnarrow%d%s(sums, x, b, blocks)\n", n, n, s.name)
	}
	b.WriteString("\tdefault:\n\t\tpanic(\"simd: no such width\")\n\t}\n}\n")
	return b.String()
}
