package models

import (
	"fmt"
	"strings"

	"hourglass/graph"
	"hourglass/kernels"
)

// classifier is any model with a softmax layer on its code, which is what a
// config with Classes describes: with a = Encode(x) [N z] and K classes,
//
//	head  Dense K: logits l [N K], p(class k|x) = eˡᵏ/Σ eˡ
//
// It minimises −ln p of the labels' classes, mean over the batch. All of the
// encoder is trained with the head, which after greedy pretraining is the
// fine-tuning of Hinton and Salakhutdinov (2006) and Vincent et al., Stacked
// Denoising Autoencoders (2010, section 6.2); with HeadOnly the head alone is:
// a linear probe. Images are shown as they are, whatever Denoise says, and
// Sparsity and Contractive, which are of learning without labels, add nothing.
//
// Decoder and all else that the code does not depend on stay as they were, so
// that the model still decodes; but an encoder that has learned from labels has
// left what the decoder knows.
type classifier struct {
	Model
	config Config
}

// A Classifier is a Net that tells classes.
type Classifier interface {
	// Classify returns the probabilities of the classes [N K] of images x.
	Classify(x *graph.Node) *graph.Node
	// Error returns the share of images x whose likeliest class is not that of
	// p.Labels. By it, and not by the loss, validation tells which weights are the
	// best: a net that is sure of its few mistakes has a high cross-entropy.
	Error(x *graph.Node, p Phase) *graph.Node
}

// maxClasses is what fits the labels of a data set.
const maxClasses = 256

// checkClasses checks the options of classifiers.
func (c Config) checkClasses() error {
	switch {
	case c.Classes < 0 || c.Classes == 1 || c.Classes > maxClasses:
		return fmt.Errorf("classes %d: want 2 to %d, or 0 for no classifier", c.Classes, maxClasses)
	case c.HeadOnly && c.Classes == 0:
		return fmt.Errorf("head_only: an option of classifiers: set classes, or leave it out")
	}
	return nil
}

// Config returns the resolved configuration.
func (m classifier) Config() Config { return m.config }

// On declares the model's variables, those of its encoder trainable unless
// HeadOnly is set and all others fixed, and head.weight [z K] and head.bias [K].
func (m classifier) On(b *graph.Builder) Net {
	probe := graph.NewBuilder()
	image := m.config.Image
	code := probe.ShapeOf(m.Model.On(probe).Encode(probe.Input("x", 1, image[0], image[1], image[2])))
	if probe.Err() != nil {
		b.Fail("%w", probe.Err())
		return &classifierNet{}
	}
	n := &classifierNet{Net: m.Model.On(b), b: b, config: m.config}
	for _, p := range b.Params() {
		p.Fixed = p.Fixed || m.config.HeadOnly || !encodes(p.Name)
	}
	n.top = Part{"head", Dense{Units: m.config.Classes, Init: m.config.initializer()}, code[1:].Clone()}
	n.head, _ = declare(b, n.top.Name, n.top.Layer, n.top.In)
	return n
}

// encodes reports whether a code depends on the variable of that name.
func encodes(name string) bool {
	return strings.HasPrefix(name, "encoder.") || strings.HasPrefix(name, "mean.")
}

// classifierNet is a classifier on a builder.
type classifierNet struct {
	Net
	b      *graph.Builder
	config Config
	head   Apply
	top    Part // of which head is
}

// Classify returns the probabilities of the classes [N K] of images x.
func (n *classifierNet) Classify(x *graph.Node) *graph.Node {
	logits := n.logits(x, Phase{})
	return n.b.Fn(kernels.Exp, 0, n.b.Sub(logits, n.logSum(logits)))
}

// Restore is what the model does as a [Restorer].
func (n *classifierNet) Restore(x *graph.Node, p Phase) (corrupted, restored *graph.Node) {
	if r, ok := n.Net.(Restorer); ok {
		return r.Restore(x, p)
	}
	return x, n.Decode(n.Encode(x))
}

// logits returns the head's outputs [N K].
func (n *classifierNet) logits(x *graph.Node, p Phase) *graph.Node {
	if n.b.Err() != nil {
		return nil
	}
	if n.config.HeadOnly {
		return n.head(n.Encode(x), Phase{})
	}
	net := n.Net
	if c, ok := net.(composedNet); ok {
		net = c.Net
	}
	return n.head(net.(coder).code(x, p), p)
}

// logSum returns ln Σ eˡ of logits, [N 1].
func (n *classifierNet) logSum(logits *graph.Node) *graph.Node {
	sums := n.b.Apply(kernels.LogSumExp{Axes: kernels.AxesOf(1)}, logits)
	if n.b.Err() != nil {
		return nil
	}
	return n.b.Reshape(sums, n.b.ShapeOf(logits)[0], 1)
}

// Loss returns the cross-entropy of p.Labels.
func (n *classifierNet) Loss(x *graph.Node, p Phase) Loss {
	loss := CrossEntropy(n.b, n.logits(x, p), n.targets(p))
	return Loss{Total: loss, Terms: []Term{{"cross_entropy", loss}}}
}

// targets returns 1 at each label's class and 0 elsewhere, [N K].
func (n *classifierNet) targets(p Phase) *graph.Node {
	if n.b.Err() == nil && p.Labels == nil {
		return n.b.Fail("classifier: the phase has no labels: set Phase.Labels")
	}
	return n.b.Fn2(kernels.Equal, 0, p.Labels, ramp(n.b, n.config.Classes))
}

// Metrics returns cross_entropy and accuracy, and what the model reports of its
// reconstructions.
func (n *classifierNet) Metrics(x *graph.Node, p Phase) []Term {
	p.Training = false
	logits, targets := n.logits(x, p), n.targets(p)
	terms := []Term{
		{"cross_entropy", CrossEntropy(n.b, logits, targets)},
		{"accuracy", SumPerImage.reduce(n.b, n.hits(logits, targets))},
	}
	return append(terms, n.Net.Metrics(x, p)...)
}

// Error returns 1 − accuracy.
func (n *classifierNet) Error(x *graph.Node, p Phase) *graph.Node {
	p.Training = false
	logits, targets := n.logits(x, p), n.targets(p)
	return SumPerImage.reduce(n.b, n.b.Sub(targets, n.hits(logits, targets)))
}

// hits returns 1 at the class of each label that is its image's likeliest, and 0
// elsewhere, [N K].
func (n *classifierNet) hits(logits, targets *graph.Node) *graph.Node {
	return n.b.Mul(n.b.Apply(kernels.OneHotMax{}, logits), targets)
}
