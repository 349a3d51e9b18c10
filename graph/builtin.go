package graph

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"hourglass/kernels"
)

// This file recognises the operations of Gorgonia's own that a user's graph is
// made of and writes them as steps of Specs. Gorgonia keeps the operations'
// types to itself, so they are told apart by type name, printed form and shapes;
// a test pins each. What is not recognised runs by its own Do.

// builtins are the families of operations by type name. A function returns false
// if it does not know the operation after all.
var builtins = map[string]func(r *recognition) bool{
	"gorgonia.elemBinOp":   (*recognition).binary,
	"gorgonia.minBetween":  func(r *recognition) bool { return r.elementwise(kernels.Binary{Fn: kernels.Min}) },
	"gorgonia.maxBetween":  func(r *recognition) bool { return r.elementwise(kernels.Binary{Fn: kernels.Max}) },
	"gorgonia.elemUnaryOp": (*recognition).unary,
	"gorgonia.linAlgBinOp": (*recognition).product,
	"gorgonia.sumOp":       (*recognition).sum,
	"gorgonia.sizeOp":      (*recognition).size,
	"*gorgonia.repeatOp":   (*recognition).repeat,
	"gorgonia.reshapeOp":   func(r *recognition) bool { return r.finish(r.in[0]) },
	"gorgonia.transposeOp": (*recognition).transpose,
	"gorgonia.concatOp":    (*recognition).concat,
	"*gorgonia.sliceOp":    (*recognition).slice,
	"gorgonia.sliceIncrOp": (*recognition).pad,
}

// builtin adds the steps that compute out, the result of an operation of
// Gorgonia's own.
func (l *lowering) builtin(n *Node, out *value, in []*value) {
	r := &recognition{node: n, text: n.Op().String(), out: out, in: in}
	if family, ok := builtins[fmt.Sprintf("%T", n.Op())]; ok && family(r) {
		l.plan.values = append(l.plan.values, r.values...)
		l.plan.steps = append(l.plan.steps, r.steps...)
		return
	}
	l.plan.steps = append(l.plan.steps, &step{host: n.Op(), in: in, out: out, node: n})
}

// A recognition is an operation on its way to steps.
type recognition struct {
	node *Node
	text string // the operation's printed form
	in   []*value
	out  *value

	values []*value // what the steps need beside in and out
	steps  []*step
}

// shape returns the shape of an operand.
func (r *recognition) shape(i int) kernels.Shape { return r.in[i].operand.Shape }

// view returns v under another shape of as many elements.
func (r *recognition) view(v *value, shape ...int) *value {
	if v.operand.Shape.Equal(shape) {
		return v
	}
	w := &value{operand: kernels.Operand{DType: v.operand.DType, Shape: shape}, name: v.name, home: isView, base: v}
	r.values = append(r.values, w)
	return w
}

// apply adds a step and returns its result, nil if the operands do not fit.
func (r *recognition) apply(s kernels.Spec, in ...*value) *value {
	operands := make([]kernels.Operand, len(in))
	for i, v := range in {
		if v == nil {
			return nil
		}
		operands[i] = v.operand
	}
	o, err := kernels.Infer(s, operands...)
	if err != nil {
		return nil
	}
	v := &value{operand: o, name: fmt.Sprintf("%s.%d", r.out.name, len(r.steps))}
	r.values = append(r.values, v)
	r.steps = append(r.steps, &step{spec: s, in: in, out: v, node: r.node})
	return v
}

// finish makes v the operation's result, under the shape that Gorgonia gives it.
// It returns false if v is nil or cannot be it.
func (r *recognition) finish(v *value) bool {
	want := r.out.operand
	if v == nil || v.operand.DType != want.DType || v.operand.Shape.Size() != want.Shape.Size() {
		return false
	}
	if last := len(r.steps) - 1; last >= 0 && r.steps[last].out == v && v.operand.Shape.Equal(want.Shape) {
		r.steps[last].out = r.out
		r.values = slices.DeleteFunc(r.values, func(w *value) bool { return w == v })
		return true
	}
	r.out.home, r.out.base = isView, v
	return true
}

// numbers returns the decimal numbers in a text.
func numbers(text string) []int {
	var all []int
	for _, digits := range strings.FieldsFunc(text, func(c rune) bool { return !unicode.IsDigit(c) }) {
		n, err := strconv.Atoi(digits)
		if err != nil {
			return nil
		}
		all = append(all, n)
	}
	return all
}

var binaryFns = map[string]kernels.Fn{
	"+ false": kernels.Add, "- false": kernels.Sub, "⊙ false": kernels.Mul, "÷ false": kernels.Div, "^ false": kernels.Pow,
	// true: the result is 1 or 0 of the operands' type, not a boolean
	"< true": kernels.Less, "> true": kernels.Greater, "<= true": kernels.LessEqual, ">= true": kernels.GreaterEqual,
	"== true": kernels.Equal, "!= true": kernels.NotEqual,
}

func (r *recognition) binary() bool {
	fn, ok := binaryFns[r.text]
	return ok && r.elementwise(kernels.Binary{Fn: fn})
}

// elementwise applies an operation to each element. Gorgonia takes [n], [n 1]
// and [1 n] for one shape, and repeats scalars alone.
func (r *recognition) elementwise(s kernels.Spec) bool {
	out := r.out.operand.Shape
	in := make([]*value, len(r.in))
	for i, v := range r.in {
		switch v.operand.Shape.Size() {
		case out.Size():
			in[i] = r.view(v, out...)
		case 1:
			in[i] = r.view(v)
		default:
			return false
		}
	}
	return r.finish(r.apply(s, in...))
}

func unaryOf(fn kernels.Fn) kernels.Spec { return kernels.Unary{Fn: fn} }

func mapOf(instrs ...kernels.Instr) kernels.Spec {
	return kernels.Map{Fused: kernels.CodeOf(1, instrs...)}
}

var unaries = map[string]kernels.Spec{
	"abs": unaryOf(kernels.Abs), "sign": unaryOf(kernels.Sign), "exp": unaryOf(kernels.Exp), "ln": unaryOf(kernels.Log),
	"neg": unaryOf(kernels.Neg), "square": unaryOf(kernels.Square), "sqrt": unaryOf(kernels.Sqrt), "inv": unaryOf(kernels.Reciprocal),
	"tanh": unaryOf(kernels.Tanh), "sigmoid": unaryOf(kernels.Sigmoid), "softplus": unaryOf(kernels.Softplus),

	"cube":    mapOf(kernels.Instr{Fn: kernels.Square}, kernels.Instr{Fn: kernels.Mul, X: 0, Y: 1}),
	"invSqrt": mapOf(kernels.Instr{Fn: kernels.Sqrt}, kernels.Instr{Fn: kernels.Reciprocal, X: 1}),
	"log2":    mapOf(kernels.Instr{Fn: kernels.Log}, kernels.Instr{Fn: kernels.Scale, A: 1 / math.Ln2, X: 1}),
	// SoftplusGrad of −x and −1
	"expm1": mapOf(
		kernels.Instr{Fn: kernels.Neg},
		kernels.Instr{Fn: kernels.ClampMin, A: -1},
		kernels.Instr{Fn: kernels.ClampMax, A: -1, X: 2},
		kernels.Instr{Fn: kernels.SoftplusGrad, X: 1, Y: 3}),
	// ln u + (x − (u−1))/u with u = 1+x: the second term is what rounding takes
	// from u. It counts near 0 alone, and clamping x for it avoids 0/0 and ∞−∞.
	"log1p": mapOf(
		kernels.Instr{Fn: kernels.Offset, A: 1},
		kernels.Instr{Fn: kernels.Log, X: 1},
		kernels.Instr{Fn: kernels.ClampMin, A: -0.5},
		kernels.Instr{Fn: kernels.ClampMax, A: 1, X: 3},
		kernels.Instr{Fn: kernels.Offset, A: 1, X: 4},
		kernels.Instr{Fn: kernels.Offset, A: -1, X: 5},
		kernels.Instr{Fn: kernels.Sub, X: 4, Y: 6},
		kernels.Instr{Fn: kernels.Div, X: 7, Y: 5},
		kernels.Instr{Fn: kernels.Add, X: 2, Y: 8}),
}

func (r *recognition) unary() bool {
	s, ok := unaries[r.text]
	return ok && r.elementwise(s)
}

// product writes the products of matrices and vectors as products of matrices.
// A small b in the printed form is a vector, which may have the shape [n], [n 1]
// or [1 n].
func (r *recognition) product() bool {
	transA, transB := strings.HasPrefix(r.text, "Aᵀ"), strings.HasSuffix(r.text, "Bᵀ")
	a, b := r.in[0], r.in[1]
	m, n := a.operand.Shape.Size(), b.operand.Shape.Size()
	switch strings.ReplaceAll(r.text, "ᵀ", "") {
	case "A × B":
		return r.finish(r.apply(kernels.MatMul{TransA: transA, TransB: transB}, a, b))
	case "A × b":
		return r.finish(r.apply(kernels.MatMul{TransA: transA}, a, r.view(b, n, 1)))
	case "a ⋅ b":
		return m == n && r.finish(r.apply(kernels.MatMul{}, r.view(a, 1, m), r.view(b, n, 1)))
	case "a ⊗ b":
		return r.finish(r.apply(kernels.MatMul{}, r.view(a, m, 1), r.view(b, 1, n)))
	}
	return false
}

func (r *recognition) sum() bool {
	axes := numbers(r.text)
	for _, axis := range axes {
		if axis >= len(r.shape(0)) {
			return false
		}
	}
	return r.finish(r.apply(kernels.Sum{Axes: kernels.AxesOf(axes...)}, r.in[0]))
}

// size makes the length of an axis a constant. It prints as SizeOf=length or,
// where that was not known, SizeOf(axis).
func (r *recognition) size() bool {
	at := numbers(r.text)
	if len(at) != 1 || !r.out.operand.DType.Float() || len(r.out.operand.Shape) != 0 {
		return false
	}
	length := at[0]
	switch shape := r.shape(0); {
	case len(shape) == 0:
		length = 1
	case !strings.HasPrefix(r.text, "SizeOf="):
		if at[0] >= len(shape) {
			return false
		}
		length = shape[at[0]]
	}
	r.out.home, r.out.data = isConstant, encode([]float64{float64(length)}, r.out.operand.DType)
	r.out.name = strconv.Itoa(length)
	return true
}

// repeat repeats each element along an axis, [a b] → [a a b b]: an axis of one
// element is inserted behind it and repeated. How often, its second operand
// says, and also the quotient of the shapes.
func (r *recognition) repeat() bool {
	along := numbers(r.text)
	if len(along) != 1 {
		return false
	}
	axis, shape := along[0], r.shape(0).Clone()
	for len(shape) <= axis {
		shape = append(shape, 1)
	}
	out := r.out.operand.Shape
	if len(out) != len(shape) || shape[axis] == 0 || out[axis]%shape[axis] != 0 {
		return false
	}
	from := slices.Insert(shape.Clone(), axis+1, 1)
	to := slices.Insert(shape.Clone(), axis+1, out[axis]/shape[axis])
	if len(to) > kernels.MaxRank && shape[axis] == 1 {
		from, to = shape, out
	}
	return len(to) <= kernels.MaxRank && r.finish(r.apply(kernels.Broadcast{To: kernels.DimsOf(to...)}, r.view(r.in[0], from...)))
}

func (r *recognition) transpose() bool {
	perm := numbers(r.text)
	return len(perm) == len(r.shape(0)) && r.finish(r.apply(kernels.Transpose{Perm: kernels.DimsOf(perm...)}, r.in[0]))
}

func (r *recognition) concat() bool {
	axis := numbers(r.text)
	return len(axis) == 1 && r.finish(r.apply(kernels.Concat{Axis: axis[0]}, r.in...))
}

// cut returns what a slice that prints as T[:, :, from:to:step...] takes, and
// false if it leaves elements out. The step of a single element is 0.
func (r *recognition) cut() (s kernels.Slice, whole, ok bool) {
	text, _, _ := strings.Cut(r.text, "...]")
	s.Axis = strings.Count(text, ":, ")
	text = text[strings.LastIndexAny(text, "[ ")+1:]
	if text == ":" {
		return s, true, true
	}
	bounds := numbers(text)
	if len(bounds) != 3 {
		return s, false, false
	}
	s.From, s.To = bounds[0], bounds[1]
	return s, false, bounds[2] == 1 || s.To == s.From+1
}

func (r *recognition) slice() bool {
	s, whole, ok := r.cut()
	switch {
	case !ok:
		return false
	case whole:
		return r.finish(r.in[0])
	}
	return r.finish(r.apply(s, r.in[0]))
}

// pad writes the gradient of a slice: zeros like operand 0, with operand 1 where
// the slice was taken.
func (r *recognition) pad() bool {
	s, whole, ok := r.cut()
	if !ok {
		return false
	}
	if whole {
		return r.finish(r.in[1])
	}
	part, err := s.Infer(r.shape(0))
	if err != nil || part.Size() != r.shape(1).Size() {
		return false
	}
	n := r.shape(0)[s.Axis]
	return r.finish(r.apply(kernels.Pad{Axis: s.Axis, Before: s.From, After: n - s.To}, r.view(r.in[1], part...)))
}
