package graph

import "hourglass/kernels"

// Flops returns the floating-point operations of the program's convolutions and
// matrix products, a multiply-add counting as two: what a run of the program is
// measured by. Taps that meet padding count; everything element by element,
// sums and the optimizer do not.
func (p *Program) Flops() int64 {
	total := int64(0)
	for _, s := range p.plan.steps {
		if s.segment == nil {
			total += s.flops()
			continue
		}
		for _, in := range s.segment.steps {
			total += in.step.flops()
		}
	}
	return total
}

// flops returns the operations of a convolution or a product, and 0 for other
// steps. Within a segment they are those of the whole batch.
func (s *step) flops() int64 {
	switch spec := s.spec.(type) {
	case kernels.Conv2D, kernels.Conv2DInputGrad, kernels.Conv2DFilterGrad, kernels.MatMul:
		in := make([]kernels.Shape, len(s.in))
		for i, v := range s.in {
			in[i] = v.operand.Shape
		}
		return spec.(kernels.Counted).Flops(s.out.operand.Shape, in...)
	}
	return 0
}
