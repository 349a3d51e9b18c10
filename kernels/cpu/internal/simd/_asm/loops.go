package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
)

// Constants of the functions; math_generic.go says how they were found.
const (
	ln2High  = 0.693359375
	ln2Low   = -2.12194440054690583e-4
	sqrtHalf = 0.707106781186547524

	rootOf2Pi  = 0.398942280401432678 // 1/√(2π)
	tailShift  = 2.5
	tailScale  = 5.83333333333333333
	tailOffset = -1.33333333333333333
)

var (
	inf               = math.Inf(1)
	expCoefficients   = []float64{0.49999994, 0.166665211, 0.041668389, 0.00836871658, 0.00138145941}
	logCoefficients   = []float64{0.333333135, -0.250000089, 0.200021192, -0.166679963, 0.142195553, -0.124055892, 0.118881449, -0.116756402, 0.0674666315}
	tanhCoefficients  = []float64{-0.333332837, 0.133314908, -0.0537434965, 0.0206505843, -0.0057170419}
	atanhCoefficients = []float64{0.333333373, 0.199994385, 0.143084422, 0.107138306, 0.121504612}
	tailCoefficients  = []float64{0.771272646, 0.403414457, 0.0926325798, -0.0114210355, -0.00784916258, 0.00158557044, 0.00066441509, -0.000313580972, -2.03091614e-5, 3.9066054e-5, -4.6375734e-6}
)

func imm(v uint8) Op { return U8(v) }

// of1 and of2 make the loop of a function of one or two slices.
func of1(name string, f func(a *asm, x vec) vec) loop {
	return loop{name, []string{"dst"}, []string{"x"}, nil, func(a *asm, x, _ []vec) []vec { return []vec{f(a, x[0])} }}
}

func of2(name string, f func(a *asm, x, y vec) vec) loop {
	return loop{name, []string{"dst"}, []string{"x", "y"}, nil, func(a *asm, x, _ []vec) []vec { return []vec{f(a, x[0], x[1])} }}
}

var loops = []loop{
	of1("exp", (*asm).exp),
	of1("log", (*asm).log),
	of1("tanh", (*asm).tanh),
	of1("sigmoid", (*asm).sigmoid),
	of1("softplus", (*asm).softplus),
	of1("silu", func(a *asm, x vec) vec { return a.mul(x, a.sigmoid(x)) }),
	of1("gelu", (*asm).gelu),
	of1("geluSlope", (*asm).geluSlope),
	of1("geluBend", (*asm).geluBend),
	of1("relu", func(a *asm, x vec) vec { return a.max(x, a.f(0)) }),
	of1("roundBF16", (*asm).roundBF16),
	of1("sqrt", func(a *asm, x vec) vec {
		d := a.vec()
		a.VSQRTPS(x, d)
		return d
	}),

	of1("neg", func(a *asm, x vec) vec { return a.xor(x, a.bits(1<<31)) }),
	of1("abs", func(a *asm, x vec) vec { return a.and(x, a.bits(1<<31-1)) }),
	of1("sign", func(a *asm, x vec) vec {
		return a.pick(greater, x, a.f(0), a.f(1), a.pick(less, x, a.f(0), a.f(-1), x))
	}),
	of1("step", func(a *asm, x vec) vec { return a.pick(greater, x, a.f(0), a.f(1), a.reg(a.f(0))) }),
	of1("reciprocal", func(a *asm, x vec) vec { return a.div(a.reg(a.f(1)), x) }),

	of2("add", func(a *asm, x, y vec) vec { return a.add(x, y) }),
	of2("sub", func(a *asm, x, y vec) vec { return a.sub(x, y) }),
	of2("mul", func(a *asm, x, y vec) vec { return a.mul(x, y) }),
	of2("div", func(a *asm, x, y vec) vec { return a.div(x, y) }),
	of2("reluGrad", func(a *asm, y, dy vec) vec { return a.pick(greater, y, a.f(0), dy, a.reg(a.f(0))) }),
	of2("siluGrad", func(a *asm, x, dy vec) vec {
		s := a.sigmoid(x)
		return a.mul(a.mul(dy, s), a.fma(x, a.sub(a.reg(a.f(1)), s), a.f(1)))
	}),
	of2("geluGrad", func(a *asm, x, dy vec) vec { return a.mul(dy, a.geluSlope(x)) }),
	of2("softplusGrad", func(a *asm, y, dy vec) vec {
		return a.mul(a.xor(dy, a.bits(1<<31)), a.expM1(a.xor(y, a.bits(1<<31))))
	}),
	of2("absoluteError", func(a *asm, x, y vec) vec { return a.and(a.sub(x, y), a.bits(1<<31-1)) }),
	of2("sigmoidGrad", func(a *asm, y, dy vec) vec { return a.mul(a.mul(dy, y), a.sub(a.reg(a.f(1)), y)) }),
	of2("bceLogits", func(a *asm, x, y vec) vec { return a.sub(a.softplus(x), a.mul(x, y)) }),
	of2("tanhGrad", func(a *asm, y, dy vec) vec { return a.mul(dy, a.nfma(y, y, a.reg(a.f(1)))) }),

	{"scale", []string{"dst"}, []string{"x"}, []string{"c"}, func(a *asm, x, c []vec) []vec {
		return []vec{a.mul(x[0], c[0])}
	}},
	{"offset", []string{"dst"}, []string{"x"}, []string{"c"}, func(a *asm, x, c []vec) []vec {
		return []vec{a.add(x[0], c[0])}
	}},
	{"clampMin", []string{"dst"}, []string{"x"}, []string{"c"}, func(a *asm, x, c []vec) []vec {
		return []vec{a.max(x[0], c[0])}
	}},
	{"clampMax", []string{"dst"}, []string{"x"}, []string{"c"}, func(a *asm, x, c []vec) []vec {
		return []vec{a.min(x[0], c[0])}
	}},
	{"axpy", []string{"dst"}, []string{"x", "y"}, []string{"c"}, func(a *asm, x, c []vec) []vec {
		return []vec{a.fma(x[0], c[0], x[1])}
	}},
	{"scaleShift", []string{"dst"}, []string{"x", "scales", "shifts"}, nil, func(a *asm, x, _ []vec) []vec {
		return []vec{a.add(a.mul(x[0], x[1]), x[2])}
	}},
	{"scaleShiftRectify", []string{"dst"}, []string{"x", "scales", "shifts"}, nil, func(a *asm, x, _ []vec) []vec {
		return []vec{a.max(a.add(a.mul(x[0], x[1]), x[2]), a.f(0))}
	}},
	{
		"normGrad", []string{"dst"}, []string{"x", "means", "slopes", "shifts", "dy", "scales"}, nil,
		func(a *asm, x, _ []vec) []vec {
			of := a.add(a.mul(a.sub(x[0], x[1]), x[2]), x[3])
			return []vec{a.add(a.mul(x[4], x[5]), of)}
		},
	},
	{"leakyReLU", []string{"dst"}, []string{"x"}, []string{"c"}, func(a *asm, x, c []vec) []vec {
		return []vec{a.pick(greater, x[0], a.f(0), x[0], a.mul(x[0], c[0]))}
	}},
	{"elu", []string{"dst"}, []string{"x"}, []string{"c"}, func(a *asm, x, c []vec) []vec {
		return []vec{a.pick(greater, x[0], a.f(0), x[0], a.mul(c[0], a.expM1(a.min(x[0], a.f(0)))))}
	}},
	{"eluGrad", []string{"dst"}, []string{"y", "dy"}, []string{"c"}, func(a *asm, x, c []vec) []vec {
		return []vec{a.pick(greater, x[0], a.f(0), x[1], a.mul(x[1], a.add(x[0], c[0])))}
	}},
	{"huber", []string{"dst"}, []string{"x", "y"}, []string{"c"}, func(a *asm, x, c []vec) []vec {
		d := a.and(a.sub(x[0], x[1]), a.bits(1<<31-1))
		far := a.mul(c[0], a.sub(d, a.mul(c[0], a.f(0.5))))
		return []vec{a.pick(greater, d, c[0], far, a.mul(a.mul(d, d), a.f(0.5)))}
	}},
	{"leakyReLUGrad", []string{"dst"}, []string{"x", "y"}, []string{"c"}, func(a *asm, x, c []vec) []vec {
		return []vec{a.pick(greater, x[0], a.f(0), x[1], a.mul(x[1], c[0]))}
	}},
	{
		"sgd", []string{"w"}, []string{"grad", "oldW"}, []string{"decay", "rate"},
		func(a *asm, x, c []vec) []vec {
			g := a.fma(c[0], x[1], x[0])
			return []vec{a.nfma(g, c[1], x[1])}
		},
	},
	{
		"momentum", []string{"w", "b"}, []string{"grad", "oldW", "oldB"}, []string{"decay", "fresh", "keep", "rate"},
		func(a *asm, x, c []vec) []vec {
			g := a.fma(c[0], x[1], x[0])
			b := a.fma(c[2], x[2], a.mul(c[1], g))
			return []vec{a.nfma(b, c[3], x[1]), b}
		},
	},
	{
		"nesterov", []string{"w", "b"}, []string{"grad", "oldW", "oldB"}, []string{"decay", "fresh", "keep", "rate"},
		func(a *asm, x, c []vec) []vec {
			g := a.fma(c[0], x[1], x[0])
			b := a.fma(c[2], x[2], a.mul(c[1], g))
			return []vec{a.nfma(a.fma(c[2], b, g), c[3], x[1]), b}
		},
	},
	{
		"rmsProp", []string{"w", "v"}, []string{"grad", "oldW", "oldV"}, []string{"decay", "alpha", "fresh", "epsilon", "rate"},
		func(a *asm, x, c []vec) []vec {
			v, quotient := a.rmsProp(x, c)
			return []vec{a.nfma(quotient, c[4], x[1]), v}
		},
	},
	{
		"rmsPropMomentum", []string{"w", "v", "b"}, []string{"grad", "oldW", "oldV", "oldB"},
		[]string{"decay", "alpha", "fresh", "epsilon", "rate", "keep"},
		func(a *asm, x, c []vec) []vec {
			v, quotient := a.rmsProp(x, c)
			b := a.fma(c[5], x[3], quotient)
			return []vec{a.nfma(b, c[4], x[1]), v, b}
		},
	},
	{
		"adam", []string{"w", "m", "v"}, []string{"grad", "oldW", "oldM", "oldV"},
		[]string{"coupled", "keep", "new1", "beta2", "new2", "size", "perRoot", "epsilon"},
		func(a *asm, x, c []vec) []vec {
			w, m := x[1], x[2]
			g := a.fma(c[0], w, x[0])
			m = a.fma(c[2], a.sub(g, m), m)
			v := a.fma(a.mul(c[4], g), g, a.mul(c[3], x[3]))
			root := a.vec()
			a.VSQRTPS(v, root)
			quotient := a.div(a.mul(c[5], m), a.fma(root, c[6], c[7]))
			w = a.mul(c[1], w)
			return []vec{a.sub(w, quotient), m, v}
		},
	},
}

// rmsProp returns the mean square of a step of RMSProp and the gradient divided
// by its root.
func (a *asm) rmsProp(x, c []vec) (v, quotient vec) {
	g := a.fma(c[0], x[1], x[0])
	v = a.fma(a.mul(c[2], g), g, a.mul(c[1], x[2]))
	root := a.vec()
	a.VSQRTPS(v, root)
	return v, a.div(g, a.add(root, c[3]))
}

func vectors(a *asm) {
	for i := range loops {
		loops[i].write(a)
	}
	fromBytes(a, "fromBytes", "divisor", a.VDIVPS)
	fromBytes(a, "scaleBytes", "factor", a.VMULPS)
	prefetch(a)
	sums(a)
}

// prefetch fetches lines of 64 bytes into the nearest cache.
func prefetch(a *asm) {
	a.begin("prefetch", "func(x *float32, lines int)")
	x, n := a.GP64(), a.GP64()
	a.Load(a.Param("x"), x)
	a.Load(a.Param("lines"), n)
	a.Label("loop")
	a.PREFETCHT0(Mem{Base: x})
	a.ADDQ(U8(64), x)
	a.DECQ(n)
	a.JNZ(LabelRef("loop"))
	a.RET()
}

// fromBytes converts whole vectors of bytes and divides or multiplies them by a
// constant.
func fromBytes(a *asm, name, constant string, combine func(...Op)) {
	a.begin(name, "func(dst *float32, x *byte, vectors int, "+constant+" float32)")
	dst, x, n := a.GP64(), a.GP64(), a.GP64()
	a.Load(a.Param("dst"), dst)
	a.Load(a.Param("x"), x)
	a.Load(a.Param("vectors"), n)
	by := a.vec()
	addr, err := a.Param(constant).Resolve()
	if err != nil {
		panic(err)
	}
	a.VBROADCASTSS(addr.Addr, by)
	a.Label("loop")
	v := a.vec()
	a.VPMOVZXBD(Mem{Base: x}, v)
	a.VCVTDQ2PS(v, v)
	combine(by, v, v)
	a.VMOVUPS(v, Mem{Base: dst})
	a.ADDQ(U8(a.lanes), x)
	a.ADDQ(U8(a.bytes()), dst)
	a.DECQ(n)
	a.JNZ(LabelRef("loop"))
	a.VZEROUPPER()
	a.RET()
}

// sums writes the reductions, all into float64 lanes.
func sums(a *asm) {
	a.reduce("sum", "func(s *float64, x *float32, blocks int)", func(x, _ Mem, acc vec) {
		d := a.vec()
		a.VCVTPS2PD(x, d)
		a.VADDPD(d, acc, acc)
	})
	a.reduce("sumProduct", "func(s *float64, x, y *float32, blocks int)", func(x, y Mem, acc vec) {
		d, e := a.vec(), a.vec()
		a.VCVTPS2PD(x, d)
		a.VCVTPS2PD(y, e)
		a.VFMADD231PD(d, e, acc)
	})
	for _, w := range []struct {
		name    string
		vectors int
	}{{"Wide", 8}, {"Half", 4}, {"Narrow", 1}} {
		sumRows(a, w.name, w.vectors, false)
	}
	sumRows(a, "Wide", 8, true)
	sumRows(a, "Narrow", 1, true)
	momentRows(a, "Wide", 4)
	momentRows(a, "Narrow", 1)
	if a.lanes == 16 { // and registers for whole rows, which come from memory in their order
		sumRows(a, "Whole", 16, false)
		sumRows(a, "Whole", 16, true)
		momentRows(a, "Whole", 8)
	}
}

// reduce adds blocks of 32 elements to 32 sums.
func (a *asm) reduce(name, signature string, body func(x, y Mem, acc vec)) {
	a.begin(name, signature)
	s, x, y, n := a.GP64(), a.GP64(), a.GP64(), a.GP64()
	a.Load(a.Param("s"), s)
	a.Load(a.Param("x"), x)
	if name == "sumProduct" {
		a.Load(a.Param("y"), y)
	}
	a.Load(a.Param("blocks"), n)
	acc := make([]vec, 32/(a.lanes/2))
	for i := range acc {
		acc[i] = a.vec()
		a.VMOVUPD(Mem{Base: s, Disp: i * a.bytes()}, acc[i])
	}
	a.Label("loop")
	for i := range acc {
		body(Mem{Base: x, Disp: i * a.bytes() / 2}, Mem{Base: y, Disp: i * a.bytes() / 2}, acc[i])
	}
	a.ADDQ(Imm(128), x)
	if name == "sumProduct" {
		a.ADDQ(Imm(128), y)
	}
	a.DECQ(n)
	a.JNZ(LabelRef("loop"))
	for i := range acc {
		a.VMOVUPD(acc[i], Mem{Base: s, Disp: i * a.bytes()})
	}
	a.VZEROUPPER()
	a.RET()
}

// sumRows adds rows of as many columns as fill the given number of vectors of
// float64 to that many sums, row by row; of a product, those of the products of
// two arrays.
func sumRows(a *asm, name string, vectors int, product bool) {
	if product {
		a.begin("sumProductRows"+name, "func(s *float64, x, y *float32, step, rows int)")
	} else {
		a.begin("sumRows"+name, "func(s *float64, x *float32, step, rows int)")
	}
	s, x, y, step, n := a.GP64(), a.GP64(), a.GP64(), a.GP64(), a.GP64()
	if product {
		a.Load(a.Param("y"), y)
	}
	a.Load(a.Param("s"), s)
	a.Load(a.Param("x"), x)
	a.Load(a.Param("step"), step)
	a.SHLQ(U8(2), step)
	a.Load(a.Param("rows"), n)
	acc := make([]vec, vectors)
	for i := range acc {
		acc[i] = a.vec()
		a.VMOVUPD(Mem{Base: s, Disp: i * a.bytes()}, acc[i])
	}
	a.Label("loop")
	for i := range acc {
		d := a.vec()
		a.VCVTPS2PD(Mem{Base: x, Disp: i * a.bytes() / 2}, d)
		if product {
			e := a.vec()
			a.VCVTPS2PD(Mem{Base: y, Disp: i * a.bytes() / 2}, e)
			a.VFMADD231PD(d, e, acc[i])
		} else {
			a.VADDPD(d, acc[i], acc[i])
		}
	}
	a.ADDQ(step, x)
	if product {
		a.ADDQ(step, y)
	}
	a.DECQ(n)
	a.JNZ(LabelRef("loop"))
	for i := range acc {
		a.VMOVUPD(acc[i], Mem{Base: s, Disp: i * a.bytes()})
	}
	a.VZEROUPPER()
	a.RET()
}

// momentRows is sumRows for differences from shifts, and for their squares.
func momentRows(a *asm, name string, vectors int) {
	a.begin("momentRows"+name, "func(s, square, shift *float64, x *float32, step, rows int)")
	s, square, shift, x, step, n := a.GP64(), a.GP64(), a.GP64(), a.GP64(), a.GP64(), a.GP64()
	a.Load(a.Param("s"), s)
	a.Load(a.Param("square"), square)
	a.Load(a.Param("shift"), shift)
	a.Load(a.Param("x"), x)
	a.Load(a.Param("step"), step)
	a.SHLQ(U8(2), step)
	a.Load(a.Param("rows"), n)
	sums, squares := make([]vec, vectors), make([]vec, vectors)
	for i := range sums {
		sums[i], squares[i] = a.vec(), a.vec()
		a.VMOVUPD(Mem{Base: s, Disp: i * a.bytes()}, sums[i])
		a.VMOVUPD(Mem{Base: square, Disp: i * a.bytes()}, squares[i])
	}
	a.Label("loop")
	for i := range sums {
		d := a.vec()
		a.VCVTPS2PD(Mem{Base: x, Disp: i * a.bytes() / 2}, d)
		a.VSUBPD(Mem{Base: shift, Disp: i * a.bytes()}, d, d)
		a.VADDPD(d, sums[i], sums[i])
		a.VFMADD231PD(d, d, squares[i])
	}
	a.ADDQ(step, x)
	a.DECQ(n)
	a.JNZ(LabelRef("loop"))
	for i := range sums {
		a.VMOVUPD(sums[i], Mem{Base: s, Disp: i * a.bytes()})
		a.VMOVUPD(squares[i], Mem{Base: square, Disp: i * a.bytes()})
	}
	a.VZEROUPPER()
	a.RET()
}
