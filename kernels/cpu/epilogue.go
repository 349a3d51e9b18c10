package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// epilogue is the plan of a kernels.Epilogue: the bias and ReLU go into the
// product, the rest is applied to parts of the result while they are in cache.
type epilogue struct {
	init    simd.Init
	act     simd.Activation
	bias, y int // the operands' numbers, 0 for none

	fn kernels.Fn // what is left to apply to the product's result, or Copy
	a  float32
}

func newEpilogue(e kernels.Epilogue) epilogue {
	p := epilogue{fn: e.Fn, a: float32(e.A)}
	next := 2
	if e.Bias {
		p.init, p.bias = simd.Bias, next
		next++
	}
	switch {
	case e.Grad != kernels.Copy:
		p.fn, p.y = e.Grad, next
	case e.Fn == kernels.ReLU:
		p.act, p.fn = simd.ReLU, kernels.Copy
	}
	return p
}

// biasFrom returns the bias of the channels from the given one on.
func (p *epilogue) biasFrom(c *call, channel int) []float32 {
	if p.bias == 0 {
		return nil
	}
	return c.in[p.bias].f32[channel:]
}

// finish applies what is left to n elements of the result from at on.
func (p *epilogue) finish(c *call, at, n int) {
	if p.fn == kernels.Copy {
		return
	}
	sum := c.out.f32[at : at+n]
	if p.y != 0 {
		apply(p.fn, p.a, sum, c.in[p.y].f32[at:at+n], sum)
	} else {
		apply(p.fn, p.a, sum, sum, nil)
	}
}
