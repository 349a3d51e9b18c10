package models

import (
	"hourglass/graph"
	"hourglass/kernels"
)

// autoencoder is a deterministic model on a builder. The decoder stops in front
// of the output's activation: what is left are logits, of which cross-entropies
// are computed without loss.
type autoencoder struct {
	b                *graph.Builder
	config           Config
	encoder, decoder Apply
	parts            []Part
}

// newAutoencoder declares the layers, and between them a dense layer that makes
// the code.
func newAutoencoder(b *graph.Builder, c Config, layers body) *autoencoder {
	code := Dense{Units: c.Latent, Init: c.initializer()}
	n := &autoencoder{b: b, config: c}
	n.encoder, _ = n.declare("encoder", append(layers.encoder, code, activation(c.CodeActivation)), c.shape())
	n.decoder, _ = n.declare("decoder", layers.decoder, kernels.Shape{c.Latent})
	c.checkWeights(b)
	return n
}

// Encode returns the codes [N z] of images [N H W C].
func (n *autoencoder) Encode(x *graph.Node) *graph.Node { return n.encode(x, Phase{}) }

// Decode returns the images [N H W C] of codes [N z].
func (n *autoencoder) Decode(z *graph.Node) *graph.Node {
	return n.output(checked(n.b, n.config.Name+": decode", kernels.Shape{n.config.Latent}, n.decoder)(z, Phase{}))
}

func (n *autoencoder) encode(x *graph.Node, p Phase) *graph.Node {
	return checked(n.b, n.config.Name, n.config.shape(), n.encoder)(p.input(x), p)
}

func (n *autoencoder) code(x *graph.Node, p Phase) *graph.Node { return n.encode(x, p) }

// output returns the reconstruction of what the decoder gives.
func (n *autoencoder) output(logits *graph.Node) *graph.Node {
	if n.config.Output == "sigmoid" {
		return n.b.Fn(kernels.Sigmoid, 0, logits)
	}
	return logits
}

// Loss returns the mean over all elements of the loss that the config names. A
// value that p.Missing leaves out counts 0.
func (n *autoencoder) Loss(x *graph.Node, p Phase) Loss {
	total := n.reconstructionLoss(n.decoder(n.encode(x, p), p), x, p)
	return Loss{Total: total, Terms: []Term{{n.config.Loss, total}}}
}

// reconstructionLoss returns the loss of what the decoder gives.
func (n *autoencoder) reconstructionLoss(got, x *graph.Node, p Phase) *graph.Node {
	fn, a := kernels.SquaredError, 0.0
	switch n.config.Loss {
	case "bce":
		fn = kernels.BCELogits
	case "l1":
		fn = kernels.AbsoluteError
	case "huber":
		fn, a = kernels.Huber, n.config.HuberDelta
	}
	if fn != kernels.BCELogits {
		got = n.output(got)
	}
	return compareWhere(n.b, MeanOverAll, fn, a, got, x, p.Missing)
}

// Metrics returns mse, mae and psnr, and bce where the output is a sigmoid.
func (n *autoencoder) Metrics(x *graph.Node, p Phase) []Term {
	logits := n.decoder(n.encode(x, p), p)
	terms := reconstructionTerms(n.b, n.output(logits), x)
	if n.config.Output == "sigmoid" {
		terms = append(terms, Term{"bce", BCE(n.b, SumPerImage, logits, x)})
	}
	return terms
}

// reconstructionTerms returns the metrics of reconstructions x̂ of images x.
func reconstructionTerms(b *graph.Builder, reconstruction, x *graph.Node) []Term {
	return []Term{
		{"mse", MSE(b, MeanOverAll, reconstruction, x)},
		{"mae", L1(b, MeanOverAll, reconstruction, x)},
		{"psnr", PSNR(b, reconstruction, x)},
	}
}
