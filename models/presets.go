package models

import "fmt"

// A preset is a name for dense or conv with options of its own: nothing that
// the two could not be told.
type preset struct {
	name, about string
	base        string // dense or conv; of a preset that takes a network its default
	anyNetwork  bool   // Network may choose the other
	// start is what Default adds, of which zero would mean something else.
	start Config
	// rest is the options that are used where the config leaves them out;
	// Hidden of dense layers alone.
	rest Config
}

// presets lists them. With f the encoder, g the decoder, x̃ a corrupted x and
// mean the one over all elements, they minimise
//
//	deep          mean (g(f(x))−x)², 784-512-256-128-z and back (Hinton and Salakhutdinov,
//	              Reducing the Dimensionality of Data with Neural Networks, 2006)
//	stacked       the same after greedy pretraining: see stage
//	linear        mean (g(f(x))−x)², f and g affine, 784-z-784: z spans the subspace of the
//	              first principal components (Baldi and Hornik, 1989)
//	sparse        mean (g(f(x))−x)² + weight·Σ_j KL(ρ‖ρ̂_j), 784-1024-784 with sigmoids: see
//	              sparsity (Ng, CS294A lecture notes, 2011)
//	denoising     mean (g(f(x̃))−x)², x̃ = x + σε cut to [0, 1] (Vincent et al., Extracting and
//	              Composing Robust Features with Denoising Autoencoders, 2008)
//	inpainting    mean m·(g(f((1−m)·x))−x)², m = 1 where a value is missing, of a square at a
//	              random place; what is given is kept (Pathak et al., Context Encoders, 2016,
//	              without their adversary)
//	colorization  mean (g(f(luma(x)))−x)², of one grey channel to three (Zhang, Isola and
//	              Efros, Colorful Image Colorization, 2016, have a net of this kind and another
//	              loss)
//	contractive   mean (g(f(x))−x)² + λ‖∂f/∂x‖²_F, 784-64-784 with sigmoids (Rifai et al.,
//	              Contractive Auto-Encoders, 2011)
//
// denoising, inpainting and colorization are convolutional unless Network says
// otherwise, with the shapes of conv. Where Loss is another, its mean takes the
// place of the squared error's.
var presets = []preset{
	{name: "deep", about: "dense of several layers, mirrored in the decoder", base: "dense",
		start: Config{Latent: 32},
		rest:  Config{Hidden: []int{512, 256, 128}, CodeActivation: "identity"}},
	{name: "stacked", about: "deep, each layer trained on its own before all are trained together", base: "dense", anyNetwork: true,
		start: Config{Latent: 64},
		rest:  Config{Hidden: []int{512, 256}, CodeActivation: "identity"}},
	{name: "linear", about: "dense without activations: the code spans the subspace of PCA", base: "dense",
		start: Config{Latent: 32},
		rest:  Config{Hidden: []int{}, Activation: "identity", CodeActivation: "identity", Output: "identity"}},
	{name: "sparse", about: "few active units in an overcomplete code", base: "dense", anyNetwork: true,
		start: Config{Latent: 1024},
		rest:  Config{Hidden: []int{}, CodeActivation: "sigmoid", Sparsity: "kl:0.05:0.001"}},
	{name: "denoising", about: "restores images from noisy ones", base: "conv", anyNetwork: true,
		start: Config{Latent: 64},
		rest:  Config{Hidden: []int{512}, Denoise: "gaussian:0.3"}},
	{name: "inpainting", about: "fills in missing parts of images", base: "conv", anyNetwork: true,
		start: Config{Latent: 64, KeepGiven: true},
		rest:  Config{Hidden: []int{512}, Denoise: "square:10"}},
	{name: "colorization", about: "gives colours to grey images", base: "conv", anyNetwork: true,
		start: Config{Latent: 128, Colorize: true},
		rest:  Config{Hidden: []int{512}}},
	{name: "contractive", about: "a code that small changes of the image hardly move", base: "dense", anyNetwork: true,
		start: Config{Latent: 64, Contractive: 1e-3},
		rest:  Config{Hidden: []int{}, CodeActivation: "sigmoid"}},
}

// presetOf returns the preset of a name, nil if there is none.
func presetOf(name string) *preset {
	for i := range presets {
		if presets[i].name == name {
			return &presets[i]
		}
	}
	return nil
}

// onto fills in the options that c leaves out.
func (p *preset) onto(c Config) Config {
	if p.anyNetwork {
		fill(&c.Network, p.base)
	}
	if c.Hidden == nil && c.base() == "dense" {
		c.Hidden = p.rest.Hidden
	}
	fill(&c.Activation, p.rest.Activation)
	fill(&c.CodeActivation, p.rest.CodeActivation)
	fill(&c.Output, p.rest.Output)
	fill(&c.Denoise, p.rest.Denoise)
	fill(&c.Sparsity, p.rest.Sparsity)
	return c
}

// base returns the name of the model that the config's options are those of: of
// a preset dense or conv.
func (c Config) base() string {
	p := presetOf(c.Name)
	switch {
	case p == nil:
		return c.Name
	case p.anyNetwork:
		return c.Network
	}
	return p.base
}

// checkLinear returns an error for activations of the linear model, and for a
// code that the images cannot give.
func (c Config) checkLinear() error {
	if c.Name != "linear" {
		return nil
	}
	if values := c.shape().Size(); c.Latent > values {
		return fmt.Errorf("latent %d: the images have %d values, and a linear code of as many loses nothing: want at most that", c.Latent, values)
	}
	for _, o := range [][2]string{{"activation", c.Activation}, {"code_activation", c.CodeActivation}, {"output", c.Output}} {
		if o[1] != "identity" {
			return fmt.Errorf("%s %s: the linear model has none: leave it out, or take dense", o[0], o[1])
		}
	}
	return nil
}
