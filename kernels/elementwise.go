package kernels

import (
	"fmt"
	"math"
)

// Fn is a function of one or two numbers and one constant, applied to each
// element. Specs name it; devices have one table of them.
type Fn uint8

// The functions of x, or of x and y, with the constant a.
const (
	Copy       Fn = iota // x
	Neg                  // −x
	Scale                // a·x
	Offset               // x + a
	Square               // x²
	Sqrt                 // √x
	Reciprocal           // 1/x
	Abs                  // |x|
	Sign                 // −1, 0 or 1
	Exp                  // eˣ
	Log                  // ln x
	Step                 // 1 where x > 0, else 0
	ClampMin             // max(x, a)
	ClampMax             // min(x, a)
	Detach               // x, but no gradient passes

	ReLU      // max(x, 0)
	LeakyReLU // x where x > 0, else a·x
	ELU       // x where x > 0, else a·(eˣ−1)
	SiLU      // x·σ(x)
	GELU      // x·Φ(x), Φ the normal distribution function (by erf)
	Sigmoid   // 1/(1+e⁻ˣ)
	Tanh      // tanh x
	Softplus  // ln(1+eˣ)
	GELUSlope // d GELU/dx = Φ(x) + x·φ(x), φ the normal density
	GELUBend  // d² GELU/dx² = φ(x)·(2−x²)

	Add     // x + y
	Sub     // x − y
	Mul     // x·y
	Div     // x/y
	Max     // the larger, NaN if one is
	Min     // the smaller, NaN if one is
	Pow     // xʸ
	Greater // 1 where x > y, else 0
	GreaterEqual
	Less
	LessEqual
	Equal
	NotEqual

	// Gradients of activations: x is the activation's result (for SiLU and
	// GELU its argument), y the gradient of the loss by the result.
	ReLUGrad
	LeakyReLUGrad
	ELUGrad
	SiLUGrad
	GELUGrad
	SigmoidGrad
	TanhGrad
	SoftplusGrad

	// Losses of the prediction x against the target y, for one element.
	SquaredError  // (x−y)²
	AbsoluteError // |x−y|
	Huber         // ½d² where |d| ≤ a, else a·(|d|−½a), d = x−y
	BCELogits     // softplus(x) − x·y: the cross-entropy of σ(x)

	fnCount
)

// fns is the definition of every function, by which devices are judged.
var fns = [fnCount]struct {
	name  string
	arity int
	ref   func(x, y, a float64) float64
}{
	Copy:       {"copy", 1, func(x, _, _ float64) float64 { return x }},
	Neg:        {"neg", 1, func(x, _, _ float64) float64 { return -x }},
	Scale:      {"scale", 1, func(x, _, a float64) float64 { return a * x }},
	Offset:     {"offset", 1, func(x, _, a float64) float64 { return x + a }},
	Square:     {"square", 1, func(x, _, _ float64) float64 { return x * x }},
	Sqrt:       {"sqrt", 1, func(x, _, _ float64) float64 { return math.Sqrt(x) }},
	Reciprocal: {"reciprocal", 1, func(x, _, _ float64) float64 { return 1 / x }},
	Abs:        {"abs", 1, func(x, _, _ float64) float64 { return math.Abs(x) }},
	Sign:       {"sign", 1, func(x, _, _ float64) float64 { return sign(x) }},
	Exp:        {"exp", 1, func(x, _, _ float64) float64 { return math.Exp(x) }},
	Log:        {"log", 1, func(x, _, _ float64) float64 { return math.Log(x) }},
	Step:       {"step", 1, func(x, _, _ float64) float64 { return truth(x > 0) }},
	ClampMin:   {"clampmin", 1, func(x, _, a float64) float64 { return math.Max(x, a) }},
	ClampMax:   {"clampmax", 1, func(x, _, a float64) float64 { return math.Min(x, a) }},
	Detach:     {"detach", 1, func(x, _, _ float64) float64 { return x }},

	ReLU:      {"relu", 1, func(x, _, _ float64) float64 { return math.Max(x, 0) }},
	LeakyReLU: {"leakyrelu", 1, func(x, _, a float64) float64 { return pick(x > 0, x, a*x) }},
	ELU:       {"elu", 1, func(x, _, a float64) float64 { return pick(x > 0, x, a*math.Expm1(x)) }},
	SiLU:      {"silu", 1, func(x, _, _ float64) float64 { return x * sigmoid(x) }},
	GELU:      {"gelu", 1, func(x, _, _ float64) float64 { return x * normalCDF(x) }},
	Sigmoid:   {"sigmoid", 1, func(x, _, _ float64) float64 { return sigmoid(x) }},
	Tanh:      {"tanh", 1, func(x, _, _ float64) float64 { return math.Tanh(x) }},
	Softplus:  {"softplus", 1, func(x, _, _ float64) float64 { return softplus(x) }},
	GELUSlope: {"geluslope", 1, func(x, _, _ float64) float64 { return normalCDF(x) + x*normalPDF(x) }},
	GELUBend:  {"gelubend", 1, func(x, _, _ float64) float64 { return normalPDF(x) * (2 - x*x) }},

	Add:          {"add", 2, func(x, y, _ float64) float64 { return x + y }},
	Sub:          {"sub", 2, func(x, y, _ float64) float64 { return x - y }},
	Mul:          {"mul", 2, func(x, y, _ float64) float64 { return x * y }},
	Div:          {"div", 2, func(x, y, _ float64) float64 { return x / y }},
	Max:          {"max", 2, func(x, y, _ float64) float64 { return math.Max(x, y) }},
	Min:          {"min", 2, func(x, y, _ float64) float64 { return math.Min(x, y) }},
	Pow:          {"pow", 2, func(x, y, _ float64) float64 { return math.Pow(x, y) }},
	Greater:      {"greater", 2, func(x, y, _ float64) float64 { return truth(x > y) }},
	GreaterEqual: {"greaterequal", 2, func(x, y, _ float64) float64 { return truth(x >= y) }},
	Less:         {"less", 2, func(x, y, _ float64) float64 { return truth(x < y) }},
	LessEqual:    {"lessequal", 2, func(x, y, _ float64) float64 { return truth(x <= y) }},
	Equal:        {"equal", 2, func(x, y, _ float64) float64 { return truth(x == y) }},
	NotEqual:     {"notequal", 2, func(x, y, _ float64) float64 { return truth(x != y) }},

	ReLUGrad:      {"relugrad", 2, func(y, dy, _ float64) float64 { return pick(y > 0, dy, 0) }},
	LeakyReLUGrad: {"leakyrelugrad", 2, func(y, dy, a float64) float64 { return pick(y > 0, dy, a*dy) }},
	ELUGrad:       {"elugrad", 2, func(y, dy, a float64) float64 { return pick(y > 0, dy, dy*(y+a)) }},
	SiLUGrad: {"silugrad", 2, func(x, dy, _ float64) float64 {
		s := sigmoid(x)
		return dy * s * (1 + x*(1-s))
	}},
	GELUGrad:     {"gelugrad", 2, func(x, dy, _ float64) float64 { return dy * (normalCDF(x) + x*normalPDF(x)) }},
	SigmoidGrad:  {"sigmoidgrad", 2, func(y, dy, _ float64) float64 { return dy * y * (1 - y) }},
	TanhGrad:     {"tanhgrad", 2, func(y, dy, _ float64) float64 { return dy * (1 - y*y) }},
	SoftplusGrad: {"softplusgrad", 2, func(y, dy, _ float64) float64 { return -dy * math.Expm1(-y) }},

	SquaredError:  {"squarederror", 2, func(x, y, _ float64) float64 { return (x - y) * (x - y) }},
	AbsoluteError: {"absoluteerror", 2, func(x, y, _ float64) float64 { return math.Abs(x - y) }},
	Huber: {"huber", 2, func(x, y, a float64) float64 {
		d := math.Abs(x - y)
		return pick(d <= a, d*d/2, a*(d-a/2))
	}},
	BCELogits: {"bcelogits", 2, func(x, y, _ float64) float64 { return softplus(x) - x*y }},
}

// String returns the function's name in lower case.
func (f Fn) String() string { return fns[f].name }

// Arity returns the number of operands, 1 or 2.
func (f Fn) Arity() int { return fns[f].arity }

// Eval computes the function in float64.
func (f Fn) Eval(x, y, a float64) float64 { return fns[f].ref(x, y, a) }

// Fns returns every function.
func Fns() []Fn {
	all := make([]Fn, fnCount)
	for i := range all {
		all[i] = Fn(i)
	}
	return all
}

func truth(b bool) float64 { return pick(b, 1, 0) }

func pick(b bool, x, y float64) float64 {
	if b {
		return x
	}
	return y
}

// sign keeps NaN.
func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func softplus(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func normalCDF(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

func normalPDF(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

// Elementwise is a Spec whose every result element is the same function of the
// operands' elements at that place. Operands broadcast as in NumPy: axes are
// matched from the last, and an axis of one element, or a missing one, is
// repeated.
type Elementwise interface {
	Spec
	// Code returns the function.
	Code() Code
}

// Code is a function of a few numbers as a list of instructions, each of which
// may use the operands and earlier results. The last one is the result.
type Code struct {
	Operands int
	Len      int
	Instrs   [MaxInstrs]Instr
}

// MaxInstrs and MaxOperands bound a Code: the fusion pass stops there.
const (
	MaxInstrs   = 24
	MaxOperands = 8
)

// Instr is one step of a Code. X and Y are the operands' numbers where below
// Code.Operands, else Operands plus the number of an earlier instruction. Y is
// not used by a function of one operand.
type Instr struct {
	Fn   Fn
	A    float64
	X, Y int
}

// CodeOf returns the Code of the instructions.
func CodeOf(operands int, instrs ...Instr) Code {
	c := Code{Operands: operands, Len: len(instrs)}
	copy(c.Instrs[:], instrs)
	return c
}

// Eval computes the code for one element in float64.
func (c *Code) Eval(in []float64) float64 {
	var r [MaxOperands + MaxInstrs]float64
	copy(r[:], in[:c.Operands])
	for i, ins := range c.Instrs[:c.Len] {
		r[c.Operands+i] = ins.Fn.Eval(r[ins.X], r[ins.Y], ins.A)
	}
	return r[c.Operands+c.Len-1]
}

// String returns a form such as "%2=mul(0,1) relu(%2)".
func (c Code) String() string {
	s := ""
	for i, ins := range c.Instrs[:c.Len] {
		if i > 0 {
			s += " "
		}
		s += fmt.Sprintf("%%%d=%v(%%%d", c.Operands+i, ins.Fn, ins.X)
		if ins.Fn.Arity() == 2 {
			s += fmt.Sprintf(",%%%d", ins.Y)
		}
		if ins.A != 0 {
			s += fmt.Sprintf(";%g", ins.A)
		}
		s += ")"
	}
	return s
}

// Unary applies a function of one number, with the constant A.
type Unary struct {
	Fn Fn
	A  float64
}

// Binary applies a function of two numbers, with the constant A.
type Binary struct {
	Fn Fn
	A  float64
}

// Map applies any function: what the fusion pass makes of a chain of
// element-wise operations.
type Map struct{ Fused Code }

// Reparameterize samples a diagonal Gaussian: (μ, ln σ², ε) → μ + σ·ε, which
// lets gradients pass to μ and σ (Kingma & Welling, Auto-Encoding Variational
// Bayes, 2014).
type Reparameterize struct{}

// GaussianKL is the divergence of N(μ, σ²) from N(0, 1) of each code unit:
// (μ, ln σ²) → −½(1 + ln σ² − μ² − σ²), in nats (Kingma & Welling 2014,
// appendix B).
type GaussianKL struct{}

// Name returns the function's name.
func (s Unary) Name() string { return s.Fn.String() }

// Name returns the function's name.
func (s Binary) Name() string { return s.Fn.String() }

// Name returns "map".
func (Map) Name() string { return "map" }

// Name returns "reparameterize".
func (Reparameterize) Name() string { return "reparameterize" }

// Name returns "gaussiankl".
func (GaussianKL) Name() string { return "gaussiankl" }

// Code returns the one instruction.
func (s Unary) Code() Code { return CodeOf(1, Instr{Fn: s.Fn, A: s.A}) }

// Code returns the one instruction.
func (s Binary) Code() Code { return CodeOf(2, Instr{Fn: s.Fn, A: s.A, X: 0, Y: 1}) }

// Code returns the function.
func (s Map) Code() Code { return s.Fused }

// Code returns the function of (μ, ln σ², ε).
func (Reparameterize) Code() Code {
	return CodeOf(3,
		Instr{Fn: Scale, A: 0.5, X: 1},
		Instr{Fn: Exp, X: 3},
		Instr{Fn: Mul, X: 4, Y: 2},
		Instr{Fn: Add, X: 0, Y: 5})
}

// Code returns the function of (μ, ln σ²).
func (GaussianKL) Code() Code {
	return CodeOf(2,
		Instr{Fn: Exp, X: 1},
		Instr{Fn: Square, X: 0},
		Instr{Fn: Add, X: 2, Y: 3},
		Instr{Fn: Sub, X: 4, Y: 1},
		Instr{Fn: Offset, A: -1, X: 5},
		Instr{Fn: Scale, A: 0.5, X: 6})
}

// Infer returns the operand's shape.
func (s Unary) Infer(in ...Shape) (Shape, error) { return inferElementwise(s, in) }

// Infer returns the shape that both operands broadcast to.
func (s Binary) Infer(in ...Shape) (Shape, error) { return inferElementwise(s, in) }

// Infer returns the shape that the operands broadcast to.
func (s Map) Infer(in ...Shape) (Shape, error) { return inferElementwise(s, in) }

// Infer returns the shape that the operands broadcast to.
func (s Reparameterize) Infer(in ...Shape) (Shape, error) { return inferElementwise(s, in) }

// Infer returns the shape that the operands broadcast to.
func (s GaussianKL) Infer(in ...Shape) (Shape, error) { return inferElementwise(s, in) }

// Ref applies the function to each element.
func (s Unary) Ref(out Array, in ...Array) { refElementwise(s, out, in) }

// Ref applies the function to each pair of elements.
func (s Binary) Ref(out Array, in ...Array) { refElementwise(s, out, in) }

// Ref applies the function to each place.
func (s Map) Ref(out Array, in ...Array) { refElementwise(s, out, in) }

// Ref applies the function to each place.
func (s Reparameterize) Ref(out Array, in ...Array) { refElementwise(s, out, in) }

// Ref applies the function to each place.
func (s GaussianKL) Ref(out Array, in ...Array) { refElementwise(s, out, in) }

func inferElementwise(s Elementwise, in []Shape) (Shape, error) {
	if err := arity(s, s.Code().Operands, in); err != nil {
		return nil, err
	}
	out := in[0]
	for _, next := range in[1:] {
		var ok bool
		if out, ok = broadcast(out, next); !ok {
			return nil, fmt.Errorf("%s: shapes %v do not broadcast: axes matched from the last must be equal or 1", s.Name(), in)
		}
	}
	return out, nil
}

// broadcast returns the shape of which both are repetitions.
func broadcast(a, b Shape) (Shape, bool) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := a.Clone()
	for i, d := range b {
		j := len(a) - len(b) + i
		switch {
		case out[j] == 1:
			out[j] = d
		case d != 1 && d != out[j]:
			return nil, false
		}
	}
	return out, true
}

// BroadcastStrides returns the strides with which an operand of shape in is
// read for each axis of out: 0 along a repeated axis.
func BroadcastStrides(in, out Shape) []int {
	strides := make([]int, len(out))
	own := in.Strides()
	for i := range in {
		if in[i] != 1 {
			strides[len(out)-len(in)+i] = own[i]
		}
	}
	return strides
}

func refElementwise(s Elementwise, out Array, in []Array) {
	code := s.Code()
	strides := make([][]int, len(in))
	for i := range in {
		strides[i] = BroadcastStrides(in[i].Shape, out.Shape)
	}
	args := make([]float64, len(in))
	index := make([]int, len(out.Shape))
	for o := range out.Data {
		for i := range in {
			at := 0
			for axis, k := range index {
				at += k * strides[i][axis]
			}
			args[i] = in[i].Data[at]
		}
		out.Data[o] = code.Eval(args)
		advance(index, out.Shape)
	}
}

// advance moves index to the next place of shape in row-major order.
func advance(index []int, shape Shape) {
	for axis := len(index) - 1; axis >= 0; axis-- {
		if index[axis]++; index[axis] < shape[axis] {
			return
		}
		index[axis] = 0
	}
}
