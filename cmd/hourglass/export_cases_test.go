package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/kernels/cpu"
	"hourglass/models"
	"hourglass/models/train"
)

// exportCase is a model that is written for other programs, and so read again.
type exportCase struct {
	name   string
	config models.Config
}

// exportCases are all models as they are by default, and every option that
// changes what they compute, on small images whose sizes no stride divides.
func exportCases(t testing.TB) []exportCase {
	t.Helper()
	var cases []exportCase
	add := func(name, model string, change func(*models.Config)) {
		c, err := models.Default(model)
		if err != nil {
			t.Fatal(err)
		}
		change(&c)
		cases = append(cases, exportCase{name, c})
	}
	for _, name := range models.Names() {
		add(name, name, func(*models.Config) {})
	}
	blocks := []models.Block{{Filters: 6}, {Filters: 8, Kernel: 5, Stride: 3}}
	small := func(c *models.Config) { c.Image, c.Latent, c.Blocks = [3]int{13, 10, 3}, 4, blocks }
	for _, activation := range []string{"relu", "leaky_relu", "elu", "silu", "gelu", "sigmoid", "tanh", "softplus", "identity"} {
		add("conv-"+activation, "conv", func(c *models.Config) { small(c); c.Activation, c.CodeActivation = activation, activation })
	}
	for _, norm := range []string{"batch", "group"} {
		for down, up := range map[string]string{"stride": "transpose", "max": "nearest", "average": "bilinear"} {
			add("conv-"+norm+"-"+down+"-"+up, "conv", func(c *models.Config) {
				small(c)
				c.Norm, c.Downsample, c.Upsample, c.Dropout = norm, down, up, 0.2
			})
		}
		add("dense-"+norm, "dense", func(c *models.Config) {
			c.Image, c.Latent, c.Hidden, c.Norm, c.Dropout = [3]int{4, 5, 3}, 3, []int{24, 16}, norm, 0.1
		})
		add("vqvae-"+norm, "vqvae", func(c *models.Config) { small(c); c.Norm, c.Codebook = norm, 32 })
	}
	narrow := []models.Block{{Filters: 5, Kernel: 1, Stride: 2}, {Filters: 7, Kernel: 2, Stride: 3}}
	add("conv-narrow", "conv", func(c *models.Config) { small(c); c.Blocks, c.Output = narrow, "identity" })
	add("conv-narrow-max", "conv", func(c *models.Config) { small(c); c.Blocks, c.Downsample, c.Upsample = narrow, "max", "bilinear" })
	add("conv-grey", "conv", func(c *models.Config) { small(c); c.Image[2] = 1 })
	add("conv-l1", "conv", func(c *models.Config) { small(c); c.Sparsity = "l1:1e-4" })
	add("dense-colour", "dense", func(c *models.Config) { c.Image, c.Hidden, c.Denoise = [3]int{5, 4, 3}, []int{}, "mask:0.2" })
	for _, network := range []string{"conv", "sequence", "dense"} {
		of := func(c *models.Config) {
			c.Network = network
			switch network {
			case "dense":
				c.Image, c.Hidden = [3]int{6, 5, 3}, []int{}
			case "sequence":
				c.Image, c.Blocks = [3]int{1, 37, 2}, blocks
			default:
				small(c)
			}
		}
		add("vae-"+network, "vae", of)
		add("vae-gaussian-"+network, "vae", func(c *models.Config) { of(c); c.Likelihood, c.LearnSigma, c.Output = "gaussian", true, "identity" })
		add("iwae-"+network, "iwae", of)
		add("wae-"+network, "wae", of)
		add("denoising-"+network, "denoising", of)
		add("contractive-"+network, "contractive", of)
		add("sparse-"+network, "sparse", of)
	}
	add("inpainting-dense", "inpainting", func(c *models.Config) { c.Network = "dense" })
	add("colorization-dense", "colorization", func(c *models.Config) { c.Network, c.Image = "dense", [3]int{6, 7, 3} })
	add("stacked-conv", "stacked", func(c *models.Config) { c.Network = "conv"; small(c); c.Norm = "batch" })
	add("stacked-noise", "stacked", func(c *models.Config) { c.Image, c.Hidden, c.Denoise = [3]int{6, 6, 1}, []int{20}, "mask:0.1,mask:0.2" })
	for _, name := range []string{"conv", "vae", "vqvae", "stacked"} {
		add("classifier-"+name, name, func(c *models.Config) { c.Classes = 5 })
	}
	return cases
}

// foreignRun is a run whose every weight matters, and what it computes.
type foreignRun struct {
	folder  string
	model   models.Model
	weights []graph.Array
	runner  *train.Runner
}

// newForeignRun writes the folder of a run of a case, as training would leave
// it.
func newForeignRun(t testing.TB, folder string, c exportCase, dev *cpu.Device) foreignRun {
	t.Helper()
	s, err := given{flags: map[string]string{"model": c.config.Name}}.resolve()
	if err != nil {
		t.Fatal(err)
	}
	m, err := models.New(c.config)
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	r := foreignRun{folder: folder, model: m, weights: drawnWeights(t, c, m)}
	s.Model = m.Config()
	if err := os.MkdirAll(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := writeConfig(folder, s); err != nil {
		t.Fatal(err)
	}
	if err := train.WriteWeights(filepath.Join(folder, train.BestName), m, r.weights, train.Epoch{Epoch: 1, Step: 10, TrainLoss: 0.5}); err != nil {
		t.Fatal(err)
	}
	if r.runner, err = train.NewRunner(m, dev, r.weights, train.RunnerOptions{}); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return r
}

// drawnWeights returns initial weights with nothing that is 0 or 1 all over.
func drawnWeights(t testing.TB, c exportCase, m models.Model) []graph.Array {
	t.Helper()
	b := graph.NewBuilder()
	m.On(b)
	if b.Err() != nil {
		t.Fatalf("%s: %v", c.name, b.Err())
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var all []graph.Array
	for i, p := range b.Params() {
		value := make([]float32, p.Shape.Size())
		p.Init(value, uint64(i))
		for j := range value {
			u := rng.Float32() - 0.5
			switch {
			case p.Name == "codebook.weight":
				value[j] = 2 * u
			case strings.HasSuffix(p.Name, ".running"): // means and variances
				value[j] += 0.5 * u
			case len(p.Shape) == 1:
				value[j] += 0.4 * u
			}
		}
		all = append(all, graph.Array{Name: p.Name, Shape: p.Shape, Data: value})
	}
	return all
}

// drawnImages returns n images [n H W C].
func drawnImages(n int, shape kernels.Shape) []float32 {
	rng := rand.New(rand.NewPCG(3, 4))
	values := make([]float32, n*shape.Size())
	for i := range values {
		values[i] = rng.Float32()
	}
	return values
}
