package models

import (
	"fmt"

	"hourglass/graph"
	"hourglass/kernels"
)

// composed is a model with what any model can be combined with: corrupted
// inputs, and penalties on its code. It minimises
//
//	loss of the reconstruction of the corrupted image from the clean one
//	+ weight·sparsity of the code + λ‖∂code/∂input‖²_F
//
// each term as far as the config asks for it.
type composed struct {
	Model
	parts parts
}

// parts is what a config adds to a model.
type parts struct {
	corruption  *corruption
	keepGiven   bool
	sparsity    *sparsity
	contractive float64
	estimate    bool // of the Jacobian
}

// parts reads the options of a config, and returns an error for the first that
// is wrong.
func (c Config) parts() (parts, error) {
	p := parts{keepGiven: c.KeepGiven, contractive: c.Contractive, estimate: c.Jacobian == "hutchinson"}
	if c.Denoise != "" {
		k, err := c.corruption()
		if err != nil {
			return p, err
		}
		p.corruption = &k
	}
	if c.Sparsity != "" {
		s, err := parseSparsity(c.Sparsity)
		if err != nil {
			return p, err
		}
		p.sparsity = &s
	}
	return p, p.check(c)
}

// corruption reads Denoise, of a stacked model the image's.
func (c Config) corruption() (k corruption, err error) {
	if c.Name == "stacked" {
		all, err := c.stageCorruptions()
		if err != nil {
			return k, err
		}
		return all[0], nil
	}
	if k, err = parseCorruption(c.Denoise); err == nil {
		err = k.check(c.Image)
	}
	return k, err
}

// check returns an error for parts that do not go together with the rest of the
// config.
func (p parts) check(c Config) error {
	switch {
	case p.keepGiven && (p.corruption == nil || !p.corruption.masks()):
		return fmt.Errorf("keep_given: want a denoise that masks (mask, square, half, pixels), got %q", c.Denoise)
	case p.keepGiven && c.Colorize:
		return fmt.Errorf("keep_given: the colours of a grey input are not given: leave it out with colorize")
	case c.Colorize && c.Image[2] != 3:
		return fmt.Errorf("colorize: the images have %d channel(s), want 3: grey images have no colours to learn; the built-in data set shapes has some", c.Image[2])
	case p.sparsity != nil && p.sparsity.kind == "kl" && c.CodeActivation != "sigmoid":
		return fmt.Errorf("sparsity kl: code_activation is %s, want sigmoid: the penalty is of units in (0, 1)", c.CodeActivation)
	case !(p.contractive >= 0 && p.contractive <= 1e6):
		return fmt.Errorf("contractive %g: want 0 to 1e6", p.contractive)
	case c.Name == "contractive" && p.contractive == 0:
		return fmt.Errorf("contractive 0: want above 0; 1e-3 is the usual")
	case p.contractive > 0 && c.Norm == "batch":
		return fmt.Errorf("contractive: norm batch mixes the images of a batch, so that none has a Jacobian of its own: want none or group")
	case p.contractive > 0 && !p.estimate && c.Latent > maxExactJacobian:
		return fmt.Errorf("contractive: latent %d takes as many backward passes a step, want at most %d or jacobian hutchinson", c.Latent, maxExactJacobian)
	}
	return nil
}

// compose puts the parts of a checked config on a model, if there are any.
func compose(m Model, c Config) (Model, error) {
	p, err := c.parts()
	if err != nil || p == (parts{}) {
		return m, err
	}
	return composed{m, p}, nil
}

// coder is a Net that tells the code of images x as the loss sees it.
type coder interface {
	code(x *graph.Node, p Phase) *graph.Node
}

// On declares what the model declares.
func (m composed) On(b *graph.Builder) Net {
	n := composedNet{Net: m.Model.On(b), b: b, parts: m.parts, direction: signs}
	if _, ok := n.Net.(coder); !ok && (m.parts.sparsity != nil || m.parts.contractive != 0) {
		b.Fail("%s: the model has no code that sparsity or contractive could penalise: leave them out", m.Config().Name)
	}
	return n
}

// composedNet is a composed model on a builder.
type composedNet struct {
	Net
	b     *graph.Builder
	parts parts
	// direction draws the vector of the Jacobian's estimate, of the shape of the
	// code.
	direction func(b *graph.Builder, p Phase, like *graph.Node) *graph.Node
}

// A Restorer is a Net that was trained to restore corrupted images.
type Restorer interface {
	// Restore corrupts images x by p.Step and p.Seed and returns the corrupted
	// images, and what the model makes of them.
	Restore(x *graph.Node, p Phase) (corrupted, restored *graph.Node)
}

// Restore is a Restorer's. Where pixels are missing and KeepGiven is set, those
// that are not are kept.
func (n composedNet) Restore(x *graph.Node, p Phase) (corrupted, restored *graph.Node) {
	if n.parts.corruption == nil {
		return x, n.Decode(n.Encode(x))
	}
	corrupted, missing := n.parts.corruption.apply(n.b, x, p)
	restored = n.Decode(n.Encode(corrupted))
	if n.parts.keepGiven {
		restored = n.b.Add(corrupted, n.b.Mul(missing, restored))
	}
	return corrupted, restored
}

// Loss returns the model's loss and the weighted penalties. The terms are the
// model's, and the penalties without their weights.
func (n composedNet) Loss(x *graph.Node, p Phase) Loss {
	if n.parts.corruption != nil && p.Input == nil {
		var missing *graph.Node
		p.Input, missing = n.parts.corruption.apply(n.b, x, p)
		if n.parts.keepGiven {
			p.Missing = missing
		}
	}
	loss := n.Net.Loss(x, p)
	add := func(name string, weight float64, penalty *graph.Node) {
		loss.Terms = append(loss.Terms, Term{name, penalty})
		loss.Total = n.b.Add(loss.Total, n.b.Scale(weight, penalty))
	}
	if n.b.Err() != nil {
		return loss
	}
	if s := n.parts.sparsity; s != nil {
		add("sparsity", s.weight, s.penalty(n.b, n.Net.(coder).code(x, p)))
	}
	if n.parts.contractive > 0 {
		add("contractive", n.parts.contractive, n.contraction(x, p))
	}
	return loss
}

// contraction returns the penalty on the Jacobian at what the encoder is given.
func (n composedNet) contraction(x *graph.Node, p Phase) *graph.Node {
	code, input := n.Net.(coder).code(x, p), p.input(x)
	if n.parts.estimate {
		return JacobianEstimate(n.b, code, n.direction(n.b, p, code), input)
	}
	return JacobianNorm(n.b, code, input)
}

// metricsSeed decides the corruption that metrics are measured by, so that all
// models meet the same.
const metricsSeed = 0x64656e6f697365

// Metrics returns the model's, those of clean images, and what the parts add.
func (n composedNet) Metrics(x *graph.Node, p Phase) []Term {
	terms := n.Net.Metrics(x, p)
	if n.parts.corruption != nil {
		fixed := p
		fixed.Seed = metricsSeed
		corrupted, restored := n.Restore(x, fixed)
		terms = append(terms,
			Term{"noisy_psnr", PSNR(n.b, corrupted, x)},
			Term{"denoise_mse", MSE(n.b, MeanOverAll, restored, x)},
			Term{"denoise_psnr", PSNR(n.b, restored, x)})
	}
	if n.b.Err() != nil {
		return terms
	}
	if n.parts.sparsity != nil {
		terms = append(terms, Term{"activation", n.b.Mean(n.b.Fn(kernels.Abs, 0, n.Net.(coder).code(x, p)))})
	}
	if n.parts.contractive > 0 {
		terms = append(terms, Term{"contractive", n.contraction(x, p)})
	}
	return terms
}

// code returns the mean of the code: what a penalty of a variational model's
// code is of.
func (n *variational) code(x *graph.Node, p Phase) *graph.Node {
	mean, _ := n.posterior(x, p)
	return mean
}
