package models

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
)

// compositions are what TestVariants runs too: options put together in ways of
// which each needs the others to hold.
var compositions = map[string]Config{
	"deep":    {Name: "deep", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{6, 5, 4}, Activation: "tanh"},
	"stacked": {Name: "stacked", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{6, 5}, Denoise: "mask:0.1,gaussian:0.2"},
	"stacked conv": {Name: "stacked", Network: "conv", Image: [3]int{5, 4, 1}, Latent: 2, Blocks: []Block{{Filters: 3}, {Filters: 4, Stride: 1}},
		Denoise: "mask:0.1,gaussian:0.2", Norm: "group", Upsample: "nearest"},
	"stacked sequence":               {Name: "stacked", Network: "sequence", Image: [3]int{1, 7, 2}, Latent: 2, Blocks: []Block{{Filters: 3}, {Filters: 4}}, Downsample: "max"},
	"classifier":                     {Name: "dense", Image: [3]int{3, 2, 1}, Latent: 4, Classes: 3},
	"classifier of a vqvae":          {Name: "vqvae", Image: [3]int{4, 4, 1}, Latent: 2, Blocks: []Block{{Filters: 4}}, Codebook: 5, Commitment: 0.25, CodebookDecay: 0.9, Classes: 2},
	"classifier of a denoising conv": {Name: "conv", Image: [3]int{5, 4, 1}, Latent: 3, Blocks: []Block{{Filters: 4}}, Norm: "batch", Dropout: 0.2, Denoise: "mask:0.3", Classes: 3, HeadOnly: true},
	"classifier of a vae":            {Name: "vae", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{5}, Beta: 1, Classes: 2},
	"linear preset":                  {Name: "linear", Image: [3]int{3, 2, 1}, Latent: 2},
	"sparse":                         {Name: "sparse", Image: [3]int{3, 2, 1}, Latent: 9},
	"sparse conv l1":                 {Name: "sparse", Network: "conv", Image: [3]int{5, 5, 1}, Latent: 5, Sparsity: "l1:1e-2"},
	"denoising":                      {Name: "denoising", Image: [3]int{5, 4, 1}, Latent: 3, Blocks: []Block{{Filters: 2}}},
	"inpainting":                     {Name: "inpainting", Image: [3]int{3, 3, 2}, Latent: 3, Blocks: []Block{{Filters: 2}}, Denoise: "square:2", KeepGiven: true},
	"colorization":                   {Name: "colorization", Image: [3]int{4, 4, 3}, Latent: 3, Blocks: []Block{{Filters: 2}}, Colorize: true},
	"contractive":                    {Name: "contractive", Image: [3]int{3, 2, 1}, Latent: 3, Contractive: 0.1},
	"denoising vae":                  {Name: "vae", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{5}, Beta: 1, Denoise: "mask:0.25"},
	"contractive vae":                {Name: "vae", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{5}, Beta: 1, Contractive: 0.1, Activation: "silu"},
	"denoising iwae":                 {Name: "iwae", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{5}, Samples: 3, Denoise: "mask:0.25"},
	"denoising wae":                  {Name: "wae", Image: [3]int{3, 2, 1}, Latent: 2, Hidden: []int{5}, Lambda: 1, Denoise: "gaussian:0.2"},
	"denoising vqvae":                {Name: "vqvae", Image: [3]int{4, 4, 1}, Latent: 2, Blocks: []Block{{Filters: 4}}, Codebook: 5, Commitment: 0.25, CodebookDecay: 0.9, Denoise: "gaussian:0.2"},
	"salt and pepper":                {Name: "dense", Image: [3]int{3, 2, 1}, Latent: 2, Denoise: "saltpepper:0.5", Loss: "bce"},
	"halves":                         {Name: "dense", Image: [3]int{3, 3, 1}, Latent: 2, Denoise: "half", KeepGiven: true, Loss: "bce"},
	"pixels in colour":               {Name: "dense", Image: [3]int{3, 2, 3}, Latent: 2, Denoise: "pixels:0.5", KeepGiven: true, Colorize: false, Loss: "huber"},
	"left half, colorize":            {Name: "conv", Image: [3]int{4, 5, 3}, Latent: 2, Blocks: []Block{{Filters: 2}}, Denoise: "half:left", Colorize: true},
	"conv with everything": {Name: "conv", Image: [3]int{5, 4, 3}, Latent: 3, Blocks: []Block{{Filters: 4}, {Filters: 3}}, Activation: "softplus",
		CodeActivation: "sigmoid", Colorize: true, Denoise: "gaussian:0.3:0.1", Sparsity: "kl:0.2:0.1", Contractive: 0.1},
	"conv hutchinson": {Name: "conv", Image: [3]int{5, 4, 1}, Latent: 3, Blocks: []Block{{Filters: 4}}, Norm: "group", Activation: "elu",
		Sparsity: "l1:1e-4", Contractive: 0.1, Jacobian: "hutchinson", Downsample: "max", Upsample: "nearest"},
}

// corrupted returns what a corruption makes of images, and the mask.
func corrupted(t *testing.T, text string, image [3]int, x []float64, step int, seed uint64) (y, missing []float64) {
	t.Helper()
	k, err := parseCorruption(text)
	if err == nil {
		err = k.check(image)
	}
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilder()
	n := len(x) / (image[0] * image[1] * image[2])
	in, counter := b.Input("x", n, image[0], image[1], image[2]), b.InputOf(kernels.Int32, "step", 1)
	out, mask := k.apply(b, in, Phase{Step: counter, Seed: seed})
	outs := []*graph.Node{out}
	if mask != nil {
		outs = append(outs, b.Add(b.Scale(0, in), mask))
	}
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	values := onCPU(t, b, feeds{in: x, counter: {float64(step)}}, outs...)
	if mask == nil {
		return values[0], nil
	}
	return values[0], values[1]
}

func constantImages(n int, image [3]int, v float64) []float64 {
	x := make([]float64, n*image[0]*image[1]*image[2])
	for i := range x {
		x[i] = v
	}
	return x
}

// TestCorruptions checks the statistics of each kind on many grey images.
func TestCorruptions(t *testing.T) {
	image, n := [3]int{20, 10, 2}, 60
	x := constantImages(n, image, 0.5)
	share := func(v []float64, want float64) float64 {
		count := 0.0
		for _, y := range v {
			if y == want {
				count++
			}
		}
		return count / float64(len(v))
	}
	near := func(what string, got, want, off float64) {
		t.Helper()
		if !(math.Abs(got-want) <= off) {
			t.Errorf("%s is %.4f, want %.4f", what, got, want)
		}
	}
	y, _ := corrupted(t, "gaussian:0.1:0.2", image, x, 3, 1)
	mean, square := 0.0, 0.0
	for _, v := range y {
		mean += v / float64(len(y))
		square += (v - 0.7) * (v - 0.7) / float64(len(y))
	}
	near("the mean of gaussian:0.1:0.2", mean, 0.7, 0.003)
	near("its deviation", math.Sqrt(square), 0.1, 0.003)
	y, _ = corrupted(t, "gaussian:10", image, x, 3, 1)
	near("the share of 0 after gaussian:10", share(y, 0), 0.48, 0.01)
	near("the share of 1 after gaussian:10", share(y, 1), 0.48, 0.01)
	y, _ = corrupted(t, "saltpepper:0.1", image, x, 3, 1)
	near("pepper", share(y, 0), 0.05, 0.005)
	near("salt", share(y, 1), 0.05, 0.005)
	near("the rest", share(y, 0.5), 0.9, 0.01)
	for text, want := range map[string]float64{"mask:0.25": 0.25, "pixels:0.5": 0.5, "half:left": 0.5, "half:bottom": 0.5, "half": 0.5, "square:6": 36.0 / 200} {
		y, missing := corrupted(t, text, image, x, 3, 1)
		near("what misses of "+text, share(y, 0), want, 0.01)
		for i := range y {
			if y[i] != 0.5*(1-missing[i]) {
				t.Fatalf("%s makes %v of 0.5 where the mask is %v", text, y[i], missing[i])
			}
		}
	}
}

// TestMaskShapes looks at every square and half drawn.
func TestMaskShapes(t *testing.T) {
	image, n := [3]int{7, 5, 2}, 400
	x := constantImages(n, image, 1)
	places := map[string]int{}
	size := 7 * 5 * 2
	for i := range n {
		_, missing := corrupted(t, "square:3", image, x[:40*size], 0, uint64(i/40))
		top, left := -1, -1
		for p := range 35 {
			m := missing[(i%40)*size+2*p:]
			if m[0] != m[1] {
				t.Fatal("the channels of a pixel differ")
			}
			if m[0] == 1 && top < 0 {
				top, left = p/5, p%5
			}
		}
		for p := range 35 {
			inside := p/5 >= top && p/5 < top+3 && p%5 >= left && p%5 < left+3
			if (missing[(i%40)*size+2*p] == 1) != inside {
				t.Fatalf("image %d: pixel %d of a square at %d %d", i, p, top, left)
			}
		}
		places[fmt.Sprint(top, left)]++
	}
	if len(places) != 5*3 {
		t.Errorf("squares at %d places, want 15: %v", len(places), places)
	}

	_, missing := corrupted(t, "half", image, x, 0, 4)
	halves := map[string]int{}
	for i := range n {
		m := missing[i*size:][:size]
		at := func(r, c int) float64 { return m[(r*5+c)*2] }
		rows, columns := at(0, 0) == at(0, 4), at(0, 0) == at(6, 0)
		if rows == columns {
			t.Fatalf("image %d is cut in both directions or none", i)
		}
		halves[fmt.Sprint(rows, at(0, 0))]++
	}
	for half, count := range halves {
		if len(halves) != 4 || count < n/4-40 {
			t.Errorf("%d of half %s, %d halves, want 4 of about %d", count, half, len(halves), n/4)
		}
	}
}

// TestCorruptionRepeats: the same seed and step give the same noise, others
// other noise.
func TestCorruptionRepeats(t *testing.T) {
	image := [3]int{6, 6, 1}
	x := constantImages(4, image, 0.5)
	for _, text := range []string{"gaussian:0.3", "mask:0.5", "saltpepper:0.5", "square:2", "half", "pixels:0.5"} {
		first, _ := corrupted(t, text, image, x, 1, 9)
		again, _ := corrupted(t, text, image, x, 1, 9)
		step, _ := corrupted(t, text, image, x, 2, 9)
		seed, _ := corrupted(t, text, image, x, 1, 10)
		if apart(t, first, again) != 0 {
			t.Errorf("%s differs from itself", text)
		}
		if apart(t, first, step) == 0 || apart(t, first, seed) == 0 {
			t.Errorf("%s is the same at another step or seed", text)
		}
	}
}

// TestComposeErrors pins what a user reads.
func TestComposeErrors(t *testing.T) {
	dense := func(change func(*Config)) Config {
		c := Config{Name: "dense", Latent: 2}
		change(&c)
		return c
	}
	for want, c := range map[string]Config{
		`denoise "gausian": want gaussian, mask, saltpepper, square, half, pixels; did you mean gaussian?`:                            dense(func(c *Config) { c.Denoise = "gausian:0.3" }),
		`denoise "gaussian": want gaussian:SIGMA or gaussian:SIGMA:MEAN, such as gaussian:0.3`:                                        dense(func(c *Config) { c.Denoise = "gaussian" }),
		`denoise "mask:x": "x" is not a number; want mask:FRACTION, such as mask:0.25`:                                                dense(func(c *Config) { c.Denoise = "mask:x" }),
		"denoise gaussian: sigma -1, want above 0 and at most 100":                                                                    dense(func(c *Config) { c.Denoise = "gaussian:-1" }),
		"denoise gaussian: sigma NaN, want above 0 and at most 100":                                                                   dense(func(c *Config) { c.Denoise = "gaussian:nan" }),
		"denoise mask: fraction 1.5, want above 0 and at most 1":                                                                      dense(func(c *Config) { c.Denoise = "mask:1.5" }),
		"denoise square: side 29 is larger than the 28×28 image, want at most 28":                                                     dense(func(c *Config) { c.Denoise = "square:29" }),
		"denoise square: side 1e+300, want a whole number of pixels, at least 1":                                                      dense(func(c *Config) { c.Denoise = "square:1e300" }),
		`denoise half: side "lft": want left, right, top, bottom; did you mean left?`:                                                 dense(func(c *Config) { c.Denoise = "half:lft" }),
		"denoise half: the image is 1×28 and has no top half":                                                                         dense(func(c *Config) { c.Denoise, c.Image = "half:top", [3]int{1, 28, 1} }),
		`keep_given: want a denoise that masks (mask, square, half, pixels), got "gaussian:0.3"`:                                      dense(func(c *Config) { c.Denoise, c.KeepGiven = "gaussian:0.3", true }),
		"colorize: the images have 1 channel(s), want 3: grey images have no colours to learn; the built-in data set shapes has some": dense(func(c *Config) { c.Colorize, c.Image = true, [3]int{28, 28, 1} }),
		`sparsity "l2": want l1, kl; did you mean l1?`:                                                                                dense(func(c *Config) { c.Sparsity = "l2:1" }),
		`sparsity "l1": want l1:WEIGHT, such as l1:1e-4`:                                                                              dense(func(c *Config) { c.Sparsity = "l1" }),
		"sparsity l1: weight -1, want above 0 and at most 1e6":                                                                        dense(func(c *Config) { c.Sparsity = "l1:-1" }),
		"sparsity kl: rho 1, want above 0 and below 1; 0.05 is the usual":                                                             dense(func(c *Config) { c.Sparsity = "kl:1" }),
		"sparsity kl: code_activation is relu, want sigmoid: the penalty is of units in (0, 1)":                                       dense(func(c *Config) { c.Sparsity, c.CodeActivation = "kl:0.05", "relu" }),
		"contractive -0.1: want 0 to 1e6":                                                                                             dense(func(c *Config) { c.Contractive = -0.1 }),
		`jacobian "exct": want exact, hutchinson; did you mean exact?`:                                                                dense(func(c *Config) { c.Contractive, c.Jacobian = 1, "exct" }),
		"jacobian: an option of contractive models, and the model is dense: leave it out":                                             dense(func(c *Config) { c.Jacobian = "exact" }),
		"contractive 0: want above 0; 1e-3 is the usual":                                                                              {Name: "contractive", Latent: 2},
		"contractive: norm batch mixes the images of a batch, so that none has a Jacobian of its own: want none or group":             dense(func(c *Config) { c.Contractive, c.Norm = 1, "batch" }),
		"contractive: latent 513 takes as many backward passes a step, want at most 512 or jacobian hutchinson":                       dense(func(c *Config) { c.Contractive, c.Latent = 1, 513 }),
		"denoise square: want gaussian or mask in a stacked model, whose codes are no images":                                         {Name: "stacked", Latent: 2, Denoise: "square:3"},
		`denoise "mask:0.1,mask:0.2,mask:0.3,mask:0.4": 4 corruptions for the 3 layers of the encoder, want at most one each`:         {Name: "stacked", Latent: 2, Denoise: "mask:0.1,mask:0.2,mask:0.3,mask:0.4"},
		"activation relu: the linear model has none: leave it out, or take dense":                                                     {Name: "linear", Latent: 2, Activation: "relu"},
		"latent 785: the images have 784 values, and a linear code of as many loses nothing: want at most that":                       {Name: "linear", Latent: 785},
		"sparsity: an option of dense, conv and sequence, and the model is vae of network dense: leave it out":                        {Name: "vae", Latent: 2, Beta: 1, Sparsity: "l1:1"},
		"hidden: an option of models of dense layers, and the model is denoising of network conv: leave it out":                       {Name: "denoising", Latent: 2, Hidden: []int{3}},
		"network: an option of models of either dense layers or convolutions, and the model is deep: leave it out":                    {Name: "deep", Latent: 2, Network: "conv"},
	} {
		if _, err := New(c); err == nil || err.Error() != want {
			t.Errorf("%+v:\n got %v\nwant %s", c, err, want)
		}
	}
}

// TestOptions: every model's default works and lists what it takes, each option
// with a line about it.
func TestOptions(t *testing.T) {
	takes := map[string][]string{}
	for _, name := range Names() {
		options, err := Options(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, o := range options {
			takes[name] = append(takes[name], o.Name)
			if o.About == "" {
				t.Errorf("nothing about %s", o.Name)
			}
		}
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
		if b.Err() != nil {
			t.Errorf("%s: %v", name, b.Err())
		}
	}
	for _, c := range []struct {
		model, option string
		want          bool
	}{
		{"conv", "denoise", true}, {"conv", "blocks", true}, {"conv", "hidden", false}, {"conv", "beta", false},
		{"vae", "sigma", true}, {"vae", "hidden", true}, {"vae", "jacobian", true}, {"vae", "sparsity", false},
		{"wae", "jacobian", false}, {"sparse", "blocks", true}, {"deep", "network", false}, {"linear", "image", true},
		{"linear", "activation", false}, {"linear", "norm", false}, {"conv", "huber_delta", true}, {"vae", "huber_delta", false}, {"sequence", "colorize", false}, {"colorization", "keep_given", false}, {"stacked", "blocks", true}, {"vqvae", "classes", true},
	} {
		if got := slices.Contains(takes[c.model], c.option); got != c.want {
			t.Errorf("%s takes %s: %v, want %v", c.model, c.option, got, c.want)
		}
	}
	if _, err := Options("cnov"); err == nil {
		t.Error("options of an unknown model")
	}
}

// TestInputAndMissing: what the encoder is given and what is counted are told
// apart from the images, in a vae too.
func TestInputAndMissing(t *testing.T) {
	for _, name := range []string{"dense", "vae", "wae", "vqvae"} {
		c, err := Default(name)
		if err != nil {
			t.Fatal(err)
		}
		c.Image, c.Latent = [3]int{4, 4, 1}, 2
		if name == "vqvae" {
			c.Blocks = []Block{{Filters: 8}}
		}
		m, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		b := graph.NewBuilder()
		net := m.On(b)
		x, y, step := b.Input("x", 3, 4, 4, 1), b.Input("y", 3, 4, 4, 1), b.InputOf(kernels.Int32, "step", 1)
		phase := Phase{Step: step}
		plain := net.Loss(x, phase)
		phase.Input = y
		seen := net.Loss(x, phase)
		in := feeds{x: formula("x", 48, 1), y: formula("y", 48, 1), step: {0}}
		for i, p := range b.Params() {
			value := make([]float32, p.Shape.Size())
			p.Init(value, uint64(i))
			in[p.Node] = widen(value)
		}
		if b.Err() != nil {
			t.Fatal(b.Err())
		}
		first := onCPU(t, b, in, plain.Total, seen.Total)
		in[y] = in[x]
		again := onCPU(t, b, in, plain.Total, seen.Total)
		if first[0][0] == first[1][0] || again[0][0] != again[1][0] || again[0][0] != first[0][0] {
			t.Errorf("%s: losses %v with another input, %v with the images as input", name, first, again)
		}
	}
}

// TestMetricsOfPenalties: what evaluation reports of a code is what the loss
// counts of it, where both are given the same.
func TestMetricsOfPenalties(t *testing.T) {
	for name, term := range map[string]string{"contractive": "contractive", "wae": "mmd"} {
		c, err := Default(name)
		if err != nil {
			t.Fatal(err)
		}
		c.Image, c.Latent = [3]int{4, 4, 1}, 3
		m, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		b := graph.NewBuilder()
		net := m.On(b)
		x, step := b.Input("x", 6, 4, 4, 1), b.InputOf(kernels.Int32, "step", 1)
		phase := Phase{Step: step, Seed: 4}
		var outs []*graph.Node
		for _, terms := range [][]Term{net.Loss(x, phase).Terms, net.Metrics(x, phase)} {
			for _, v := range terms {
				if v.Name == term {
					outs = append(outs, v.Node)
				}
			}
		}
		in := started(b)
		in[x], in[step] = formula("x", 96, 1), []float64{2}
		if v := onCPU(t, b, in, outs...); len(v) != 2 || v[0][0] != v[1][0] || v[0][0] == 0 {
			t.Errorf("%s: %s is %v in the loss and the metrics", name, term, v)
		}
	}
}

// TestHuberDelta: the loss bends where the config says.
func TestHuberDelta(t *testing.T) {
	m, err := New(Config{Name: "dense", Image: [3]int{4, 4, 1}, Latent: 3, Loss: "huber", HuberDelta: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilder()
	net := m.On(b)
	x := b.Input("x", 6, 4, 4, 1)
	want := Huber(b, MeanOverAll, 0.1, net.Decode(net.Encode(x)), x)
	in := started(b)
	in[x] = formula("x", 96, 1)
	if v := onCPU(t, b, in, net.Loss(x, Phase{}).Total, want); v[0][0] != v[1][0] {
		t.Errorf("the loss is %v, want %v", v[0][0], v[1][0])
	}
}

// TestShapesAreChecked: what is no batch of images or codes is an error.
func TestShapesAreChecked(t *testing.T) {
	for want, use := range map[string]func(b *graph.Builder){
		"corrupt: images [3 4], want [N H W C]":                                          func(b *graph.Builder) { Corrupt(b, "mask:0.5", b.Input("x", 3, 4), Phase{}) },
		"contractive: codes [3], want [N z]":                                             func(b *graph.Builder) { JacobianNorm(b, b.Input("code", 3), b.Input("x", 3, 4)) },
		"psnr: prediction [2 3 3 1] and target [2 1 3 1], want two batches of one shape": func(b *graph.Builder) { PSNR(b, b.Input("x", 2, 3, 3, 1), b.Input("y", 2, 1, 3, 1)) },
		"psnr: prediction [] and target [], want two batches of one shape":               func(b *graph.Builder) { PSNR(b, b.Constant(1), b.Constant(2)) },
		"loss: one value without a batch, want [N …]":                                    func(b *graph.Builder) { KL(b, b.Constant(1), b.Constant(2)) },
	} {
		b := graph.NewBuilder()
		if use(b); b.Err() == nil || b.Err().Error() != want {
			t.Errorf("got %v, want %s", b.Err(), want)
		}
	}
}

// TestDenoisingMetrics computes them by hand from Restore's images.
func TestDenoisingMetrics(t *testing.T) {
	c := compositions["inpainting"]
	c.Sparsity = "l1:0.1"
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilder()
	net := m.On(b)
	x, step := b.Input("x", 3, 3, 3, 2), b.InputOf(kernels.Int32, "step", 1)
	phase := Phase{Step: step, Seed: metricsSeed}
	corrupted, restored := net.(Restorer).Restore(x, phase)
	outs := []*graph.Node{corrupted, restored, net.Decode(net.Encode(corrupted)), net.Encode(x)}
	names := []string{"loss"}
	loss := net.Loss(x, phase).Terms[0]
	phase.Seed = 77 // metrics have a seed of their own
	outs = append(outs, loss.Node)
	for _, term := range net.Metrics(x, phase) {
		names = append(names, term.Name)
		outs = append(outs, term.Node)
	}
	in := feeds{x: formula("x", 54, 1), step: {2}}
	for i := range in[x] {
		in[x][i] = math.Abs(in[x][i])
	}
	for i, p := range b.Params() {
		value := make([]float32, p.Shape.Size())
		p.Init(value, uint64(i))
		in[p.Node] = widen(value)
	}
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	v := onCPU(t, b, in, outs...)
	want := map[string]float64{}
	missing := 0
	for n := range 3 {
		noisy, restoredError := 0.0, 0.0
		for i := 18 * n; i < 18*n+18; i++ {
			given := in[x][i]
			if v[0][i] == 0 {
				missing++
				given = v[2][i]
				want["loss"] += (v[2][i] - in[x][i]) * (v[2][i] - in[x][i]) / 54 // of what is missing alone
			}
			if !(math.Abs(v[1][i]-given) <= 1e-6) {
				t.Fatalf("restored value %d is %v, want %v", i, v[1][i], given)
			}
			noisy += (v[0][i] - in[x][i]) * (v[0][i] - in[x][i]) / 18
			restoredError += (v[1][i] - in[x][i]) * (v[1][i] - in[x][i]) / 18
		}
		want["noisy_psnr"] -= 10 * math.Log10(noisy) / 3
		want["denoise_psnr"] -= 10 * math.Log10(restoredError) / 3
		want["denoise_mse"] += restoredError / 3
	}
	if missing != 3*2*2*2 {
		t.Errorf("%d values are missing, want three squares of 2×2 in two channels", missing)
	}
	for _, a := range v[3] {
		want["activation"] += math.Abs(a) / float64(len(v[3]))
	}
	for name, want := range want {
		i := slices.Index(names, name)
		if i < 0 || !(math.Abs(v[4+i][0]-want) <= 1e-5*math.Abs(want)) {
			t.Errorf("%s: metrics %v %v, want %v", name, names, v[4:], want)
		}
	}
}
