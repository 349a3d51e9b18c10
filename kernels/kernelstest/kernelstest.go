// Package kernelstest holds the cases that every operation is tried on and the
// checks that every device must pass.
//
// The cases of an operation family are a function in a file of the family's
// name, listed in families below. Two tests walk them: Run holds a device to
// the references, and package graph holds its gradient rules to them.
package kernelstest

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"hourglass/kernels"
)

// families lists the cases. A new operation family adds its line here.
var families = []func() []Case{
	elementwiseCases,
	convCases,
	matmulCases,
	reduceCases,
	shapeCases,
	noiseCases,
	optimCases,
	poolCases,
	upsampleCases,
	gatherCases,
	searchCases,
}

// Cases returns every case.
func Cases() []Case {
	var all []Case
	for _, cases := range families {
		all = append(all, cases()...)
	}
	return all
}

// A Case is an operation on operands of fixed shapes, with what the tests must
// know of the values it is given.
type Case struct {
	Spec kernels.Spec
	In   []kernels.Operand

	// Fill draws the values of each operand. A missing or nil one means Normal
	// for floating-point operands, and Integers up to 100 for others.
	Fill []Fill
	// Smooth is Fill for the gradient test, where the operation is not
	// differentiable at some values that Fill draws or comes close to: the
	// values must stay 0.01 away from them. A missing or nil one means Fill.
	Smooth []Fill

	// Tol bounds the error of each element: |got−want| ≤ Tol·(|want|+Scale).
	// 0 means 1e-5.
	Tol float64
	// Scale is the size of the quantities that the result was summed from. 0
	// means the root mean square of the whole result.
	Scale float64
	// Exact says that the result is the reference's, rounded to its type.
	Exact bool
	// Finite has bit i set when operand i may only hold finite values, since
	// devices may multiply it with padding or add terms that the reference
	// leaves out.
	Finite uint32
	// Padded is Finite for the devices that are a Padder.
	Padded uint32
	// Spreads says that devices may compute the case by sums of neighbours and
	// of their differences, so that an element that is not finite makes more of
	// the result not finite than by the definition, and infinity NaN.
	Spreads bool
	// NoGrad says that the gradient test skips the case: the operation has no
	// gradient, or the case is large and another one covers it.
	NoGrad bool
}

// String returns the operation, its options and its operands.
func (c Case) String() string {
	s := c.Spec.Name()
	if options := fmt.Sprintf("%+v", c.Spec); options != "{}" {
		s += options
	}
	for _, o := range c.In {
		s += " " + o.String()
	}
	return s
}

// Inputs draws values for the operands: the same for the same case and seed,
// whatever other cases there are.
func (c Case) Inputs(seed uint64) []kernels.Array { return c.draw(seed, c.Fill) }

// SmoothInputs draws values in whose neighbourhood the operation is
// differentiable.
func (c Case) SmoothInputs(seed uint64) []kernels.Array {
	fill := make([]Fill, len(c.In))
	for i := range fill {
		if fill[i] = at(c.Smooth, i); fill[i] == nil {
			fill[i] = at(c.Fill, i)
		}
	}
	return c.draw(seed, fill)
}

func (c Case) draw(seed uint64, fill []Fill) []kernels.Array {
	h := fnv.New64a()
	h.Write([]byte(c.String()))
	r := rand.New(rand.NewPCG(seed, h.Sum64()))
	in := make([]kernels.Array, len(c.In))
	for i, o := range c.In {
		in[i] = kernels.NewArray(o.Shape)
		f := at(fill, i)
		switch {
		case f != nil:
		case o.DType.Float():
			f = Normal
		default:
			f = Integers(100)
		}
		f(r, in[i].Data)
	}
	return in
}

func at(fill []Fill, i int) Fill {
	if i < len(fill) {
		return fill[i]
	}
	return nil
}

// F32 returns the operands of float32 with the given shapes.
func F32(shapes ...kernels.Shape) []kernels.Operand {
	in := make([]kernels.Operand, len(shapes))
	for i, s := range shapes {
		in[i] = kernels.Operand{DType: kernels.Float32, Shape: s}
	}
	return in
}

// A Fill draws the values of one operand. Those of integer operands are whole
// numbers.
type Fill func(r *rand.Rand, to []float64)

// Normal draws from N(0, 1).
func Normal(r *rand.Rand, to []float64) {
	for i := range to {
		to[i] = r.NormFloat64()
	}
}

// Uniform draws from [lo, hi).
func Uniform(lo, hi float64) Fill {
	return func(r *rand.Rand, to []float64) {
		for i := range to {
			to[i] = lo + (hi-lo)*r.Float64()
		}
	}
}

// Integers draws whole numbers from 0 up to and without n.
func Integers(n int) Fill {
	return func(r *rand.Rand, to []float64) {
		for i := range to {
			to[i] = float64(r.IntN(n))
		}
	}
}

// Away draws from N(0, 1), and again while the value is less than gap from one
// of the points.
func Away(gap float64, points ...float64) Fill {
	return func(r *rand.Rand, to []float64) {
		for i := range to {
			for near := true; near; {
				to[i] = r.NormFloat64()
				near = false
				for _, p := range points {
					near = near || (to[i] > p-gap && to[i] < p+gap)
				}
			}
		}
	}
}

// Lattice draws multiples of step, up to twenty times it, plus phase. Operands
// whose phases differ never hold equal numbers, nor ones a multiple of step
// apart.
func Lattice(step, phase float64) Fill {
	return func(r *rand.Rand, to []float64) {
		for i := range to {
			to[i] = step*float64(r.IntN(41)-20) + phase
		}
	}
}

// Distinct shuffles numbers that are 1/32 apart, with their middle at 0: no
// two are equal or close.
func Distinct(r *rand.Rand, to []float64) {
	for i, k := range r.Perm(len(to)) {
		to[i] = (float64(k) - float64(len(to)/2)) / 32
	}
}

// Cycle repeats the values.
func Cycle(values ...float64) Fill {
	return func(_ *rand.Rand, to []float64) {
		for i := range to {
			to[i] = values[i%len(values)]
		}
	}
}
