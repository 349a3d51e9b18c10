package models

import (
	"testing"

	"hourglass/graph"
)

// latentCases are those of testdata/latent.py.
var latentCases = map[string]Config{
	"vae":       {Name: "vae", Latent: 6, Hidden: []int{24}, Beta: 2, KLWarmup: 4, FreeBits: 0.02},
	"vae_sigma": {Name: "vae", Network: "conv", Latent: 5, Blocks: smallBlocks, Beta: 1, Likelihood: "gaussian", LearnSigma: true},
	"vae_sequence": {Name: "vae", Network: "sequence", Image: [3]int{1, 28, 1}, Latent: 5, Blocks: smallBlocks, Beta: 1,
		Likelihood: "gaussian", Sigma: 0.3},
	"iwae":      {Name: "iwae", Latent: 6, Hidden: []int{24}, Samples: 5},
	"iwae_conv": {Name: "iwae", Network: "conv", Latent: 4, Blocks: smallBlocks, Samples: 3, Likelihood: "gaussian", Sigma: 0.5},
	"iwae_dreg": {Name: "iwae", Latent: 6, Hidden: []int{24}, Samples: 5, Gradient: "dreg"},
	"iwae_dreg_conv": {Name: "iwae", Network: "conv", Latent: 4, Blocks: smallBlocks, Samples: 3, Gradient: "dreg",
		Likelihood: "gaussian", Sigma: 0.5},
	"vqvae":    {Name: "vqvae", Latent: 3, Blocks: smallBlocks, Codebook: 8, Commitment: 0.25, CodebookDecay: 0.8, Output: "sigmoid"},
	"wae":      {Name: "wae", Latent: 5, Hidden: []int{24}, Lambda: 10},
	"sequence": {Name: "sequence", Image: [3]int{1, 28, 1}, Latent: 5, Blocks: smallBlocks},
}

func newLatentRun(t *testing.T, name string, file golden) composedRun {
	t.Helper()
	c := latentCases[name]
	images := smallBatches(t, 1)
	if c.Image == [3]int{} {
		c.Image = [3]int{8, 8, 1}
	} else {
		images = middleRows(t)
	}
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r := newRecordedRun()
	net, p := m.On(r.b), Phase{Training: true, Step: r.step}
	input := func(name string, v []float64, shape ...int) *graph.Node {
		n := r.b.Input(name, shape...)
		r.fed[n] = v
		return n
	}
	x := input("x", images, append([]int{goldenBatch}, c.Image[:]...)...)
	switch n := net.(type) {
	case *variational:
		mean, logvar := n.posterior(x, p)
		r.loss = n.loss(x, mean, logvar, input("noise", file.values(t, name+"/noise"), goldenBatch, c.Latent), p)
	case *importance:
		mean, logvar := n.posterior(x, p)
		r.loss = n.loss(x, mean, logvar, input("noise", file.values(t, name+"/noise"), c.Samples, goldenBatch, c.Latent), p)
	case *wasserstein:
		r.loss = n.loss(x, n.encode(x, p), input("prior", file.values(t, name+"/prior"), goldenBatch, c.Latent), p)
	default:
		r.loss = net.Loss(x, p)
	}
	r.grads = r.b.Gradients(r.loss.Total, r.b.Trainable()...)
	if r.b.Err() != nil {
		t.Fatal(r.b.Err())
	}
	return r
}

// middleRows returns row 13 of every golden image.
func middleRows(t *testing.T) []float64 {
	t.Helper()
	all := openGolden(t, "golden_batches").values(t, "batches")
	var x []float64
	for from := 0; from < len(all); from += 784 {
		x = append(x, all[from+13*28:][:28]...)
	}
	return x
}

// TestGoldenLatent takes ten steps of Adam with each case and holds losses, their
// terms, first gradients and final variables, the codebook's among them, to
// PyTorch.
func TestGoldenLatent(t *testing.T) {
	file := openGolden(t, "golden_latent")
	for name := range latentCases {
		t.Run(name, func(t *testing.T) { newLatentRun(t, name, file).holdsTo(t, name, file) })
	}
}
