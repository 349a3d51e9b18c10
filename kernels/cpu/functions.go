package cpu

import (
	"math"

	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// apply computes one function on a block: dst[i] = fn(x[i], y[i]; a). All
// slices have the length of dst; y is not read by functions of one operand, and
// dst may be x or y.
func apply(fn kernels.Fn, a float32, dst, x, y []float32) {
	x = x[:len(dst)]
	if fn.Arity() == 2 {
		y = y[:len(dst)]
	}
	functions[fn](dst, x, y, a)
}

// functions holds the loop of every element-wise function.
var functions = [...]func(dst, x, y []float32, a float32){
	kernels.Copy:       of1(func(dst, x []float32) { copy(dst, x) }),
	kernels.Neg:        of1(simd.Neg),
	kernels.Scale:      with1(simd.Scale),
	kernels.Offset:     with1(simd.Offset),
	kernels.Square:     of1(func(dst, x []float32) { simd.Mul(dst, x, x) }),
	kernels.Sqrt:       of1(simd.Sqrt),
	kernels.Reciprocal: of1(simd.Reciprocal),
	kernels.Abs:        of1(simd.Abs),
	kernels.Sign:       of1(simd.Sign),
	kernels.Exp:        of1(simd.Exp),
	kernels.Log:        of1(simd.Log),
	kernels.Step:       of1(simd.Step),
	kernels.ClampMin:   with1(simd.ClampMin),
	kernels.ClampMax:   with1(simd.ClampMax),
	kernels.Detach:     of1(func(dst, x []float32) { copy(dst, x) }),

	kernels.ReLU:      of1(simd.Rectify),
	kernels.LeakyReLU: with1(simd.LeakyReLU),
	kernels.ELU:       with1(simd.ELU),
	kernels.SiLU:      of1(simd.SiLU),
	kernels.GELU:      of1(simd.GELU),
	kernels.Sigmoid:   of1(simd.Sigmoid),
	kernels.Tanh:      of1(simd.Tanh),
	kernels.Softplus:  of1(simd.Softplus),
	kernels.GELUSlope: of1(simd.GELUSlope),
	kernels.GELUBend:  of1(simd.GELUBend),

	kernels.Add:          of2(simd.Add),
	kernels.Sub:          of2(simd.Sub),
	kernels.Mul:          of2(simd.Mul),
	kernels.Div:          of2(simd.Div),
	kernels.Max:          pair(func(x, y float32) float32 { return max(x, y) }),
	kernels.Min:          pair(func(x, y float32) float32 { return min(x, y) }),
	kernels.Pow:          pair(func(x, y float32) float32 { return float32(math.Pow(float64(x), float64(y))) }),
	kernels.Greater:      pair(func(x, y float32) float32 { return truth(x > y) }),
	kernels.GreaterEqual: pair(func(x, y float32) float32 { return truth(x >= y) }),
	kernels.Less:         pair(func(x, y float32) float32 { return truth(x < y) }),
	kernels.LessEqual:    pair(func(x, y float32) float32 { return truth(x <= y) }),
	kernels.Equal:        pair(func(x, y float32) float32 { return truth(x == y) }),
	kernels.NotEqual:     pair(func(x, y float32) float32 { return truth(x != y) }),

	kernels.ReLUGrad:      of2(simd.ReLUGrad),
	kernels.LeakyReLUGrad: simd.LeakyReLUGrad,
	kernels.ELUGrad:       simd.ELUGrad,
	kernels.SiLUGrad:      of2(simd.SiLUGrad),
	kernels.GELUGrad:      of2(simd.GELUGrad),
	kernels.SigmoidGrad:   of2(simd.SigmoidGrad),
	kernels.TanhGrad:      of2(simd.TanhGrad),
	kernels.SoftplusGrad:  of2(simd.SoftplusGrad),

	kernels.SquaredError: func(dst, x, y []float32, _ float32) {
		simd.Sub(dst, x, y)
		simd.Mul(dst, dst, dst)
	},
	kernels.AbsoluteError: of2(simd.AbsoluteError),
	kernels.Huber:         simd.Huber,
	kernels.BCELogits:     of2(simd.BCELogits),
}

// of1 adapts a vectorised function of one number.
func of1(f func(dst, x []float32)) func(dst, x, y []float32, a float32) {
	return func(dst, x, _ []float32, _ float32) { f(dst, x) }
}

// with1 adapts a vectorised function of one number and a constant.
func with1(f func(dst, x []float32, a float32)) func(dst, x, y []float32, a float32) {
	return func(dst, x, _ []float32, a float32) { f(dst, x, a) }
}

// of2 adapts a vectorised function of two numbers.
func of2(f func(dst, x, y []float32)) func(dst, x, y []float32, a float32) {
	return func(dst, x, y []float32, _ float32) { f(dst, x, y) }
}

// pair returns the loop over a function of two numbers.
func pair(f func(x, y float32) float32) func(dst, x, y []float32, a float32) {
	return func(dst, x, y []float32, _ float32) {
		for i, v := range x {
			dst[i] = f(v, y[i])
		}
	}
}

func truth(b bool) float32 {
	if b {
		return 1
	}
	return 0
}
