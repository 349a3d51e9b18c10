package main

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

const batch = 128

// net is the training step of seed-conv.
type net struct {
	vm      gorgonia.VM
	x       *gorgonia.Node
	batches []tensor.Tensor
	params  gorgonia.Nodes
	solver  gorgonia.Solver
	cost    gorgonia.Value
	done    int
}

// builder writes the graph. The first error sticks.
type builder struct {
	g      *gorgonia.ExprGraph
	a      *arrays
	params gorgonia.Nodes
	err    error
}

// newNet builds the graph and gives it our weights.
func newNet(a *arrays) (*net, error) {
	b := &builder{g: gorgonia.NewGraph(), a: a}
	n := &net{solver: gorgonia.NewAdamSolver(gorgonia.WithLearnRate(1e-3))}
	n.x = gorgonia.NewTensor(b.g, tensor.Float32, 4, gorgonia.WithShape(batch, 1, 28, 28), gorgonia.WithName("x"))

	h := b.relu(b.conv(n.x, "encoder.0", 2, true))
	h = b.relu(b.conv(h, "encoder.2", 2, true))
	h = b.dense(b.reshape(h, batch, 64*7*7), "encoder.5", false, true)
	h = b.relu(b.dense(h, "decoder.0", true, false))
	h = b.reshape(h, batch, 64, 7, 7)
	h = b.relu(b.conv(b.spread(h), "decoder.3", 1, false))
	h = b.relu(b.conv(b.spread(h), "decoder.5", 1, false))
	h = b.try(gorgonia.Sigmoid(b.conv(h, "decoder.7", 1, false)))
	if b.err != nil {
		return nil, b.err
	}
	cost := b.try(gorgonia.Mean(b.try(gorgonia.Square(b.try(gorgonia.Sub(h, n.x))))))
	if b.err != nil {
		return nil, b.err
	}
	gorgonia.Read(cost, &n.cost)
	if _, err := gorgonia.Grad(cost, b.params...); err != nil {
		return nil, err
	}
	n.params = b.params
	n.vm = gorgonia.NewTapeMachine(b.g, gorgonia.BindDualValues(b.params...))
	n.batches = a.batches()
	return n, nil
}

func (n *net) step() error {
	if err := gorgonia.Let(n.x, n.batches[n.done%len(n.batches)]); err != nil {
		return err
	}
	n.done++
	if err := n.vm.RunAll(); err != nil {
		return err
	}
	if err := n.solver.Step(gorgonia.NodesToValueGrads(n.params)); err != nil {
		return err
	}
	n.vm.Reset()
	return nil
}

func (n *net) loss() float64 { return float64(n.cost.Data().(float32)) }

// try keeps the first error and returns the node.
func (b *builder) try(n *gorgonia.Node, err error) *gorgonia.Node {
	if err != nil && b.err == nil {
		b.err = err
	}
	return n
}

// param declares a parameter with a value.
func (b *builder) param(name string, t *tensor.Dense) *gorgonia.Node {
	n := gorgonia.NewTensor(b.g, tensor.Float32, t.Dims(), gorgonia.WithShape(t.Shape()...), gorgonia.WithName(name), gorgonia.WithValue(t))
	b.params = append(b.params, n)
	return n
}

// conv is a convolution of 3×3 with padding 1, and bias. flipped tells that our
// filter is a convolution's, which images that are flipped want flipped too;
// that of a transposed convolution fits as it is, outputs before inputs.
func (b *builder) conv(x *gorgonia.Node, name string, stride int, flipped bool) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	filter, err := b.a.filter(name+".weight", flipped)
	if err != nil {
		return b.try(nil, err)
	}
	w := b.param(name+".weight", filter)
	y := b.try(gorgonia.Conv2d(x, w, tensor.Shape{3, 3}, []int{1, 1}, []int{stride, stride}, []int{1, 1}))
	if b.err != nil {
		return nil
	}
	bias, err := b.a.vector(name+".bias", 1, filter.Shape()[0], 1, 1)
	if err != nil {
		return b.try(nil, err)
	}
	return b.try(gorgonia.BroadcastAdd(y, b.param(name+".bias", bias), nil, []byte{0, 2, 3}))
}

// dense is a product and a bias. An image in front or behind is flipped, with
// channels first.
func (b *builder) dense(x *gorgonia.Node, name string, imageBehind, imageInFront bool) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	weight, bias, err := b.a.dense(name, imageInFront, imageBehind)
	if err != nil {
		return b.try(nil, err)
	}
	y := b.try(gorgonia.Mul(x, b.param(name+".weight", weight)))
	if b.err != nil {
		return nil
	}
	return b.try(gorgonia.BroadcastAdd(y, b.param(name+".bias", bias), nil, []byte{0}))
}

// spread puts zeros between the pixels: [N C H W] → [N C 2H 2W], with what was
// there at even places.
func (b *builder) spread(x *gorgonia.Node) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	y := b.try(gorgonia.Upsample2D(x, 2))
	if b.err != nil {
		return nil
	}
	shape := y.Shape().Clone()
	kept := make([]float32, shape.TotalSize())
	for i := range kept {
		if i%shape[3]%2 == 0 && i/shape[3]%2 == 0 {
			kept[i] = 1
		}
	}
	mask := gorgonia.NewTensor(b.g, tensor.Float32, 4, gorgonia.WithShape(shape...), gorgonia.WithName(fmt.Sprintf("mask%d", shape[3])),
		gorgonia.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(kept))))
	return b.try(gorgonia.HadamardProd(y, mask))
}

func (b *builder) relu(x *gorgonia.Node) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	return b.try(gorgonia.Rectify(x))
}

func (b *builder) reshape(x *gorgonia.Node, shape ...int) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	return b.try(gorgonia.Reshape(x, tensor.Shape(shape)))
}
