package kernels

import "fmt"

// Epilogue is what a convolution or a matrix product does to each of its sums
// before it stores them. The fusion pass sets it; the zero value does nothing.
//
// It adds further operands behind the first two: with Bias an array [channels],
// then with Grad an array y of the result's shape. The result is Fn(sum + bias)
// or, with Grad, Grad(y, sum + bias).
type Epilogue struct {
	Bias bool
	Fn   Fn      // a function of one number; Copy for none
	A    float64 // the constant of Fn or Grad
	Grad Fn      // a function of two numbers, such as ReLUGrad; Copy for none
}

// Operands returns how many operands the epilogue adds.
func (e Epilogue) Operands() int {
	n := 0
	if e.Bias {
		n++
	}
	if e.Grad != Copy {
		n++
	}
	return n
}

// check returns an error unless extra, the operands behind the first two, fit
// an epilogue of sums of shape out, whose last axis is the channels.
func (e Epilogue) check(s Spec, out Shape, extra []Shape) error {
	switch {
	case e.Fn >= fnCount || e.Grad >= fnCount:
		return fmt.Errorf("%s: epilogue of functions %d and %d, but there are only %d", s.Name(), e.Fn, e.Grad, fnCount)
	case e.Fn.Arity() != 1:
		return fmt.Errorf("%s: epilogue function %v, want a function of one number", s.Name(), e.Fn)
	case e.Grad != Copy && e.Grad.Arity() != 2:
		return fmt.Errorf("%s: epilogue gradient %v, want a function of two numbers", s.Name(), e.Grad)
	case e.Fn != Copy && e.Grad != Copy:
		return fmt.Errorf("%s: epilogue of both %v and %v, want one of them", s.Name(), e.Fn, e.Grad)
	}
	if e.Bias {
		if channels := out[len(out)-1]; !extra[0].Equal(Shape{channels}) {
			return fmt.Errorf("%s: bias has shape %v, want [%d]", s.Name(), extra[0], channels)
		}
		extra = extra[1:]
	}
	if e.Grad != Copy && !extra[0].Equal(out) {
		return fmt.Errorf("%s: operand of %v has shape %v, want %v as the result", s.Name(), e.Grad, extra[0], out)
	}
	return nil
}

// ref applies the epilogue to the sums in out.
func (e Epilogue) ref(out Array, extra []Array) {
	if e.Bias {
		bias := extra[0].Data
		for i := range out.Data {
			out.Data[i] += bias[i%len(bias)]
		}
		extra = extra[1:]
	}
	for i, sum := range out.Data {
		if e.Grad != Copy {
			out.Data[i] = e.Grad.Eval(extra[0].Data[i], sum, e.A)
		} else {
			out.Data[i] = e.Fn.Eval(sum, 0, e.A)
		}
	}
}
