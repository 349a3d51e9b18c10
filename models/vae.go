package models

import (
	"fmt"
	"math"

	"hourglass/graph"
	"hourglass/kernels"
)

// vae is the variational autoencoder (Kingma and Welling, Auto-Encoding
// Variational Bayes, 2014). The encoder gives the distribution of the code, q =
// N(μ, diag σ²), the decoder that of the image, p(x|z); the prior of the code is
// N(0, 1).
//
//	encoder  that of dense, conv or sequence, up to the code
//	mean, logvar  Dense z each: μ and ln σ²
//	decoder  that of dense, conv or sequence
//
// By default of dense layers 784-400-20-400-784. It minimises
//
//	E_q[−ln p(x|z)] + w·KL(q‖N(0, 1))
//
// in nats for each image, mean over the batch, with one z = μ + σε drawn for
// each image. The weight w is Beta; other than 1 it makes the model a β-VAE
// (Higgins et al., β-VAE, 2017). With KLWarmup = W, step t of training, counted
// from 0, has w = Beta·min(t/W, 1) (Bowman et al., Generating Sentences from a
// Continuous Space, 2016). With FreeBits = λ the divergence is
//
//	Σ_j max(λ, KL_j), KL_j the mean over the batch of unit j's divergence
//
// so that λ nats in each unit cost nothing more (Kingma et al., Improved
// Variational Inference with Inverse Autoregressive Flow, 2016, eq. 15 with a
// group for each unit).
//
// p(x|z) is a Bernoulli distribution of each pixel, whose probability is the
// sigmoid of what the decoder gives, or a Gaussian with the reconstruction as
// mean and one standard deviation for all pixels: Sigma, or with LearnSigma a
// variable that starts there (Rybkin et al., Simple and Effective VAE Training
// with Calibrated Decoders, 2021). Both have their constants, so that for w
// of at least 1 the negative loss is a lower bound of ln p(x), of a Bernoulli
// distribution where pixels are 0 or 1: of grey images its term is the usual
// loss, but no density.
type vae struct{ config Config }

// Config returns the resolved configuration.
func (m vae) Config() Config { return m.config }

// On declares the variables of encoder and decoder as dense and conv do, and
// weight [features, z] and bias [z] of mean and logvar; logsigma [1], the ln of
// the standard deviation, if that is learned.
func (m vae) On(b *graph.Builder) Net { return newVariational(b, m.config) }

// checkVAE checks the options of models that are variational, and the vae's.
func (c Config) checkVAE() error {
	if !c.isVariational() {
		return nil
	}
	if err := choose("likelihood", c.Likelihood, "bernoulli", "gaussian"); err != nil {
		return err
	}
	if c.Likelihood == "gaussian" && !(c.Sigma >= 1e-6 && c.Sigma <= 1e6) {
		return fmt.Errorf("sigma %g: want 1e-6 to 1e6", c.Sigma)
	}
	switch {
	case c.Name != "vae":
		return nil
	case !(c.Beta > 0) || c.Beta > 1e6:
		return fmt.Errorf("beta %g: want above 0 and at most 1e6; 1 is the usual", c.Beta)
	case c.KLWarmup < 0:
		return fmt.Errorf("kl_warmup %d: want a number of steps, 0 for none", c.KLWarmup)
	case !(c.FreeBits >= 0) || c.FreeBits > 1e6:
		return fmt.Errorf("free_bits %g: want 0 to 1e6 nats for each unit of the code", c.FreeBits)
	}
	return nil
}

// body returns the layers that Network names.
func (c Config) body() body {
	switch {
	case c.Name == "stacked":
		return stackedBody(c)
	case c.isConvolutional():
		return convBody(c)
	}
	return denseBody(c)
}

// variational is a vae on a builder. Of the embedded autoencoder it takes the
// decoder's side.
type variational struct {
	autoencoder
	mean, logvar Apply
	logSigma     *graph.Node // ln of the likelihood's σ [1], if that is learned
}

func newVariational(b *graph.Builder, c Config) *variational {
	layers := c.body()
	n := &variational{autoencoder: autoencoder{b: b, config: c}}
	var features kernels.Shape
	n.encoder, features = n.declare("encoder", layers.encoder, c.shape())
	head := Dense{Units: c.Latent, Init: c.initializer()}
	n.mean, _ = n.declare("mean", head, features)
	n.logvar, _ = n.declare("logvar", head, features)
	n.decoder, _ = n.declare("decoder", layers.decoder, kernels.Shape{c.Latent})
	if c.LearnSigma {
		n.logSigma = b.Param("logsigma", func(value []float32, _ uint64) { value[0] = float32(math.Log(c.Sigma)) }, 1)
	}
	c.checkWeights(b)
	return n
}

// Encode returns the means [N z] of the codes of images [N H W C].
func (n *variational) Encode(x *graph.Node) *graph.Node {
	return n.mean(n.encode(x, Phase{}), Phase{})
}

// Loss returns recon + w·kl and the two terms, in nats for each image, mean over
// the batch: recon = −ln p(x|z) for one z drawn by p.Step and p.Seed. kl is the
// divergence itself, also where FreeBits makes the loss count more. Outside
// training w is Beta.
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
	cost := n.weigh(n.divergence(mean, logvar, kl), p)
	return Loss{Total: n.b.Add(recon, cost), Terms: []Term{{"recon", recon}, {"kl", kl}}}
}

// divergence returns what the loss counts of the divergence kl.
func (n *variational) divergence(mean, logvar, kl *graph.Node) *graph.Node {
	if n.config.FreeBits == 0 {
		return kl
	}
	units := n.b.Mean(n.b.Apply(kernels.GaussianKL{}, mean, logvar), 0)
	return n.b.Sum(n.b.Fn(kernels.ClampMin, n.config.FreeBits, units))
}

// weigh returns w times the divergence.
func (n *variational) weigh(kl *graph.Node, p Phase) *graph.Node {
	if n.config.Beta != 1 {
		kl = n.b.Scale(n.config.Beta, kl)
	}
	if n.config.KLWarmup == 0 || !p.Training {
		return kl
	}
	if p.Step == nil {
		return n.b.Fail("vae: the phase has no step for kl_warmup: set Phase.Step")
	}
	t := n.b.Apply(kernels.Cast{To: n.b.DType()}, p.Step)
	ramp := n.b.Fn(kernels.ClampMax, 1, n.b.Scale(1/float64(n.config.KLWarmup), t))
	return n.b.Mul(kl, n.b.Reshape(ramp))
}

// negativeLogLikelihood returns −ln p(x|z) of what the decoder gives for z, mean
// over the batch.
func (n *variational) negativeLogLikelihood(logits, x *graph.Node) *graph.Node {
	switch {
	case n.config.Likelihood != "gaussian":
		return BCE(n.b, SumPerImage, logits, x)
	case n.logSigma == nil:
		return GaussianNLL(n.b, n.config.Sigma, n.output(logits), x)
	}
	return n.gaussian(MSE(n.b, SumPerImage, n.output(logits), x))
}

// gaussian returns Σ (x̂−x)²/(2σ²) + ½ln(2πσ²) of an image from Σ (x̂−x)².
func (n *variational) gaussian(squares *graph.Node) *graph.Node {
	pixels := float64(n.config.shape().Size())
	if n.logSigma == nil {
		s := n.config.Sigma
		return n.b.Offset(n.b.Scale(1/(2*s*s), squares), pixels*0.5*math.Log(2*math.Pi*s*s))
	}
	log := n.b.Reshape(n.logSigma)
	precision := n.b.Scale(0.5, n.b.Fn(kernels.Exp, 0, n.b.Scale(-2, log)))
	return n.b.Offset(n.b.Add(n.b.Mul(squares, precision), n.b.Scale(pixels, log)), pixels*0.5*math.Log(2*math.Pi))
}

// Metrics returns mse, mae and psnr of the mean code, and bce (or nll of a
// Gaussian likelihood), kl and elbo of one code drawn by p.Step and p.Seed; with
// p.Samples also nll_is.
func (n *variational) Metrics(x *graph.Node, p Phase) []Term {
	mean, logvar := n.posterior(x, p)
	terms := reconstructionTerms(n.b, n.output(n.decoder(mean, p)), x)
	recon := n.negativeLogLikelihood(n.decoder(n.b.Apply(kernels.Reparameterize{}, mean, logvar, n.draw(mean, p)), p), x)
	kl := KL(n.b, mean, logvar)
	elbo := n.b.Fn(kernels.Neg, 0, n.b.Add(recon, kl))
	terms = append(terms, Term{n.surpriseName(), recon}, Term{"kl", kl}, Term{"elbo", elbo})
	if p.Samples > 0 {
		terms = append(terms, Term{"nll_is", n.importanceSampled(x, mean, logvar, p)})
	}
	return terms
}

// surpriseName returns the metric that −ln p(x|z) is.
func (n *variational) surpriseName() string {
	if n.config.Likelihood == "gaussian" {
		return "nll"
	}
	return "bce"
}
