package graph

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hourglass/kernels"
	"hourglass/kernels/cpu"
)

var update = flag.Bool("update", false, "write the golden plans of testdata anew")

// planner is the CPU without the kernels' scratch memory, whose size depends on
// the processor.
type planner struct{ *cpu.Device }

func (d planner) Prepare(s kernels.Spec, out kernels.Operand, in ...kernels.Operand) (kernels.Launch, error) {
	launch, err := d.Device.Prepare(s, out, in...)
	launch.Workspace = 0
	return launch, err
}

// TestPlans holds the programs of two training graphs to golden files, so that a
// change of plan shows: go test ./graph -run Plans -update writes them anew.
func TestPlans(t *testing.T) {
	for name, build := range map[string]func(*net) *Node{"dense": dense784, "conv": conv28} {
		n := newNet(kernels.Float32)
		n.finish(t, build(n))
		dev := planner{newCPU(t, 2)}
		adam := kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
		vars, err := NewVariables(dev, n.b.Params(), VariableOptions{Rows: adam.StateRows(), Average: true})
		if err != nil {
			t.Fatal(err)
		}
		images := kernels.Operand{DType: kernels.Uint8, Shape: kernels.Shape{1000, 28, 28, 1}}
		if err := vars.Put("images", images, make([]byte, images.Bytes())); err != nil {
			t.Fatal(err)
		}
		p, err := CompileWith(n.b.Graph(), dev, Options{Variables: vars, Update: &Update{
			Params: n.b.Trainable(), Grads: n.grads, Optimizer: adam, ClipNorm: 1, AverageDecay: 0.999,
			LearningRate: n.b.Input("rate", 1), Step: n.b.InputOf(kernels.Int32, "step", 1),
		}}, n.loss)
		if err != nil {
			t.Fatal(err)
		}
		file := "testdata/" + name + ".plan"
		if *update {
			if err := os.WriteFile(file, []byte(p.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), p.String()); diff != "" {
			t.Errorf("the plan of %s has changed (-want +got), see TestPlans:\n%s", name, diff)
		}
	}
}

// batch cuts a batch of 128 from a data set.
func (n *net) batch() *Node {
	images, index := n.b.InputOf(kernels.Uint8, "images", 1000, 28, 28, 1), n.b.InputOf(kernels.Int32, "index", 128)
	return n.b.Apply(kernels.Gather{Scale: 1.0 / 255}, images, index)
}

// dense784 is the dense autoencoder 784-128-32-128-784.
func dense784(n *net) *Node {
	b := n.b
	x := b.Reshape(n.batch(), 128, 784)
	y := b.Fn(kernels.ReLU, 0, n.dense("encoder.0", x, 128))
	y = b.Fn(kernels.ReLU, 0, n.dense("encoder.1", y, 32))
	y = b.Fn(kernels.ReLU, 0, n.dense("decoder.0", y, 128))
	y = b.Fn(kernels.Sigmoid, 0, n.dense("decoder.1", y, 784))
	return b.Mean(b.Fn2(kernels.SquaredError, 0, y, x))
}

// conv28 is a convolutional autoencoder for images of 28×28 with a code of 16.
func conv28(n *net) *Node {
	b := n.b
	bias := func(name string, y *Node, fn kernels.Fn) *Node {
		channels := b.ShapeOf(y)[3]
		return b.Fn(fn, 0, b.Add(y, n.param(name+".bias", 0.1, channels)))
	}
	two := [2]int{2, 2}
	down := func(name string, x *Node, filters int) *Node {
		w := n.param(name+".weight", 0.1, 3, 3, b.ShapeOf(x)[3], filters)
		return bias(name, b.Apply(kernels.Conv2D{Stride: two, Pad: kernels.Same}, x, w), kernels.ReLU)
	}
	up := func(name string, x *Node, filters, stride int, fn kernels.Fn) *Node {
		shape := b.ShapeOf(x)
		w := n.param(name+".weight", 0.1, 3, 3, filters, shape[3])
		s := kernels.Conv2DInputGrad{Stride: [2]int{stride, stride}, Pad: kernels.Same, H: stride * shape[1], W: stride * shape[2]}
		return bias(name, b.Apply(s, x, w), fn)
	}
	x := n.batch()
	y := down("encoder.1", down("encoder.0", x, 32), 64)
	z := n.dense("encoder.2", b.Reshape(y, 128, 7*7*64), 16)
	y = b.Reshape(b.Fn(kernels.ReLU, 0, n.dense("decoder.0", z, 7*7*64)), 128, 7, 7, 64)
	y = up("decoder.2", up("decoder.1", y, 64, 2, kernels.ReLU), 32, 2, kernels.ReLU)
	y = up("decoder.3", y, 1, 1, kernels.Sigmoid)
	return b.Mean(b.Fn2(kernels.SquaredError, 0, y, x))
}
