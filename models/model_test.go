package models

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"hourglass/graph"
	"hourglass/kernels"
)

// variants are configs beside the defaults that must all work. Their images are
// small, and most of sizes that no stride divides.
var variants = map[string]Config{
	"dense":             {Name: "dense", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{5, 4}},
	"linear":            {Name: "dense", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{}, CodeActivation: "identity", Output: "identity"},
	"dense bce":         {Name: "dense", Image: [3]int{3, 2, 1}, Latent: 2, Loss: "bce", Norm: "batch", Activation: "elu"},
	"dense huber":       {Name: "dense", Image: [3]int{3, 2, 1}, Latent: 2, Loss: "huber", HuberDelta: 0.2, Hidden: []int{16}, Norm: "group", Init: "keras"},
	"conv":              {Name: "conv", Image: [3]int{7, 5, 3}, Latent: 3, Blocks: []Block{{Filters: 4}, {Filters: 3, Kernel: 2, Stride: 3}}},
	"conv one pixel":    {Name: "conv", Image: [3]int{1, 1, 1}, Latent: 1, Blocks: []Block{{Filters: 2, Kernel: 1, Stride: 1}}},
	"conv dropout":      {Name: "conv", Image: [3]int{4, 4, 1}, Latent: 3, Blocks: []Block{{Filters: 2, Stride: 1}}, Dropout: 0.2},
	"conv max nearest":  {Name: "conv", Image: [3]int{7, 5, 2}, Latent: 3, Blocks: []Block{{Filters: 4}, {Filters: 3}}, Downsample: "max", Upsample: "nearest", Norm: "batch"},
	"conv avg bilinear": {Name: "conv", Image: [3]int{6, 5, 1}, Latent: 3, Blocks: []Block{{Filters: 4, Kernel: 5, Stride: 3}}, Downsample: "average", Upsample: "bilinear", Loss: "l1"},
	"vae":               {Name: "vae", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{5}, Beta: 4},
	"vae gaussian":      {Name: "vae", Image: [3]int{5, 5, 2}, Latent: 2, Network: "conv", Blocks: []Block{{Filters: 2}}, Likelihood: "gaussian", Output: "identity", Beta: 1},
	"vae free bits":     {Name: "vae", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{5}, Beta: 2, KLWarmup: 7, FreeBits: 0.02},
	"vae learned sigma": {Name: "vae", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{5}, Beta: 1, Likelihood: "gaussian", Sigma: 0.5, LearnSigma: true},
	"iwae":              {Name: "iwae", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{5}, Samples: 4},
	"iwae gaussian":     {Name: "iwae", Image: [3]int{5, 5, 2}, Latent: 2, Network: "conv", Blocks: []Block{{Filters: 2}}, Samples: 3, Likelihood: "gaussian", LearnSigma: true},
	"iwae dreg":         {Name: "iwae", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{5}, Samples: 4, Gradient: "dreg", Norm: "batch", Denoise: "mask:0.25"},
	"vqvae":             {Name: "vqvae", Image: [3]int{7, 5, 2}, Latent: 3, Blocks: []Block{{Filters: 4}}, Codebook: 5, Commitment: 0.25, CodebookDecay: 0.9},
	"vqvae revive":      {Name: "vqvae", Image: [3]int{4, 4, 1}, Latent: 2, Blocks: []Block{{Filters: 4}}, Codebook: 70, Commitment: 1, Revive: 0.5, Loss: "bce", CodebookDecay: 0.4},
	"wae":               {Name: "wae", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{5}, Lambda: 10},
	"wae conv":          {Name: "wae", Image: [3]int{5, 5, 2}, Latent: 2, Network: "conv", Blocks: []Block{{Filters: 2}}, Lambda: 1},
	"sequence":          {Name: "sequence", Image: [3]int{1, 11, 2}, Latent: 2, Blocks: []Block{{Filters: 3}, {Filters: 2, Kernel: 5, Stride: 3}}},
	"sequence pooled":   {Name: "sequence", Image: [3]int{1, 9, 1}, Latent: 2, Blocks: []Block{{Filters: 3}}, Downsample: "max", Upsample: "bilinear", Denoise: "gaussian:0.1"},
	"sequence vae":      {Name: "vae", Network: "sequence", Image: [3]int{1, 8, 1}, Latent: 2, Blocks: []Block{{Filters: 3}}, Likelihood: "gaussian", Beta: 1},
}

// TestVariants builds a training and an evaluation graph of each and holds the
// CPU device's results to the references' in float64. Where batch normalisation
// of three images is badly conditioned, or a gradient is 0 but for rounding, the
// references rounded to float32 tell how much error is due.
func TestVariants(t *testing.T) {
	all := maps.Clone(variants)
	maps.Copy(all, compositions)
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			m, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			run := func(b *graph.Builder, machine func(*testing.T, *graph.Builder, feeds, ...*graph.Node) [][]float64) [][]float64 {
				in, outs := variantGraph(t, b, m)
				return machine(t, b, in, outs...)
			}
			exact, rounded := run(graph.NewBuilderOf(kernels.Float64), onTape), run(graph.NewBuilder(), onTape)
			for k, got := range run(graph.NewBuilder(), onCPU) {
				off, due := apart(t, got, exact[k]), apart(t, rounded[k], exact[k])
				if !(off <= 2e-6*norm(exact[k])+8*due) {
					t.Errorf("output %d of norm %.3g is off by %.1e, and its rounding by %.1e", k, norm(exact[k]), off, due)
				}
			}
		})
	}
}

// variantGraph returns loss, metrics, the reconstruction and every gradient, and
// the values of what they need.
func variantGraph(t *testing.T, b *graph.Builder, m Model) (feeds, []*graph.Node) {
	t.Helper()
	c, net := m.Config(), m.On(b)
	x, step := b.Input("x", 3, c.Image[0], c.Image[1], c.Image[2]), b.InputOf(kernels.Int32, "step", 1)
	in := feeds{x: formula("x", x.Shape().TotalSize(), 1), step: {2}}
	var labels *graph.Node
	if c.Classes > 0 {
		labels = b.Input("labels", 3, 1)
		in[labels] = []float64{1, 0, 1}
	}
	loss := net.Loss(x, Phase{Training: true, Step: step, Seed: 5, Labels: labels})
	outs := []*graph.Node{loss.Total, net.Decode(net.Encode(x))}
	for _, term := range net.Metrics(x, Phase{Step: step, Seed: 6, Labels: labels}) {
		outs = append(outs, term.Node)
	}
	for _, a := range b.Assignments() {
		outs = append(outs, a.Value)
	}
	outs = append(outs, b.Gradients(loss.Total, b.Trainable()...)...)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	if got := b.ShapeOf(outs[1]); !got.Equal(b.ShapeOf(x)) {
		t.Errorf("the reconstruction of %v has shape %v", b.ShapeOf(x), got)
	}
	for i := range in[x] {
		in[x][i] = math.Abs(in[x][i])
	}
	for i, p := range b.Params() {
		value := make([]float32, p.Shape.Size())
		p.Init(value, uint64(i))
		in[p.Node] = widen(value)
	}
	return in, outs
}

func TestDefaultsAreTheReferenceNets(t *testing.T) {
	for name, weights := range map[string]int{
		"dense": 784*128 + 128 + 128*32 + 32 + 32*128 + 128 + 128*784 + 784,
		"conv":  9*32 + 32 + 9*32*64 + 64 + 3136*16 + 16 + 16*3136 + 3136 + 9*64*64 + 64 + 9*64*32 + 32 + 9*32 + 1,
		"vae":   784*400 + 400 + 2*(400*20+20) + 20*400 + 400 + 400*784 + 784,
	} {
		c, err := Default(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		b := graph.NewBuilder()
		m.On(b)
		got := 0
		for _, p := range b.Params() {
			got += p.Shape.Size()
		}
		if got != weights || b.Err() != nil {
			t.Errorf("%s has %d weights, want %d (%v)", name, got, weights, b.Err())
		}
		if m.Config().HasPrior() != (name == "vae") || About(name) == "" {
			t.Errorf("%s: HasPrior %v, About %q", name, m.Config().HasPrior(), About(name))
		}
	}
}

// TestConfigErrors pins what a user reads.
func TestConfigErrors(t *testing.T) {
	tests := []struct {
		c    Config
		want string
	}{
		{Config{Name: "cnov", Latent: 2}, `model "cnov": want ` + strings.Join(Names(), ", ") + "; did you mean conv?"},
		{Config{Name: "transformer", Latent: 2}, `model "transformer": want ` + strings.Join(Names(), ", ")},
		{Config{Latent: 2}, `model "": want ` + strings.Join(Names(), ", ")},
		{Config{Name: "dense"}, "latent 0: want at least 1"},
		{Config{Name: "dense", Latent: -3}, "latent -3: want at least 1"},
		{Config{Name: "dense", Latent: 1 << 40}, "latent 1099511627776: want at most 1048576"},
		{Config{Name: "dense", Latent: 2, Hidden: []int{8, 0}}, "hidden[1] 0: want at least 1"},
		{Config{Name: "dense", Latent: 2, Image: [3]int{28, 28, 0}}, "image channels 0: want at least 1"},
		{Config{Name: "dense", Latent: 2, Activation: "rleu"}, `activation "rleu": want relu, leaky_relu, elu, silu, gelu, sigmoid, tanh, softplus, identity; did you mean relu?`},
		{Config{Name: "dense", Latent: 2, Loss: "bce", Output: "identity"}, "output identity: want sigmoid, since a cross-entropy is of probabilities"},
		{Config{Name: "dense", Latent: 2, Beta: 4}, "beta: an option of the vae, and the model is dense: leave it out"},
		{Config{Name: "dense", Latent: 2, Dropout: 1}, "dropout 1: want at least 0 and less than 1"},
		{Config{Name: "conv", Latent: 2, Hidden: []int{}}, "hidden: an option of models of dense layers, and the model is conv: leave it out"},
		{Config{Name: "conv", Latent: 2, Blocks: []Block{}}, "blocks: an empty list, want at least one block"},
		{Config{Name: "conv", Latent: 2, Blocks: []Block{{Filters: 8}, {Kernel: 3}}}, "blocks[1] filters 0: want at least 1"},
		{Config{Name: "conv", Latent: 2, Blocks: []Block{{Filters: 8, Stride: -1}}}, "blocks[0] stride -1: want at least 1"},
		{Config{Name: "conv", Latent: 2, Blocks: []Block{{Filters: 8, Kernel: 40}}}, "blocks[0] kernel 40: larger than its input, which is 28×28 of an image of 28×28: want at most 28"},
		{Config{Name: "conv", Latent: 2, Blocks: []Block{{Filters: 8}, {Filters: 8, Kernel: 15}}}, "blocks[1] kernel 15: larger than its input, which is 14×14 of an image of 28×28: want at most 14"},
		{Config{Name: "conv", Latent: 2, Blocks: []Block{{Filters: 8, Stride: 30}}}, "blocks[0] stride 30: larger than its input, which is 28×28 of an image of 28×28: want at most 28"},
		{Config{Name: "dense", Latent: 2, Classes: 1}, "classes 1: want 2 to 256, or 0 for no classifier"},
		{Config{Name: "dense", Latent: 2, HeadOnly: true}, "head_only: an option of classifiers: set classes, or leave it out"},
		{Config{Name: "conv", Latent: 2, Upsample: "bicubic"}, `upsample "bicubic": want transpose, nearest, bilinear`},
		{Config{Name: "vae", Latent: 2}, "beta 0: want above 0 and at most 1e6; 1 is the usual"},
		{Config{Name: "vae", Latent: 2, Beta: math.NaN()}, "beta NaN: want above 0 and at most 1e6; 1 is the usual"},
		{Config{Name: "vae", Latent: 2, Beta: 1, Sigma: 1}, "sigma: an option of vae and iwae with gaussian likelihood, and the model is vae of network dense: leave it out"},
		{Config{Name: "vae", Latent: 2, Beta: 1, Network: "cov"}, `network "cov": want dense, conv, sequence; did you mean conv?`},
		{Config{Name: "vae", Latent: 2, Beta: 1, Likelihood: "gaussian", Sigma: -1}, "sigma -1: want 1e-6 to 1e6"},
		{Config{Name: "vae", Latent: 2, Beta: -1}, "beta -1: want above 0 and at most 1e6; 1 is the usual"},
		{Config{Name: "vae", Latent: 2, Beta: 1, KLWarmup: -5}, "kl_warmup -5: want a number of steps, 0 for none"},
		{Config{Name: "vae", Latent: 2, Beta: 1, FreeBits: -0.1}, "free_bits -0.1: want 0 to 1e6 nats for each unit of the code"},
		{Config{Name: "vae", Latent: 2, Beta: 1, LearnSigma: true}, "learn_sigma: an option of vae and iwae with gaussian likelihood, and the model is vae of network dense: leave it out"},
		{Config{Name: "iwae", Latent: 2}, "samples 0: want 1 to 131072 codes for each image; 5 and 50 are usual"},
		{Config{Name: "iwae", Latent: 2, Samples: 5, Gradient: "stl"}, `gradient "stl": want reparameterized, dreg`},
		{Config{Name: "vae", Latent: 2, Beta: 1, Gradient: "dreg"}, "gradient: an option of the iwae, and the model is vae of network dense: leave it out"},
		{Config{Name: "iwae", Latent: 2, Samples: -1}, "samples -1: want 1 to 131072 codes for each image; 5 and 50 are usual"},
		{Config{Name: "iwae", Latent: 2, Samples: 5, Beta: 1}, "beta: an option of the vae, and the model is iwae of network dense: leave it out"},
		{Config{Name: "vqvae", Latent: 2}, "codebook 0: want 1 to 1048576 codes; 512 is the usual"},
		{Config{Name: "vqvae", Latent: 2, Codebook: 8, Commitment: -1}, "commitment -1: want 0 to 1e6; 0.25 is the usual"},
		{Config{Name: "vqvae", Latent: 2, Codebook: 8, CodebookDecay: 1}, "codebook_decay 1: want at least 0 and less than 1; 0.99 is the usual"},
		{Config{Name: "vqvae", Latent: 2, Codebook: 8, Revive: 2}, "revive 2: want at least 0, for never, and less than 1"},
		{Config{Name: "vqvae", Latent: 2, Codebook: 8, Network: "conv"}, "network: an option of models of either dense layers or convolutions, and the model is vqvae: leave it out"},
		{Config{Name: "wae", Latent: 2, Lambda: -3}, "lambda -3: want above 0 and at most 1e9; 200 is the usual"},
		{Config{Name: "conv", Latent: 2, Activation: "foo"}, `activation "foo": want relu, leaky_relu, elu, silu, gelu, sigmoid, tanh, softplus, identity`},
		{Config{Name: "dense", Latent: 2, Loss: "huber", HuberDelta: -1}, "huber_delta -1: want above 0 and at most 1e6"},
		{Config{Name: "dense", Latent: 2, Norm: "group", Groups: -1}, "groups -1: want 1 to 1048576, or 0 for 8"},
		{Config{Name: "dense", Latent: 2, Norm: "batch", Groups: 2}, "groups: an option of models with norm group, and the model is dense: leave it out"},
		{Config{Name: "dense", Latent: 2, HuberDelta: 1}, "huber_delta: an option of dense, conv, sequence and vqvae with loss huber, and the model is dense: leave it out"},
		{Config{Name: "conv", Latent: 2, Lambda: 3}, "lambda: an option of the wae, and the model is conv: leave it out"},
		{Config{Name: "sequence", Latent: 2, Image: [3]int{28, 28, 1}}, "image 28×28×1: want 1 row, as sequences are windows [1 T C] of T steps and C channels"},
	}
	for _, test := range tests {
		if _, err := New(test.c); err == nil || err.Error() != test.want {
			t.Errorf("%+v:\n got %v\nwant %s", test.c, err, test.want)
		}
	}
	if _, err := Default("vea"); err == nil || !strings.HasSuffix(err.Error(), "did you mean vae?") {
		t.Errorf("Default of an unknown model: %v", err)
	}
}

func TestTooManyWeights(t *testing.T) {
	m, err := New(Config{Name: "conv", Latent: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilder()
	m.On(b)
	want := "conv: latent 1048576, the hidden layers and the 28×28 image make 6577794881 weights, at most 2147483648 are supported"
	if b.Err() == nil || b.Err().Error() != want {
		t.Errorf("got %v, want %s", b.Err(), want)
	}
}

// TestConfigRoundTrip writes resolved configs and builds the models again.
func TestConfigRoundTrip(t *testing.T) {
	for name, c := range variants {
		m, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		want := m.Config()
		var fromJSON, fromTOML Config
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &fromJSON); err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		if err := toml.NewEncoder(&buf).Encode(want); err != nil {
			t.Fatal(err)
		}
		if _, err := toml.Decode(buf.String(), &fromTOML); err != nil {
			t.Fatal(err)
		}
		for form, c := range map[string]Config{"JSON": fromJSON, "TOML": fromTOML} {
			again, err := New(c)
			if err != nil {
				t.Fatalf("%s from %s: %v", name, form, err)
			}
			if !reflect.DeepEqual(again.Config(), want) {
				t.Errorf("%s from %s is %+v, want %+v", name, form, again.Config(), want)
			}
		}
	}
}

// TestConfigOverridesDefault: a resolved config, read over the default of its
// model as a configuration file is, comes out the same though its options are
// not the default's.
func TestConfigOverridesDefault(t *testing.T) {
	for _, c := range []Config{
		{Name: "inpainting", Latent: 3, Denoise: "half"},
		{Name: "colorization", Latent: 3, Image: [3]int{8, 8, 3}, Colorize: true},
		{Name: "contractive", Latent: 3, Contractive: 1},
		{Name: "vae", Latent: 3, Beta: 2},
	} {
		m, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		if err := toml.NewEncoder(&buf).Encode(m.Config()); err != nil {
			t.Fatal(err)
		}
		over, err := Default(c.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := toml.Decode(buf.String(), &over); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(over, m.Config()) {
			t.Errorf("%s over its default is %+v, want %+v", c.Name, over, m.Config())
		}
	}
}

// TestNetRefusesOtherShapes pins what a user reads whose data do not fit.
func TestNetRefusesOtherShapes(t *testing.T) {
	for name, use := range map[string]func(Net, *graph.Builder){
		"conv: input [8 32 32 3], want [N 28 28 1]": func(n Net, b *graph.Builder) { n.Encode(b.Input("x", 8, 32, 32, 3)) },
		"conv: decode: input [8 3], want [N 16]":    func(n Net, b *graph.Builder) { n.Decode(b.Input("z", 8, 3)) },
		"conv: input [8 784], want [N 28 28 1]":     func(n Net, b *graph.Builder) { n.Loss(b.Input("x", 8, 784), Phase{}) },
	} {
		c, _ := Default("conv")
		m, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		b := graph.NewBuilder()
		use(m.On(b), b)
		if b.Err() == nil || b.Err().Error() != name {
			t.Errorf("got %v, want %s", b.Err(), name)
		}
	}
}

// TestMetrics computes what evaluation reports by hand.
func TestMetrics(t *testing.T) {
	m, err := New(variants["vae"])
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilderOf(kernels.Float64)
	net := m.On(b).(*variational)
	x, step := b.Input("x", 3, 3, 2, 1), b.InputOf(kernels.Int32, "step", 1)
	phase := Phase{Step: step, Seed: 6}
	terms := net.Metrics(x, phase)
	mean, logvar := net.posterior(x, phase)
	noise := net.draw(mean, phase)
	drawn := net.Decode(b.Apply(kernels.Reparameterize{}, mean, logvar, noise))
	outs := []*graph.Node{mean, logvar, net.Decode(mean), drawn}
	in := feeds{x: {.1, .2, .3, .4, .5, .6, 1, 0, 1, 0, 1, 0, .9, .8, .7, .6, .5, .4}, step: {1}}
	for i, p := range b.Params() {
		value := make([]float32, p.Shape.Size())
		p.Init(value, uint64(i))
		in[p.Node] = widen(value)
	}
	for _, term := range terms {
		outs = append(outs, term.Node)
	}
	v := onTape(t, b, in, outs...)
	want := map[string]float64{}
	for n := range 3 {
		mse := 0.0
		for i := 6 * n; i < 6*n+6; i++ {
			d := v[2][i] - in[x][i]
			mse += d * d / 6
			want["mae"] += math.Abs(d) / 18
			want["bce"] -= (in[x][i]*math.Log(v[3][i]) + (1-in[x][i])*math.Log(1-v[3][i])) / 3
		}
		want["mse"] += mse / 3
		want["psnr"] += -10 * math.Log10(mse) / 3
		for i := 2 * n; i < 2*n+2; i++ {
			want["kl"] -= 0.5 * (1 + v[1][i] - v[0][i]*v[0][i] - math.Exp(v[1][i])) / 3
		}
	}
	want["elbo"] = -want["bce"] - want["kl"]
	for i, term := range terms {
		if got := v[4+i][0]; !(math.Abs(got-want[term.Name]) <= 1e-12*math.Abs(want[term.Name])) || want[term.Name] == 0 {
			t.Errorf("%s is %v, want %v", term.Name, got, want[term.Name])
		}
	}
	if len(terms) != len(want) {
		t.Errorf("%d metrics, want %d", len(terms), len(want))
	}
}

// TestGaussianNLL holds the constants to the density's formula.
func TestGaussianNLL(t *testing.T) {
	b := graph.NewBuilderOf(kernels.Float64)
	x, y := b.Input("x", 2, 3), b.Input("y", 2, 3)
	in := feeds{x: {1, 2, 3, 4, 5, 6}, y: {1.5, 2, 2, 4, 5.25, 6}}
	const sigma = 0.7
	got := onTape(t, b, in, GaussianNLL(b, sigma, y, x))[0][0]
	want := 0.0
	for i, m := range in[y] {
		d := (in[x][i] - m) / sigma
		want -= math.Log(math.Exp(-d*d/2)/(sigma*math.Sqrt(2*math.Pi))) / 2
	}
	if !(math.Abs(got-want) <= 1e-12) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestBatchwise(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   bool
	}{
		{Config{Name: "wae"}, true}, {Config{Name: "vqvae"}, true}, {Config{Name: "sparse", Sparsity: "kl:0.05"}, true},
		{Config{Name: "vae", FreeBits: 0.1}, true}, {Config{Name: "sparse", Sparsity: "l1:1"}, false}, {Config{Name: "conv"}, false},
	} {
		if got := c.config.Batchwise(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.config, got, c.want)
		}
	}
}

// TestPointless: what takes from a model what it is for is told, and can be built,
// as runs of before it was told have it.
func TestPointless(t *testing.T) {
	one := []Block{{Filters: 2, Stride: 4}}
	for _, test := range []struct {
		c    Config
		want string
	}{
		{Config{Name: "linear", Latent: 2, Hidden: []int{9}, Norm: "batch"}, "norm batch: the linear model has none: leave it out, or take dense"},
		{Config{Name: "linear", Latent: 2, Dropout: 0.5}, "dropout 0.5: the linear model has none: leave it out, or take dense"},
		{Config{Name: "dense", Latent: 2, Hidden: []int{}, Norm: "batch"}, "norm batch: the dense model has no hidden layer to normalise: leave it out"},
		{Config{Name: "sparse", Latent: 2, Dropout: 0.5}, "dropout 0.5: the sparse model has no hidden layer to drop units of: leave it out"},
		{Config{Name: "colorization", Latent: 2}, "colorize false: the colorization model is shown grey images: leave it out, or take conv"},
		{Config{Name: "dense", Latent: 2, Hidden: []int{64, 12}, Norm: "group"}, "norm group: a hidden layer of 12 units makes 6 groups of 2, want at least 8 in each: set groups to 1, or norm to batch or none"},
		{Config{Name: "conv", Latent: 2, Image: [3]int{4, 4, 1}, Blocks: one, Norm: "group"}, "norm group: blocks[0] makes 2 groups of one value, which all come to 0: set groups to 1, or norm to batch or none"},
		{Config{Name: "conv", Latent: 2, Image: [3]int{4, 4, 1}, Blocks: one, Norm: "group", Groups: 1}, ""},
		{Config{Name: "dense", Latent: 2, Hidden: []int{12}, Norm: "group", Groups: 1}, ""},
		{Config{Name: "dense", Latent: 2, Norm: "group", Dropout: 0.1}, ""},
		{Config{Name: "conv", Latent: 2, Norm: "group"}, ""},
		{Config{Name: "sparse", Latent: 2}, ""},
	} {
		m, err := New(test.c)
		if err != nil {
			t.Fatal(err)
		}
		b := graph.NewBuilder()
		if m.On(b); b.Err() != nil {
			t.Error(b.Err())
		}
		if err := m.Config().Pointless(); test.want == "" && err != nil || test.want != "" && (err == nil || err.Error() != test.want) {
			t.Errorf("%+v:\n got %v\nwant %s", test.c, err, test.want)
		}
	}
}
