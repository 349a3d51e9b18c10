package graph

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

// TestEverySpecHasARule finds the Specs in the source of package kernels. Each
// has a rule in rules.go or stands in noGradient.
func TestEverySpecHasARule(t *testing.T) {
	cases := map[string][]kernelstest.Case{}
	for _, c := range kernelstest.Cases() {
		name := reflect.TypeOf(c.Spec).Name()
		cases[name] = append(cases[name], c)
	}
	specs := specTypes(t)
	if !specs["Unary"] || !specs["Conv2D"] || !specs["Adam"] {
		t.Fatalf("found the Specs %v in package kernels, want Unary, Conv2D and Adam among them", specs)
	}
	for name := range specs {
		if len(cases[name]) == 0 {
			t.Errorf("kernels.%s has no case in package kernelstest", name)
		}
		for _, c := range cases[name] {
			if err := ruleError(c); err != nil {
				t.Errorf("kernels.%s: %v: write a rule in rules.go, or list it in noGradient", name, err)
				break
			}
		}
	}
}

// TestEveryFunctionHasARule is the same for the functions of Unary and Binary.
func TestEveryFunctionHasARule(t *testing.T) {
	for _, f := range kernels.Fns() {
		c := kernelstest.Case{Spec: kernels.Unary{Fn: f}, In: kernelstest.F32(kernels.Shape{3})}
		if f.Arity() == 2 {
			c = kernelstest.Case{Spec: kernels.Binary{Fn: f}, In: kernelstest.F32(kernels.Shape{3}, kernels.Shape{3})}
		}
		if err := ruleError(c); err != nil {
			t.Errorf("function %v: %v: write a rule in rules.go, or list it in noGradient", f, err)
		}
	}
}

// TestFusedSpecsHaveNoRule asks for gradients of what only the fusion pass
// makes: an error, not a gradient that lacks something.
func TestFusedSpecsHaveNoRule(t *testing.T) {
	for _, s := range []kernels.Spec{
		kernels.Map{Fused: kernels.Unary{Fn: kernels.Exp}.Code()},
		kernels.MatMul{Epilogue: kernels.Epilogue{Fn: kernels.ReLU}},
	} {
		b := NewBuilder()
		x := []*Node{b.Input("x", 3, 3), b.Input("y", 3, 3)}
		if _, ok := s.(kernels.Map); ok {
			x = x[:1]
		}
		y := b.Apply(s, x...)
		if VJP(b, []*Node{y}, []*Node{b.Input("dy", 3, 3)}, x); b.Err() == nil || !strings.Contains(b.Err().Error(), "has no gradient rule") {
			t.Errorf("%s: error %v, want one about a missing rule", s.Name(), b.Err())
		}
	}
}

// ruleError returns an error unless the rule of a case gives a gradient for
// just the operands that noGradient does not list.
func ruleError(c kernelstest.Case) error {
	b := NewBuilder()
	var x []*Node
	for i, o := range c.In {
		x = append(x, b.InputOf(o.DType, fmt.Sprint("x", i), o.Shape...))
	}
	y := b.Apply(c.Spec, x...)
	dy := b.Input("dy", b.ShapeOf(y)...)
	if b.Err() != nil || withoutRule(c.Spec) {
		return b.Err()
	}
	want := differentiable(c.Spec, len(x))
	if !strings.Contains(fmt.Sprint(want), "true") {
		return nil
	}
	for i, g := range gradients(b, c.Spec, x, y, dy) {
		switch {
		case b.Err() != nil:
			return b.Err()
		case (g != nil) != want[i]:
			return fmt.Errorf("operand %d has the gradient %v, but noGradient says %t", i, g, !want[i])
		case g != nil && !b.ShapeOf(g).Equal(c.In[i].Shape):
			return fmt.Errorf("the gradient of operand %d %v has shape %v", i, c.In[i], g.Shape())
		}
	}
	return b.Err()
}

// specTypes returns the types of package kernels that have the methods of a
// Spec.
func specTypes(t *testing.T) map[string]bool {
	files, err := filepath.Glob("../kernels/*.go")
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]int{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil {
				continue
			}
			switch fn.Name.Name {
			case "Name", "Infer", "Ref":
				methods[strings.TrimPrefix(fmt.Sprint(fn.Recv.List[0].Type), "*")]++
			}
		}
	}
	specs := map[string]bool{}
	for name, n := range methods {
		if n == 3 {
			specs[name] = true
		}
	}
	return specs
}
