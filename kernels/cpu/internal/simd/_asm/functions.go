package main

// The same algorithms and coefficients as in the portable version, which says
// where they come from; here without branches.

// exp returns eˣ.
func (a *asm) exp(x vec) vec {
	i, n, e := a.reduced(a.max(a.min(x, a.f(89)), a.f(-104))) // beyond, the result is ∞ or 0 anyway
	y := a.add(e, a.f(1))
	if a.lanes == 16 {
		return a.op2(a.VSCALEFPS, y, n)
	}
	// 2ⁿ may be out of range where y·2ⁿ is not, so it is made of two factors.
	half := a.vec()
	a.VPSRAD(imm(1), i, half)
	rest := a.vec()
	a.VPSUBD(half, i, rest)
	return a.mul(a.mul(y, a.power2(half)), a.power2(rest))
}

// reduced returns the integer n nearest to x/ln 2, also as a number, and eʳ − 1
// for r = x − n·ln 2.
func (a *asm) reduced(x vec) (i, n, e vec) {
	i, n = a.vec(), a.vec()
	a.VCVTPS2DQ(a.mul(x, a.f(1.4426950408889634)), i)
	a.VCVTDQ2PS(i, n)
	r := a.nfma(n, a.f(ln2Low), a.nfma(n, a.f(ln2High), x))
	return i, n, a.fma(a.horner(r, expCoefficients...), a.mul(r, r), r)
}

// expM1 returns eˣ − 1.
func (a *asm) expM1(x vec) vec {
	i, _, e := a.reduced(a.max(a.min(x, a.f(89)), a.f(-30))) // beyond, the result is ∞ or −1 anyway
	half, rest, minus := a.vec(), a.vec(), a.vec()
	a.VPSRAD(imm(1), i, half)
	a.VPSUBD(half, i, rest)
	a.VPSUBD(i, half, minus)
	scale := a.power2(half)
	return a.mul(a.fma(e, scale, a.sub(scale, a.power2(minus))), a.power2(rest))
}

// power2 returns 2ⁱ for integers in the range of normal numbers.
func (a *asm) power2(i vec) vec {
	d := a.vec()
	a.VPADDD(a.bits(127), i, d)
	a.VPSLLD(imm(23), d, d)
	return d
}

// log returns ln x.
func (a *asm) log(x vec) vec {
	// Denormal numbers are scaled to normal ones first.
	smallest := a.f(0x1p-126)
	scaled := a.pick(less, x, smallest, a.mul(x, a.f(0x1p23)), x)
	shift := a.pick(less, x, smallest, a.f(-23), a.reg(a.f(0)))
	// m = scaled/2ᵉ in [√½, √2).
	i, e, m := a.vec(), a.vec(), a.vec()
	a.VPSUBD(a.f(sqrtHalf), scaled, i)
	a.VPSRAD(imm(23), i, e)
	a.VCVTDQ2PS(e, e)
	e = a.add(e, shift)
	a.VPADDD(a.f(sqrtHalf), a.and(i, a.bits(0x7fffff)), m)

	f := a.sub(m, a.f(1))
	z := a.mul(f, f)
	y := a.mul(a.mul(a.horner(f, logCoefficients...), f), z)
	y = a.fma(e, a.reg(a.f(ln2Low)), y)
	y = a.nfma(z, a.f(0.5), y)
	y = a.fma(e, a.reg(a.f(ln2High)), a.add(f, y))

	y = a.pick(notLess, x, a.f(inf), x, y) // ∞ and NaN
	y = a.pick(equal, x, a.f(0), a.reg(a.f(-inf)), y)
	return a.pick(less, x, a.f(0), a.reg(a.bits(0x7fc00000)), y)
}

// tanh returns tanh x.
func (a *asm) tanh(x vec) vec {
	sign := a.bits(1 << 31)
	abs := a.and(x, a.bits(1<<31-1))
	z := a.mul(x, x)
	near := a.fma(a.mul(a.horner(z, tanhCoefficients...), z), x, x)
	e := a.exp(a.add(abs, abs))
	far := a.sub(a.reg(a.f(1)), a.div(a.reg(a.f(2)), a.add(e, a.f(1))))
	far = a.or(far, a.and(x, sign))
	return a.pick(less, abs, a.f(0.625), near, far)
}

// expNegAbs returns e^−|x|.
func (a *asm) expNegAbs(x vec) vec { return a.exp(a.or(x, a.bits(1<<31))) }

// sigmoid returns 1/(1+e⁻ˣ).
func (a *asm) sigmoid(x vec) vec {
	e := a.expNegAbs(x)
	top := a.pick(less, x, a.f(0), e, a.reg(a.f(1)))
	return a.div(top, a.add(e, a.f(1)))
}

// softplus returns ln(1+eˣ).
func (a *asm) softplus(x vec) vec {
	e := a.expNegAbs(x)
	s := a.div(e, a.add(e, a.f(2)))
	z, twice := a.mul(s, s), a.add(s, s)
	l := a.fma(a.mul(a.horner(z, atanhCoefficients...), z), twice, twice)
	return a.add(l, a.max(x, a.f(0)))
}

// gauss returns a = |x|, ½ erfcx(a/√2) and e^(−a²/2), the last two of 16 where a
// is more. Their product is Φ(−a).
func (a *asm) gauss(x vec) (abs, tail, bell vec) {
	abs = a.and(x, a.bits(1<<31-1))
	near := a.min(abs, a.f(16))
	// u = 1/(a + 2.5), corrected by what its sum and its quotient rounded off.
	sum := a.add(near, a.f(tailShift))
	rest := a.sub(near, a.sub(sum, a.f(tailShift)))
	u := a.div(a.reg(a.f(1)), sum)
	u = a.fma(u, a.nfma(rest, u, a.nfma(sum, u, a.reg(a.f(1)))), u)
	t := a.fma(u, a.reg(a.f(tailScale)), a.f(tailOffset))
	tail = a.mul(a.horner(t, tailCoefficients...), u)
	square := a.mul(near, near)
	rounded := a.mul(a.nfma(near, near, square), a.f(0.5))
	bell = a.exp(a.mul(square, a.f(-0.5)))
	return abs, tail, a.fma(bell, rounded, bell)
}

// gelu returns x·Φ(x).
func (a *asm) gelu(x vec) vec {
	_, tail, bell := a.gauss(x)
	below := a.mul(tail, bell)
	return a.mul(x, a.pick(less, x, a.f(0), below, a.sub(a.reg(a.f(1)), below)))
}

// geluSlope returns the derivative Φ(x) + x·φ(x).
func (a *asm) geluSlope(x vec) vec {
	abs, tail, bell := a.gauss(x)
	s := a.mul(a.nfma(abs, a.f(rootOf2Pi), tail), bell)
	return a.pick(less, x, a.f(0), s, a.sub(a.reg(a.f(1)), s))
}

// geluBend returns the second derivative φ(x)·(2 − x²).
func (a *asm) geluBend(x vec) vec {
	abs, _, bell := a.gauss(x)
	phi := a.mul(bell, a.f(rootOf2Pi))
	return a.nfma(a.mul(abs, phi), abs, a.add(phi, phi)) // the square may overflow
}

// roundBF16 rounds x to bfloat16, to nearest and ties to even; see simd.BF16.
func (a *asm) roundBF16(x vec) vec {
	upper := a.bits(0xffff0000)
	odd := a.vec()
	a.VPSRLD(imm(16), x, odd)
	odd = a.and(odd, a.bits(1))
	r := a.vec()
	a.VPADDD(a.bits(0x7fff), x, r)
	a.VPADDD(odd, r, r)
	r = a.and(r, upper)
	r = a.pick(less, a.and(x, a.bits(1<<31-1)), a.f(0x1p-126), a.and(x, a.bits(1<<31)), r)
	quiet := a.and(a.or(x, a.bits(1<<22)), upper)
	return a.pick(unordered, x, x, quiet, r)
}
