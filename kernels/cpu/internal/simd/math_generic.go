package simd

import "math"

// The transcendental functions, in float32 arithmetic throughout. Arguments are
// reduced in the classical way (W. J. Cody and W. Waite, Software Manual for
// the Elementary Functions, 1980); the polynomials are minimax fits of the
// relative error, by Remez' algorithm in 40 digits, their coefficients then
// rounded. Multiplications may be fused with additions or not: the errors stay
// within what the exported functions state.

const (
	log2E = 1.44269504088896341
	// ln2High has so few bits that its product with an exponent is exact;
	// ln2Low is the rest of ln 2.
	ln2High = 0.693359375
	ln2Low  = -2.12194440054690583e-4
	// Adding and subtracting 1.5·2²³ rounds a small float32 to an integer.
	rounder = 3 << 22
)

func expGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = exp1(v)
	}
}

// exp1 returns eˣ = 2ⁿ·eʳ, r in ±½ ln 2. The fit of eʳ errs by 3·10⁻⁹.
func exp1(x float32) float32 {
	if !(x > -104) { // below, the result is 0
		if x == x {
			return 0
		}
		return x
	}
	n, e := reduce1(min(x, 89)) // above, the result is +Inf
	y := e + 1
	if uint32(n+126) <= 252 {
		return y * power2(n)
	}
	// 2ⁿ is out of range where y·2ⁿ may not be.
	return y * power2(n>>1) * power2(n-n>>1)
}

// reduce1 returns the integer n nearest to x/ln 2, and eʳ − 1 for r = x − n·ln 2.
func reduce1(x float32) (n int32, e float32) {
	t := x*log2E + rounder
	n = int32(math.Float32bits(t)) - int32(math.Float32bits(rounder))
	f := t - rounder
	r := x - f*ln2High - f*ln2Low
	p := (((0.00138145941*r+0.00836871658)*r+0.041668389)*r+0.166665211)*r + 0.49999994
	return n, p*(r*r) + r
}

// power2 returns 2ⁿ for n in [-126, 127].
func power2(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }

func logGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = log1(v)
	}
}

// log1 returns ln x = e·ln 2 + ln m, x = m·2ᵉ, m in [√½, √2). The fit of ln m
// errs by 8·10⁻¹⁰.
func log1(x float32) float32 {
	const sqrtHalf = 0x3f3504f3 // its bits
	var e float32
	switch {
	case x < 0:
		return float32(math.NaN())
	case x == 0:
		return float32(math.Inf(-1))
	case !(x <= math.MaxFloat32): // +Inf and NaN
		return x
	case x < 0x1p-126:
		x *= 0x1p23
		e = -23
	}
	i := int32(math.Float32bits(x)) - sqrtHalf
	e += float32(i >> 23)
	f := math.Float32frombits(uint32(i&0x7fffff+sqrtHalf)) - 1
	z := f * f
	p := (((0.0674666315*f-0.116756402)*f+0.118881449)*f-0.124055892)*f + 0.142195553
	p = (((p*f-0.166679963)*f+0.200021192)*f-0.250000089)*f + 0.333333135
	y := p*f*z + e*ln2Low
	y -= 0.5 * z
	return f + y + e*ln2High
}

func tanhGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = tanh1(v)
	}
}

// tanh1 uses a fit that errs by 4·10⁻⁹ near zero, where 1 − 2/(e²ˣ+1) would
// cancel.
func tanh1(x float32) float32 {
	abs := abs1(x)
	if abs < 0.625 {
		z := x * x
		p := (((-0.0057170419*z+0.0206505843)*z-0.0537434965)*z+0.133314908)*z - 0.333332837
		return p*z*x + x
	}
	y := 1 - 2/(exp1(abs+abs)+1)
	if x < 0 {
		return -y
	}
	return y
}

func abs1(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

func sigmoidGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = sigmoid1(v)
	}
}

// sigmoid1 needs only eˣ ≤ 1, which does not overflow.
func sigmoid1(x float32) float32 {
	e := exp1(-abs1(x))
	if x < 0 {
		return e / (1 + e)
	}
	return 1 / (1 + e)
}

func softplusGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = softplus1(v)
	}
}

func bceLogitsGeneric(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = softplus1(x[i]) - float32(x[i]*y[i])
	}
}

// softplus1 returns max(x, 0) + ln(1+u), u = e^−|x|, where ln(1+u) =
// 2 artanh(u/(2+u)) needs no further reduction. The fit of artanh errs by
// 10⁻¹⁰.
func softplus1(x float32) float32 {
	u := exp1(-abs1(x))
	s := u / (2 + u)
	z := s * s
	p := (((0.121504612*z+0.107138306)*z+0.143084422)*z+0.199994385)*z + 0.333333373
	s += s
	y := p*z*s + s
	if x > 0 {
		y += x
	}
	return y
}

func siluGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = v * sigmoid1(v)
	}
}

func siluGradGeneric(dst, x, dy []float32) {
	x, dy = x[:len(dst)], dy[:len(dst)]
	for i, v := range x {
		s := sigmoid1(v)
		dst[i] = dy[i] * s * (1 + v*(1-s))
	}
}

// expM1 returns eˣ − 1 of the terms of [exp1], as 2ⁿ⁻ʰ·(2ʰ·(eʳ−1) + (2ʰ−2ʰ⁻ⁿ))
// for h = n/2: nothing cancels where n is 0, and 2ⁿ may overflow.
func expM1(x float32) float32 {
	if !(x > -30) { // below, the result is −1
		if x == x {
			return -1
		}
		return x
	}
	n, e := reduce1(min(x, 89)) // above, the result is +Inf
	half := n >> 1
	scale := power2(half)
	return (e*scale + (scale - power2(half-n))) * power2(n-half)
}

func eluGeneric(dst, x []float32, c float32) {
	x = x[:len(dst)]
	for i, v := range x {
		if !(v > 0) {
			v = c * expM1(v)
		}
		dst[i] = v
	}
}

func softplusGradGeneric(dst, y, dy []float32) {
	y, dy = y[:len(dst)], dy[:len(dst)]
	for i, v := range y {
		dst[i] = -dy[i] * expM1(-v)
	}
}

// The functions of GELU share a = |x|; ½ erfcx(a/√2), of which Φ(−a) is the
// product with e^(−a²/2), as u·p(u) for u = 1/(a + 2.5), by a fit that errs by
// 6·10⁻⁹; and that exponential, where the square is rounded, so that what it lost
// comes in as a factor. The last two are taken of 16 where a is more, and the
// exponential is 0 there. In two operations float64 stands for the vectors'
// corrections.
const (
	rootOf2Pi  = 0.398942280401432678 // 1/√(2π)
	tailShift  = 2.5
	tailScale  = 5.83333333333333333
	tailOffset = -1.33333333333333333
)

func gauss1(x float32) (abs, tail, bell float32) {
	abs = abs1(x)
	near := min(abs, 16)
	u := 1 / (float64(near) + tailShift)
	t := float32(u*tailScale + tailOffset)
	p := ((((-4.6375734e-6*t+3.9066054e-5)*t-2.03091614e-5)*t-0.000313580972)*t+0.00066441509)*t + 0.00158557044
	p = ((((p*t-0.00784916258)*t-0.0114210355)*t+0.0926325798)*t+0.403414457)*t + 0.771272646
	square := float32(near * near)
	lost := float32(float64(near)*float64(near) - float64(square))
	bell = exp1(-0.5 * square)
	return abs, p * float32(u), bell - bell*(0.5*lost)
}

func geluGeneric(dst, x []float32) {
	for i, v := range x {
		_, tail, bell := gauss1(v)
		below := float32(tail * bell)
		if !(v < 0) {
			below = 1 - below
		}
		dst[i] = v * below
	}
}

func geluSlope1(x float32) float32 {
	abs, tail, bell := gauss1(x)
	s := (tail - rootOf2Pi*abs) * bell
	if x < 0 {
		return s
	}
	return 1 - s
}

func geluSlopeGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = geluSlope1(v)
	}
}

func geluGradGeneric(dst, x, dy []float32) {
	x, dy = x[:len(dst)], dy[:len(dst)]
	for i, v := range x {
		dst[i] = dy[i] * geluSlope1(v)
	}
}

func geluBendGeneric(dst, x []float32) {
	for i, v := range x {
		abs, _, bell := gauss1(v)
		phi := rootOf2Pi * bell
		dst[i] = 2*phi - (abs*phi)*abs // the square may overflow
	}
}
