package models

import (
	"fmt"

	"hourglass/graph"
	"hourglass/kernels"
)

// vqvae is the vector-quantised autoencoder (van den Oord, Vinyals and
// Kavukcuoglu, Neural Discrete Representation Learning, 2017). With D the
// Latent and K the Codebook:
//
//	encoder   (Conv2D, activation) for each of Blocks, Conv2D D of 1×1: z [h w D]
//	codebook  K codes e of D numbers; each place of z becomes the nearest, q
//	decoder   Conv2D with the last block's filters and kernel, activation, then
//	          that of conv: [h w D] → image
//
// all of "same" padding. A code as the model gives and takes it is q, [N h·w·D].
// It minimises
//
//	loss(x̂, x) + Commitment·mean (z − q)², q as a constant
//
// both means over all elements, with a linear output by default: behind a
// sigmoid, a codebook that says nothing yet ends in black images under the
// squared error. The gradient by q goes to z as it is (the
// straight-through estimator). The codes are moving averages (appendix A.1):
// with γ = CodebookDecay and over the nᵢ places of a batch that are nearest to
// code i,
//
//	Nᵢ ← γNᵢ + (1−γ)nᵢ,  eᵢ ← eᵢ + (1−γ)(Σz − nᵢeᵢ)/Nᵢ
//
// which is eᵢ = mᵢ/Nᵢ of the paper without its mᵢ. A code whose Nᵢ falls below
// Revive is dead: it moves to z at a place of the batch, drawn at random, with
// Nᵢ = 1 (Dhariwal et al., Jukebox, 2020, restart codes likewise). Counts start
// at 0, so that the first batch already moves most codes to where z is.
type vqvae struct{ config Config }

// Config returns the resolved configuration.
func (m vqvae) Config() Config { return m.config }

// checkVQVAE checks the options of the vqvae.
func (c Config) checkVQVAE() error {
	if c.Name != "vqvae" {
		return nil
	}
	switch {
	case c.Codebook < 1 || c.Codebook > maxUnits:
		return fmt.Errorf("codebook %d: want 1 to %d codes; 512 is the usual", c.Codebook, maxUnits)
	case !(c.Commitment >= 0) || c.Commitment > 1e6:
		return fmt.Errorf("commitment %g: want 0 to 1e6; 0.25 is the usual", c.Commitment)
	case !(c.CodebookDecay >= 0 && c.CodebookDecay < 1):
		return fmt.Errorf("codebook_decay %g: want at least 0 and less than 1; 0.99 is the usual", c.CodebookDecay)
	case !(c.Revive >= 0 && c.Revive < 1):
		return fmt.Errorf("revive %g: want at least 0, for never, and less than 1", c.Revive)
	}
	return nil
}

// quantized is a vqvae on a builder. Of the embedded autoencoder it takes the
// output's side.
type quantized struct {
	autoencoder
	grid            kernels.Shape // [h w D]
	codebook, count *graph.Node   // [K D] and N [K]
	recorded        *graph.Node   // the encoder's result that already moves the codes
}

// On declares the variables of the convolutions as conv does, and the fixed
// variables codebook.weight [K D] and codebook.count [K].
func (m vqvae) On(b *graph.Builder) Net {
	c := m.config
	down, sizes := c.downs()
	last := c.Blocks[len(c.Blocks)-1]
	init := c.initializer()
	n := &quantized{autoencoder: autoencoder{b: b, config: c}}
	n.encoder, n.grid = n.declare("encoder", append(down, Conv2D{Filters: c.Latent, Kernel: [2]int{1, 1}, Init: init}), c.shape())
	first := Conv2D{Filters: last.Filters, Kernel: c.window(last.Kernel), Pad: kernels.Same, Init: init}
	n.decoder, _ = n.declare("decoder", append(Serial{first, activation(c.Activation)}, c.ups(sizes)...), n.grid)
	b.In("codebook", func() {
		n.codebook = b.Variable("weight", Uniform(1/float64(c.Codebook)), c.Codebook, c.Latent)
		n.count = b.Variable("count", Zeros, c.Codebook)
	})
	c.checkWeights(b)
	return n
}

// Encode returns the codes [N h·w·D] of images [N H W C], place by place.
func (n *quantized) Encode(x *graph.Node) *graph.Node {
	q := n.quantize(n.encode(x, Phase{}))
	return n.b.Reshape(q.codes, n.rowsOf(x), n.grid.Size())
}

// code returns the codes [N h·w·D], with the gradient going to what was
// quantised.
func (n *quantized) code(x *graph.Node, p Phase) *graph.Node {
	q := n.quantize(n.encode(x, p))
	straight := n.b.Add(q.z, n.b.Fn(kernels.Detach, 0, n.b.Sub(q.codes, q.z)))
	return n.b.Reshape(straight, n.rowsOf(x), n.grid.Size())
}

// Decode returns the images [N H W C] of codes [N h·w·D], which need not be
// those of the codebook.
func (n *quantized) Decode(z *graph.Node) *graph.Node {
	apply := func(z *graph.Node, p Phase) *graph.Node {
		return n.decoder(n.b.Reshape(z, append([]int{n.rowsOf(z)}, n.grid...)...), p)
	}
	return n.output(checked(n.b, n.config.Name+": decode", kernels.Shape{n.grid.Size()}, apply)(z, Phase{}))
}

// rowsOf returns the size of a batch.
func (n *quantized) rowsOf(x *graph.Node) int {
	if n.b.Err() != nil {
		return 0
	}
	return n.b.ShapeOf(x)[0]
}

// quantization is what the codebook makes of z [N h w D], of M = N·h·w places.
type quantization struct {
	z      *graph.Node // [M D]
	choice *graph.Node // [M K]: 1 at the nearest code, else 0
	codes  *graph.Node // q [M D]
}

// quantize finds the nearest code of each place: the one of the largest
// 2z·e − ‖e‖², the first of several.
func (n *quantized) quantize(z *graph.Node) quantization {
	b := n.b
	if b.Err() != nil {
		return quantization{}
	}
	q := quantization{z: b.Reshape(z, b.ShapeOf(z).Size()/n.config.Latent, n.config.Latent)}
	product := b.Scale(2, b.Apply(kernels.MatMul{TransB: true}, q.z, n.codebook))
	near := b.Sub(product, b.Sum(b.Fn(kernels.Square, 0, n.codebook), 1))
	q.choice = b.Apply(kernels.OneHotMax{}, near)
	q.codes = b.Apply(kernels.MatMul{}, q.choice, n.codebook)
	return q
}

// through returns the logits of q, with the gradient by q going to z.
func (n *quantized) through(q quantization, z *graph.Node, p Phase) *graph.Node {
	b := n.b
	if b.Err() != nil {
		return nil
	}
	straight := b.Add(q.z, b.Fn(kernels.Detach, 0, b.Sub(q.codes, q.z)))
	return n.decoder(b.Reshape(straight, b.ShapeOf(z)...), p)
}

// Loss returns the reconstruction's loss plus Commitment times commitment, and
// the two terms. In training the codes move.
func (n *quantized) Loss(x *graph.Node, p Phase) Loss {
	z := n.encode(x, p)
	q := n.quantize(z)
	recon := n.reconstructionLoss(n.through(q, z, p), x, p)
	commitment := MSE(n.b, MeanOverAll, q.z, n.b.Fn(kernels.Detach, 0, q.codes))
	if p.Training {
		n.move(q, p)
	}
	total := n.b.Add(recon, n.b.Scale(n.config.Commitment, commitment))
	return Loss{Total: total, Terms: []Term{{n.config.Loss, recon}, {"commitment", commitment}}}
}

// move assigns the codes and their counts of the next step.
func (n *quantized) move(q quantization, p Phase) {
	b, c := n.b, n.config
	if b.Err() != nil || q.z == n.recorded {
		return
	}
	if n.recorded != nil {
		b.Fail("vqvae: applied to two inputs while training, want one: the codes would follow both")
		return
	}
	n.recorded = q.z
	column := func(v *graph.Node) *graph.Node { return b.Reshape(v, c.Codebook, 1) }
	used := b.Sum(q.choice, 0)
	count := b.Add(b.Scale(c.CodebookDecay, n.count), b.Scale(1-c.CodebookDecay, used))
	apart := b.Sub(b.Apply(kernels.MatMul{TransA: true}, q.choice, q.z), b.Mul(n.codebook, column(used)))
	// A code that is not in use does not move, however small its count.
	safe := b.Fn(kernels.ClampMin, 1e-6, count)
	codes := b.Add(n.codebook, b.Div(b.Scale(1-c.CodebookDecay, apart), column(safe)))
	if c.Revive > 0 {
		dead := b.Fn(kernels.Step, 0, b.Offset(b.Fn(kernels.Neg, 0, count), c.Revive))
		alive := complement(b, dead)
		codes = b.Add(b.Mul(column(alive), codes), b.Mul(column(dead), n.drawn(q.z, p)))
		count = b.Add(b.Mul(alive, count), dead)
	}
	b.Assign(n.codebook, codes)
	b.Assign(n.count, count)
}

// drawn returns K rows [K D] of z [M D], drawn by p.Step and p.Seed.
func (n *quantized) drawn(z *graph.Node, p Phase) *graph.Node {
	b := n.b
	u := p.noise(b, kernels.Noise{Dist: kernels.Uniform}, "vqvae.revive", n.count)
	// The factor keeps a number just below 1 from being rounded to the bound.
	places := float64(b.ShapeOf(z).Size()/n.config.Latent) * (1 - 1.0/(1<<20))
	return b.Apply(kernels.Gather{}, z, b.Apply(kernels.Cast{To: kernels.Int32}, b.Scale(places, u)))
}

// Metrics returns mse, mae and psnr of the quantised code, bce where the output
// is a sigmoid, commitment, and perplexity: e to the entropy of the batch's use
// of the codes, from 1 for one code to K for all alike. It is of the batch as a
// whole, and grows with it.
func (n *quantized) Metrics(x *graph.Node, p Phase) []Term {
	z := n.encode(x, p)
	q := n.quantize(z)
	logits := n.through(q, z, p)
	terms := reconstructionTerms(n.b, n.output(logits), x)
	if n.config.Output == "sigmoid" {
		terms = append(terms, Term{"bce", BCE(n.b, SumPerImage, logits, x)})
	}
	share := n.b.Mean(q.choice, 0)
	entropy := n.b.Mul(share, n.b.Fn(kernels.Log, 0, n.b.Fn(kernels.ClampMin, 1e-10, share)))
	return append(terms,
		Term{"commitment", MSE(n.b, MeanOverAll, q.z, q.codes)},
		Term{"perplexity", n.b.Fn(kernels.Exp, 0, n.b.Fn(kernels.Neg, 0, n.b.Sum(entropy)))})
}
