package models

import (
	"hourglass/graph"
	"hourglass/kernels"
)

// vae is the variational autoencoder (Kingma and Welling, Auto-Encoding
// Variational Bayes, 2014). The encoder gives the distribution of the code, q =
// N(μ, diag σ²), the decoder that of the image, p(x|z); the prior of the code is
// N(0, 1).
//
//	encoder  that of dense or conv, up to the code
//	mean, logvar  Dense z each: μ and ln σ²
//	decoder  that of dense or conv
//
// By default of dense layers 784-400-20-400-784. It minimises
//
//	E_q[−ln p(x|z)] + Beta·KL(q‖N(0, 1))
//
// in nats for each image, mean over the batch, with one z = μ + σε drawn for
// each image. Beta other than 1 makes it a β-VAE (Higgins et al., 2017). p(x|z)
// is a Bernoulli distribution of each pixel, whose probability is the sigmoid of
// what the decoder gives, or a Gaussian of the standard deviation Sigma.
type vae struct{ config Config }

// Config returns the resolved configuration.
func (m vae) Config() Config { return m.config }

// On declares the variables of encoder and decoder as dense and conv do, and
// weight [features, z] and bias [z] of mean and logvar.
func (m vae) On(b *graph.Builder) Net {
	c := m.config
	layers := denseBody(c)
	if c.Network == "conv" {
		layers = convBody(c)
	}
	n := &variational{autoencoder: autoencoder{b: b, config: c}}
	var features kernels.Shape
	n.encoder, features = declare(b, "encoder", layers.encoder, c.shape())
	head := Dense{Units: c.Latent, Init: c.initializer()}
	n.mean, _ = declare(b, "mean", head, features)
	n.logvar, _ = declare(b, "logvar", head, features)
	n.decoder, _ = declare(b, "decoder", layers.decoder, kernels.Shape{c.Latent})
	c.checkWeights(b)
	return n
}

// variational is a vae on a builder. Of the embedded autoencoder it takes the
// decoder's side.
type variational struct {
	autoencoder
	mean, logvar Apply
}

// Encode returns the means [N z] of the codes of images [N H W C].
func (n *variational) Encode(x *graph.Node) *graph.Node {
	return n.mean(n.encode(x, Phase{}), Phase{})
}

// Loss returns recon + Beta·kl and the two terms, in nats for each image, mean
// over the batch: recon = −ln p(x|z) for one z drawn by p.Step and p.Seed.
func (n *variational) Loss(x *graph.Node, p Phase) Loss {
	mean, logvar := n.posterior(x, p)
	return n.loss(x, mean, logvar, n.draw(mean, p), p)
}

// posterior returns μ and ln σ² of the codes.
func (n *variational) posterior(x *graph.Node, p Phase) (mean, logvar *graph.Node) {
	features := n.encode(x, p)
	return n.mean(features, p), n.logvar(features, p)
}

// draw returns the noise ε of the codes.
func (n *variational) draw(mean *graph.Node, p Phase) *graph.Node {
	return p.noise(n.b, kernels.Noise{Dist: kernels.Normal}, "vae.noise", mean)
}

// loss is Loss for the given noise.
func (n *variational) loss(x, mean, logvar, noise *graph.Node, p Phase) Loss {
	z := n.b.Apply(kernels.Reparameterize{}, mean, logvar, noise)
	recon := n.negativeLogLikelihood(n.decoder(z, p), x)
	kl := KL(n.b, mean, logvar)
	weighted := kl
	if n.config.Beta != 1 {
		weighted = n.b.Scale(n.config.Beta, kl)
	}
	return Loss{Total: n.b.Add(recon, weighted), Terms: []Term{{"recon", recon}, {"kl", kl}}}
}

// negativeLogLikelihood returns −ln p(x|z) of what the decoder gives for z.
func (n *variational) negativeLogLikelihood(logits, x *graph.Node) *graph.Node {
	if n.config.Likelihood == "gaussian" {
		return GaussianNLL(n.b, n.config.Sigma, n.output(logits), x)
	}
	return BCE(n.b, SumPerImage, logits, x)
}

// Metrics returns mse, mae and psnr of the mean code, and bce (or nll of a
// Gaussian likelihood), kl and elbo of one code drawn by p.Step and p.Seed.
func (n *variational) Metrics(x *graph.Node, p Phase) []Term {
	mean, logvar := n.posterior(x, p)
	terms := reconstructionTerms(n.b, n.output(n.decoder(mean, p)), x)
	loss := n.loss(x, mean, logvar, n.draw(mean, p), p)
	recon, kl := loss.Terms[0].Node, loss.Terms[1].Node
	name := "bce"
	if n.config.Likelihood == "gaussian" {
		name = "nll"
	}
	elbo := n.b.Fn(kernels.Neg, 0, n.b.Add(recon, kl))
	return append(terms, Term{name, recon}, Term{"kl", kl}, Term{"elbo", elbo})
}
