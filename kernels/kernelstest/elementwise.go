package kernelstest

import (
	"math/rand/v2"

	"hourglass/kernels"
)

// accuracy of functions such as exp in float32: some tens of its rounding
// errors.
const functionTol = 2e-6

// function says how an element-wise function is tried.
type function struct {
	a      float64
	fill   []Fill
	smooth []Fill
	exact  bool
	noGrad bool
}

// Ranges of values that several functions want.
var (
	positive = Uniform(0.1, 3)
	unit     = Uniform(0.02, 0.98)
	off0     = Away(0.05, 0)
	even     = Lattice(0.125, 0)
	odd      = Lattice(0.125, 0.0625)
)

var functions = map[kernels.Fn]function{
	kernels.Copy:       {exact: true},
	kernels.Neg:        {exact: true},
	kernels.Scale:      {a: -1.5, exact: true},
	kernels.Offset:     {a: 0.75, exact: true},
	kernels.Square:     {exact: true},
	kernels.Sqrt:       {fill: []Fill{positive}},
	kernels.Reciprocal: {fill: []Fill{off0}},
	kernels.Abs:        {smooth: []Fill{off0}, exact: true},
	kernels.Sign:       {exact: true, noGrad: true},
	kernels.Exp:        {},
	kernels.Log:        {fill: []Fill{positive}},
	kernels.Step:       {exact: true, noGrad: true},
	kernels.ClampMin:   {a: 0.25, smooth: []Fill{Away(0.05, 0.25)}, exact: true},
	kernels.ClampMax:   {a: 0.25, smooth: []Fill{Away(0.05, 0.25)}, exact: true},
	kernels.Detach:     {exact: true, noGrad: true},

	kernels.ReLU:      {smooth: []Fill{off0}, exact: true},
	kernels.LeakyReLU: {a: 0.125, smooth: []Fill{off0}, exact: true},
	kernels.ELU:       {a: 1.25, smooth: []Fill{off0}},
	kernels.SiLU:      {},
	kernels.GELU:      {},
	kernels.Sigmoid:   {},
	kernels.Tanh:      {},
	kernels.Softplus:  {},
	kernels.GELUSlope: {},
	kernels.GELUBend:  {noGrad: true},

	kernels.Add:          {exact: true},
	kernels.Sub:          {exact: true},
	kernels.Mul:          {exact: true},
	kernels.Div:          {fill: []Fill{nil, off0}},
	kernels.Max:          {fill: []Fill{even, even}, smooth: []Fill{even, odd}, exact: true},
	kernels.Min:          {fill: []Fill{even, even}, smooth: []Fill{even, odd}, exact: true},
	kernels.Pow:          {fill: []Fill{positive, nil}},
	kernels.Greater:      {fill: []Fill{even, even}, exact: true, noGrad: true},
	kernels.GreaterEqual: {fill: []Fill{even, even}, exact: true, noGrad: true},
	kernels.Less:         {fill: []Fill{even, even}, exact: true, noGrad: true},
	kernels.LessEqual:    {fill: []Fill{even, even}, exact: true, noGrad: true},
	kernels.Equal:        {fill: []Fill{even, even}, exact: true, noGrad: true},
	kernels.NotEqual:     {fill: []Fill{even, even}, exact: true, noGrad: true},

	kernels.ReLUGrad:      {smooth: []Fill{off0}, exact: true},
	kernels.LeakyReLUGrad: {a: 0.125, smooth: []Fill{off0}, exact: true},
	kernels.ELUGrad:       {a: 1.25, fill: []Fill{Uniform(-1.2, 2)}, smooth: []Fill{Cycle(-1.1, 0.4, 1.3, -0.5)}},
	kernels.SiLUGrad:      {},
	kernels.GELUGrad:      {},
	kernels.SigmoidGrad:   {fill: []Fill{unit}},
	kernels.TanhGrad:      {fill: []Fill{Uniform(-0.98, 0.98)}},
	kernels.SoftplusGrad:  {fill: []Fill{positive}},

	kernels.SquaredError:  {},
	kernels.AbsoluteError: {fill: []Fill{even, even}, smooth: []Fill{even, odd}, exact: true},
	kernels.Huber:         {a: 0.5, fill: []Fill{even, even}, smooth: []Fill{even, odd}},
	kernels.BCELogits:     {fill: []Fill{nil, unit}},
}

// extremes are values at which a careless function overflows, or loses what is
// small.
var extremes = Cycle(0, 1e-30, -1e-30, 1e-6, -1e-6, 0.01, -0.01, 5, -5, 15, -15, 40, -40, 85, -85, 100, -100, 200, -200, 1e4, -1e4)

func elementwiseCases() []Case {
	var cases []Case
	for _, f := range kernels.Fns() {
		cases = append(cases, functionCases(f, functions[f])...)
	}
	for _, shapes := range broadcasts {
		cases = append(cases, Case{Spec: kernels.Binary{Fn: kernels.Sub}, In: F32(shapes[:]...), Exact: true})
	}
	return append(cases, fusedCases()...)
}

// broadcasts are the pairs of shapes that one function is tried on: each
// pattern of repeated axes that needs its own loop.
var broadcasts = [][2]kernels.Shape{
	{{}, {}},
	{{0, 3}, {3}},
	{{1}, {1, 1}},
	{{33, 7}, {}},
	{{}, {5, 9}},
	{{4, 6, 5}, {5}},
	{{4, 6, 5}, {1, 6, 1}},
	{{4, 6, 5}, {4, 1, 1}},
	{{4, 1, 5}, {1, 6, 1}},
	{{3, 1}, {1, 70}},
	{{2, 3, 2, 2, 1, 3}, {1, 3, 1, 2, 2, 1}},
	{{40, 33, 32}, {32}},
	{{701, 3}, {3}},
	{{50, 7, 6}, {7, 1}},
	{{9, 1400}, {1400}},
	{{70001}, {70001}},
}

func functionCases(f kernels.Fn, how function) []Case {
	c := Case{Fill: how.fill, Smooth: how.smooth, Tol: functionTol, Scale: 0.1, Exact: how.exact, NoGrad: how.noGrad}
	if f.Arity() == 2 {
		c.Spec, c.In = kernels.Binary{Fn: f, A: how.a}, F32(kernels.Shape{5, 13}, kernels.Shape{5, 13})
		return []Case{c}
	}
	c.Spec, c.In = kernels.Unary{Fn: f, A: how.a}, F32(kernels.Shape{5, 13})
	wide := c
	wide.In, wide.Fill, wide.NoGrad = F32(kernels.Shape{21}), []Fill{extremes}, true
	if f == kernels.Sqrt || f == kernels.Log {
		wide.Fill = []Fill{magnitudes(extremes)}
	}
	if f == kernels.Reciprocal || f == kernels.Log {
		wide.Scale = 1
	}
	return []Case{c, wide}
}

// magnitudes draws the absolute values of what f draws.
func magnitudes(f Fill) Fill {
	return func(r *rand.Rand, to []float64) {
		f(r, to)
		for i, v := range to {
			to[i] = max(v, -v)
		}
	}
}

// fusedCases are the specs of several instructions.
func fusedCases() []Case {
	image, channel := kernels.Shape{3, 5, 7}, kernels.Shape{7}
	code := kernels.Shape{9, 4}
	return []Case{
		{Spec: kernels.Map{Fused: kernels.CodeOf(2,
			kernels.Instr{Fn: kernels.Add, X: 0, Y: 1},
			kernels.Instr{Fn: kernels.ReLU, X: 2},
		)}, In: F32(image, channel), Smooth: []Fill{even, odd}, Exact: true},
		{Spec: kernels.Map{Fused: kernels.CodeOf(3,
			kernels.Instr{Fn: kernels.Sub, X: 0, Y: 1},
			kernels.Instr{Fn: kernels.Scale, A: 0.5, X: 3},
			kernels.Instr{Fn: kernels.Mul, X: 4, Y: 2},
			kernels.Instr{Fn: kernels.Tanh, X: 5},
			kernels.Instr{Fn: kernels.Mul, X: 6, Y: 4},
		)}, In: F32(image, channel, kernels.Shape{3, 1, 1}), Tol: functionTol, Scale: 1},
		{Spec: kernels.Map{Fused: kernels.CodeOf(1,
			kernels.Instr{Fn: kernels.Exp, X: 0},
			kernels.Instr{Fn: kernels.Offset, A: 1, X: 1},
			kernels.Instr{Fn: kernels.Log, X: 2},
		)}, In: F32(kernels.Shape{20003}), Tol: functionTol, Scale: 1, NoGrad: true},
		// A normalised layer and its gradient, in the order of which devices may
		// know it, and nearly: of one, an inner result is read again.
		{Spec: kernels.Map{Fused: normalised(kernels.Instr{Fn: kernels.ReLU, X: 4})}, In: F32(image, channel, channel), Smooth: []Fill{even, odd, odd}, NoGrad: true},
		{Spec: kernels.Map{Fused: normalised(kernels.Instr{Fn: kernels.Mul, X: 4, Y: 3})}, In: F32(image, channel, channel)},
		{Spec: kernels.Map{Fused: normalised(kernels.Instr{Fn: kernels.ReLU, X: 4}, kernels.Instr{Fn: kernels.Mul, X: 5, Y: 3})}, In: F32(image, channel, channel), NoGrad: true},
		{Spec: kernels.Map{Fused: normalisedGrad(3)}, In: F32(image, channel, channel, channel, image, channel)},
		{Spec: kernels.Map{Fused: normalisedGrad(7)}, In: F32(image, channel, channel, channel, image, channel)},
		{Spec: kernels.Map{Fused: normalisedGrad(3)}, In: F32(kernels.Shape{9, 300}, kernels.Shape{300}, kernels.Shape{300}, kernels.Shape{}, kernels.Shape{9, 300}, kernels.Shape{300})},
		{Spec: longest(), In: F32(image, channel, image, kernels.Shape{}, image, channel, image, image), Tol: 1e-5, Scale: 1},
		{Spec: kernels.Reparameterize{}, In: F32(code, code, code), Tol: functionTol, Scale: 1},
		{Spec: kernels.GaussianKL{}, In: F32(code, code), Tol: functionTol, Scale: 1},
		{Spec: kernels.GaussianKL{}, In: F32(code, kernels.Shape{4}), Tol: functionTol, Scale: 1},
	}
}

// normalised returns x·y + z, where x, y and z are the operands, and more.
func normalised(more ...kernels.Instr) kernels.Code {
	return kernels.CodeOf(3, append([]kernels.Instr{{Fn: kernels.Mul, X: 0, Y: 1}, {Fn: kernels.Add, X: 3, Y: 2}}, more...)...)
}

// normalisedGrad returns the gradient of a normalised layer, of five operands
// and the one given, which may be the second instruction's result.
func normalisedGrad(shift int) kernels.Code {
	return kernels.CodeOf(6,
		kernels.Instr{Fn: kernels.Sub, X: 0, Y: 1}, kernels.Instr{Fn: kernels.Mul, X: 6, Y: 2},
		kernels.Instr{Fn: kernels.Add, X: 7, Y: shift},
		kernels.Instr{Fn: kernels.Mul, X: 4, Y: 5}, kernels.Instr{Fn: kernels.Add, X: 9, Y: 8},
	)
}

// longest returns a Map of as many operands and instructions as there may be.
func longest() kernels.Map {
	var instrs []kernels.Instr
	for i := range kernels.MaxInstrs {
		at := kernels.Instr{Fn: kernels.Add, X: i, Y: i + 1}
		if i >= kernels.MaxOperands {
			at = kernels.Instr{Fn: kernels.Scale, A: 0.5, X: i}
			if i%2 == 1 {
				at = kernels.Instr{Fn: kernels.Sub, X: i, Y: i - 7}
			}
		}
		instrs = append(instrs, at)
	}
	return kernels.Map{Fused: kernels.CodeOf(kernels.MaxOperands, instrs...)}
}
