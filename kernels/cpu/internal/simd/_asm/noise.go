package main

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The constants of Philox4x32-10; package kernels says what they are.
const (
	philoxM0     = 0xD2511F53
	philoxM1     = 0xCD9E8D57
	philoxW0     = 0x9E3779B9
	philoxW1     = 0xBB67AE85
	philoxRounds = 10
)

// Taylor's coefficients of sin x/x and cos x in x².
var (
	sinCoefficients = []float64{1, -1. / 6, 1. / 120, -1. / 5040, 1. / 362880}
	cosCoefficients = []float64{1, -1. / 2, 1. / 24, -1. / 720, 1. / 40320}
)

// noise writes the functions that fill groups of as many blocks as a vector has
// lanes with random numbers.
func noise(a *asm) {
	a.places = a.placesInOrder()
	a.noiseLoop("uniforms", func(w [4]vec, _, _ Mem) [4]vec {
		for i := range w {
			w[i] = a.fraction(w[i])
		}
		return w
	})
	a.noiseLoop("bernoullis", func(w [4]vec, _, below Mem) [4]vec {
		for i := range w {
			d := a.vec()
			a.VPSRLD(imm(8), w[i], d)
			// Both are under 2²⁴: the difference is negative where d is less.
			b := a.vec()
			a.VPBROADCASTD(below, b)
			a.VPSUBD(b, d, d)
			a.VPSRAD(imm(31), d, d)
			w[i] = a.and(d, a.f(1))
		}
		return w
	})
	a.noiseLoop("normals", func(w [4]vec, to, _ Mem) [4]vec {
		// One pair waits in memory: AVX2 has too few registers for both.
		at := func(i int) Mem { return to.Offset(i * a.bytes()) }
		a.VMOVUPS(w[2], at(2))
		a.VMOVUPS(w[3], at(3))
		x, y := a.boxMuller(w[0], w[1])
		a.VMOVUPS(x, at(0))
		a.VMOVUPS(y, at(1))
		x, y = a.boxMuller(a.reg(at(2)), a.reg(at(3)))
		return [4]vec{a.reg(at(0)), a.reg(at(1)), x, y}
	})
}

// noiseLoop writes a function that makes four numbers of each four words, which
// body may keep in four vectors of memory, where the numbers go. The argument state is the key's two words, the counter's four and a threshold.
func (a *asm) noiseLoop(name string, body func(w [4]vec, to, threshold Mem) [4]vec) {
	a.begin(name, "func(dst *float32, groups int, state *uint32)")
	dst, groups, state := a.GP64(), a.GP64(), a.GP64()
	a.Load(a.Param("dst"), dst)
	a.Load(a.Param("groups"), groups)
	a.Load(a.Param("state"), state)
	counter := a.vec()
	a.VPBROADCASTD(Mem{Base: state, Disp: 8}, counter)
	a.VPADDD(a.places, counter, counter)
	if a.lanes == 16 {
		bits := a.GP32()
		a.MOVL(U32(0xaaaa), bits)
		a.KMOVW(bits, K1)
	}
	a.Label("loop")
	w := body(a.philox(counter, state), Mem{Base: dst}, Mem{Base: state, Disp: 24})
	for i, v := range a.interleave(w) {
		a.VMOVUPS(v, Mem{Base: dst, Disp: i * a.bytes()})
	}
	a.VPADDD(a.bits(uint32(a.lanes)), counter, counter)
	a.ADDQ(U32(4*a.bytes()), dst)
	a.DECQ(groups)
	a.JNZ(LabelRef("loop"))
	a.VZEROUPPER()
	a.RET()
}

// placesInOrder returns the numbers of the blocks in the lanes of a vector, such
// that interleave brings them in order.
func (a *asm) placesInOrder() Mem {
	m := a.StaticGlobal("places" + a.name)
	a.DataAttributes(attr.RODATA | attr.NOPTR)
	quarters := a.lanes / 4
	for quarter := range quarters {
		for i := range 4 {
			a.AppendDatum(U32(uint32(i*quarters + quarter)))
		}
	}
	return m
}

// interleave turns four vectors, of the first, second, third and fourth numbers
// of blocks, into the numbers of block after block.
func (a *asm) interleave(w [4]vec) [4]vec {
	low, high := a.op2(a.VUNPCKLPS, w[0], w[1]), a.op2(a.VUNPCKHPS, w[0], w[1])
	low2, high2 := a.op2(a.VUNPCKLPS, w[2], w[3]), a.op2(a.VUNPCKHPS, w[2], w[3])
	return [4]vec{
		a.op2(a.VUNPCKLPD, low, low2), a.op2(a.VUNPCKHPD, low, low2),
		a.op2(a.VUNPCKLPD, high, high2), a.op2(a.VUNPCKHPD, high, high2),
	}
}

// philox returns the four words of each block whose low counter word is given.
func (a *asm) philox(counter vec, state GPVirtual) [4]vec {
	broadcast := func(word int) vec {
		d := a.vec()
		a.VPBROADCASTD(Mem{Base: state, Disp: 4 * word}, d)
		return d
	}
	k0, k1 := broadcast(0), broadcast(1)
	c0, c1, c2, c3 := a.reg(counter), broadcast(3), broadcast(4), broadcast(5)
	for range philoxRounds {
		high0, low0 := a.product(c0, philoxM0)
		high1, low1 := a.product(c2, philoxM1)
		c0, c1, c2, c3 = a.xor(a.xor(high1, c1), k0), low1, a.xor(a.xor(high0, c3), k1), low0
		a.VPADDD(a.bits(philoxW0), k0, k0)
		a.VPADDD(a.bits(philoxW1), k1, k1)
	}
	return [4]vec{c0, c1, c2, c3}
}

// product returns both halves of the product of each word with a constant.
func (a *asm) product(x vec, constant uint32) (high, low vec) {
	m := a.reg(a.bits(constant))
	even, odd := a.vec(), a.vec()
	a.VPMULUDQ(m, x, even)
	a.VPSRLQ(imm(32), x, odd)
	a.VPMULUDQ(m, odd, odd)
	top, bottom := a.vec(), a.vec()
	a.VPSRLQ(imm(32), even, top)
	a.VPSLLQ(imm(32), odd, bottom)
	return a.odds(odd, top), a.odds(bottom, even)
}

// odds returns the odd lanes of x and the even ones of y. Under AVX-512, K1 holds
// the mask of the odd lanes.
func (a *asm) odds(x, y vec) vec {
	if a.lanes == 16 {
		d := a.reg(y)
		a.VMOVDQA32(x, K1, d)
		return d
	}
	d := a.vec()
	a.VPBLENDD(U8(0xaa), x, y, d)
	return d
}

// fraction returns (w>>8)·2⁻²⁴.
func (a *asm) fraction(w vec) vec {
	d := a.vec()
	a.VPSRLD(imm(8), w, d)
	a.VCVTDQ2PS(d, d)
	return a.mul(d, a.f(0x1p-24))
}

// boxMuller returns the two normal numbers of each two words.
func (a *asm) boxMuller(r0, r1 vec) (vec, vec) {
	// The word is rounded once: its halves are exact.
	high, low := a.vec(), a.vec()
	a.VPSRLD(imm(16), r0, high)
	a.VCVTDQ2PS(high, high)
	a.VPSLLD(imm(16), r0, low)
	a.VPSRLD(imm(16), low, low)
	a.VCVTDQ2PS(low, low)
	word := a.fma(high, a.reg(a.f(0x1p16)), low)
	u := a.add(a.mul(word, a.f(0x1p-32)), a.f(0x1p-33))
	radius := a.vec()
	a.VSQRTPS(a.mul(a.log(u), a.f(-2)), radius)

	// The angle is k·2⁻²⁴ turns, of which whole quarters are set aside.
	k, quarter, rest := a.vec(), a.vec(), a.vec()
	a.VPSRLD(imm(8), r1, k)
	a.VPADDD(a.bits(1<<21), k, quarter)
	a.VPSRLD(imm(22), quarter, quarter)
	a.VPSLLD(imm(22), quarter, rest)
	a.VPSUBD(rest, k, rest)
	a.VCVTDQ2PS(rest, rest)
	x := a.mul(rest, a.f(2*math.Pi/(1<<24)))
	x2 := a.mul(x, x)
	sin, cos := a.mul(a.horner(x2, sinCoefficients...), x), a.horner(x2, cosCoefficients...)

	// After one quarter, and after three, sine and cosine change places; the
	// sine changes sign after two, the cosine after one and after two.
	swap, sinSign, cosSign := a.vec(), a.vec(), a.vec()
	a.VPSLLD(imm(31), quarter, swap)
	a.VPSRAD(imm(31), swap, swap)
	a.VPSRLD(imm(1), quarter, sinSign)
	a.VPSLLD(imm(31), sinSign, sinSign)
	a.VPADDD(a.bits(1), quarter, cosSign)
	a.VPSRLD(imm(1), cosSign, cosSign)
	a.VPSLLD(imm(31), cosSign, cosSign)
	both := a.and(a.xor(sin, cos), swap)
	sin, cos = a.xor(a.xor(sin, both), sinSign), a.xor(a.xor(cos, both), cosSign)
	return a.mul(radius, cos), a.mul(radius, sin)
}
