package models

import (
	"fmt"

	"hourglass/graph"
	"hourglass/kernels"
)

// wae is the Wasserstein autoencoder with maximum mean discrepancy (Tolstikhin,
// Bousquet, Gelly and Schölkopf, Wasserstein Auto-Encoders, 2018, algorithm 2):
// the encoder and decoder of dense, conv or sequence with a code [N z] of any
// sign, which is drawn to the prior N(0, 1) as a whole, not image by image. It
// minimises
//
//	Σ (x̂−x)² of an image, mean over the batch, + Lambda·MMD(codes, prior)
//
// where the discrepancy of n codes zᵢ from n draws z̃ᵢ of the prior is
//
//	Σ_{i≠j} k(zᵢ, zⱼ)/(n(n−1)) + Σ_{i≠j} k(z̃ᵢ, z̃ⱼ)/(n(n−1)) − 2 Σ_{ij} k(zᵢ, z̃ⱼ)/n²
//
// with the inverse multiquadratic kernel k(a, b) = S/(S + ‖a−b‖²), S = 2z for
// codes of z units. It is an unbiased estimate, and so may be below 0. It is
// of pairs: of a batch of one it is 0.
//
// The paper has Lambda 10, but its authors' program multiplies the squared error
// by 0.05 and adds up seven kernels of different S. Default has the 200 that the
// first of the two comes to; with 10 the codes stay far from the prior.
type wae struct{ config Config }

// Config returns the resolved configuration.
func (m wae) Config() Config { return m.config }

// On declares the variables of dense, conv or sequence.
func (m wae) On(b *graph.Builder) Net {
	layers := m.config
	layers.CodeActivation = "identity"
	n := &wasserstein{*newAutoencoder(b, layers, m.config.body())}
	n.config = m.config
	return n
}

// checkWAE checks the options of the wae.
func (c Config) checkWAE() error {
	if c.Name == "wae" && (!(c.Lambda > 0) || c.Lambda > 1e9) {
		return fmt.Errorf("lambda %g: want above 0 and at most 1e9; 200 is the usual", c.Lambda)
	}
	return nil
}

// wasserstein is a wae on a builder.
type wasserstein struct{ autoencoder }

// Loss returns recon + Lambda·mmd and the two terms. The prior's codes are drawn
// by p.Step and p.Seed.
func (n *wasserstein) Loss(x *graph.Node, p Phase) Loss {
	z := n.encode(x, p)
	return n.loss(x, z, n.draw(z, p), p)
}

// draw returns codes of the prior.
func (n *wasserstein) draw(z *graph.Node, p Phase) *graph.Node {
	return p.noise(n.b, kernels.Noise{Dist: kernels.Normal}, "wae.prior", z)
}

// loss is Loss for the given codes of the prior.
func (n *wasserstein) loss(x, z, prior *graph.Node, p Phase) Loss {
	recon := MSE(n.b, SumPerImage, n.output(n.decoder(z, p)), x)
	mmd := MMD(n.b, z, prior)
	total := n.b.Add(recon, n.b.Scale(n.config.Lambda, mmd))
	return Loss{Total: total, Terms: []Term{{"recon", recon}, {"mmd", mmd}}}
}

// Metrics returns mse, mae and psnr, bce where the output is a sigmoid, and mmd
// of the batch, with codes of the prior drawn by p.Step and p.Seed.
func (n *wasserstein) Metrics(x *graph.Node, p Phase) []Term {
	z := n.encode(x, p)
	return append(n.autoencoder.Metrics(x, p), Term{"mmd", MMD(n.b, z, n.draw(z, p))})
}

// MMD is the maximum mean discrepancy of codes [n z] from as many of a prior, by
// the inverse multiquadratic kernel, as the doc comment of the wae has it; of one
// code it is 0.
func MMD(b *graph.Builder, codes, prior *graph.Node) *graph.Node {
	if c, p := b.ShapeOf(codes), b.ShapeOf(prior); b.Err() == nil && (len(c) != 2 || !c.Equal(p) || c[0] < 1) {
		return b.Fail("mmd: codes %v and prior %v, want two batches [n z] of one shape", c, p)
	}
	if b.Err() != nil {
		return nil
	}
	n, units := float64(b.ShapeOf(codes)[0]), float64(b.ShapeOf(codes)[1])
	if n == 1 {
		return b.Constant(0)
	}
	scale := 2 * units
	kernel := func(x, y *graph.Node) *graph.Node { // the sum over all pairs
		d := b.Offset(squaredDistances(b, x, y), scale)
		return b.Sum(b.Scale(scale, b.Fn(kernels.Reciprocal, 0, d)))
	}
	others := 1 / (n * (n - 1))
	within := func(x *graph.Node) *graph.Node { // every element has k = 1 with itself
		return b.Scale(others, b.Offset(kernel(x, x), -n))
	}
	return b.Sub(b.Add(within(codes), within(prior)), b.Scale(2/(n*n), kernel(codes, prior)))
}

// squaredDistances returns ‖xᵢ−yⱼ‖² [n m] of rows [n z] and [m z], as
// ‖x‖² + ‖y‖² − 2x·y, at least 0.
func squaredDistances(b *graph.Builder, x, y *graph.Node) *graph.Node {
	lengths := func(v *graph.Node) *graph.Node { return b.Sum(b.Fn(kernels.Square, 0, v), 1) }
	rows, columns := lengths(x), lengths(y)
	if b.Err() != nil {
		return nil
	}
	product := b.Scale(-2, b.Apply(kernels.MatMul{TransB: true}, x, y))
	sum := b.Add(b.Add(product, b.Reshape(rows, b.ShapeOf(rows)[0], 1)), columns)
	return b.Fn(kernels.ClampMin, 0, sum)
}
