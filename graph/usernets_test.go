package graph

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

// checkNet is check with new random values for every run.
func (u *userGraph) checkNet(outs ...*Node) *Program {
	u.t.Helper()
	t := u.t.(*testing.T)
	p, err := Compile(u.g, newCPU(t, 2), outs...)
	if err != nil {
		t.Fatal(err)
	}
	m := newTape(t, u.g, outs...)
	for run := range 4 {
		want := m.run(t, u.in)
		got := runProgram(t, p, u.in, outs...)
		for i := range got {
			if err := closeTo(got[i], want[i], u.tolerance()); err != nil {
				t.Errorf("run %d, output %d, %v: %v", run, i, outs[i], err)
			}
		}
		for _, a := range u.in {
			for k := range a.Data {
				a.Data[k] = u.r.Float64() - 0.5
			}
		}
	}
	return p
}

// withGradients returns the loss and its gradients by all inputs so far.
func (u *userGraph) withGradients(loss *Node) []*Node {
	u.t.Helper()
	grads, err := gorgonia.Grad(loss, u.by...)
	if err != nil {
		u.t.Fatal(err)
	}
	return append([]*Node{loss}, grads...)
}

// hostOps returns the operations of a program that run by their own Do, each
// once, without their options.
func hostOps(p *Program) []string {
	var ops []string
	for _, line := range strings.Split(p.String(), "\n") {
		if _, op, ok := strings.Cut(line, "← gorgonia "); ok {
			name, _, _ := strings.Cut(op, "  (")
			name, _, _ = strings.Cut(name, "<")
			name, _, _ = strings.Cut(name, "{")
			ops = append(ops, name)
		}
	}
	slices.Sort(ops)
	return slices.Compact(ops)
}

// half draws weights that keep sigmoids off their ends, where 1−y loses digits.
var half = kernelstest.Uniform(-0.5, 0.5)

// userMLP is an autoencoder of Gorgonia's functions, returning its loss.
func userMLP(u *userGraph) *Node {
	x := u.node(anything, 6, 10)
	layer := func(x *Node, units int) *Node {
		w, b := u.node(half, x.Shape()[1], units), u.node(half, units)
		return u.must(gorgonia.BroadcastAdd(u.must(gorgonia.Mul(x, w)), b, nil, []byte{0}))
	}
	h := u.must(gorgonia.Rectify(layer(x, 7)))
	h = u.must(gorgonia.Tanh(layer(h, 4)))
	h = u.must(gorgonia.LeakyRelu(layer(h, 7), 0.1))
	y := u.must(gorgonia.Sigmoid(layer(h, 10)))
	squared := u.must(gorgonia.Mean(u.must(gorgonia.Square(u.must(gorgonia.Sub(y, x))))))
	entropy := u.must(gorgonia.Mean(u.must(gorgonia.BinaryXent(y, u.must(gorgonia.Sigmoid(x))))))
	return u.must(gorgonia.Add(squared, entropy))
}

// TestUserMLP compiles a graph of nothing but Gorgonia's functions: all of it is
// recognised.
func TestUserMLP(t *testing.T) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		u := newUserGraph(t, dt)
		p := u.checkNet(u.withGradients(userMLP(u))...)
		if ops := hostOps(p); len(ops) > 0 {
			t.Errorf("%v: not recognised: %v\n%v", dt, ops, p)
		}
	}
}

// userConvNet is a convolutional net of Gorgonia's functions with two poolings.
func userConvNet(u *userGraph) *Node {
	x := u.node(anything, 2, 1, 12, 12)
	conv := func(x *Node, filters int) *Node {
		w := u.node(anything, filters, x.Shape()[1], 3, 3)
		return u.must(gorgonia.Conv2d(x, w, tensor.Shape{3, 3}, []int{1, 1}, []int{1, 1}, []int{1, 1}))
	}
	h := u.must(gorgonia.Rectify(conv(x, 3)))
	h = u.must(gorgonia.MaxPool2D(h, tensor.Shape{2, 2}, []int{0, 0}, []int{2, 2}))
	h = u.must(gorgonia.Tanh(conv(h, 4)))
	h = u.must(gorgonia.MaxPool2D(h, tensor.Shape{3, 3}, []int{1, 1}, []int{2, 2}))
	flat := u.must(gorgonia.Reshape(h, tensor.Shape{2, 4 * 3 * 3}))
	y := u.must(gorgonia.Mul(flat, u.node(anything, 4*3*3, 5)))
	return u.must(gorgonia.Mean(u.must(gorgonia.Square(y))))
}

// TestUserConvNet compiles Gorgonia's own Conv2d and MaxPool2D, whose pieces run
// by their own Do.
func TestUserConvNet(t *testing.T) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		u := newUserGraph(t, dt)
		p := u.checkNet(u.withGradients(userConvNet(u))...)
		want := []string{"MaxPool", "MaxPoolDiff", "col2im", "im2col"}
		if got := hostOps(p); !slices.Equal(got, want) {
			t.Errorf("%v: the operations %v run by their own Do, want %v", dt, got, want)
		}
	}
}

// TestUserMaxPools: a pooling keeps the places of its maxima inside itself for
// its gradient. Equal poolings of two images, and of one image twice, must not
// use each other's.
func TestUserMaxPools(t *testing.T) {
	u := newUserGraph(t, tensor.Float64)
	first, second := u.node(anything, 2, 2, 6, 6), u.node(anything, 2, 2, 6, 6)
	pool := func(x *Node) *Node {
		return u.must(gorgonia.MaxPool2D(x, tensor.Shape{2, 2}, []int{0, 0}, []int{2, 2}))
	}
	a, b, again := pool(first), pool(second), pool(first)
	sum := u.must(gorgonia.HadamardProd(u.must(gorgonia.Exp(a)), u.must(gorgonia.Tanh(b))))
	sum = u.must(gorgonia.Add(sum, u.must(gorgonia.Square(again))))
	outs := append([]*Node{a, b}, u.withGradients(u.must(gorgonia.Sum(sum)))...)
	u.checkNet(outs...)

	// and against a plain calculation of the places
	p, err := Compile(u.g, newCPU(t, 1), outs...)
	if err != nil {
		t.Fatal(err)
	}
	got := runProgram(t, p, u.in, outs...)
	for i, image := range []*Node{first, second} {
		grad := got[3+i]
		for k, x := range u.in[image].Data {
			largest := math.Inf(-1)
			for _, offset := range []int{0, 1, 6, 7} { // of the window's corner
				corner := k/12*12 + k%6/2*2
				largest = math.Max(largest, u.in[image].Data[corner+offset])
			}
			if (grad.Data[k] != 0) != (x == largest) {
				t.Fatalf("element %d of image %d has gradient %v, the window's largest element is %v, it is %v", k, i, grad.Data[k], largest, x)
			}
		}
	}
}

// TestUserDropout: the gradient of Gorgonia's Dropout passes where the same
// run's forward pass let elements through, and each run draws anew.
func TestUserDropout(t *testing.T) {
	u := newUserGraph(t, tensor.Float64)
	x := u.node(nonzero, 8, 50)
	y := u.must(gorgonia.Dropout(x, 0.5))
	outs := append([]*Node{y}, u.withGradients(u.must(gorgonia.Sum(u.must(gorgonia.Add(y, u.must(gorgonia.Neg(x)))))))...)
	p, err := Compile(u.g, newCPU(t, 1), outs...)
	if err != nil {
		t.Fatal(err)
	}
	if ops := hostOps(p); !slices.Equal(ops, []string{"Dropout", "dropoutDiffOp(0.500000)"}) {
		t.Errorf("the operations %v run by their own Do", ops)
	}
	var before []float64
	for run := range 3 {
		got := runProgram(t, p, u.in, outs...)
		kept := 0
		for k, v := range got[0].Data {
			want := -1.0 // of −x
			if v != 0 {
				want += 2
				kept++
			}
			if got[2].Data[k] != want {
				t.Fatalf("run %d: element %d is %v with gradient %v, want %v", run, k, v, got[2].Data[k], want)
			}
		}
		if kept < 120 || kept > 280 || slices.Equal(got[0].Data, before) {
			t.Errorf("run %d keeps %d of 400 elements, the same as before: %t", run, kept, slices.Equal(got[0].Data, before))
		}
		before = got[0].Data
	}
}

// TestUserMixture puts Specs and Gorgonia's operations in one graph.
func TestUserMixture(t *testing.T) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		u := newUserGraph(t, dt)
		b := &Builder{g: u.g, names: map[string]bool{}}
		x, w := u.node(anything, 2, 8, 8, 3), u.node(anything, 3, 3, 3, 4)
		y := u.must(gorgonia.Tanh(b.Apply(kernels.Conv2D{Pad: kernels.Same}, x, w)))
		y = u.must(gorgonia.Cos(b.Apply(kernels.MaxPool2D{Kernel: [2]int{2, 2}}, y)))
		y = b.Fn(kernels.SiLU, 0, u.must(gorgonia.Transpose(y, 0, 3, 1, 2)))
		if b.Err() != nil {
			t.Fatal(b.Err())
		}
		p := u.checkNet(u.withGradients(b.Mean(y))...)
		if ops := hostOps(p); !slices.Equal(ops, []string{"cos", "sin"}) {
			t.Errorf("%v: the operations %v run by their own Do, want cos and sin", dt, ops)
		}
	}
}

// TestAccurateNearZero holds log1p and expm1, which exist for that, to the
// standard library over all magnitudes.
func TestAccurateNearZero(t *testing.T) {
	inf := math.Inf(1)
	at := []float64{0, 1e-30, -1e-30, 1e-9, -1e-9, 3e-5, -3e-5, 0.01, -0.01, -0.4, 0.7, -0.7, 1.5, -0.999, 20, 80, 1e10, inf}
	for name, f := range map[string]struct {
		own  func(*Node) (*Node, error)
		want func(float64) float64
		more []float64
	}{"log1p": {gorgonia.Log1p, math.Log1p, []float64{-1}}, "expm1": {gorgonia.Expm1, math.Expm1, []float64{-20, -inf}}} {
		u := newUserGraph(t, tensor.Float32)
		values := append(slices.Clone(at), f.more...)
		x := u.node(anything, len(values))
		for i, v := range values {
			values[i] = float64(float32(v))
		}
		u.in[x] = kernels.Array{Shape: kernels.Shape{len(values)}, Data: values}
		y := u.must(f.own(x))
		p, err := Compile(u.g, newCPU(t, 1), y)
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range runProgram(t, p, u.in, y)[0].Data {
			want := float64(float32(f.want(values[i])))
			if got != want && !(math.Abs(got-want) <= 3e-6*math.Abs(want)) {
				t.Errorf("%s(%v) = %v, want %v", name, values[i], got, want)
			}
		}
	}
}

// device is the CPU under another name, whose buffers the host cannot see: what
// a GPU is to Compile.
type device struct{ kernels.Device }

type farBuffer struct{ kernels.Buffer }

func (d device) Name() string { return "far" }

func (d device) Alloc(n int) (kernels.Buffer, error) {
	b, err := d.Device.Alloc(n)
	return farBuffer{b}, err
}

func (d device) Upload(to kernels.Buffer, from []byte) error { return nil }

func (d device) Prepare(s kernels.Spec, out kernels.Operand, in ...kernels.Operand) (kernels.Launch, error) {
	if s.Name() == "tanh" {
		return kernels.Launch{}, fmt.Errorf("far: %s: %w", s.Name(), kernels.ErrUnsupported)
	}
	return kernels.Launch{Run: func(kernels.Buffer, []kernels.Buffer, kernels.Buffer) {}}, nil
}

func (b farBuffer) View(offset, n int) kernels.Buffer { return farBuffer{b.Buffer.View(offset, n)} }

// TestForeignOpsOnAnotherDevice lists all operations that only the host can
// compute.
func TestForeignOpsOnAnotherDevice(t *testing.T) {
	u := newUserGraph(t, tensor.Float32)
	x := u.node(anything, 3)
	y := u.must(gorgonia.Sin(u.must(gorgonia.Cos(u.must(gorgonia.Sin(x))))))
	_, err := Compile(u.g, device{newCPU(t, 1)}, y)
	wantError(t, err, "far has no kernel for Gorgonia's own gorgonia cos, gorgonia sin")

	_, err = Compile(u.g, device{newCPU(t, 1)}, u.must(gorgonia.Tanh(x)))
	wantError(t, err, "tanh")
	if !errors.Is(err, kernels.ErrUnsupported) {
		t.Errorf("%v does not wrap ErrUnsupported", err)
	}
}

// TestForeignOpFails: a failure or panic inside an operation's own Do is an
// error that names it.
func TestForeignOpFails(t *testing.T) {
	u := newUserGraph(t, tensor.Float32)
	x := u.node(anything, 3, 4)
	indices := gorgonia.NewVector(u.g, tensor.Int, gorgonia.WithShape(2), gorgonia.WithName("indices"))
	_, err := Compile(u.g, newCPU(t, 1), u.must(gorgonia.ByIndices(x, indices, 0)))
	wantError(t, err, "want float32, float64, int32 or uint8")
	_, err = Compile(u.g, newCPU(t, 1), u.must(gorgonia.Gt(x, u.node(anything, 3, 4), false)))
	wantError(t, err, "elements of type bool")
}
