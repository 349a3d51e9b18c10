package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A vec is a vector of float32 or int32 values whose register avo chooses.
type vec = VecVirtual

func (a *asm) vec() vec {
	if a.lanes == 16 {
		return a.ZMM()
	}
	return a.YMM()
}

// f returns a constant in all lanes, in memory.
func (a *asm) f(v float64) Mem { return a.bits(math.Float32bits(float32(v))) }

// bits returns an integer or bit pattern in all lanes, in memory.
func (a *asm) bits(v uint32) Mem {
	if m, ok := a.constants[v]; ok {
		return m
	}
	m := a.StaticGlobal(fmt.Sprintf("c%08x%s", v, a.name))
	a.DataAttributes(attr.RODATA | attr.NOPTR)
	for range a.lanes {
		a.AppendDatum(U32(v))
	}
	a.constants[v] = m
	return m
}

// op2 returns the result of a three-operand instruction; y may be in memory.
func (a *asm) op2(instruction func(...Op), x vec, y Op) vec {
	d := a.vec()
	instruction(y, x, d)
	return d
}

func (a *asm) add(x vec, y Op) vec { return a.op2(a.VADDPS, x, y) }
func (a *asm) sub(x vec, y Op) vec { return a.op2(a.VSUBPS, x, y) }
func (a *asm) mul(x vec, y Op) vec { return a.op2(a.VMULPS, x, y) }
func (a *asm) div(x vec, y Op) vec { return a.op2(a.VDIVPS, x, y) }
func (a *asm) and(x vec, y Op) vec { return a.op2(a.VANDPS, x, y) }
func (a *asm) or(x vec, y Op) vec  { return a.op2(a.VORPS, x, y) }
func (a *asm) xor(x vec, y Op) vec { return a.op2(a.VXORPS, x, y) }

// min and max return x if either is a NaN.
func (a *asm) min(x vec, y Op) vec { return a.op2(a.VMINPS, a.reg(y), x) }
func (a *asm) max(x vec, y Op) vec { return a.op2(a.VMAXPS, a.reg(y), x) }

// reg brings an operand into a register of its own.
func (a *asm) reg(x Op) vec {
	d := a.vec()
	a.VMOVUPS(x, d)
	return d
}

// fma returns x·y + z, nfma z − x·y.
func (a *asm) fma(x, y vec, z Op) vec {
	d := a.reg(x)
	a.VFMADD213PS(z, y, d)
	return d
}

func (a *asm) nfma(x vec, y Op, z vec) vec {
	d := a.reg(z)
	a.VFNMADD231PS(y, x, d)
	return d
}

// horner returns the polynomial in x with the given coefficients, the constant
// one first.
func (a *asm) horner(x vec, c ...float64) vec {
	d := a.reg(a.f(c[len(c)-1]))
	for i := len(c) - 2; i >= 0; i-- {
		a.VFMADD213PS(a.f(c[i]), x, d)
	}
	return d
}

// Predicates of comparisons; each is false for a NaN, but unordered, which is
// true for nothing else, and notLess.
const (
	equal     = 0
	less      = 1
	unordered = 3
	notLess   = 5
	greater   = 14
)

// pick returns yes in the lanes where x and y compare as the predicate says,
// else no.
func (a *asm) pick(predicate uint8, x vec, y Op, yes Op, no vec) vec {
	d := a.vec()
	if a.lanes == 16 {
		k := a.K()
		a.VCMPPS(U8(predicate), y, x, k)
		a.VBLENDMPS(yes, no, k, d)
	} else {
		k := a.vec()
		a.VCMPPS(U8(predicate), y, x, k)
		a.VBLENDVPS(k, yes, no, d)
	}
	return d
}

// loop is a function over slices of one length, which may be the same memory:
// each vector of the results is computed from one vector of each argument. Its
// parameters are pointers to the results and to the arguments, the length and
// then constants.
type loop struct {
	name      string
	results   []string
	arguments []string
	constants []string
	body      func(a *asm, x, c []vec) []vec
}

func (l *loop) signature() string {
	s := "func(" + strings.Join(append(append([]string{}, l.results...), l.arguments...), ", ") + " *float32, n int"
	if len(l.constants) > 0 {
		s += ", " + strings.Join(l.constants, ", ") + " float32"
	}
	return s + ")"
}

// write emits the loop: whole vectors first, then the rest under a mask.
func (l *loop) write(a *asm) {
	a.begin(l.name, l.signature())
	pointer := map[string]GPVirtual{}
	for _, p := range append(append([]string{}, l.results...), l.arguments...) {
		pointer[p] = a.GP64()
		a.Load(a.Param(p), pointer[p])
	}
	n, at := a.GP64(), a.GP64()
	a.Load(a.Param("n"), n)
	a.XORQ(at, at)
	var constants []vec
	for _, c := range l.constants {
		v := a.vec()
		addr, err := a.Param(c).Resolve()
		if err != nil {
			panic(err)
		}
		a.VBROADCASTSS(addr.Addr, v)
		constants = append(constants, v)
	}
	mem := func(p string) Mem { return Mem{Base: pointer[p], Index: at, Scale: 1} }
	step := func(load func(Mem, vec), store func(vec, Mem)) {
		var x []vec
		for _, p := range l.arguments {
			v := a.vec()
			load(mem(p), v)
			x = append(x, v)
		}
		for i, v := range l.body(a, x, constants) {
			store(v, mem(l.results[i]))
		}
	}
	a.SUBQ(U8(a.lanes), n)
	a.JB(LabelRef("tail"))
	a.Label("vectors")
	step(func(m Mem, v vec) { a.VMOVUPS(m, v) }, func(v vec, m Mem) { a.VMOVUPS(v, m) })
	a.ADDQ(U8(a.bytes()), at)
	a.SUBQ(U8(a.lanes), n)
	a.JAE(LabelRef("vectors"))
	a.Label("tail")
	a.ADDQ(U8(a.lanes), n)
	a.JZ(LabelRef("done"))
	if a.lanes == 16 {
		k, bits := a.K(), a.GP32()
		a.MOVL(U32(0xffff), bits)
		a.BZHIL(n.As32(), bits, bits)
		a.KMOVW(bits, k)
		step(func(m Mem, v vec) { a.VMOVUPS_Z(m, k, v) }, func(v vec, m Mem) { a.VMOVUPS(v, k, m) })
	} else {
		mask, table := a.vec(), a.GP64()
		// Eight words of ones and eight of zeros: n ones start 4·n before
		// the zeros.
		a.LEAQ(a.maskTable(), table)
		a.NEGQ(n)
		a.VMOVUPS(Mem{Base: table, Index: n, Scale: 4, Disp: 32}, mask)
		step(func(m Mem, v vec) { a.VMASKMOVPS(m, mask, v) }, func(v vec, m Mem) { a.VMASKMOVPS(v, mask, m) })
	}
	a.Label("done")
	a.VZEROUPPER()
	a.RET()
}

func (a *asm) maskTable() Mem {
	if a.masks.Base == nil {
		a.masks = a.StaticGlobal("masks" + a.name)
		a.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 16 {
			a.AppendDatum(U32(0xffffffff * uint64(1-i/8)))
		}
	}
	return a.masks
}
