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
	kernels.Copy: func(dst, x, _ []float32, _ float32) { copy(dst, x) },
	kernels.Neg: func(dst, x, _ []float32, _ float32) {
		for i := range dst {
			dst[i] = -x[i]
		}
	},
	kernels.Scale: func(dst, x, _ []float32, a float32) { simd.Scale(dst, x, a) },
	kernels.Offset: func(dst, x, _ []float32, a float32) {
		for i := range dst {
			dst[i] = x[i] + a
		}
	},
	kernels.Square: func(dst, x, _ []float32, _ float32) {
		simd.Mul(dst, x, x)
	},
	kernels.Sqrt:       of1(simd.Sqrt),
	kernels.Reciprocal: each(func(x float32) float32 { return 1 / x }),
	kernels.Abs:        each(abs),
	kernels.Sign:       each(sign),
	kernels.Exp:        of1(simd.Exp),
	kernels.Log:        of1(simd.Log),
	kernels.Step: func(dst, x, _ []float32, _ float32) {
		for i := range dst {
			dst[i] = truth(x[i] > 0)
		}
	},
	kernels.ClampMin: func(dst, x, _ []float32, a float32) {
		for i := range dst {
			dst[i] = max(x[i], a)
		}
	},
	kernels.ClampMax: func(dst, x, _ []float32, a float32) {
		for i := range dst {
			dst[i] = min(x[i], a)
		}
	},
	kernels.Detach: func(dst, x, _ []float32, _ float32) { copy(dst, x) },

	kernels.ReLU:      of1(simd.Rectify),
	kernels.LeakyReLU: func(dst, x, _ []float32, a float32) { simd.LeakyReLU(dst, x, a) },
	kernels.ELU:       func(dst, x, _ []float32, a float32) { simd.ELU(dst, x, a) },
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
	kernels.LeakyReLUGrad: func(dst, y, dy []float32, a float32) { simd.LeakyReLUGrad(dst, y, dy, a) },
	kernels.ELUGrad:       func(dst, y, dy []float32, a float32) { simd.ELUGrad(dst, y, dy, a) },
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
	kernels.Huber:         func(dst, x, y []float32, a float32) { simd.Huber(dst, x, y, a) },
	kernels.BCELogits:     of2(simd.BCELogits),
}

// of1 adapts a vectorised function of one number.
func of1(f func(dst, x []float32)) func(dst, x, y []float32, a float32) {
	return func(dst, x, _ []float32, _ float32) { f(dst, x) }
}

// of2 adapts a vectorised function of two numbers.
func of2(f func(dst, x, y []float32)) func(dst, x, y []float32, a float32) {
	return func(dst, x, y []float32, _ float32) { f(dst, x, y) }
}

// each returns the loop over a function of one number.
func each(f func(float32) float32) func(dst, x, y []float32, a float32) {
	return func(dst, x, _ []float32, _ float32) {
		for i, v := range x {
			dst[i] = f(v)
		}
	}
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

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

func sign(x float32) float32 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x
}
