package models

import (
	"fmt"
	"strings"

	"hourglass/graph"
	"hourglass/kernels"
)

// A Model is an autoencoder, sized and ready to be put on graphs.
type Model interface {
	// Config returns the name and every option, defaults filled in: enough to
	// build the model again.
	Config() Config
	// On declares the model's variables on b, once for each builder. What is
	// wrong with the sizes is an error of b.
	On(b *graph.Builder) Net
}

// A Net is a model on a builder. Images are [N H W C] with values in [0, 1],
// codes [N z].
type Net interface {
	// Encode returns the codes of images x: of a variational model the mean of
	// the distribution of the code.
	Encode(x *graph.Node) *graph.Node
	// Decode returns the images of codes z, in the data's range.
	Decode(z *graph.Node) *graph.Node
	// Loss returns what training minimises.
	Loss(x *graph.Node, p Phase) Loss
	// Metrics returns what evaluation reports of images x: the mean over the
	// batch of a number for each image. The names tell the same of every model:
	//
	//	mse   squared error of the reconstruction, mean over pixels and channels
	//	mae   absolute error of the reconstruction, likewise
	//	psnr  peak signal-to-noise ratio of the reconstruction in decibels
	//	bce   cross-entropy of the reconstruction, sum over an image, in nats
	//	nll   −ln p(x|z) of a Gaussian likelihood, sum over an image, in nats
	//	kl    divergence of the code's distribution from its prior, in nats
	//	elbo  the evidence lower bound −(bce or nll) − kl, in nats
	//	iwae_k      the importance-weighted bound of as many codes as the iwae draws
	//	nll_is      −ln p(x), estimated by p.Samples codes from the encoder
	//	mmd         discrepancy of the batch's codes from the prior, 0 of one code
	//	commitment  squared distance of the encoder's result from the codebook
	//	perplexity  number of codes that a batch uses, by the entropy of their use
	//	noisy_psnr    of images corrupted by Denoise themselves, in decibels
	//	denoise_mse   squared error of what a denoising model restores of them
	//	denoise_psnr  its peak signal-to-noise ratio in decibels
	//	activation    of a sparse model: mean of |a| over the units of the code
	//	contractive   ‖∂code/∂image‖²_F, or its estimate
	//	cross_entropy of a classifier: −ln p(label|image), in nats
	//	accuracy      of a classifier: the share of images whose label is the likeliest
	//
	// The corruption is a function of p.Step alone, so that all models meet the
	// same.
	//
	// bce and nll of a variational model are those of one code drawn from its
	// distribution, so that elbo is an unbiased estimate; mse, mae and psnr are
	// those of the mean code.
	Metrics(x *graph.Node, p Phase) []Term
}

// Loss is a scalar to minimise, and the named terms that it is made of.
type Loss struct {
	Total *graph.Node
	Terms []Term
}

// Term is a named scalar.
type Term struct {
	Name string
	Node *graph.Node
}

// Config chooses and sizes a model. Zero or the empty word means the default of
// an option whose comment names one. Start from Default for the others: it sets
// those whose zero is an error (as of Latent, Beta, Samples, Codebook and
// Lambda) or tells something else.
// An option that the chosen model lacks must be left out.
type Config struct {
	Name   string `toml:"name" json:"name"`     // one of Names
	Image  [3]int `toml:"image" json:"image"`   // height, width, channels; default 28 28 1
	Latent int    `toml:"latent" json:"latent"` // units of the code

	// Network is what vae, iwae and wae are made of: dense (the default), conv,
	// or sequence for convolutions of one dimension. Most presets take one too.
	Network string `toml:"network,omitempty" json:"network,omitempty"`
	// Hidden is the widths of the dense layers between image and code, mirrored
	// in the decoder: by default [128], in the vae [400]. An empty list that is
	// not nil makes image and code neighbours.
	Hidden []int `toml:"hidden" json:"hidden"`
	// Blocks is the convolutions between image and code, mirrored in the
	// decoder: by default 32 and 64 filters of 3×3 with stride 2.
	Blocks []Block `toml:"blocks,omitempty" json:"blocks,omitempty"`
	// Downsample tells how blocks shrink the image: stride (the default), or
	// max or average pooling behind a convolution of stride 1.
	Downsample string `toml:"downsample,omitempty" json:"downsample,omitempty"`
	// Upsample tells how the decoder enlarges it: transpose (the default) for
	// transposed convolutions, or nearest or bilinear interpolation in front of
	// a convolution of stride 1.
	Upsample string `toml:"upsample,omitempty" json:"upsample,omitempty"`

	// Activation is the one of hidden layers: relu (the default), leaky_relu,
	// elu, silu, gelu, sigmoid, tanh, softplus or identity.
	Activation string `toml:"activation,omitempty" json:"activation,omitempty"`
	// CodeActivation is the one of the code: by default relu in the dense model
	// and identity in conv.
	CodeActivation string `toml:"code_activation,omitempty" json:"code_activation,omitempty"`
	// Output is the one of the reconstruction: sigmoid (the default) or identity
	// (that of the vqvae, unless its loss is bce).
	Output string `toml:"output,omitempty" json:"output,omitempty"`
	// Norm is the normalisation between hidden layers and their activation:
	// none (the default), batch or group. The layer that makes the first feature
	// maps of a code has none.
	Norm string `toml:"norm,omitempty" json:"norm,omitempty"`
	// Groups is how many groups of channels norm group makes at most, by default
	// 8: a layer has the largest number up to it that divides its channels. 1 is
	// layer normalisation.
	Groups int `toml:"groups,omitempty" json:"groups,omitempty"`
	// Dropout is the probability of dropping a unit of such a layer while
	// training.
	Dropout float64 `toml:"dropout,omitempty" json:"dropout,omitempty"`
	// Init is where weights start: keras (the default: Glorot-uniform weights,
	// zero biases) or pytorch (Kaiming-uniform weights and uniform biases).
	// With PyTorch's, the reference conv net under MSE spends hundreds of steps
	// on black images for every other seed, in PyTorch too.
	Init string `toml:"init,omitempty" json:"init,omitempty"`

	// Loss is what dense and conv minimise, the mean over all elements: mse (the
	// default), l1, huber or bce (which wants a sigmoid output).
	Loss string `toml:"loss,omitempty" json:"loss,omitempty"`
	// HuberDelta is the error up to which huber is half the square, default 1 as
	// in PyTorch. No error of images and reconstructions in [0, 1] is larger: to
	// have large errors count less there takes a smaller one, such as 0.1.
	HuberDelta float64 `toml:"huber_delta,omitempty" json:"huber_delta,omitempty"`
	// Likelihood is p(x|z) of the vae: bernoulli (the default, which wants a
	// sigmoid output) or gaussian.
	Likelihood string `toml:"likelihood,omitempty" json:"likelihood,omitempty"`
	// Sigma is the standard deviation of the gaussian likelihood, default 0.1.
	Sigma float64 `toml:"sigma,omitempty" json:"sigma,omitempty"`
	// LearnSigma makes Sigma a start, from which one σ for all pixels is learned.
	LearnSigma bool `toml:"learn_sigma,omitempty" json:"learn_sigma,omitempty"`
	// Beta weighs the divergence in the vae's loss; 1 makes it the ELBO.
	Beta float64 `toml:"beta,omitempty" json:"beta,omitempty"`
	// KLWarmup is the number of steps over which Beta rises from 0, in a line.
	KLWarmup int `toml:"kl_warmup,omitempty" json:"kl_warmup,omitempty"`
	// FreeBits is the divergence in nats that each unit of the vae's code has
	// free of cost.
	FreeBits float64 `toml:"free_bits,omitempty" json:"free_bits,omitempty"`
	// Samples is how many codes the iwae draws for each image: k of its bound.
	Samples int `toml:"samples,omitempty" json:"samples,omitempty"`
	// Gradient tells how the iwae's encoder is given the gradient of the
	// bound: reparameterized (the default), as it is, or dreg, doubly
	// reparameterized, of less variance.
	Gradient string `toml:"gradient,omitempty" json:"gradient,omitempty"`

	// Codebook is the number of codes of the vqvae. Latent is the numbers in
	// each.
	Codebook int `toml:"codebook,omitempty" json:"codebook,omitempty"`
	// Commitment weighs how far the vqvae's encoder is from the codes.
	Commitment float64 `toml:"commitment,omitempty" json:"commitment,omitempty"`
	// CodebookDecay is the weight of the past in the averages that codes are.
	CodebookDecay float64 `toml:"codebook_decay,omitempty" json:"codebook_decay,omitempty"`
	// Revive is the average number of uses in a batch below which a code moves to
	// where the encoder is; 0 leaves it where it is.
	Revive float64 `toml:"revive,omitempty" json:"revive,omitempty"`

	// Lambda weighs the discrepancy of codes and prior in the wae's loss, 200 in
	// Default.
	Lambda float64 `toml:"lambda,omitempty" json:"lambda,omitempty"`

	// Denoise is how images are corrupted that the model learns to restore:
	// gaussian:SIGMA or gaussian:SIGMA:MEAN adds noise and cuts to [0, 1],
	// saltpepper:FRACTION turns values to 0 or 1, mask:FRACTION turns values to
	// 0, and pixels:FRACTION whole pixels, square:SIDE a square at a random
	// place, and half (any) or half:left, right, top or bottom a half of each
	// image. By default nothing is. In a stacked model it may be one for each
	// layer of the encoder, as mask:0.1,mask:0.2; all are trained together by
	// the first.
	Denoise string `toml:"denoise,omitempty" json:"denoise,omitempty"`
	// KeepGiven makes the values that a mask leaves part of the reconstruction:
	// the loss of dense, conv and sequence then counts the missing ones alone.
	KeepGiven bool `toml:"keep_given" json:"keep_given"`
	// Colorize shows the encoder the images' luma alone, which needs images of
	// three channels, red, green and blue.
	Colorize bool `toml:"colorize" json:"colorize"`
	// Sparsity penalises the code of dense, conv and sequence: l1:WEIGHT, or
	// kl:RHO or kl:RHO:WEIGHT (0.001), which makes sigmoid the default of
	// CodeActivation.
	Sparsity string `toml:"sparsity,omitempty" json:"sparsity,omitempty"`
	// Contractive is the weight λ of ‖∂code/∂image‖²_F, in a vae of the mean of
	// the code. 0 is none.
	Contractive float64 `toml:"contractive,omitempty" json:"contractive,omitempty"`
	// Jacobian tells how that is computed: exact (the default), by a backward
	// pass for each unit of the code, or hutchinson, an unbiased estimate by
	// one.
	Jacobian string `toml:"jacobian,omitempty" json:"jacobian,omitempty"`

	// Classes, if not 0, puts a softmax layer of so many units on the code and
	// makes the model learn the labels of its images, 0 to Classes−1.
	Classes int `toml:"classes,omitempty" json:"classes,omitempty"`
	// HeadOnly trains that layer alone and leaves the encoder as it is.
	HeadOnly bool `toml:"head_only,omitempty" json:"head_only,omitempty"`
}

// Block is a convolution with its activation.
type Block struct {
	Filters int `toml:"filters" json:"filters"`
	Kernel  int `toml:"kernel" json:"kernel"` // rows and columns, default 3
	Stride  int `toml:"stride" json:"stride"` // the factor of shrinking, default 2
}

// models lists what New builds. About is one line for a user.
var models = []struct {
	name, about string
	start       Config
	build       func(Config) Model
	prior       bool
}{
	{"dense", "fully connected layers of any widths", Config{Latent: 32}, func(c Config) Model { return dense{c} }, false},
	{"conv", "strided convolutions and transposed convolutions", Config{Latent: 16}, func(c Config) Model { return conv{c} }, false},
	{"vae", "variational, of dense layers or convolutions", Config{Latent: 20, Beta: 1}, func(c Config) Model { return vae{c} }, true},
	{"iwae", "variational with several codes an image, for a tighter bound", Config{Latent: 20, Samples: 5}, func(c Config) Model { return iwae{c} }, true},
	{"vqvae", "convolutions around a grid of codes from a learned codebook", Config{Latent: 16, Codebook: 128, Commitment: 0.25, CodebookDecay: 0.99, Revive: 0.1}, func(c Config) Model { return vqvae{c} }, false},
	{"wae", "Wasserstein: codes that follow the prior as a whole, by MMD", Config{Latent: 8, Lambda: 200}, func(c Config) Model { return wae{c} }, true},
	{"sequence", "convolutions of one dimension over windows of a series", Config{Latent: 16}, func(c Config) Model { return sequence{c} }, false},
}

// Names returns the names of the models.
func Names() []string {
	var names []string
	for _, m := range models {
		names = append(names, m.name)
	}
	for _, p := range presets {
		names = append(names, p.name)
	}
	return names
}

// About returns one line about the model of that name, "" if there is none.
func About(name string) string {
	for _, m := range models {
		if m.name == name {
			return m.about
		}
	}
	if p := presetOf(name); p != nil {
		return p.about
	}
	return ""
}

// Default returns the usual Config of a model, ready for New: 28×28 grey
// images, a code of 32 units for dense, 16 for conv and 20 for vae.
func Default(name string) (Config, error) {
	for _, m := range models {
		if m.name == name {
			c := m.start
			c.Name = name
			c.Image = c.usualImage()
			return c, nil
		}
	}
	if p := presetOf(name); p != nil {
		c := p.start
		c.Name = name
		c.Image = c.usualImage()
		return c, nil
	}
	return Config{}, choose("model", name, Names()...)
}

// New returns the model that c describes, or an error that names the option
// that is wrong.
func New(c Config) (Model, error) {
	c, err := c.resolved()
	if err != nil {
		return nil, err
	}
	for _, m := range models {
		if m.name != c.base() {
			continue
		}
		whole, err := compose(m.build(c), c)
		if err == nil && c.Classes > 0 {
			whole = classifier{whole, c}
		}
		return whole, err
	}
	return nil, choose("model", c.Name, Names()...)
}

// HasPrior reports whether codes of the model can be drawn at random: a vae's
// from N(0, 1) for each unit.
func (c Config) HasPrior() bool {
	for _, m := range models {
		if m.name == c.base() {
			return m.prior
		}
	}
	return false
}

// Batchwise reports whether a loss or metric of the model is of all images of a
// batch together, and not the mean of each one's: the discrepancy of the wae, the
// perplexity of the vqvae, sparsity kl and free bits. Batches should then be drawn
// at random.
func (c Config) Batchwise() bool {
	return c.Name == "wae" || c.Name == "vqvae" || strings.HasPrefix(c.Sparsity, "kl") || c.FreeBits > 0
}

// shape returns the shape of an image.
func (c Config) shape() kernels.Shape { return c.Image[:] }

// choose returns an error unless got is one of the known values of an option.
func choose(option, got string, known ...string) error {
	nearest, best := "", len(got)/2+1
	for _, k := range known {
		if k == got {
			return nil
		}
		if d := distance(got, k); d <= best && (nearest == "" || d < best) {
			nearest, best = k, d
		}
	}
	err := fmt.Errorf("%s %q: want %s", option, got, strings.Join(known, ", "))
	if nearest != "" {
		err = fmt.Errorf("%w; did you mean %s?", err, nearest)
	}
	return err
}

// distance counts the bytes to insert, remove or replace to make b of a.
func distance(a, b string) int {
	above := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range len(a) {
		row := []int{i + 1}
		for j := range len(b) {
			replace := above[j]
			if a[i] != b[j] {
				replace++
			}
			row = append(row, min(replace, above[j+1]+1, row[j]+1))
		}
		above = row
	}
	return above[len(b)]
}
