package kernels

import (
	"slices"
	"testing"
)

// infer is one application of a shape rule.
type infer struct {
	spec Spec
	in   []Shape
	want string // the shape, or the whole error
}

func testInfer(t *testing.T, tries []infer) {
	t.Helper()
	for _, try := range tries {
		in := make([]Operand, len(try.in))
		for i, s := range try.in {
			in[i].Shape = s
		}
		out, err := Infer(try.spec, in...)
		got := out.Shape.String()
		if err != nil {
			got = err.Error()
		}
		if got != try.want {
			t.Errorf("%T%+v of %v:\n got %s\nwant %s", try.spec, try.spec, try.in, got, try.want)
		}
	}
}

func TestInferElementwise(t *testing.T) {
	add := Binary{Fn: Add}
	testInfer(t, []infer{
		{Unary{Fn: Exp}, []Shape{{2, 3}}, "[2 3]"},
		{add, []Shape{{}, {}}, "[]"},
		{add, []Shape{{2, 1, 3}, {4, 1}}, "[2 4 3]"},
		{add, []Shape{{0}, {1}}, "[0]"},
		{GaussianKL{}, []Shape{{8, 2}, {8, 2}}, "[8 2]"},
		{add, []Shape{{2, 3}}, "add: wants 2 operands, got 1"},
		{add, []Shape{{2, 3}, {2}}, "add: shapes [[2 3] [2]] do not broadcast: axes matched from the last must be equal or 1"},
		{add, []Shape{{1, 1, 1, 1, 1, 1, 1}, {}}, "add: operand 0 [1 1 1 1 1 1 1] has 7 axes, at most 6 are supported"},
	})
}

func TestInferReductions(t *testing.T) {
	testInfer(t, []infer{
		{Sum{AxesOf(0, 2)}, []Shape{{2, 3, 4}}, "[3]"},
		{Sum{AllAxes(2)}, []Shape{{2, 3}}, "[]"},
		{Sum{AxesOf(0)}, []Shape{{0, 3}}, "[3]"},
		{Mean{AxesOf(1)}, []Shape{{0, 3}}, "[0]"},
		{Moments{AxesOf(0, 1, 2)}, []Shape{{8, 7, 7, 32}}, "[2 32]"},
		{Moments{AllAxes(6)}, []Shape{{1, 2, 3, 4, 5, 6}}, "[2]"},
		{Sum{}, []Shape{{2}, {2}}, "sum: wants 1 operands, got 2"},
		{Sum{AxesOf(0, 3)}, []Shape{{2, 3, 4}}, "sum: axes {0 3}, but operand [2 3 4] has only 3"},
		{Mean{AxesOf(0)}, []Shape{{0, 3}}, "mean: operand [0 3] has no elements along the axes {0}, want at least one"},
		{Moments{AxesOf(0)}, []Shape{{0, 3}}, "moments: operand [0 3] has no elements along the axes {0}, want at least one"},
		{Moments{}, []Shape{{1, 2, 3, 4, 5, 6}}, "moments: operand [1 2 3 4 5 6] without axes to reduce has a result of 7 axes, at most 6 are supported"},
	})
}

func TestInferShapes(t *testing.T) {
	testInfer(t, []infer{
		{Reshape{DimsOf(6, 2)}, []Shape{{3, 4}}, "[6 2]"},
		{Reshape{DimsOf()}, []Shape{{1, 1}}, "[]"},
		{Reshape{DimsOf(5)}, []Shape{{3, 4}}, "reshape: operand [3 4] has 12 elements, want 5 for [5]"},
		{Reshape{DimsOf(1, 1, 1, 1, 1, 3, 4)}, []Shape{{3, 4}}, "reshape: more than 6 axes, which is the most supported"},
		{Transpose{DimsOf(0, 1, 2, 3, 4, 5, 6)}, []Shape{{3, 4}}, "transpose: more than 6 axes, which is the most supported"},
		{Broadcast{DimsOf(2, 2, 2, 2, 2, 3, 4)}, []Shape{{3, 4}}, "broadcast: more than 6 axes, which is the most supported"},
		{Reshape{DimsOf(-3, -4)}, []Shape{{3, 4}}, "reshape: to [-3 -4], which has an axis of -3 elements"},
		{Transpose{DimsOf(0, 3, 1, 2)}, []Shape{{8, 28, 26, 3}}, "[8 3 28 26]"},
		{Transpose{DimsOf(1, 1)}, []Shape{{3, 4}}, "transpose: order [1 1] of operand [3 4], want each of its 2 axes once"},
		{Transpose{DimsOf(0)}, []Shape{{3, 4}}, "transpose: order [0] of operand [3 4], want each of its 2 axes once"},
		{Transpose{DimsOf(0, 2)}, []Shape{{3, 4}}, "transpose: order [0 2] of operand [3 4], want each of its 2 axes once"},
		{Concat{1}, []Shape{{3, 4}, {3, 0}, {3, 2}}, "[3 6]"},
		{Concat{1}, []Shape{{3, 4}, {2, 4}}, "concat: operand 1 [2 4] differs from operand 0 [3 4] in other axes than 1"},
		{Concat{1}, []Shape{{3, 4}, {3}}, "concat: operand 1 [3] differs from operand 0 [3 4] in other axes than 1"},
		{Concat{2}, []Shape{{3, 4}}, "concat: axis 2, but operand [3 4] has only 2"},
		{Concat{}, nil, "concat: wants at least one operand"},
		{Slice{1, 2, 4}, []Shape{{3, 4}}, "[3 2]"},
		{Slice{1, 4, 4}, []Shape{{3, 4}}, "[3 0]"},
		{Slice{1, 3, 5}, []Shape{{3, 4}}, "slice: 3 up to 5 of axis 1 of operand [3 4], want bounds in order and from 0 to 4"},
		{Slice{1, 3, 2}, []Shape{{3, 4}}, "slice: 3 up to 2 of axis 1 of operand [3 4], want bounds in order and from 0 to 4"},
		{Slice{-1, 0, 1}, []Shape{{3, 4}}, "slice: axis -1, but operand [3 4] has only 2"},
		{Pad{0, 1, 2}, []Shape{{3, 4}}, "[6 4]"},
		{Pad{0, -1, 2}, []Shape{{3, 4}}, "pad: -1 before and 2 after, want 0 or more"},
		{Pad{2, 1, 2}, []Shape{{3, 4}}, "pad: axis 2, but operand [3 4] has only 2"},
		{Broadcast{DimsOf(2, 3, 4)}, []Shape{{3, 1}}, "[2 3 4]"},
		{Broadcast{DimsOf(0, 4)}, []Shape{{1, 4}}, "[0 4]"},
		{Broadcast{DimsOf(1, 4)}, []Shape{{3, 4}}, "broadcast: operand [3 4] does not broadcast to [1 4]: axes matched from the last must be equal, or 1 in the operand"},
		{Broadcast{DimsOf(4)}, []Shape{{1, 4}}, "broadcast: operand [1 4] does not broadcast to [4]: axes matched from the last must be equal, or 1 in the operand"},
	})
}

func TestInferTypes(t *testing.T) {
	f32, f64, u8 := Operand{Float32, Shape{2}}, Operand{Float64, Shape{2}}, Operand{Uint8, Shape{2}}
	for _, try := range []struct {
		spec Spec
		in   []Operand
		want string
	}{
		{Unary{Fn: Neg}, []Operand{f64}, "float64[2]"},
		{Concat{}, []Operand{u8, u8}, "uint8[4]"},
		{Slice{0, 1, 2}, []Operand{u8}, "uint8[1]"},
		{Reshape{DimsOf(2, 1)}, []Operand{u8}, "uint8[2 1]"},
		{Transpose{DimsOf(0)}, []Operand{u8}, "uint8[2]"},
		{Concat{}, []Operand{f32, u8}, "concat: operand 1 is uint8, want float32 as operand 0"},
		{Pad{0, 1, 1}, []Operand{u8}, "pad: operand 0 is uint8, want all operands of one floating-point type (operand 0 is uint8)"},
		{Binary{Fn: Add}, []Operand{f32, f64}, "add: operand 1 is float64, want all operands of one floating-point type (operand 0 is float32)"},
	} {
		out, err := Infer(try.spec, try.in...)
		got := out.String()
		if err != nil {
			got = err.Error()
		}
		if got != try.want {
			t.Errorf("%T of %v:\n got %s\nwant %s", try.spec, try.in, got, try.want)
		}
	}
}

func TestShape(t *testing.T) {
	s := Shape{2, 3, 4}
	if got := s.Size(); got != 24 {
		t.Errorf("size of %v is %d", s, got)
	}
	if got := Shape(s.Strides()).String(); got != "[12 4 1]" {
		t.Errorf("strides of %v are %s", s, got)
	}
	if got := (Shape{}).Size(); got != 1 {
		t.Errorf("a scalar has %d elements", got)
	}
	if got := (Operand{Int32, s}).Bytes(); got != 96 {
		t.Errorf("int32%v has %d bytes", s, got)
	}
	for _, other := range []Shape{{2, 3}, {2, 3, 5}, {2, 3, 4, 1}} {
		if s.Equal(other) {
			t.Errorf("%v equals %v", s, other)
		}
	}
	if c := s.Clone(); !c.Equal(s) || &c[0] == &s[0] {
		t.Errorf("the clone of %v is %v, in the same memory: %t", s, c, &c[0] == &s[0])
	}
	if d := DimsOf(s...); d != DimsOf(2, 3, 4) || d == DimsOf(2, 3) || d == DimsOf(2, 3, 4, 0) || !d.Shape().Equal(s) {
		t.Errorf("Dims of %v hold %v, or compare wrongly", s, d)
	}
	if a := AxesOf(0, 2, 5); a.String() != "{0 2 5}" || a.Has(1) || !a.Has(5) {
		t.Errorf("axes 0, 2 and 5 are %v", a)
	}
	if a := AllAxes(3); a != AxesOf(0, 1, 2) {
		t.Errorf("all of three axes are %v", a)
	}
}

// TestCode evaluates a Code by hand: relu(x·y + 0.5), read from its String too.
func TestCode(t *testing.T) {
	c := CodeOf(2, Instr{Fn: Mul, X: 0, Y: 1}, Instr{Fn: Offset, A: 0.5, X: 2}, Instr{Fn: ReLU, X: 3})
	for _, try := range [][3]float64{{2, 3, 6.5}, {-2, 3, 0}, {-1, 0.25, 0.25}} {
		if got := c.Eval(try[:2]); got != try[2] {
			t.Errorf("%v of %v is %v, want %v", c, try[:2], got, try[2])
		}
	}
	if want := "%2=mul(%0,%1) %3=offset(%2;0.5) %4=relu(%3)"; c.String() != want {
		t.Errorf("the code prints as %q, want %q", c, want)
	}
	if (Map{c}) != (Map{c}) || (Map{c}) == (Map{CodeOf(2, c.Instrs[:2]...)}) {
		t.Error("Maps of equal codes differ, or of different ones are equal")
	}
}

// TestReferences computes small cases by hand.
func TestReferences(t *testing.T) {
	x := Array{Shape{2, 3}, []float64{1, 2, 3, 5, 7, 12}}
	for _, try := range []struct {
		spec Spec
		want []float64
	}{
		{Sum{AxesOf(0)}, []float64{6, 9, 15}},
		{Sum{AxesOf(1)}, []float64{6, 24}},
		{Sum{AxesOf(0, 1)}, []float64{30}},
		{Mean{AxesOf(1)}, []float64{2, 8}},
		{Moments{AxesOf(0, 1)}, []float64{5, 82.0 / 6}},
		{Moments{AxesOf(0)}, []float64{3, 4.5, 7.5, 4, 6.25, 20.25}},
		{Transpose{DimsOf(1, 0)}, []float64{1, 5, 2, 7, 3, 12}},
		{Slice{1, 1, 3}, []float64{2, 3, 7, 12}},
		{Pad{1, 1, 0}, []float64{0, 1, 2, 3, 0, 5, 7, 12}},
		{Broadcast{DimsOf(2, 2, 3)}, []float64{1, 2, 3, 5, 7, 12, 1, 2, 3, 5, 7, 12}},
	} {
		shape, err := try.spec.Infer(x.Shape)
		if err != nil {
			t.Fatal(err)
		}
		out := NewArray(shape)
		try.spec.Ref(out, x)
		for i, w := range try.want {
			if d := out.Data[i] - w; len(out.Data) != len(try.want) || d > 1e-14 || d < -1e-14 {
				t.Errorf("%s%+v: got %v, want %v", try.spec.Name(), try.spec, out.Data, try.want)
				break
			}
		}
	}
	joined := NewArray(Shape{2, 4})
	Concat{1}.Ref(joined, x, Array{Shape{2, 1}, []float64{8, 9}})
	if want := []float64{1, 2, 3, 8, 5, 7, 12, 9}; !slices.Equal(joined.Data, want) {
		t.Errorf("concat: got %v, want %v", joined.Data, want)
	}
}
