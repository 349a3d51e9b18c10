package models

import (
	"testing"

	"hourglass/graph"
)

// stageCases are those of testdata/stages.py; layer is the stage of a stacked
// model, 0 the whole.
var stageCases = map[string]struct {
	config Config
	layer  int
}{
	"stacked":         {goldenStack, 0},
	"stacked_1":       {goldenStack, 1},
	"stacked_2":       {goldenStack, 2},
	"stacked_3":       {goldenStack, 3},
	"stacked_conv":    {goldenConvStack, 0},
	"stacked_conv_1":  {goldenConvStack, 1},
	"stacked_conv_2":  {goldenConvStack, 2},
	"stacked_conv_3":  {goldenConvStack, 3},
	"classifier":      {Config{Name: "deep", Latent: 5, Hidden: []int{24, 12}, Activation: "sigmoid", Classes: 5}, 0},
	"classifier_head": {Config{Name: "stacked", Network: "conv", Latent: 5, Blocks: smallBlocks, Classes: 5, HeadOnly: true}, 0},
}

var (
	goldenStack     = Config{Name: "stacked", Latent: 5, Hidden: []int{24, 12}, Activation: "sigmoid"}
	goldenConvStack = Config{Name: "stacked", Network: "conv", Latent: 5, Blocks: smallBlocks}
)

func newStageRun(t *testing.T, name string, file golden) composedRun {
	t.Helper()
	c := stageCases[name]
	c.config.Image = [3]int{8, 8, 1}
	m, err := New(c.config)
	if err != nil {
		t.Fatal(err)
	}
	if c.layer > 0 {
		m = Stages(m)[c.layer-1]
	}
	r := newRecordedRun()
	net, p := m.On(r.b), Phase{Training: true, Step: r.step}
	input := func(name string, v []float64, shape ...int) *graph.Node {
		n := r.b.Input(name, append([]int{goldenBatch}, shape...)...)
		r.fed[n] = v
		return n
	}
	if c.config.Classes > 0 {
		p.Labels = input("labels", file.values(t, name+"/labels"), 1)
	}
	r.loss = net.Loss(input("x", smallBatches(t, 1), 8, 8, 1), p)
	r.grads = r.b.Gradients(r.loss.Total, r.b.Trainable()...)
	if r.b.Err() != nil {
		t.Fatal(r.b.Err())
	}
	return r
}

// TestGoldenStages takes ten steps of Adam with each layer of stacked nets and
// with classifiers, and holds losses, first gradients and final weights to
// PyTorch.
func TestGoldenStages(t *testing.T) {
	file := openGolden(t, "golden_stages")
	for name := range stageCases {
		t.Run(name, func(t *testing.T) { newStageRun(t, name, file).holdsTo(t, name, file) })
	}
}

// TestEveryModelIsGolden: none is left out of the golden files.
func TestEveryModelIsGolden(t *testing.T) {
	held := map[string]bool{}
	for _, cases := range []map[string]Config{goldenModels, composedCases, latentCases} {
		for _, c := range cases {
			held[c.Name] = true
		}
	}
	for _, c := range stageCases {
		held[c.config.Name] = true
	}
	for _, name := range Names() {
		if !held[name] {
			t.Errorf("%s is not held to PyTorch", name)
		}
	}
}
