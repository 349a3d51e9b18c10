package graph

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

// A userGraph is a graph of Gorgonia's public functions alone.
type userGraph struct {
	t  testing.TB
	g  *gorgonia.ExprGraph
	dt tensor.Dtype
	in feeds
	by []*Node // parameters, in order
	r  *rand.Rand
}

func newUserGraph(t testing.TB, dt tensor.Dtype) *userGraph {
	return &userGraph{t: t, g: gorgonia.NewGraph(), dt: dt, in: feeds{}, r: rand.New(rand.NewPCG(5, 6))}
}

// node declares an input with values drawn by fill.
func (u *userGraph) node(fill kernelstest.Fill, shape ...int) *Node {
	name := gorgonia.WithName(fmt.Sprint("x", len(u.in)))
	var n *Node
	if len(shape) == 0 {
		n = gorgonia.NewScalar(u.g, u.dt, name)
	} else {
		n = gorgonia.NewTensor(u.g, u.dt, len(shape), gorgonia.WithShape(shape...), name)
	}
	a := kernels.NewArray(shape)
	fill(u.r, a.Data)
	u.in[n] = a
	u.by = append(u.by, n)
	return n
}

// column declares a vector of the shape [n 1], as Gorgonia allows.
func (u *userGraph) column(n int) *Node {
	v := gorgonia.NewVector(u.g, u.dt, gorgonia.WithShape(n, 1), gorgonia.WithName(fmt.Sprint("x", len(u.in))))
	u.in[v] = draw(u.r, n, 1)
	u.by = append(u.by, v)
	return v
}

func (u *userGraph) must(n *Node, err error) *Node {
	u.t.Helper()
	if err != nil {
		u.t.Fatal(err)
	}
	return n
}

// loss is the sum of y with random weights.
func (u *userGraph) loss(y *Node) *Node {
	if y.IsScalar() {
		return y
	}
	w := gorgonia.NewTensor(u.g, u.dt, y.Dims(), gorgonia.WithShape(y.Shape()...), gorgonia.WithName("weights"))
	u.in[w] = draw(u.r, y.Shape()...)
	return u.must(gorgonia.Sum(u.must(gorgonia.HadamardProd(w, y))))
}

// tolerance returns the bound for values of the graph's type.
func (u *userGraph) tolerance() float64 {
	if u.dt == tensor.Float32 {
		return 1e-5
	}
	return 1e-12
}

// check holds a program of the graph to TapeMachine over several runs and
// returns the program.
func (u *userGraph) check(outs ...*Node) *Program {
	u.t.Helper()
	t := u.t.(*testing.T)
	p, err := Compile(u.g, newCPU(t, 1), outs...)
	if err != nil {
		t.Fatal(err)
	}
	m := newTape(t, u.g, outs...)
	for run := range 3 {
		want := m.run(t, u.in)
		got := runProgram(t, p, u.in, outs...)
		for i := range got {
			if err := closeTo(got[i], want[i], u.tolerance()); err != nil {
				t.Errorf("run %d, output %d, %v: %v\n%v", run, i, outs[i], err, p)
			}
		}
		for _, a := range u.in { // the next run has other values
			for k := range a.Data {
				a.Data[k] *= 0.97
			}
		}
	}
	return p
}

// userOp is a graph of few operations whose every step has to be recognised.
type userOp struct {
	name  string
	build func(u *userGraph) *Node
	// noGrad says that Gorgonia has no gradient of it, or a wrong one.
	noGrad string
}

var (
	anything = kernelstest.Normal
	nonzero  = kernelstest.Away(0.1, 0)
	positive = kernelstest.Uniform(0.2, 3)
	ties     = kernelstest.Integers(3)
)

func userOps() []userOp {
	type pair = func(a, b *Node) (*Node, error)
	type single = func(a *Node) (*Node, error)
	var ops []userOp
	add := func(name string, build func(u *userGraph) *Node) { ops = append(ops, userOp{name: name, build: build}) }
	for name, f := range map[string]pair{
		"add": gorgonia.Add, "sub": gorgonia.Sub, "mul": gorgonia.HadamardProd, "div": gorgonia.HadamardDiv, "pow": gorgonia.Pow,
	} {
		for shapes, at := range map[string][2][]int{
			"tensors": {{3, 4}, {3, 4}}, "scalar right": {{3, 4}, {}}, "scalar left": {{}, {3, 4}}, "scalars": {{}, {}},
			"vectors": {{5}, {5}}, "one element": {{1}, {1}}, "images": {{2, 1, 3, 2}, {2, 1, 3, 2}},
		} {
			add(name+" "+shapes, func(u *userGraph) *Node { return u.must(f(u.node(positive, at[0]...), u.node(positive, at[1]...))) })
		}
	}
	for name, f := range map[string]func(a, b *Node, same bool) (*Node, error){
		"lt": gorgonia.Lt, "gt": gorgonia.Gt, "lte": gorgonia.Lte, "gte": gorgonia.Gte, "eq": gorgonia.Eq, "ne": gorgonia.Ne,
	} {
		for shapes, at := range map[string][2][]int{"tensors": {{4, 5}, {4, 5}}, "scalar": {{4, 5}, {}}, "scalars": {{}, {}}} {
			ops = append(ops, userOp{name: name + " " + shapes, noGrad: "a comparison", build: func(u *userGraph) *Node {
				return u.must(f(u.node(ties, at[0]...), u.node(ties, at[1]...), true))
			}})
		}
	}
	for name, f := range map[string]struct {
		f    single
		fill kernelstest.Fill
	}{
		"abs": {gorgonia.Abs, nonzero}, "exp": {gorgonia.Exp, anything}, "log": {gorgonia.Log, positive}, "log2": {gorgonia.Log2, positive},
		"neg": {gorgonia.Neg, anything}, "square": {gorgonia.Square, anything}, "sqrt": {gorgonia.Sqrt, positive},
		"inverse": {gorgonia.Inverse, nonzero}, "inverse sqrt": {gorgonia.InverseSqrt, positive}, "cube": {gorgonia.Cube, anything},
		"tanh": {gorgonia.Tanh, anything}, "sigmoid": {gorgonia.Sigmoid, anything}, "log1p": {gorgonia.Log1p, positive},
		"expm1": {gorgonia.Expm1, anything}, "softplus": {gorgonia.Softplus, anything}, "rectify": {gorgonia.Rectify, nonzero},
		"leaky relu": {func(a *Node) (*Node, error) { return gorgonia.LeakyRelu(a, 0.1) }, nonzero},
		"mish":       {gorgonia.Mish, anything},
	} {
		add(name, func(u *userGraph) *Node { return u.must(f.f(u.node(f.fill, 4, 5))) })
		add(name+" of a scalar", func(u *userGraph) *Node { return u.must(f.f(u.node(f.fill))) })
	}
	ops = append(ops, userOp{name: "sign", noGrad: "it is constant", build: func(u *userGraph) *Node { return u.must(gorgonia.Sign(u.node(anything, 4, 5))) }})
	add("min between", func(u *userGraph) *Node {
		return u.must(gorgonia.MinBetween(u.node(anything, 4, 5), u.node(anything, 4, 5)))
	})
	add("max between", func(u *userGraph) *Node {
		return u.must(gorgonia.MaxBetween(u.node(anything, 4, 5), u.node(anything, 4, 5)))
	})
	return append(append(ops, productOps()...), shapeOps()...)
}

func productOps() []userOp {
	var ops []userOp
	add := func(name string, f func(a, b *Node) (*Node, error), a, b []int) {
		ops = append(ops, userOp{name: name, build: func(u *userGraph) *Node { return u.must(f(u.node(anything, a...), u.node(anything, b...))) }})
	}
	add("matrices", gorgonia.Mul, []int{3, 4}, []int{4, 5})
	add("square matrices", gorgonia.Mul, []int{4, 4}, []int{4, 4})
	add("matrix and vector", gorgonia.Mul, []int{3, 4}, []int{4})
	add("square matrix and vector", gorgonia.Mul, []int{4, 4}, []int{4})
	add("vector and matrix", gorgonia.Mul, []int{3}, []int{3, 4})
	add("dot", gorgonia.Mul, []int{5}, []int{5})
	add("outer, of one length", gorgonia.OuterProd, []int{4}, []int{4})
	return append(ops, userOp{name: "outer", noGrad: "Gorgonia's own fails for two lengths", build: func(u *userGraph) *Node {
		return u.must(gorgonia.OuterProd(u.node(anything, 3), u.node(anything, 4)))
	}}, userOp{name: "matrix and column", build: func(u *userGraph) *Node {
		return u.must(gorgonia.Mul(u.node(anything, 3, 4), u.column(4)))
	}})
}

func shapeOps() []userOp {
	var ops []userOp
	add := func(name string, build func(u *userGraph) *Node) { ops = append(ops, userOp{name: name, build: build}) }
	for _, axes := range [][]int{{}, {0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2}} {
		add(fmt.Sprint("sum over ", axes), func(u *userGraph) *Node { return u.must(gorgonia.Sum(u.node(anything, 3, 4, 5), axes...)) })
		add(fmt.Sprint("mean over ", axes), func(u *userGraph) *Node { return u.must(gorgonia.Mean(u.node(anything, 3, 4, 5), axes...)) })
	}
	add("sum of a vector", func(u *userGraph) *Node { return u.must(gorgonia.Sum(u.node(anything, 7))) })
	add("norm", func(u *userGraph) *Node { return u.must(gorgonia.Norm(u.node(nonzero, 3, 4), 1, 2)) })
	for _, perm := range [][]int{{1, 0, 2}, {2, 0, 1}, {0, 2, 1}, {2, 1, 0}} {
		add(fmt.Sprint("transpose ", perm), func(u *userGraph) *Node { return u.must(gorgonia.Transpose(u.node(anything, 2, 3, 4), perm...)) })
	}
	add("transpose of a matrix", func(u *userGraph) *Node { return u.must(gorgonia.Transpose(u.node(anything, 3, 4))) })
	for _, to := range [][]int{{12}, {4, 3}, {2, 1, 6}, {-1, 2}} {
		add(fmt.Sprint("reshape to ", to), func(u *userGraph) *Node {
			return u.must(gorgonia.Reshape(u.node(anything, 3, 4), append([]int{}, to...)))
		})
	}
	add("size", func(u *userGraph) *Node {
		x := u.node(anything, 3, 4)
		return u.must(gorgonia.HadamardProd(x, u.must(gorgonia.SizeOf(1, x))))
	})
	add("concat", func(u *userGraph) *Node {
		return u.must(gorgonia.Concat(1, u.node(anything, 3, 2), u.node(anything, 3, 4), u.node(anything, 3, 3)))
	})
	for name, broadcast := range map[string]func(a, b *Node, left, right []byte) (*Node, error){
		"add": gorgonia.BroadcastAdd, "sub": gorgonia.BroadcastSub, "mul": gorgonia.BroadcastHadamardProd, "div": gorgonia.BroadcastHadamardDiv,
	} {
		add("broadcast rows, "+name, func(u *userGraph) *Node {
			return u.must(broadcast(u.node(positive, 3, 4), u.node(positive, 4), nil, []byte{0}))
		})
		add("broadcast columns, "+name, func(u *userGraph) *Node {
			return u.must(broadcast(u.node(positive, 3, 1), u.node(positive, 3, 4), []byte{1}, nil))
		})
		add("broadcast images, "+name, func(u *userGraph) *Node {
			return u.must(broadcast(u.node(positive, 2, 3, 2, 2), u.node(positive, 1, 3, 1, 1), nil, []byte{0, 2, 3}))
		})
	}
	slice := func(name string, shape []int, slices ...tensor.Slice) {
		add("slice "+name, func(u *userGraph) *Node { return u.must(gorgonia.Slice(u.node(anything, shape...), slices...)) })
	}
	slice("rows", []int{5, 4}, gorgonia.S(1, 4))
	slice("a row", []int{5, 4}, gorgonia.S(2))
	slice("columns", []int{5, 4}, nil, gorgonia.S(1, 3))
	slice("a column", []int{5, 4}, nil, gorgonia.S(3))
	slice("a row's columns", []int{5, 4}, gorgonia.S(1), gorgonia.S(1, 3))
	slice("an element", []int{5}, gorgonia.S(2))
	slice("elements", []int{5}, gorgonia.S(2, 4))
	return ops
}

// TestUserOps holds values and gradients of Gorgonia's own operations to
// TapeMachine, and finds each of them recognised.
func TestUserOps(t *testing.T) {
	for _, op := range userOps() {
		for _, dt := range []tensor.Dtype{tensor.Float64, tensor.Float32} {
			t.Run(fmt.Sprintf("%s/%v", op.name, dt), func(t *testing.T) {
				u := newUserGraph(t, dt)
				y := op.build(u)
				outs := []*Node{y}
				if op.noGrad == "" {
					by := append([]*Node{}, u.by...)
					grads, err := gorgonia.Grad(u.loss(y), by...)
					if err != nil {
						t.Fatal(err)
					}
					outs = append(outs, grads...)
				}
				if text := u.check(outs...).String(); strings.Contains(text, "gorgonia") {
					t.Errorf("not all is recognised:\n%s", text)
				}
			})
		}
	}
}
