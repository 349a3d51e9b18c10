package simd

import "math"

// The portable loops reslice their arguments to the result's length, which
// spares them the bounds checks. Products that are added are rounded first:
// the conversion keeps compilers from fusing the two, so that all portable
// builds agree.

func reluGeneric(dst, x []float32) {
	copy(dst, x)
	rectify(dst)
}

func leakyReLUGeneric(dst, x []float32, c float32) {
	x = x[:len(dst)]
	for i := range dst {
		v := x[i]
		if !(v > 0) {
			v *= c
		}
		dst[i] = v
	}
}

func eluGradGeneric(dst, y, dy []float32, c float32) {
	y, dy = y[:len(dst)], dy[:len(dst)]
	for i := range dst {
		v := dy[i]
		if !(y[i] > 0) {
			v *= y[i] + c
		}
		dst[i] = v
	}
}

func absoluteErrorGeneric(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = abs1(x[i] - y[i])
	}
}

func huberGeneric(dst, x, y []float32, c float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		d := abs1(x[i] - y[i])
		if d > c {
			dst[i] = c * (d - float32(0.5*c))
		} else {
			dst[i] = d * d * 0.5
		}
	}
}

func sqrtGeneric(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = float32(math.Sqrt(float64(x[i])))
	}
}

func scaleGeneric(dst, x []float32, c float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = c * x[i]
	}
}

func offsetGeneric(dst, x []float32, c float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = x[i] + c
	}
}

func clampMinGeneric(dst, x []float32, c float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = max(x[i], c)
	}
}

func clampMaxGeneric(dst, x []float32, c float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = min(x[i], c)
	}
}

func negGeneric(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = -x[i]
	}
}

func absGeneric(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = abs1(x[i])
	}
}

func signGeneric(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		if v > 0 {
			v = 1
		} else if v < 0 {
			v = -1
		}
		dst[i] = v
	}
}

func stepGeneric(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		if v > 0 {
			dst[i] = 1
		} else {
			dst[i] = 0
		}
	}
}

func reciprocalGeneric(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = 1 / x[i]
	}
}

func scaleShiftGeneric(dst, x, scales, shifts []float32) {
	x, scales, shifts = x[:len(dst)], scales[:len(dst)], shifts[:len(dst)]
	for i := range dst {
		dst[i] = float32(x[i]*scales[i]) + shifts[i]
	}
}

func scaleShiftRectifyGeneric(dst, x, scales, shifts []float32) {
	scaleShiftGeneric(dst, x, scales, shifts)
	rectify(dst)
}

func normGradGeneric(dst, x, means, slopes, shifts, dy, scales []float32) {
	x, means, slopes, shifts = x[:len(dst)], means[:len(dst)], slopes[:len(dst)], shifts[:len(dst)]
	dy, scales = dy[:len(dst)], scales[:len(dst)]
	for i := range dst {
		of := float32((x[i]-means[i])*slopes[i]) + shifts[i]
		dst[i] = float32(dy[i]*scales[i]) + of
	}
}

func addGeneric(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] + y[i]
	}
}

func subGeneric(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] - y[i]
	}
}

func mulGeneric(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * y[i]
	}
}

func divGeneric(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] / y[i]
	}
}

func axpyGeneric(dst, x, y []float32, c float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = float32(c*x[i]) + y[i]
	}
}

func reluGradGeneric(dst, y, dy []float32) {
	y, dy = y[:len(dst)], dy[:len(dst)]
	for i := range dst {
		v := dy[i]
		if !(y[i] > 0) {
			v = 0
		}
		dst[i] = v
	}
}

func leakyReLUGradGeneric(dst, y, dy []float32, c float32) {
	y, dy = y[:len(dst)], dy[:len(dst)]
	for i := range dst {
		v := dy[i]
		if !(y[i] > 0) {
			v *= c
		}
		dst[i] = v
	}
}

func sigmoidGradGeneric(dst, y, dy []float32) {
	y, dy = y[:len(dst)], dy[:len(dst)]
	for i := range dst {
		dst[i] = dy[i] * y[i] * (1 - y[i])
	}
}

func tanhGradGeneric(dst, y, dy []float32) {
	y, dy = y[:len(dst)], dy[:len(dst)]
	for i := range dst {
		dst[i] = dy[i] * (1 - float32(y[i]*y[i]))
	}
}

func sgdGeneric(w, grad, oldW []float32, decay, rate float32) {
	grad, oldW = grad[:len(w)], oldW[:len(w)]
	for i := range w {
		wi := oldW[i]
		gi := grad[i] + float32(decay*wi)
		w[i] = wi - float32(rate*gi)
	}
}

func momentumGeneric(w, b, grad, oldW, oldB []float32, decay, fresh, keep, rate float32) {
	n := len(w)
	b, grad, oldW, oldB = b[:n], grad[:n], oldW[:n], oldB[:n]
	for i := range w {
		wi := oldW[i]
		gi := grad[i] + float32(decay*wi)
		bi := float32(keep*oldB[i]) + float32(fresh*gi)
		w[i], b[i] = wi-float32(rate*bi), bi
	}
}

func nesterovGeneric(w, b, grad, oldW, oldB []float32, decay, fresh, keep, rate float32) {
	n := len(w)
	b, grad, oldW, oldB = b[:n], grad[:n], oldW[:n], oldB[:n]
	for i := range w {
		wi := oldW[i]
		gi := grad[i] + float32(decay*wi)
		bi := float32(keep*oldB[i]) + float32(fresh*gi)
		ahead := gi + float32(keep*bi)
		w[i], b[i] = wi-float32(rate*ahead), bi
	}
}

func rmsPropGeneric(w, v, grad, oldW, oldV []float32, decay, alpha, fresh, epsilon, rate float32) {
	n := len(w)
	v, grad, oldW, oldV = v[:n], grad[:n], oldW[:n], oldV[:n]
	for i := range w {
		wi := oldW[i]
		gi := grad[i] + float32(decay*wi)
		vi := float32(alpha*oldV[i]) + float32(fresh*gi*gi)
		quotient := gi / (float32(math.Sqrt(float64(vi))) + epsilon)
		w[i], v[i] = wi-float32(rate*quotient), vi
	}
}

func rmsPropMomentumGeneric(w, v, b, grad, oldW, oldV, oldB []float32, decay, alpha, fresh, epsilon, rate, keep float32) {
	n := len(w)
	v, b, grad, oldW, oldV, oldB = v[:n], b[:n], grad[:n], oldW[:n], oldV[:n], oldB[:n]
	for i := range w {
		wi := oldW[i]
		gi := grad[i] + float32(decay*wi)
		vi := float32(alpha*oldV[i]) + float32(fresh*gi*gi)
		bi := float32(keep*oldB[i]) + gi/(float32(math.Sqrt(float64(vi)))+epsilon)
		w[i], v[i], b[i] = wi-float32(rate*bi), vi, bi
	}
}

func adamGeneric(w, m, v, grad, oldW, oldM, oldV []float32, coupled, keep, new1, beta2, new2, size, perRoot, epsilon float32) {
	n := len(w)
	m, v, grad, oldW, oldM, oldV = m[:n], v[:n], grad[:n], oldW[:n], oldM[:n], oldV[:n]
	for i := range w {
		wi, mi := oldW[i], oldM[i]
		gi := grad[i] + float32(coupled*wi)
		mi += float32(new1 * (gi - mi))
		vi := float32(beta2*oldV[i]) + float32(new2*gi*gi)
		m[i], v[i] = mi, vi
		root := float32(math.Sqrt(float64(vi)))
		w[i] = float32(keep*wi) - size*mi/(float32(root*perRoot)+epsilon)
	}
}
