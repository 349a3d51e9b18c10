package models

import (
	"fmt"
	"slices"
	"strings"

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
	if p := presetOf(c.Name); p != nil {
		c = p.onto(c)
	}
	if c.hasNetwork() {
		fill(&c.Network, "dense")
		if err := choose("network", c.Network, "dense", "conv", "sequence"); err != nil {
			return c, err
		}
	}
	if err := c.misplaced(); err != nil {
		return c, err
	}
	if c.Image == [3]int{} {
		c.Image = c.usualImage()
	}
	fill(&c.Activation, "relu")
	if c.Name == "vqvae" && c.Loss != "bce" {
		fill(&c.Output, "identity")
	}
	fill(&c.Output, "sigmoid")
	fill(&c.Norm, "none")
	fill(&c.Init, "keras")
	if c.isVariational() {
		fill(&c.Likelihood, "bernoulli")
		if c.Sigma == 0 && c.Likelihood == "gaussian" {
			c.Sigma = 0.1
		}
	}
	if c.Name == "iwae" {
		fill(&c.Gradient, "reparameterized")
	}
	if c.hasLoss() {
		fill(&c.Loss, "mse")
		if c.HuberDelta == 0 && c.Loss == "huber" {
			c.HuberDelta = 1
		}
	}
	if c.hasCodeActivation() {
		if strings.HasPrefix(c.Sparsity, "kl") {
			fill(&c.CodeActivation, "sigmoid")
		}
		fill(&c.CodeActivation, map[string]string{"dense": "relu", "conv": "identity", "sequence": "identity"}[c.base()])
	}
	if c.isConvolutional() {
		fill(&c.Downsample, "stride")
		fill(&c.Upsample, "transpose")
		c.Blocks = resolveBlocks(c.Blocks)
	} else if c.Hidden == nil {
		c.Hidden = []int{400}
		if c.base() == "dense" {
			c.Hidden = []int{128}
		}
	}
	if c.Contractive != 0 {
		fill(&c.Jacobian, "exact")
	}
	c.Hidden = slices.Clone(c.Hidden)
	return c, c.check()
}

// The parts that models share, by which options are told to fit.

// isVariational reports whether the encoder gives a distribution.
func (c Config) isVariational() bool { return c.Name == "vae" || c.Name == "iwae" }

// isConvolutional reports whether encoder and decoder are convolutions.
func (c Config) isConvolutional() bool {
	return slices.Contains([]string{"conv", "vqvae", "sequence"}, c.base()) || c.Network == "conv" || c.Network == "sequence"
}

// isSequence reports whether the convolutions are of one dimension.
func (c Config) isSequence() bool { return c.Name == "sequence" || c.Network == "sequence" }

// hasNetwork reports whether the model may be of any layers.
func (c Config) hasNetwork() bool {
	p := presetOf(c.Name)
	return c.isVariational() || c.Name == "wae" || p != nil && p.anyNetwork
}

// hasCodeActivation reports whether a dense layer makes a deterministic code
// that any activation may follow.
func (c Config) hasCodeActivation() bool {
	return slices.Contains([]string{"dense", "conv", "sequence"}, c.base())
}

// hasLoss reports whether the model minimises a loss of the user's choice.
func (c Config) hasLoss() bool { return c.hasCodeActivation() || c.Name == "vqvae" }

// usualImage returns the shape of images that the model is asked for most.
func (c Config) usualImage() [3]int {
	if c.isSequence() {
		return [3]int{1, 128, 1}
	}
	if c.Colorize {
		return [3]int{32, 32, 3}
	}
	return [3]int{28, 28, 1}
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

// A restriction tells whether an option that not every model has is set, and
// whether it fits.
type restriction struct {
	name      string
	set, fits bool
	of        string
}

// restrictions lists them.
func (c Config) restrictions() []restriction {
	isConv, isVAE := c.isConvolutional(), c.isVariational()
	gaussian := isVAE && c.Likelihood == "gaussian"
	const convolutions, losses = "models of convolutions", "dense, conv, sequence and vqvae"
	return []restriction{
		{"network", c.Network != "", c.hasNetwork(), "models of either dense layers or convolutions"},
		{"hidden", c.Hidden != nil, !isConv, "models of dense layers"},
		{"blocks", c.Blocks != nil, isConv, convolutions},
		{"downsample", c.Downsample != "", isConv, convolutions},
		{"upsample", c.Upsample != "", isConv, convolutions},
		{"code_activation", c.CodeActivation != "", c.hasCodeActivation(), "dense, conv and sequence"},
		{"loss", c.Loss != "", c.hasLoss(), losses},
		{"groups", c.Groups != 0, c.Norm == "group", "models with norm group"},
		{"huber_delta", c.HuberDelta != 0, c.hasLoss() && c.Loss == "huber", losses + " with loss huber"},
		{"likelihood", c.Likelihood != "", isVAE, "vae and iwae"},
		{"beta", c.Beta != 0, c.Name == "vae", "the vae"},
		{"kl_warmup", c.KLWarmup != 0, c.Name == "vae", "the vae"},
		{"free_bits", c.FreeBits != 0, c.Name == "vae", "the vae"},
		{"sigma", c.Sigma != 0, gaussian, "vae and iwae with gaussian likelihood"},
		{"learn_sigma", c.LearnSigma, gaussian, "vae and iwae with gaussian likelihood"},
		{"samples", c.Samples != 0, c.Name == "iwae", "the iwae"},
		{"gradient", c.Gradient != "", c.Name == "iwae", "the iwae"},
		{"codebook", c.Codebook != 0, c.Name == "vqvae", "the vqvae"},
		{"commitment", c.Commitment != 0, c.Name == "vqvae", "the vqvae"},
		{"codebook_decay", c.CodebookDecay != 0, c.Name == "vqvae", "the vqvae"},
		{"revive", c.Revive != 0, c.Name == "vqvae", "the vqvae"},
		{"lambda", c.Lambda != 0, c.Name == "wae", "the wae"},
		{"keep_given", c.KeepGiven, c.hasCodeActivation(), "dense, conv and sequence"},
		{"sparsity", c.Sparsity != "", c.hasCodeActivation(), "dense, conv and sequence"},
		{"contractive", c.Contractive != 0, c.hasCodeActivation() || c.Name == "vae", "dense, conv, sequence and vae"},
		{"colorize", c.Colorize, !c.isSequence(), "models of images"},
		{"jacobian", c.Jacobian != "", c.Contractive != 0, "contractive models"},
	}
}

// misplaced returns an error for an option that the model lacks.
func (c Config) misplaced() error {
	for _, o := range c.restrictions() {
		if o.set && !o.fits {
			what := c.Name
			if c.Network != "" && c.hasNetwork() {
				what += " of network " + c.Network
			}
			return fmt.Errorf("%s: an option of %s, and the model is %s: leave it out", o.name, o.of, what)
		}
	}
	return nil
}

// check returns an error that names the first option out of range.
func (c Config) check() error {
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
	if c.isConvolutional() && len(c.Blocks) == 0 {
		return fmt.Errorf("blocks: an empty list, want at least one block")
	}
	for i, k := range c.Blocks {
		for j, v := range []int{k.Filters, k.Kernel, k.Stride} {
			if err := within(fmt.Sprintf("blocks[%d] %s", i, [3]string{"filters", "kernel", "stride"}[j]), v); err != nil {
				return err
			}
		}
	}
	if err := c.checkNames(); err != nil {
		return err
	}
	if err := c.checkKernels(); err != nil {
		return err
	}
	if c.Groups < 0 || c.Groups > maxUnits {
		return fmt.Errorf("groups %d: want 1 to %d, or 0 for 8", c.Groups, maxUnits)
	}
	if !(c.Dropout >= 0 && c.Dropout < 1) {
		return fmt.Errorf("dropout %g: want at least 0 and less than 1", c.Dropout)
	}
	return nil
}

// checkKernels returns an error for a block whose kernel or stride is larger than
// both sides of what it is given: most of it would see padding alone.
func (c Config) checkKernels() error {
	if !c.isConvolutional() {
		return nil
	}
	_, sizes := c.downs()
	for i, block := range c.Blocks {
		size := sizes[i]
		most := max(size[0], size[1])
		for _, o := range []struct {
			name  string
			value int
		}{{"kernel", block.Kernel}, {"stride", block.Stride}} {
			if o.value > most {
				return fmt.Errorf("blocks[%d] %s %d: larger than its input, which is %d×%d of an image of %d×%d: want at most %d",
					i, o.name, o.value, size[0], size[1], c.Image[0], c.Image[1], most)
			}
		}
	}
	return nil
}

// checkNames checks the options that are words, and the numbers that belong to
// one of them.
func (c Config) checkNames() error {
	errs := []error{
		choose("activation", c.Activation, activationNames()...),
		choose("output", c.Output, "sigmoid", "identity"),
		choose("norm", c.Norm, "none", "batch", "group"),
		choose("init", c.Init, "pytorch", "keras"),
	}
	if c.isConvolutional() {
		errs = append(errs, choose("downsample", c.Downsample, "stride", "max", "average"),
			choose("upsample", c.Upsample, "transpose", "nearest", "bilinear"))
	}
	cross := c.Loss == "bce" || c.Likelihood == "bernoulli"
	if c.hasCodeActivation() {
		errs = append(errs, choose("code_activation", c.CodeActivation, activationNames()...))
	}
	if c.hasLoss() {
		errs = append(errs, choose("loss", c.Loss, "mse", "l1", "huber", "bce"))
		if c.Loss == "huber" && !(c.HuberDelta > 0 && c.HuberDelta <= 1e6) {
			errs = append(errs, fmt.Errorf("huber_delta %g: want above 0 and at most 1e6", c.HuberDelta))
		}
	}
	if c.Jacobian != "" {
		errs = append(errs, choose("jacobian", c.Jacobian, "exact", "hutchinson"))
	}
	errs = append(errs, c.checkLinear(), c.checkVAE(), c.checkIWAE(), c.checkVQVAE(), c.checkWAE(), c.checkSequence(), c.checkClasses())
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
		s = append(s, GroupNorm{Groups: c.groups(channels)})
	}
	s = append(s, activation(c.Activation))
	if c.Dropout > 0 {
		s = append(s, Dropout{P: c.Dropout})
	}
	return s
}

// groups returns how many groups of channels a layer's output is normalised in:
// at most Groups, each as large as the others.
func (c Config) groups(channels int) int {
	n := c.Groups
	if n == 0 {
		n = 8
	}
	for channels%n != 0 {
		n--
	}
	return n
}

// Pointless returns an error for an option of a resolved config, as Model.Config
// returns it, that does nothing beside the others or takes from the model what it
// is for. A new run should not have one; New lets them pass, as runs of before
// they were refused may.
func (c Config) Pointless() error {
	none := len(c.Hidden) == 0 && !c.isConvolutional()
	switch {
	case c.Name == "linear" && c.Norm != "none":
		return fmt.Errorf("norm %s: the linear model has none: leave it out, or take dense", c.Norm)
	case c.Name == "linear" && c.Dropout > 0:
		return fmt.Errorf("dropout %g: the linear model has none: leave it out, or take dense", c.Dropout)
	case none && c.Norm != "none":
		return fmt.Errorf("norm %s: the %s model has no hidden layer to normalise: leave it out", c.Norm, c.Name)
	case none && c.Dropout > 0:
		return fmt.Errorf("dropout %g: the %s model has no hidden layer to drop units of: leave it out", c.Dropout, c.Name)
	case c.Name == "colorization" && !c.Colorize:
		return fmt.Errorf("colorize false: the colorization model is shown grey images: leave it out, or take conv")
	case c.Norm == "group":
		return c.narrowGroups()
	}
	return nil
}

// narrowGroups returns an error for groups of so few values that their mean and
// variance take with them what the values tell.
func (c Config) narrowGroups() error {
	if !c.isConvolutional() {
		for _, width := range c.Hidden {
			if n := c.groups(width); width/n < 8 && n > 1 {
				return fmt.Errorf("norm group: a hidden layer of %d units makes %d groups of %d, want at least 8 in each: set groups to 1, or norm to batch or none", width, n, width/n)
			}
		}
		return nil
	}
	_, sizes := c.downs()
	for i, block := range c.Blocks {
		size := sizes[i+1]
		if n := c.groups(block.Filters); size[0]*size[1]*block.Filters == n {
			return fmt.Errorf("norm group: blocks[%d] makes %d groups of one value, which all come to 0: set groups to 1, or norm to batch or none", i, n)
		}
	}
	return nil
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
