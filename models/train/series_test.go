package train

import (
	"cmp"
	"context"
	"slices"
	"testing"

	"hourglass/data"
	"hourglass/models"
)

// TestAnomaliesOfASeries trains a denoiser and a variational autoencoder on the
// windows of a series without anomalies. Windows with one are then those that
// they reconstruct worse.
func TestAnomaliesOfASeries(t *testing.T) {
	train, err := data.Open("series", data.Train)
	if err != nil {
		t.Fatal(err)
	}
	test, err := data.Open("series", data.Test)
	if err != nil {
		t.Fatal(err)
	}
	blocks := []models.Block{{Filters: 8, Kernel: 5}, {Filters: 16, Kernel: 5}}
	for name, c := range map[string]models.Config{
		"denoiser": {Name: "sequence", Latent: 8, Blocks: blocks, Denoise: "gaussian:0.05"},
		"vae":      {Name: "vae", Network: "sequence", Latent: 8, Blocks: blocks, Beta: 1, Likelihood: "gaussian", Sigma: 0.05},
	} {
		c.Image = [3]int{1, 128, 1}
		m, err := models.New(c)
		if err != nil {
			t.Fatal(err)
		}
		cfg := Config{Epochs: 6, Batch: 64, Seed: 1, Optimizer: Optimizer{LearningRate: 3e-3}}
		tr, err := New(m, device(t, 2), train, nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.Run(context.Background(), RunOptions{}); err != nil {
			t.Fatal(err)
		}
		images := Scale(test.Pixels)
		got, err := tr.Runner().Reconstruct(images)
		if err != nil {
			t.Fatal(err)
		}
		scores := make([]float64, test.N)
		for i := range images {
			d := float64(got[i] - images[i])
			scores[i/128] += d * d
		}
		if area := auroc(scores, test.Labels); !(area > 0.9) {
			t.Errorf("%s: AUROC %.3f, want above 0.9", name, area)
		} else {
			t.Logf("%s: AUROC %.3f", name, area)
		}
	}
}

// auroc returns the probability that an item of label 1 has a higher score than
// one of label 0.
func auroc(scores []float64, labels []uint8) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	below, pairs, positive := 0, 0, 0
	for _, i := range order {
		if labels[i] == 0 {
			below++
		} else {
			positive++
			pairs += below
		}
	}
	return float64(pairs) / float64(positive*below)
}
