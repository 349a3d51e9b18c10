package models

import (
	"fmt"
	"math"

	"hourglass/graph"
	"hourglass/kernels"
)

// iwae is the importance-weighted autoencoder (Burda, Grosse and Salakhutdinov,
// Importance Weighted Autoencoders, 2016): the layers, distributions and shapes
// of vae, trained on a tighter bound. With k = Samples codes z₁ … z_k drawn from
// q for each image it maximises
//
//	L_k = E[ln 1/k Σᵢ wᵢ], wᵢ = p(x|zᵢ)·p(zᵢ)/q(zᵢ|x)
//
// in nats, mean over the batch. L_1 is the ELBO, and L_k ≤ L_{k+1} ≤ ln p(x).
//
// The encoder's share of the gradient loses its signal among its noise as k
// grows. With Gradient dreg it is the doubly reparameterized one
// (Tucker, Lawson, Gu and Maddison, Doubly Reparameterized Gradient Estimators
// for Monte Carlo Objectives, 2019),
//
//	Σᵢ w̃ᵢ²·∂ln wᵢ/∂zᵢ·∂zᵢ/∂φ, w̃ᵢ = wᵢ/Σⱼwⱼ
//
// which has the same mean, q of wᵢ being held where it is, and less variance. The
// decoder's is as before. Batch norm in the decoder makes wᵢ depend on other codes
// too; what comes to zᵢ by them is weighted by w̃ᵢ as well, which is no longer
// exact.
type iwae struct{ config Config }

// Config returns the resolved configuration.
func (m iwae) Config() Config { return m.config }

// On declares the variables of vae.
func (m iwae) On(b *graph.Builder) Net { return &importance{*newVariational(b, m.config)} }

// maxSamples bounds Samples, and those of nll_is.
const maxSamples = 1 << 17

// checkIWAE checks the options of the iwae.
func (c Config) checkIWAE() error {
	if c.Name != "iwae" {
		return nil
	}
	if c.Samples < 1 || c.Samples > maxSamples {
		return fmt.Errorf("samples %d: want 1 to %d codes for each image; 5 and 50 are usual", c.Samples, maxSamples)
	}
	return choose("gradient", c.Gradient, "reparameterized", "dreg")
}

// importance is an iwae on a builder.
type importance struct{ variational }

// Loss returns −L_k for codes drawn by p.Step and p.Seed, and as its terms the
// two bounds of the same codes, mean over the batch: iwae_k, and elbo = L_1
// averaged over the codes.
func (n *importance) Loss(x *graph.Node, p Phase) Loss {
	mean, logvar := n.posterior(x, p)
	return n.loss(x, mean, logvar, n.drawMany(n.config.Samples, "iwae.noise", mean, p), p)
}

// loss is Loss for noise of shape [k N z].
func (n *importance) loss(x, mean, logvar, noise *graph.Node, p Phase) Loss {
	z := n.b.Apply(kernels.Reparameterize{}, mean, logvar, noise)
	if n.config.Gradient == "dreg" && p.Training {
		return n.doublyReparameterized(x, z, logvar, noise, p)
	}
	return n.bound(n.logWeights(x, z, logvar, noise, p))
}

// bound returns the loss of weights ln w [k N].
func (n *importance) bound(weights *graph.Node) Loss {
	bound := n.b.Mean(n.logMeanExp(weights))
	return Loss{
		Total: n.b.Fn(kernels.Neg, 0, bound),
		Terms: []Term{{"iwae_k", bound}, {"elbo", n.b.Mean(weights)}},
	}
}

// doublyReparameterized returns loss, of the codes z [k N z], with dreg's gradient.
// The bound is of codes that are constants, which leaves the decoder's share; the
// encoder's comes by z − z, of value 0, times what ∂/∂z is to be.
func (n *importance) doublyReparameterized(x, z, logvar, noise *graph.Node, p Phase) Loss {
	b := n.b
	detach := func(v *graph.Node) *graph.Node { return b.Fn(kernels.Detach, 0, v) }
	fixed, spread := detach(z), detach(logvar)
	weights := n.logWeights(x, fixed, spread, noise, p)
	loss := n.bound(weights)
	pulled := graph.VJP(b, []*graph.Node{loss.Total}, []*graph.Node{b.Constant(1)}, []*graph.Node{weights, fixed})
	if b.Err() != nil {
		return loss
	}
	shape := b.ShapeOf(weights)
	byWeight := b.Reshape(pulled[0], shape[0], shape[1], 1) // −w̃ᵢ/N
	// logWeights takes q's density by the noise, which does not see z. By z it is
	// −½(z−μ)²/σ², whose derivative is −ε/σ, and ln w has it subtracted.
	density := b.Mul(noise, b.Fn(kernels.Exp, 0, b.Scale(-0.5, spread)))
	byCode := b.Add(pulled[1], b.Mul(density, byWeight))
	cotangent := detach(b.Mul(byCode, b.Scale(-float64(shape[1]), byWeight)))
	loss.Total = b.Add(loss.Total, b.Sum(b.Mul(cotangent, b.Sub(z, fixed))))
	return loss
}

// Metrics returns mse, mae and psnr of the mean code, kl, and for k codes drawn
// by p.Step and p.Seed elbo and iwae_k; with p.Samples also nll_is.
func (n *importance) Metrics(x *graph.Node, p Phase) []Term {
	mean, logvar := n.posterior(x, p)
	terms := reconstructionTerms(n.b, n.output(n.decoder(mean, p)), x)
	terms = append(terms, Term{"kl", KL(n.b, mean, logvar)})
	noise := n.drawMany(n.config.Samples, "iwae.noise", mean, p)
	terms = append(terms, n.loss(x, mean, logvar, noise, p).Terms...)
	if p.Samples > 0 {
		terms = append(terms, Term{"nll_is", n.importanceSampled(x, mean, logvar, p)})
	}
	return terms
}

// drawMany returns noise [samples N z] for means [N z].
func (n *variational) drawMany(samples int, stream string, mean *graph.Node, p Phase) *graph.Node {
	like := n.b.Apply(kernels.Broadcast{To: kernels.DimsOf(append([]int{samples}, n.b.ShapeOf(mean)...)...)}, mean)
	return p.noise(n.b, kernels.Noise{Dist: kernels.Normal}, stream, like)
}

// logWeights returns ln w [samples N] for the codes z [samples N z] that noise
// made. The constants of the prior's and the posterior's density are the same and
// fall out, and so does the posterior's (z−μ)/σ, which is the noise.
func (n *variational) logWeights(x, z, logvar, noise *graph.Node, p Phase) *graph.Node {
	if n.b.Err() != nil {
		return nil
	}
	shape, image := n.b.ShapeOf(z), n.b.ShapeOf(x)
	logits := n.decoder(n.b.Reshape(z, shape[0]*shape[1], shape[2]), p)
	surprise := n.surprise(n.b.Reshape(logits, append([]int{shape[0]}, image...)...), x)
	square := func(v *graph.Node) *graph.Node { return n.b.Fn(kernels.Square, 0, v) }
	ratio := n.b.Sum(n.b.Sub(n.b.Add(square(noise), logvar), square(z)), 2)
	return n.b.Sub(n.b.Scale(0.5, ratio), surprise)
}

// surprise returns −ln p(x|z) [samples N] of what the decoder gives for several
// codes of each image, [samples N H W C].
func (n *variational) surprise(logits, x *graph.Node) *graph.Node {
	if n.config.Likelihood == "gaussian" {
		return n.gaussian(n.b.Sum(n.b.Fn2(kernels.SquaredError, 0, n.output(logits), x), 2, 3, 4))
	}
	return n.b.Sum(n.b.Fn2(kernels.BCELogits, 0, logits, x), 2, 3, 4)
}

// logMeanExp returns ln of the mean of e^v over the first axis of v [samples N].
func (n *variational) logMeanExp(v *graph.Node) *graph.Node {
	if n.b.Err() != nil {
		return nil
	}
	samples := float64(n.b.ShapeOf(v)[0])
	return n.b.Offset(n.b.Apply(kernels.LogSumExp{Axes: kernels.AxesOf(0)}, v), -math.Log(samples))
}

// sampledRows is about how many codes importanceSampled decodes at once: a
// batch's activations for all of some thousand samples would not fit in memory.
const sampledRows = 2048

// HasLikelihood reports whether the model gives a likelihood p(x), so that
// Metrics can estimate it.
func (c Config) HasLikelihood() bool { return c.isVariational() }

// importanceSampled returns the estimate of −ln p(x), mean over the batch, with
// p.Samples codes from q for each image: −L_k of the iwae, which is an upper
// bound on average (Burda et al., 2016, section 5.1; Rezende, Mohamed and
// Wierstra, Stochastic Backpropagation, 2014, appendix E). The codes are decoded
// in chunks, and of each chunk only ln Σ w is kept.
func (n *variational) importanceSampled(x, mean, logvar *graph.Node, p Phase) *graph.Node {
	if n.b.Err() != nil {
		return nil
	}
	if p.Samples > maxSamples {
		return n.b.Fail("nll_is: %d samples, want at most %d", p.Samples, maxSamples)
	}
	batch := n.b.ShapeOf(mean)[0]
	chunk := min(max(1, sampledRows/max(batch, 1)), p.Samples)
	var sums []*graph.Node
	for from := 0; from < p.Samples; from += chunk {
		noise := n.drawMany(min(chunk, p.Samples-from), fmt.Sprintf("nll_is.%d", from), mean, p)
		z := n.b.Apply(kernels.Reparameterize{}, mean, logvar, noise)
		weights := n.logWeights(x, z, logvar, noise, p)
		sums = append(sums, n.b.Reshape(n.b.Apply(kernels.LogSumExp{Axes: kernels.AxesOf(0)}, weights), 1, batch))
	}
	all := n.b.Apply(kernels.LogSumExp{Axes: kernels.AxesOf(0)}, n.b.Apply(kernels.Concat{Axis: 0}, sums...))
	return n.b.Offset(n.b.Fn(kernels.Neg, 0, n.b.Mean(all)), math.Log(float64(p.Samples)))
}
