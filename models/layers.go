// Package models holds the autoencoders, and the layers, losses and initial
// weights that they are made of.
//
// A model is chosen and sized by a Config. On declares its variables on a
// graph.Builder, and the Net that it returns writes graphs of the model:
//
//	c, err := models.Default("conv")
//	m, err := models.New(c)
//	b := graph.NewBuilder()
//	net := m.On(b)
//	loss := net.Loss(b.Input("x", 128, 28, 28, 1), models.Phase{Training: true})
//
// The names of the variables are those of the same model in PyTorch, the
// positions in a Sequential counted from 0: encoder.0.weight.
package models

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"hourglass/graph"
	"hourglass/kernels"
)

// A Layer is a piece of a network. On declares its variables, within the
// builder's scope, for inputs of shape in, which leaves out the axis of the
// batch. It returns the function that applies the layer and the shape of its
// output, again without the batch. An input that does not suit the layer is an
// error of the builder.
type Layer interface {
	On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape)
}

// Apply applies a layer to a batch x of shape [N, in …]. It may be called any
// number of times; all calls share the layer's variables.
type Apply func(x *graph.Node, p Phase) *graph.Node

// Phase tells layers what a graph is for. The zero value is evaluation without
// random numbers.
type Phase struct {
	// Training turns dropout on and lets batch normalisation use the batch's
	// own statistics and update the running ones.
	Training bool
	// Step is the counter int32[1] of training steps. Noise is a function of
	// Seed and Step, so the two must be fed to what draws some.
	Step *graph.Node
	Seed uint64

	// Input, if not nil, is what encoders are given in place of the images of a
	// loss: corrupted ones. The loss compares with the images themselves.
	Input *graph.Node
	// Missing, if not nil, is 1 where the loss of dense and conv counts a value,
	// and 0 elsewhere. It must broadcast to the images.
	Missing *graph.Node

	// Labels is the class of each image of the batch, 0, 1, …, as numbers [N 1].
	// Losses and metrics of classifiers want it.
	Labels *graph.Node

	// Samples is how many codes Metrics draws for each image to estimate ln p(x)
	// of a variational model; 0 leaves nll_is out.
	Samples int
}

// input returns what the encoder is given for images x.
func (p Phase) input(x *graph.Node) *graph.Node {
	if p.Input != nil {
		return p.Input
	}
	return x
}

// noise draws random numbers of the shape of like. The stream is told by name:
// the full name of a layer, or what else is unique in the model.
func (p Phase) noise(b *graph.Builder, d kernels.Noise, name string, like *graph.Node) *graph.Node {
	if b.Err() == nil && p.Step == nil {
		return b.Fail("%s: the phase has no step to draw random numbers by: set Phase.Step", name)
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	d.Seed, d.Stream = p.Seed, h.Sum32()
	return b.Apply(d, like, p.Step)
}

// Serial applies layers one after the other. Layer i declares its variables in
// the scope i, as torch.nn.Sequential names them.
type Serial []Layer

// On declares the variables of every layer.
func (s Serial) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	applies, shape := make([]Apply, len(s)), in
	for i, layer := range s {
		b.In(strconv.Itoa(i), func() { applies[i], shape = layer.On(b, shape) })
		if b.Err() != nil {
			return broken, nil
		}
	}
	return func(x *graph.Node, p Phase) *graph.Node {
		for _, apply := range applies {
			x = apply(x, p)
		}
		return x
	}, shape
}

// broken applies a layer that could not be declared: the builder has the error.
func broken(*graph.Node, Phase) *graph.Node { return nil }

// fail records an error behind the place in the network, "encoder.0: ".
func fail(b *graph.Builder, format string, args ...any) (Apply, kernels.Shape) {
	b.Fail("%s%w", place(b), fmt.Errorf(format, args...))
	return broken, nil
}

// place returns the builder's scope in front of an error, "encoder.0: ".
func place(b *graph.Builder) string {
	scope := strings.TrimSuffix(b.Scope(""), ".")
	if scope == "" {
		return ""
	}
	return scope + ": "
}

// checked returns f behind a check that its input has the declared shape.
func checked(b *graph.Builder, name string, in kernels.Shape, f Apply) Apply {
	where := place(b) + name
	return func(x *graph.Node, p Phase) *graph.Node {
		if b.Err() != nil {
			return nil
		}
		if shape := b.ShapeOf(x); len(shape) != len(in)+1 || !shape[1:].Equal(in) {
			return b.Fail("%s: input %v, want [N %s", where, shape, in.String()[1:])
		}
		return f(x, p)
	}
}

// batched returns the shape of a batch of one.
func batched(in kernels.Shape) kernels.Shape { return append(kernels.Shape{1}, in...) }

// ofSpec returns a layer without variables that applies one operation, whose
// own rule judges the input.
func ofSpec(b *graph.Builder, s kernels.Spec, in kernels.Shape) (Apply, kernels.Shape) {
	out, err := s.Infer(batched(in))
	if err != nil {
		return fail(b, "%w", err)
	}
	apply := func(x *graph.Node, _ Phase) *graph.Node { return b.Apply(s, x) }
	return checked(b, s.Name(), in, apply), out[1:]
}

// Activation applies a function of one number to each element.
type Activation struct {
	Fn kernels.Fn
	A  float64 // the function's constant
}

// The activations without a constant. GELU is the exact one, by erf.
var (
	Identity = Activation{Fn: kernels.Copy}
	ReLU     = Activation{Fn: kernels.ReLU}
	SiLU     = Activation{Fn: kernels.SiLU}
	GELU     = Activation{Fn: kernels.GELU}
	Sigmoid  = Activation{Fn: kernels.Sigmoid}
	Tanh     = Activation{Fn: kernels.Tanh}
	Softplus = Activation{Fn: kernels.Softplus}
)

// LeakyReLU returns x where x > 0, else slope·x. PyTorch's default slope is
// 0.01.
func LeakyReLU(slope float64) Activation { return Activation{kernels.LeakyReLU, slope} }

// ELU returns x where x > 0, else alpha·(eˣ−1). PyTorch's default alpha is 1.
func ELU(alpha float64) Activation { return Activation{kernels.ELU, alpha} }

// On declares nothing. Any shape suits.
func (a Activation) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	if a == Identity {
		return func(x *graph.Node, _ Phase) *graph.Node { return x }, in
	}
	if a.Fn.Arity() != 1 {
		return fail(b, "activation: %v is a function of %d numbers, want one of 1", a.Fn, a.Fn.Arity())
	}
	return ofSpec(b, kernels.Unary{Fn: a.Fn, A: a.A}, in)
}

// Dense is a fully connected layer: [K] → x·weight + bias [Units], with weight
// [K, Units] and bias [Units].
type Dense struct {
	Units  int
	NoBias bool
	Init   Initializer // nil means PyTorch
}

// On declares weight and bias.
func (l Dense) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	if len(in) != 1 {
		return fail(b, "dense: input %v has %d axes, want 1: put Flatten in front", in, len(in))
	}
	if l.Units < 1 {
		return fail(b, "dense: %d units, want at least 1", l.Units)
	}
	weight, addBias := weights(b, l.Init, !l.NoBias, fans{in: in[0], out: l.Units}, l.Units, in[0], l.Units)
	return checked(b, "dense", in, func(x *graph.Node, _ Phase) *graph.Node {
		return addBias(b.Apply(kernels.MatMul{}, x, weight))
	}), kernels.Shape{l.Units}
}

// weights declares a weight of the given shape and, if wanted, a bias of as
// many elements as there are channels, and returns what adds the bias.
func weights(b *graph.Builder, init Initializer, bias bool, f fans, channels int, shape ...int) (weight *graph.Node, add func(y *graph.Node) *graph.Node) {
	if init == nil {
		init = PyTorch
	}
	weightInit, biasInit := init(f.in, f.out)
	weight = b.Param("weight", weightInit, shape...)
	if !bias {
		return weight, func(y *graph.Node) *graph.Node { return y }
	}
	node := b.Param("bias", biasInit, channels)
	return weight, func(y *graph.Node) *graph.Node { return b.Add(y, node) }
}

// fans is the number of inputs that an output depends on, and the reverse, by
// the conventions of the initialisers.
type fans struct{ in, out int }

// Flatten makes one axis of all: [H W C] → [H·W·C], channels running fastest.
type Flatten struct{}

// On declares nothing. Any shape suits.
func (Flatten) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	return Reshape{To: kernels.Shape{in.Size()}}.On(b, in)
}

// Reshape gives the elements another shape, To, without the axis of the batch.
type Reshape struct{ To kernels.Shape }

// On declares nothing. The input must have as many elements as To.
func (l Reshape) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	if l.To.Size() != in.Size() {
		return fail(b, "reshape: input %v has %d elements, want %d for %v", in, in.Size(), l.To.Size(), l.To)
	}
	return checked(b, "reshape", in, func(x *graph.Node, _ Phase) *graph.Node {
		return b.Reshape(x, append(kernels.Shape{b.ShapeOf(x)[0]}, l.To...)...)
	}), l.To.Clone()
}

// Dropout sets each element to 0 with probability P while training, and scales
// the others by 1/(1−P) to keep the mean; otherwise it does nothing (Srivastava
// et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting,
// 2014). Its random numbers are a stream of its own, told by its scope.
type Dropout struct{ P float64 }

// On declares nothing. Any shape suits; P must be in [0, 1).
func (l Dropout) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	if !(l.P >= 0 && l.P < 1) {
		return fail(b, "dropout: probability %g, want at least 0 and less than 1", l.P)
	}
	name := b.Scope("dropout")
	return func(x *graph.Node, p Phase) *graph.Node {
		if !p.Training || l.P == 0 {
			return x
		}
		kept := p.noise(b, kernels.Noise{Dist: kernels.Bernoulli, P: 1 - l.P}, name, x)
		return b.Scale(1/(1-l.P), b.Mul(x, kept))
	}, in
}
