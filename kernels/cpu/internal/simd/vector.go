package simd

import "fmt"

// The functions below work on slices of one length; results may be the memory
// of arguments. Errors are in units in the last place (ulp) of the exact
// result; the bounds stand a little above the worst that every 11th of all
// float32 numbers showed in any tier: 1.009 for Exp, 0.81 for Log, 1.31 for
// Tanh, 2.36 for Sigmoid, 2.73 for Softplus, 3.15 for SiLU, 5.19 for GELU, 0.95
// for ELU and 1.53 for SoftplusGrad. AVX2 and AVX-512 give the same bits. NaN
// gives NaN.

// same panics unless all slices have the length of dst.
func same(name string, dst []float32, others ...[]float32) {
	for _, x := range others {
		if len(x) != len(dst) {
			panic(fmt.Sprintf("simd: %s of %d elements got a slice of %d", name, len(dst), len(x)))
		}
	}
}

// Exp sets dst = eˣ, within 1.1 ulp; denormal results are right, above 88.72 it
// is +Inf.
func Exp(dst, x []float32) {
	same("Exp", dst, x)
	exp(dst, x)
}

// Log sets dst = ln x, within 1 ulp; 0 gives -Inf, negative numbers NaN.
func Log(dst, x []float32) {
	same("Log", dst, x)
	log(dst, x)
}

// Tanh sets dst = tanh x, within 2 ulp.
func Tanh(dst, x []float32) {
	same("Tanh", dst, x)
	tanh(dst, x)
}

// Sigmoid sets dst = 1/(1+e⁻ˣ), within 3 ulp, also where the result is tiny.
func Sigmoid(dst, x []float32) {
	same("Sigmoid", dst, x)
	sigmoid(dst, x)
}

// Softplus sets dst = ln(1+eˣ), within 3 ulp, also where the result is tiny.
func Softplus(dst, x []float32) {
	same("Softplus", dst, x)
	softplus(dst, x)
}

// SiLU sets dst = x/(1+e⁻ˣ), within 4 ulp for x ≥ −87; below, where the result
// is under 10⁻³⁵, it is x times a denormal number and loses bits.
func SiLU(dst, x []float32) {
	same("SiLU", dst, x)
	silu(dst, x)
}

// SiLUGrad sets dst = dy·s·(1 + x·(1−s)) for s = 1/(1+e⁻ˣ).
func SiLUGrad(dst, x, dy []float32) {
	same("SiLUGrad", dst, x, dy)
	siluGrad(dst, x, dy)
}

// The next four are of Φ, the distribution function of the normal distribution,
// and φ, its density. Where the product of an infinity and 0 would be NaN, they
// are NaN.

// GELU sets dst = x·Φ(x), within 6 ulp for x ≥ −12.8; below, where the result is
// under 10⁻³⁶, it is x times a denormal number and loses bits.
func GELU(dst, x []float32) {
	same("GELU", dst, x)
	gelu(dst, x)
}

// GELUSlope sets dst = Φ(x) + x·φ(x), within 4·10⁻⁷ of the sum of its terms'
// sizes, of which it is a difference where x < 0.
func GELUSlope(dst, x []float32) {
	same("GELUSlope", dst, x)
	geluSlope(dst, x)
}

// GELUGrad sets dst = dy·(Φ(x) + x·φ(x)).
func GELUGrad(dst, x, dy []float32) {
	same("GELUGrad", dst, x, dy)
	geluGrad(dst, x, dy)
}

// GELUBend sets dst = φ(x)·(2 − x²), the slope of the slope, as exact as that.
func GELUBend(dst, x []float32) {
	same("GELUBend", dst, x)
	geluBend(dst, x)
}

// ELU sets dst = x where x > 0, else c·(eˣ−1), within 2 ulp for c = 1.
func ELU(dst, x []float32, c float32) {
	same("ELU", dst, x)
	elu(dst, x, c)
}

// Rectify sets dst = max(x, 0).
func Rectify(dst, x []float32) {
	same("Rectify", dst, x)
	relu(dst, x)
}

// LeakyReLU sets dst = x where x > 0, else c·x.
func LeakyReLU(dst, x []float32, c float32) {
	same("LeakyReLU", dst, x)
	leakyReLU(dst, x, c)
}

// Sqrt sets dst = √x.
func Sqrt(dst, x []float32) {
	same("Sqrt", dst, x)
	sqrt(dst, x)
}

// Scale sets dst = c·x.
func Scale(dst, x []float32, c float32) {
	same("Scale", dst, x)
	scale(dst, x, c)
}

// Offset sets dst = x + c.
func Offset(dst, x []float32, c float32) {
	same("Offset", dst, x)
	offset(dst, x, c)
}

// ClampMin sets dst = max(x, c).
func ClampMin(dst, x []float32, c float32) {
	same("ClampMin", dst, x)
	clampMin(dst, x, c)
}

// ClampMax sets dst = min(x, c).
func ClampMax(dst, x []float32, c float32) {
	same("ClampMax", dst, x)
	clampMax(dst, x, c)
}

// Neg sets dst = −x.
func Neg(dst, x []float32) {
	same("Neg", dst, x)
	neg(dst, x)
}

// Abs sets dst = |x|.
func Abs(dst, x []float32) {
	same("Abs", dst, x)
	abs(dst, x)
}

// Sign sets dst = 1 where x > 0, −1 where x < 0, else x.
func Sign(dst, x []float32) {
	same("Sign", dst, x)
	sign(dst, x)
}

// Step sets dst = 1 where x > 0, else 0, for a NaN too.
func Step(dst, x []float32) {
	same("Step", dst, x)
	step(dst, x)
}

// Reciprocal sets dst = 1/x.
func Reciprocal(dst, x []float32) {
	same("Reciprocal", dst, x)
	reciprocal(dst, x)
}

// Add sets dst = x + y.
func Add(dst, x, y []float32) {
	same("Add", dst, x, y)
	add(dst, x, y)
}

// Sub sets dst = x − y.
func Sub(dst, x, y []float32) {
	same("Sub", dst, x, y)
	sub(dst, x, y)
}

// Mul sets dst = x·y.
func Mul(dst, x, y []float32) {
	same("Mul", dst, x, y)
	mul(dst, x, y)
}

// Div sets dst = x/y.
func Div(dst, x, y []float32) {
	same("Div", dst, x, y)
	div(dst, x, y)
}

// AXPY sets dst = c·x + y, which is rounded once under AVX2 and AVX-512.
func AXPY(dst []float32, c float32, x, y []float32) {
	same("AXPY", dst, x, y)
	axpy(dst, x, y, c)
}

// The next three round as the functions of which they save the passes.

// ScaleShift sets dst = x·scales + shifts.
func ScaleShift(dst, x, scales, shifts []float32) {
	same("ScaleShift", dst, x, scales, shifts)
	scaleShift(dst, x, scales, shifts)
}

// ScaleShiftRectify sets dst = max(x·scales + shifts, 0).
func ScaleShiftRectify(dst, x, scales, shifts []float32) {
	same("ScaleShiftRectify", dst, x, scales, shifts)
	scaleShiftRectify(dst, x, scales, shifts)
}

// NormGrad sets dst = dy·scales + ((x − means)·slopes + shifts), the gradient of
// a normalisation.
func NormGrad(dst, x, means, slopes, shifts, dy, scales []float32) {
	same("NormGrad", dst, x, means, slopes, shifts, dy, scales)
	normGrad(dst, x, means, slopes, shifts, dy, scales)
}

// ReLUGrad sets dst = dy where y > 0, else 0; y is the result of the
// activation, as in the gradients below.
func ReLUGrad(dst, y, dy []float32) {
	same("ReLUGrad", dst, y, dy)
	reluGrad(dst, y, dy)
}

// LeakyReLUGrad sets dst = dy where y > 0, else c·dy.
func LeakyReLUGrad(dst, y, dy []float32, c float32) {
	same("LeakyReLUGrad", dst, y, dy)
	leakyReLUGrad(dst, y, dy, c)
}

// SigmoidGrad sets dst = dy·y·(1−y).
func SigmoidGrad(dst, y, dy []float32) {
	same("SigmoidGrad", dst, y, dy)
	sigmoidGrad(dst, y, dy)
}

// TanhGrad sets dst = dy·(1−y²).
func TanhGrad(dst, y, dy []float32) {
	same("TanhGrad", dst, y, dy)
	tanhGrad(dst, y, dy)
}

// ELUGrad sets dst = dy where y > 0, else dy·(y+c).
func ELUGrad(dst, y, dy []float32, c float32) {
	same("ELUGrad", dst, y, dy)
	eluGrad(dst, y, dy, c)
}

// SoftplusGrad sets dst = dy·(1−e^−y), the factor within 2 ulp, so that −1 for dy
// makes it e^−y − 1.
func SoftplusGrad(dst, y, dy []float32) {
	same("SoftplusGrad", dst, y, dy)
	softplusGrad(dst, y, dy)
}

// AbsoluteError sets dst = |x − y|.
func AbsoluteError(dst, x, y []float32) {
	same("AbsoluteError", dst, x, y)
	absoluteError(dst, x, y)
}

// Huber sets dst = (x−y)²/2 where |x−y| ≤ c, else c·(|x−y| − c/2).
func Huber(dst, x, y []float32, c float32) {
	same("Huber", dst, x, y)
	huber(dst, x, y, c)
}

// BCELogits sets dst = ln(1+eˣ) − x·y, the binary cross-entropy of the target y
// and the logit x; its error is Softplus's and that of the two roundings.
func BCELogits(dst, x, y []float32) {
	same("BCELogits", dst, x, y)
	bceLogits(dst, x, y)
}

// AdamStep holds the constants of one step of Adam, of which the caller knows
// the rate, the betas, and the count of steps t.
type AdamStep struct {
	Coupled float32 // added to the gradient, times the weight: L2 decay
	Keep    float32 // the weight's factor: 1 − rate·decay for AdamW, else 1
	New1    float32 // 1 − β₁
	Beta2   float32 // β₂
	New2    float32 // 1 − β₂
	Size    float32 // rate/(1−β₁ᵗ)
	PerRoot float32 // 1/√(1−β₂ᵗ)
	Epsilon float32
}

// Adam takes one step of Adam (Kingma and Ba, 2015) for the gradient g:
//
//	g = g + Coupled·w
//	m = m + New1·(g−m)
//	v = Beta2·v + New2·g²
//	w = Keep·w − Size·m/(PerRoot·√v + Epsilon)
//
// from the old weights and moments to the new, which may be the same memory.
func Adam(s *AdamStep, w, m, v, g, oldW, oldM, oldV []float32) {
	same("Adam", w, m, v, g, oldW, oldM, oldV)
	adam(w, m, v, g, oldW, oldM, oldV, s.Coupled, s.Keep, s.New1, s.Beta2, s.New2, s.Size, s.PerRoot, s.Epsilon)
}

// SGDStep holds the constants of one step of stochastic gradient descent.
type SGDStep struct {
	Decay    float32 // added to the gradient, times the weight: L2 decay
	Fresh    float32 // the gradient's factor in the buffer: 1 − dampening
	Momentum float32
	Rate     float32
	Nesterov bool
}

// SGD takes one step without momentum for the gradient g, from the old weights
// to the new, which may be the same memory:
//
//	w = w − Rate·(g + Decay·w)
func SGD(s *SGDStep, w, g, oldW []float32) {
	same("SGD", w, g, oldW)
	sgd(w, g, oldW, s.Decay, s.Rate)
}

// Momentum takes one step with momentum and the buffer b:
//
//	g = g + Decay·w
//	b = Momentum·b + Fresh·g
//	w = w − Rate·b, with Nesterov w − Rate·(g + Momentum·b)
func Momentum(s *SGDStep, w, b, g, oldW, oldB []float32) {
	same("Momentum", w, b, g, oldW, oldB)
	if s.Nesterov {
		nesterov(w, b, g, oldW, oldB, s.Decay, s.Fresh, s.Momentum, s.Rate)
	} else {
		momentum(w, b, g, oldW, oldB, s.Decay, s.Fresh, s.Momentum, s.Rate)
	}
}

// RMSPropStep holds the constants of one step of RMSProp.
type RMSPropStep struct {
	Decay    float32 // added to the gradient, times the weight: L2 decay
	Alpha    float32
	Fresh    float32 // 1 − Alpha
	Epsilon  float32
	Momentum float32
	Rate     float32
}

// RMSProp takes one step for the gradient g, from the old weights, mean squares
// and, with momentum, buffers to the new, which may be the same memory:
//
//	g = g + Decay·w
//	v = Alpha·v + Fresh·g²
//	b = Momentum·b + g/(√v + Epsilon)
//	w = w − Rate·b
func RMSProp(s *RMSPropStep, w, v, b, g, oldW, oldV, oldB []float32) {
	same("RMSProp", w, v, g, oldW, oldV)
	if s.Momentum == 0 {
		rmsProp(w, v, g, oldW, oldV, s.Decay, s.Alpha, s.Fresh, s.Epsilon, s.Rate)
		return
	}
	same("RMSProp", w, b, oldB)
	rmsPropMomentum(w, v, b, g, oldW, oldV, oldB, s.Decay, s.Alpha, s.Fresh, s.Epsilon, s.Rate, s.Momentum)
}

// Prefetch brings x into the nearest cache; where there is no assembly it does
// nothing.
func Prefetch(x []float32) {
	if len(x) > 0 {
		prefetch(x)
	}
}
