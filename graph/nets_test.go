package graph

import (
	"math/rand/v2"
	"testing"

	"hourglass/kernels"
)

// A net is a training graph for the tests: a loss, further outputs and the
// gradients of all parameters.
type net struct {
	b     *Builder
	loss  *Node
	outs  []*Node // loss, outputs, gradients
	grads []*Node
	in    feeds // values of the inputs and parameters
	r     *rand.Rand
}

func newNet(t kernels.DType) *net {
	return &net{b: NewBuilderOf(t), in: feeds{}, r: rand.New(rand.NewPCG(3, 4))}
}

// input declares an input with random values.
func (n *net) input(name string, shape ...int) *Node {
	x := n.b.Input(name, shape...)
	n.in[x] = draw(n.r, shape...)
	return x
}

// param declares a parameter with random values of the given size.
func (n *net) param(name string, size float64, shape ...int) *Node {
	x := n.b.Param(name, nil, shape...)
	a := draw(n.r, shape...)
	for i := range a.Data {
		a.Data[i] *= size
	}
	n.in[x] = a
	return x
}

// count declares an int32 input of one element.
func (n *net) count(name string, value float64) *Node {
	x := n.b.InputOf(kernels.Int32, name, 1)
	n.in[x] = kernels.Array{Shape: kernels.Shape{1}, Data: []float64{value}}
	return x
}

// dense is a layer x·w + bias.
func (n *net) dense(name string, x *Node, units int) *Node {
	k := n.b.ShapeOf(x)[1]
	w := n.param(name+".weight", 0.4, k, units)
	return n.b.Add(n.b.Apply(kernels.MatMul{}, x, w), n.param(name+".bias", 0.2, units))
}

// finish adds the gradients and checks the builder.
func (n *net) finish(t testing.TB, loss *Node, outs ...*Node) *net {
	t.Helper()
	n.loss = loss
	n.grads = n.b.Gradients(loss, n.b.Trainable()...)
	n.outs = append(append([]*Node{loss}, outs...), n.grads...)
	if err := n.b.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

// denseNet is a dense autoencoder with every activation.
func denseNet(t testing.TB, dt kernels.DType) *net {
	n := newNet(dt)
	b := n.b
	x := n.input("x", 7, 12)
	y := x
	for i, a := range []struct {
		fn kernels.Fn
		a  float64
	}{
		{kernels.ReLU, 0}, {kernels.LeakyReLU, 0.1}, {kernels.ELU, 1}, {kernels.SiLU, 0}, {kernels.GELU, 0},
		{kernels.Sigmoid, 0}, {kernels.Tanh, 0}, {kernels.Softplus, 0},
	} {
		y = b.Fn(a.fn, a.a, n.dense(string(rune('a'+i)), y, 9+i))
	}
	y = n.dense("out", y, 12)
	return n.finish(t, b.Mean(b.Fn2(kernels.SquaredError, 0, y, x)), y)
}

// convNet has every other kind of layer: strided and transposed convolutions,
// batch normalisation, both poolings and enlargements, skip connections, noise,
// dropout, a Gaussian code, three losses and a contractive penalty, which is a
// gradient inside the loss.
func convNet(t testing.TB, dt kernels.DType) *net {
	n := newNet(dt)
	b := n.b
	x, step := n.input("x", 3, 8, 8, 2), n.count("step", 5)
	noisy := b.Add(x, b.Scale(0.1, b.Apply(kernels.Noise{Seed: 1, Stream: 1}, x, step)))

	y := b.Apply(kernels.Conv2D{Stride: [2]int{2, 2}, Pad: kernels.Same}, noisy, n.param("down.weight", 0.3, 3, 3, 2, 6))
	y = b.Fn(kernels.ReLU, 0, b.Add(y, n.param("down.bias", 0.1, 6)))
	y = n.batchNorm("norm", y)
	pooled := b.Apply(kernels.MaxPool2D{Kernel: [2]int{2, 2}}, y)
	y = b.Apply(kernels.Concat{Axis: 3}, y, b.Apply(kernels.Upsample2D{Scale: [2]int{2, 2}, Mode: kernels.Bilinear}, pooled))
	kept := b.Apply(kernels.Noise{Dist: kernels.Bernoulli, P: 0.8, Seed: 1, Stream: 2}, y, step)
	y = b.Scale(1/0.8, b.Mul(y, kept))

	flat := b.Reshape(b.Apply(kernels.AvgPool2D{Kernel: [2]int{2, 2}}, y), 3, 2*2*12)
	mu, logVar := n.dense("mu", flat, 4), n.dense("logvar", flat, 4)
	z := b.Apply(kernels.Reparameterize{}, mu, logVar, b.Apply(kernels.Noise{Seed: 1, Stream: 3}, mu, step))

	y = b.Fn(kernels.LeakyReLU, 0.2, n.dense("up0", z, 4*4*6))
	y = b.Reshape(y, 3, 4, 4, 6)
	y = b.Apply(kernels.Conv2DInputGrad{Stride: [2]int{2, 2}, Pad: kernels.Same, H: 8, W: 8}, y, n.param("up1.weight", 0.3, 3, 3, 5, 6))
	y = b.Fn(kernels.Tanh, 0, b.Add(y, n.param("up1.bias", 0.1, 5)))
	y = b.Apply(kernels.Upsample2D{Scale: [2]int{1, 2}}, b.Apply(kernels.Slice{Axis: 2, From: 2, To: 6}, y))
	y = b.Apply(kernels.Pad{Axis: 3, Before: 1}, y)
	y = b.Apply(kernels.Conv2D{Pad: kernels.Explicit(1, 1, 1, 1)}, y, n.param("up2.weight", 0.3, 3, 3, 6, 2))

	target := b.Fn(kernels.Sigmoid, 0, x)
	loss := b.Mean(b.Fn2(kernels.BCELogits, 0, y, target))
	loss = b.Add(loss, b.Scale(0.3, b.Mean(b.Fn2(kernels.Huber, 0.5, y, b.Apply(kernels.Transpose{Perm: kernels.DimsOf(0, 2, 1, 3)}, x)))))
	loss = b.Add(loss, b.Scale(0.1, b.Mean(b.Sum(b.Apply(kernels.GaussianKL{}, mu, logVar), 1))))
	loss = b.Add(loss, b.Scale(0.05, n.contraction(x)))
	return n.finish(t, loss, y, z)
}

// batchNorm normalises the channels of x by the batch's statistics.
func (n *net) batchNorm(name string, x *Node) *Node {
	b := n.b
	c := b.ShapeOf(x)[3]
	stats := b.Apply(kernels.Moments{Axes: kernels.AxesOf(0, 1, 2)}, x)
	row := func(i int) *Node { return b.Reshape(b.Apply(kernels.Slice{Axis: 0, From: i, To: i + 1}, stats), c) }
	scale := b.Div(n.param(name+".weight", 1, c), b.Fn(kernels.Sqrt, 0, b.Offset(row(1), 1e-3)))
	return b.Add(b.Mul(b.Sub(x, row(0)), scale), n.param(name+".bias", 0.2, c))
}

// contraction is the mean squared gradient of a code's units by x.
func (n *net) contraction(x *Node) *Node {
	b := n.b
	code := b.Fn(kernels.Sigmoid, 0, n.dense("code", b.Reshape(x, 3, 128), 3))
	g := VJP(b, []*Node{code}, []*Node{n.input("probe", 3, 3)}, []*Node{x})
	return b.Mean(b.Fn(kernels.Square, 0, g[0]))
}
