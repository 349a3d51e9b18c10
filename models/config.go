package models

import (
	"fmt"
	"slices"

	"hourglass/graph"
	"hourglass/kernels"
)

// maxUnits bounds widths, filters and image sides, maxWeights the sum of all
// variables: far above what is of use, and far below what makes sizes overflow.
const (
	maxUnits   = 1 << 20
	maxWeights = 1 << 31
)

// activations are the names of Config.Activation. The constants are PyTorch's
// defaults.
var activations = []struct {
	name  string
	layer Activation
}{
	{"relu", ReLU}, {"leaky_relu", LeakyReLU(0.01)}, {"elu", ELU(1)}, {"silu", SiLU}, {"gelu", GELU},
	{"sigmoid", Sigmoid}, {"tanh", Tanh}, {"softplus", Softplus}, {"identity", Identity},
}

func activationNames() []string {
	var names []string
	for _, a := range activations {
		names = append(names, a.name)
	}
	return names
}

// activation returns the layer of a name that has been checked.
func activation(name string) Activation {
	for _, a := range activations {
		if a.name == name {
			return a.layer
		}
	}
	panic(fmt.Sprintf("models: activation %q was not checked", name))
}

// initializer returns the one that Init names.
func (c Config) initializer() Initializer {
	if c.Init == "keras" {
		return Keras
	}
	return PyTorch
}

// resolved returns the config with every default filled in, and an error that
// names the first option that is wrong.
func (c Config) resolved() (Config, error) {
	if err := choose("model", c.Name, Names()...); err != nil {
		return c, err
	}
	isVAE := c.Name == "vae"
	if isVAE {
		fill(&c.Network, "dense")
		if err := choose("network", c.Network, "dense", "conv"); err != nil {
			return c, err
		}
	}
	isConv := c.Name == "conv" || c.Network == "conv"
	if err := c.misplaced(isVAE, isConv); err != nil {
		return c, err
	}
	if c.Image == [3]int{} {
		c.Image = [3]int{28, 28, 1}
	}
	fill(&c.Activation, "relu")
	fill(&c.Output, "sigmoid")
	fill(&c.Norm, "none")
	fill(&c.Init, "pytorch")
	if isVAE {
		fill(&c.Likelihood, "bernoulli")
		if c.Sigma == 0 && c.Likelihood == "gaussian" {
			c.Sigma = 0.1
		}
	} else {
		fill(&c.Loss, "mse")
		fill(&c.CodeActivation, map[string]string{"dense": "relu", "conv": "identity"}[c.Name])
	}
	if isConv {
		fill(&c.Downsample, "stride")
		fill(&c.Upsample, "transpose")
		c.Blocks = resolveBlocks(c.Blocks)
	} else if c.Hidden == nil {
		c.Hidden = map[string][]int{"dense": {128}, "vae": {400}}[c.Name]
	}
	c.Hidden = slices.Clone(c.Hidden)
	return c, c.check(isVAE, isConv)
}

func fill(option *string, value string) {
	if *option == "" {
		*option = value
	}
}

// resolveBlocks returns a copy of the blocks with their defaults.
func resolveBlocks(blocks []Block) []Block {
	if blocks == nil {
		blocks = []Block{{Filters: 32}, {Filters: 64}}
	}
	blocks = slices.Clone(blocks)
	for i := range blocks {
		if blocks[i].Kernel == 0 {
			blocks[i].Kernel = 3
		}
		if blocks[i].Stride == 0 {
			blocks[i].Stride = 2
		}
	}
	return blocks
}

// misplaced returns an error for an option that the model lacks.
func (c Config) misplaced(isVAE, isConv bool) error {
	for _, o := range []struct {
		name      string
		set, fits bool
		of        string
	}{
		{"network", c.Network != "", isVAE, "the vae"},
		{"hidden", c.Hidden != nil, !isConv, "models of dense layers"},
		{"blocks", c.Blocks != nil, isConv, "models of convolutions"},
		{"downsample", c.Downsample != "", isConv, "models of convolutions"},
		{"upsample", c.Upsample != "", isConv, "models of convolutions"},
		{"code_activation", c.CodeActivation != "", !isVAE, "dense and conv"},
		{"loss", c.Loss != "", !isVAE, "dense and conv"},
		{"likelihood", c.Likelihood != "", isVAE, "the vae"},
		{"beta", c.Beta != 0, isVAE, "the vae"},
		{"sigma", c.Sigma != 0, isVAE && c.Likelihood == "gaussian", "the vae with gaussian likelihood"},
	} {
		if o.set && !o.fits {
			what := c.Name
			if c.Network != "" && isVAE {
				what += " of network " + c.Network
			}
			return fmt.Errorf("%s: an option of %s, and the model is %s: leave it out", o.name, o.of, what)
		}
	}
	return nil
}

// check returns an error that names the first option out of range.
func (c Config) check(isVAE, isConv bool) error {
	for i, name := range []string{"height", "width", "channels"} {
		if err := within("image "+name, c.Image[i]); err != nil {
			return err
		}
	}
	if err := within("latent", c.Latent); err != nil {
		return err
	}
	for i, width := range c.Hidden {
		if err := within(fmt.Sprintf("hidden[%d]", i), width); err != nil {
			return err
		}
	}
	if isConv && len(c.Blocks) == 0 {
		return fmt.Errorf("blocks: an empty list, want at least one block")
	}
	for i, k := range c.Blocks {
		for j, v := range []int{k.Filters, k.Kernel, k.Stride} {
			if err := within(fmt.Sprintf("blocks[%d] %s", i, [3]string{"filters", "kernel", "stride"}[j]), v); err != nil {
				return err
			}
		}
	}
	if !(c.Dropout >= 0 && c.Dropout < 1) {
		return fmt.Errorf("dropout %g: want at least 0 and less than 1", c.Dropout)
	}
	return c.checkNames(isVAE, isConv)
}

// checkNames checks the options that are words, and the numbers that belong to
// one of them.
func (c Config) checkNames(isVAE, isConv bool) error {
	errs := []error{
		choose("activation", c.Activation, activationNames()...),
		choose("output", c.Output, "sigmoid", "identity"),
		choose("norm", c.Norm, "none", "batch", "group"),
		choose("init", c.Init, "pytorch", "keras"),
	}
	if isConv {
		errs = append(errs, choose("downsample", c.Downsample, "stride", "max", "average"),
			choose("upsample", c.Upsample, "transpose", "nearest", "bilinear"))
	}
	cross := c.Loss == "bce" || c.Likelihood == "bernoulli"
	if isVAE {
		errs = append(errs, choose("likelihood", c.Likelihood, "bernoulli", "gaussian"))
		if !(c.Beta > 0) || c.Beta > 1e6 {
			errs = append(errs, fmt.Errorf("beta %g: want above 0 and at most 1e6; 1 is the usual", c.Beta))
		}
		if c.Likelihood == "gaussian" && !(c.Sigma >= 1e-6 && c.Sigma <= 1e6) {
			errs = append(errs, fmt.Errorf("sigma %g: want 1e-6 to 1e6", c.Sigma))
		}
	} else {
		errs = append(errs, choose("code_activation", c.CodeActivation, activationNames()...),
			choose("loss", c.Loss, "mse", "l1", "huber", "bce"))
	}
	if cross && c.Output != "sigmoid" {
		errs = append(errs, fmt.Errorf("output %s: want sigmoid, since a cross-entropy is of probabilities", c.Output))
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func within(name string, v int) error {
	switch {
	case v < 1:
		return fmt.Errorf("%s %d: want at least 1", name, v)
	case v > maxUnits:
		return fmt.Errorf("%s %d: want at most %d", name, v, maxUnits)
	}
	return nil
}

// checkWeights is an error of b if the model is too large to be of any use,
// before memory is asked for.
func (c Config) checkWeights(b *graph.Builder) {
	total := 0
	for _, p := range b.Params() {
		total += p.Shape.Size()
	}
	if total > maxWeights {
		b.Fail("%s: latent %d, the hidden layers and the %d×%d image make %d weights, at most %d are supported",
			c.Name, c.Latent, c.Image[0], c.Image[1], total, maxWeights)
	}
}

// hidden returns a layer with what follows every hidden one: normalisation,
// activation and dropout, as far as they are asked for.
func (c Config) hidden(layer Layer, channels int) Serial {
	s := Serial{layer}
	switch c.Norm {
	case "batch":
		s = append(s, BatchNorm{})
	case "group":
		groups := 8
		for channels%groups != 0 {
			groups--
		}
		s = append(s, GroupNorm{Groups: groups})
	}
	s = append(s, activation(c.Activation))
	if c.Dropout > 0 {
		s = append(s, Dropout{P: c.Dropout})
	}
	return s
}

// declare declares a stack of layers in a scope. The function that it returns
// accepts batches of exactly the shape in.
func declare(b *graph.Builder, scope string, layers Layer, in kernels.Shape) (Apply, kernels.Shape) {
	apply, out := Apply(broken), kernels.Shape(nil)
	if b.Err() == nil {
		b.In(scope, func() { apply, out = layers.On(b, in) })
	}
	return apply, out
}
