package graph

import (
	"fmt"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"hourglass/kernels"
)

// A job is a training graph for a VM, with values bound to all its inputs.
type job struct {
	g      *gorgonia.ExprGraph
	loss   *Node
	params gorgonia.Nodes
	read   gorgonia.Value
}

// jobs build the same graph, with the same values, at each call.
var jobs = map[string]func(t *testing.T, dt kernels.DType) *job{
	"user MLP":     func(t *testing.T, dt kernels.DType) *job { return userJob(t, dt, userMLP) },
	"user convnet": func(t *testing.T, dt kernels.DType) *job { return userJob(t, dt, userConvNet) },
	"specs": func(t *testing.T, dt kernels.DType) *job {
		n := convNet(t, dt)
		return newJob(t, n.b.Graph(), n.loss, n.b.Trainable(), n.in)
	},
	"shared gradient": func(t *testing.T, dt kernels.DType) *job {
		return userJob(t, dt, func(u *userGraph) *Node { // both have the same node as gradient
			a, b := u.node(half, 3, 4), u.node(half, 3, 4)
			return u.must(gorgonia.Sum(u.must(gorgonia.Square(u.must(gorgonia.Add(a, b))))))
		})
	},
	"constant gradient": func(t *testing.T, dt kernels.DType) *job {
		return userJob(t, dt, func(u *userGraph) *Node { return u.must(gorgonia.Add(u.node(half), u.node(half))) })
	},
	"batchnorm": func(t *testing.T, dt kernels.DType) *job {
		return userJob(t, dt, func(u *userGraph) *Node {
			x := u.node(half, 4, 3, 5, 5)
			y, _, _, _, err := gorgonia.BatchNorm(x, u.node(half, 1, 3, 1, 1), u.node(half, 1, 3, 1, 1), 0.9, 1e-5)
			return u.must(gorgonia.Mean(u.must(gorgonia.Square(u.must(gorgonia.Sub(u.must(y, err), x))))))
		})
	},
}

func userJob(t *testing.T, dt kernels.DType, build func(u *userGraph) *Node) *job {
	u := newUserGraph(t, dtypeOf(dt))
	loss := build(u)
	if _, err := gorgonia.Grad(loss, u.by...); err != nil {
		t.Fatal(err)
	}
	return newJob(t, u.g, loss, u.by, u.in)
}

func newJob(t *testing.T, g *gorgonia.ExprGraph, loss *Node, params gorgonia.Nodes, in feeds) *job {
	j := &job{g: g, loss: loss, params: params}
	for n, a := range in {
		o, _ := operandOf(n)
		if err := gorgonia.Let(n, valueOf(a, o.DType)); err != nil {
			t.Fatal(err)
		}
	}
	gorgonia.Read(loss, &j.read)
	return j
}

func array(t *testing.T, v gorgonia.Value, err error) kernels.Array {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if v == nil {
		t.Fatal("there is no value")
	}
	a, err := arrayOf(v)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var solvers = map[string]func() gorgonia.Solver{
	"vanilla": func() gorgonia.Solver { return gorgonia.NewVanillaSolver(gorgonia.WithLearnRate(0.05)) },
	"adam":    func() gorgonia.Solver { return gorgonia.NewAdamSolver(gorgonia.WithLearnRate(0.01)) },
	"rmsprop": func() gorgonia.Solver { return gorgonia.NewRMSPropSolver(gorgonia.WithLearnRate(0.01)) },
}

// TestMachineTrains takes ten steps with Gorgonia's own solvers on a Machine and
// on TapeMachine, as a program of Gorgonia's is written.
func TestMachineTrains(t *testing.T) {
	for name, build := range jobs {
		for solver, newSolver := range solvers {
			for _, dt := range []kernels.DType{kernels.Float64, kernels.Float32} {
				t.Run(fmt.Sprintf("%s/%s/%v", name, solver, dt), func(t *testing.T) {
					ours, theirs := build(t, dt), build(t, dt)
					vm, err := NewMachine(ours.g, newCPU(t, 1))
					if err != nil {
						t.Fatal(err)
					}
					oracle := gorgonia.NewTapeMachine(theirs.g, gorgonia.BindDualValues(theirs.params...))
					train := func(j *job, vm gorgonia.VM) []float64 {
						var losses []float64
						s := newSolver()
						for range 10 {
							if err := vm.RunAll(); err != nil {
								t.Fatal(err)
							}
							losses = append(losses, array(t, j.loss.Value(), nil).Data[0])
							if read := array(t, j.read, nil).Data[0]; read != losses[len(losses)-1] {
								t.Errorf("Read gives %v, the loss is %v", read, losses[len(losses)-1])
							}
							if err := s.Step(gorgonia.NodesToValueGrads(j.params)); err != nil {
								t.Fatal(err)
							}
							vm.Reset()
						}
						if err := vm.Close(); err != nil {
							t.Fatal(err)
						}
						return losses
					}
					got, want := train(ours, vm), train(theirs, oracle)
					tol := map[kernels.DType]float64{kernels.Float64: 1e-9, kernels.Float32: 1e-4}[dt]
					shape := kernels.Shape{10}
					if err := closeTo(kernels.Array{Shape: shape, Data: got}, kernels.Array{Shape: shape, Data: want}, tol); err != nil {
						t.Errorf("losses: %v", err)
					}
					for i, p := range ours.params {
						if err := closeTo(array(t, p.Value(), nil), array(t, theirs.params[i].Value(), nil), tol); err != nil {
							t.Errorf("%s after ten steps: %v", p.Name(), err)
						}
					}
				})
			}
		}
	}
}

// TestMachineBindsValues holds every node's value, and every gradient, to those
// that TapeMachine computes.
func TestMachineBindsValues(t *testing.T) {
	for name, build := range jobs {
		t.Run(name, func(t *testing.T) {
			ours, theirs := build(t, kernels.Float64), build(t, kernels.Float64)
			vm, err := NewMachine(ours.g, newCPU(t, 1))
			if err != nil {
				t.Fatal(err)
			}
			oracle := gorgonia.NewTapeMachine(theirs.g, gorgonia.TraceExec())
			for _, vm := range []gorgonia.VM{vm, oracle} {
				if err := vm.RunAll(); err != nil {
					t.Fatal(err)
				}
			}
			compared := 0
			for i, n := range theirs.g.AllNodes() {
				own := ours.g.AllNodes()[i]
				if _, err := operandOf(n); err != nil {
					continue // a Read
				}
				if err := closeTo(array(t, own.Value(), nil), array(t, n.Value(), nil), 1e-12); err != nil {
					t.Errorf("%v: %v", own, err)
				}
				compared++
			}
			for i, p := range ours.params {
				grad, err := p.Grad()
				got := array(t, grad, err)
				grad, err = theirs.params[i].Grad()
				if err := closeTo(got, array(t, grad, err), 1e-12); err != nil {
					t.Errorf("gradient by %v: %v", p, err)
				}
			}
			if compared < 4 {
				t.Errorf("compared %d nodes", compared)
			}
		})
	}
}

// TestMachineErrors: nothing of a bad graph or a missing value is a panic.
func TestMachineErrors(t *testing.T) {
	dev := newCPU(t, 1)
	_, err := NewMachine(gorgonia.NewGraph(), dev)
	wantError(t, err, "the graph computes nothing")

	g := gorgonia.NewGraph()
	x := gorgonia.NewVector(g, gorgonia.Float32, gorgonia.WithShape(3), gorgonia.WithName("x"))
	gorgonia.NewVector(g, gorgonia.Float32, gorgonia.WithShape(3), gorgonia.WithName("unused"))
	y := must(t)(gorgonia.Exp(x))
	var read gorgonia.Value
	gorgonia.Read(y, &read)
	vm, err := NewMachine(g, dev)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, vm.RunAll(), "input x has no value: bind one with gorgonia.Let")
	if err := gorgonia.Let(x, tensor.New(tensor.WithBacking([]float32{0, 1, 2}))); err != nil {
		t.Fatal(err)
	}
	if err := vm.RunAll(); err != nil || read == nil || read.Data().([]float32)[0] != 1 {
		t.Errorf("exp of 0 is read as %v, %v", read, err)
	}
	if err := vm.Close(); err != nil {
		t.Fatal(err)
	}
	wantError(t, vm.RunAll(), "it is closed")

	set := gorgonia.NewGraph()
	a := gorgonia.NewScalar(set, gorgonia.Float32, gorgonia.WithName("a"))
	gorgonia.Set(a, must(t)(gorgonia.Exp(a)))
	_, err = NewMachine(set, dev)
	wantError(t, err, "gorgonia.Set is not taken")

	whole := gorgonia.NewGraph()
	k := gorgonia.NewVector(whole, tensor.Int, gorgonia.WithShape(3), gorgonia.WithName("k"))
	must(t)(gorgonia.Add(k, k))
	_, err = NewMachine(whole, dev)
	wantError(t, err, "want float32, float64, int32 or uint8")

	_, err = NewMachine(nil, dev)
	wantError(t, err, "graph: machine")
	_, err = NewMachine(g, nil)
	wantError(t, err, "graph: machine")
}
