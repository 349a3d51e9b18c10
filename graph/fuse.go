package graph

import (
	"slices"

	"hourglass/kernels"
)

// fuse merges steps: bias, activation and activation gradient into the
// convolution or product that feeds them, and chains of element-wise steps into
// one Map. Results that somebody else reads stay.
// If products is set, the sums of products are merged, too: on a device of
// threads they wait for memory.
func fuse(p *plan, products bool) {
	f := &fusion{plan: p}
	f.fold()
	f.count()
	f.epilogues()
	f.chains()
	f.simplify()
	if products {
		f.products()
	}
	p.steps = slices.DeleteFunc(p.steps, func(s *step) bool { return s.out == nil })
}

type fusion struct {
	*plan
	readers map[*value]int   // reads of a value's memory, by its root
	maker   map[*value]*step // the step that computes a root
	at      map[*step]int    // its place
}

// count notes who makes and who reads each value. Outputs count as read.
func (f *fusion) count() {
	f.readers, f.maker, f.at = map[*value]int{}, map[*value]*step{}, map[*step]int{}
	for i, s := range f.steps {
		f.maker[s.out.root()], f.at[s] = s, i
		for _, v := range s.in {
			f.readers[v.root()]++
		}
	}
	for _, v := range f.outs {
		f.readers[v.root()]++
	}
}

// drop removes a step whose work another one has taken over.
func (f *fusion) drop(s *step) {
	delete(f.maker, s.out.root())
	s.out = nil
}

// fold computes small steps whose operands are constants: the 1 that a gradient
// starts from, and what becomes of it.
func (f *fusion) fold() {
	const small = 64
	for _, s := range f.steps {
		if s.spec == nil || s.out.operand.Shape.Size() > small {
			continue
		}
		if slices.ContainsFunc(s.in, func(v *value) bool { return v.root().home != isConstant }) {
			continue
		}
		in := make([]kernels.Array, len(s.in))
		for i, v := range s.in {
			in[i] = kernels.Array{Shape: v.operand.Shape, Data: decode(v.root().data, v.operand.DType)}
		}
		out := kernels.NewArray(s.out.operand.Shape)
		s.spec.Ref(out, in...)
		s.out.home, s.out.data = isConstant, encode(out.Data, s.out.operand.DType)
		s.out = nil
	}
	f.steps = slices.DeleteFunc(f.steps, func(s *step) bool { return s.out == nil })
}

// epilogueOf returns the epilogue of a Spec that takes one.
func epilogueOf(s kernels.Spec) (kernels.Epilogue, bool) {
	switch s := s.(type) {
	case kernels.Conv2D:
		return s.Epilogue, true
	case kernels.Conv2DInputGrad:
		return s.Epilogue, true
	case kernels.MatMul:
		return s.Epilogue, true
	}
	return kernels.Epilogue{}, false
}

// withEpilogue returns s with another epilogue.
func withEpilogue(s kernels.Spec, e kernels.Epilogue) kernels.Spec {
	switch s := s.(type) {
	case kernels.Conv2D:
		s.Epilogue = e
		return s
	case kernels.Conv2DInputGrad:
		s.Epilogue = e
		return s
	case kernels.MatMul:
		s.Epilogue = e
		return s
	}
	return s
}

// epilogues merges an element-wise step into the convolution or product whose
// result it alone reads: first a bias, then an activation or the gradient of
// one.
func (f *fusion) epilogues() {
	for _, s := range f.steps {
		if s.out == nil {
			continue
		}
		for i, v := range s.in {
			maker := f.maker[v.root()]
			if maker == nil || f.readers[v.root()] != 1 || v.operand.Shape.Size() != s.out.operand.Shape.Size() {
				continue
			}
			e, ok := epilogueOf(maker.spec)
			if !ok || e.Fn != kernels.Copy || e.Grad != kernels.Copy {
				continue
			}
			if f.extend(maker, s, i, e) {
				break
			}
		}
	}
}

// extend makes operand i of step s, which maker computes, take the work of s
// over, if an epilogue can do it.
func (f *fusion) extend(maker, s *step, i int, e kernels.Epilogue) bool {
	result := maker.out.operand.Shape
	switch spec := s.spec.(type) {
	case kernels.Unary:
		e.Fn, e.A = spec.Fn, spec.A
	case kernels.Binary:
		if len(s.in) != 2 {
			return false
		}
		other := s.in[1-i]
		switch {
		case spec.Fn == kernels.Add && !e.Bias && s.in[i].operand.Shape.Equal(result) && len(result) > 0 &&
			other.operand.Shape.Equal(kernels.Shape{result[len(result)-1]}) && f.before(other, maker):
			e.Bias = true
			maker.in = append(maker.in, other)
		case isActivationGrad(spec.Fn) && i == 1 && other.operand.Shape.Size() == result.Size() && f.before(other, maker):
			e.Grad, e.A = spec.Fn, spec.A
			maker.in = append(maker.in, f.reshaped(other, result))
		default:
			return false
		}
	default:
		return false
	}
	maker.spec = withEpilogue(maker.spec, e)
	f.replace(maker, s)
	return true
}

// isActivationGrad reports whether fn is one of the activations' gradients.
func isActivationGrad(fn kernels.Fn) bool {
	return fn >= kernels.ReLUGrad && fn <= kernels.SoftplusGrad
}

// before reports whether v is known when step s runs.
func (f *fusion) before(v *value, s *step) bool {
	maker := f.maker[v.root()]
	return maker == nil || f.at[maker] < f.at[s]
}

// reshaped returns v under another shape of as many elements.
func (f *fusion) reshaped(v *value, shape kernels.Shape) *value {
	if v.operand.Shape.Equal(shape) {
		return v
	}
	view := &value{operand: kernels.Operand{DType: v.operand.DType, Shape: shape}, name: v.name, home: isView, base: v}
	f.values = append(f.values, view)
	return view
}

// replace makes step s's result a view of maker's, which now holds it.
func (f *fusion) replace(maker, s *step) {
	out := s.out
	f.readers[maker.out.root()] = f.readers[out.root()]
	f.drop(s)
	out.home, out.base = isView, maker.out
	maker.out.name = out.name
	if maker.out.operand.Shape.Equal(out.operand.Shape) {
		maker.node = s.node
	}
}

// codeOf returns the function that an element-wise step computes.
func codeOf(s *step) (kernels.Code, bool) {
	switch spec := s.spec.(type) {
	case kernels.Broadcast:
		return kernels.CodeOf(1, kernels.Instr{Fn: kernels.Copy}), true
	case kernels.Elementwise:
		return spec.Code(), true
	}
	return kernels.Code{}, false
}

// chains merges an element-wise step into the one that alone reads its result,
// as long as the code stays short.
func (f *fusion) chains() {
	for _, s := range f.steps {
		if s.out == nil {
			continue
		}
		code, ok := codeOf(s)
		if !ok {
			continue
		}
		for i := 0; i < len(s.in); i++ {
			if merged, ok := f.merge(s, i, code); ok {
				code = merged
				s.spec = kernels.Map{Fused: code}
				i = -1 // its operands are new
			}
		}
	}
}

// merge puts the code of the step that makes operand i of s in front of code.
func (f *fusion) merge(s *step, i int, code kernels.Code) (kernels.Code, bool) {
	v := s.in[i]
	maker := f.maker[v.root()]
	if maker == nil || f.readers[v.root()] != 1 || slices.Contains(s.in[i+1:], v) {
		return code, false
	}
	first, ok := codeOf(maker)
	shape := s.out.operand.Shape
	if !ok || v.operand.Shape.Size() != shape.Size() || first.Len+code.Len > kernels.MaxInstrs {
		return code, false
	}
	in := slices.Clone(maker.in)
	if !maker.out.operand.Shape.Equal(shape) { // the same elements under another shape
		for k, x := range in {
			if x.operand.Shape.Size() != shape.Size() && x.operand.Shape.Size() != 1 {
				return code, false
			}
			if x.operand.Shape.Size() == shape.Size() {
				in[k] = f.reshaped(x, shape)
			} else {
				in[k] = f.reshaped(x, kernels.Shape{})
			}
		}
	}
	merged, operands, ok := join(first, in, code, s.in, i)
	if !ok {
		return code, false
	}
	f.drop(maker)
	s.in = operands
	return merged, true
}

// join returns the code that computes second with its operand i computed by
// first, and the operands of both, each once.
func join(first kernels.Code, firstIn []*value, second kernels.Code, secondIn []*value, i int) (kernels.Code, []*value, bool) {
	var operands []*value
	place := func(v *value) int {
		if k := slices.Index(operands, v); k >= 0 {
			return k
		}
		operands = append(operands, v)
		return len(operands) - 1
	}
	firstAt, secondAt := make([]int, len(firstIn)), make([]int, len(secondIn))
	for k, v := range firstIn {
		firstAt[k] = place(v)
	}
	for k, v := range secondIn {
		if k != i {
			secondAt[k] = place(v)
		}
	}
	if len(operands) > kernels.MaxOperands {
		return kernels.Code{}, nil, false
	}
	n := len(operands)
	code := kernels.Code{Operands: n, Len: first.Len + second.Len}
	put := func(at int, ins kernels.Instr, own int, places []int, shift int) {
		move := func(v int) int {
			if v < own {
				return places[v]
			}
			return v - own + n + shift
		}
		ins.X = move(ins.X)
		if ins.Fn.Arity() == 2 {
			ins.Y = move(ins.Y)
		}
		code.Instrs[at] = ins
	}
	secondAt[i] = n + first.Len - 1
	for k, ins := range first.Instrs[:first.Len] {
		put(k, ins, first.Operands, firstAt, 0)
	}
	for k, ins := range second.Instrs[:second.Len] {
		put(first.Len+k, ins, second.Operands, secondAt, first.Len)
	}
	return code, operands, true
}

// products merges the product of two arrays into the sum that alone reads it.
func (f *fusion) products() {
	for _, s := range f.steps {
		sum, ok := s.spec.(kernels.Sum)
		if !ok || s.out == nil {
			continue
		}
		v := s.in[0]
		maker := f.maker[v.root()]
		if maker == nil || f.readers[v.root()] != 1 {
			continue
		}
		code, ok := codeOf(maker)
		if !ok || code.Len != 1 || code.Instrs[0].Fn != kernels.Mul || len(maker.in) != 2 {
			continue
		}
		if slices.ContainsFunc(maker.in, func(x *value) bool { return !x.operand.Shape.Equal(v.operand.Shape) }) {
			continue
		}
		s.spec, s.in = kernels.SumProduct(sum), maker.in
		f.drop(maker)
	}
}

// simplify puts scalar constants into the instructions that use them and
// removes copies.
func (f *fusion) simplify() {
	for _, s := range f.steps {
		if s.out == nil {
			continue
		}
		if m, ok := s.spec.(kernels.Map); ok {
			code, in := simplified(m.Fused, s.in)
			s.spec, s.in = kernels.Map{Fused: code}, in
		}
	}
}

// simplified returns the code without constant operands and copies.
func simplified(code kernels.Code, in []*value) (kernels.Code, []*value) {
	n := code.Operands
	scalar := func(v int) (float64, bool) {
		if v >= n || in[v].root().home != isConstant || in[v].operand.Shape.Size() != 1 {
			return 0, false
		}
		return decode(in[v].root().data, in[v].operand.DType)[0], true
	}
	alias := make([]int, n+code.Len) // what to read instead
	for v := range alias {
		alias[v] = v
	}
	var kept []kernels.Instr
	var number []int // of each kept instruction, in the old code
	for k, ins := range code.Instrs[:code.Len] {
		ins.X = alias[ins.X]
		if ins.Fn.Arity() == 2 {
			ins.Y = alias[ins.Y]
			ins = withConstant(ins, scalar)
		}
		if last := k == code.Len-1; !last && (ins.Fn == kernels.Copy || ins.Fn == kernels.Scale && ins.A == 1) {
			alias[n+k] = ins.X
			continue
		}
		kept, number = append(kept, ins), append(number, n+k)
	}
	return renumber(kept, number, n, in)
}

// withConstant turns x·c and x + c into functions of one number.
func withConstant(ins kernels.Instr, scalar func(int) (float64, bool)) kernels.Instr {
	if ins.Fn != kernels.Mul && ins.Fn != kernels.Add && ins.Fn != kernels.Sub {
		return ins
	}
	fn := kernels.Offset
	if ins.Fn == kernels.Mul {
		fn = kernels.Scale
	}
	if c, ok := scalar(ins.Y); ok {
		if ins.Fn == kernels.Sub {
			c = -c
		}
		return kernels.Instr{Fn: fn, A: c, X: ins.X}
	}
	if c, ok := scalar(ins.X); ok && ins.Fn != kernels.Sub {
		return kernels.Instr{Fn: fn, A: c, X: ins.Y}
	}
	return ins
}

// renumber drops operands that no instruction reads any more.
func renumber(kept []kernels.Instr, number []int, n int, in []*value) (kernels.Code, []*value) {
	place := map[int]int{}
	var operands []*value
	for _, ins := range kept {
		for k, v := range [2]int{ins.X, ins.Y} {
			if _, ok := place[v]; !ok && v < n && k < ins.Fn.Arity() {
				place[v] = len(operands)
				operands = append(operands, in[v])
			}
		}
	}
	for i, v := range number {
		place[v] = len(operands) + i
	}
	for i := range kept {
		kept[i].X = place[kept[i].X]
		if kept[i].Fn.Arity() == 2 {
			kept[i].Y = place[kept[i].Y]
		} else {
			kept[i].Y = 0
		}
	}
	return kernels.CodeOf(len(operands), kept...), operands
}
