package models

import (
	"math"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
)

// stageOf returns a stage of a stacked model on a builder.
func stageOf(t *testing.T, b *graph.Builder, c Config, layer int) *stageNet {
	t.Helper()
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	n := Stages(m)[layer-1].On(b).(*stageNet)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	return n
}

// TestStageRestoresWhole: dropout drops nothing of what a stage restores, which
// is the code of the layer below.
func TestStageRestoresWhole(t *testing.T) {
	for name, c := range map[string]Config{
		"dense": {Name: "stacked", Image: [3]int{4, 4, 1}, Latent: 3, Hidden: []int{9, 7}, Dropout: 0.5},
		"conv":  {Name: "stacked", Image: [3]int{8, 8, 1}, Latent: 3, Network: "conv", Blocks: smallBlocks, Dropout: 0.5},
	} {
		b := graph.NewBuilder()
		n := stageOf(t, b, c, 2)
		x, step := b.Input("x", 5, c.Image[0], c.Image[1], 1), b.InputOf(kernels.Int32, "step", 1)
		code := n.Encode(x)
		in := started(b)
		in[x], in[step] = formula("x", 5*c.Image[0]*c.Image[1], 1), []float64{3}
		v := onCPU(t, b, in, n.decoder(code, Phase{Training: true, Step: step, Seed: 1}), n.Decode(code))
		for i := range v[0] {
			if v[0][i] != v[1][i] {
				t.Fatalf("%s: value %d is restored as %v in training, and as %v else", name, i, v[0][i], v[1][i])
			}
		}
	}
}

// TestStageCorruption: above the first layer codes are corrupted by their
// stage's part of Denoise, or by the last, and not cut to [0, 1].
func TestStageCorruption(t *testing.T) {
	const n, width = 400, 50
	c := Config{Name: "stacked", Image: [3]int{2, 2, 1}, Latent: 3, Hidden: []int{width, 5}, Denoise: "gaussian:9,mask:0.25"}
	for _, test := range []struct {
		denoise              string
		layer                int
		zeros, mean, standev float64 // of what ones become
	}{
		{"gaussian:9,mask:0.25", 2, 0.25, 0.75, math.Sqrt(0.25 * 0.75)},
		{"mask:0.5,gaussian:0.3:0.5", 2, 0, 1.5, 0.3},
		{"mask:0.5,gaussian:0.3:0.5", 3, 0, 1.5, 0.3},
	} {
		b := graph.NewBuilder()
		c.Denoise = test.denoise
		net := stageOf(t, b, c, test.layer)
		h, step := b.Input("h", n, width), b.InputOf(kernels.Int32, "step", 1)
		ones := make([]float64, n*width)
		for i := range ones {
			ones[i] = 1
		}
		got := onCPU(t, b, feeds{h: ones, step: {1}}, net.corrupt(h, Phase{Training: true, Step: step, Seed: 2}))[0]
		zeros, sum, squares := 0.0, 0.0, 0.0
		for _, v := range got {
			if v == 0 {
				zeros++
			}
			sum += v
			squares += v * v
		}
		count := float64(len(got))
		mean := sum / count
		standev := math.Sqrt(squares/count - mean*mean)
		if !(math.Abs(zeros/count-test.zeros) <= 0.02 && math.Abs(mean-test.mean) <= 0.02 && math.Abs(standev-test.standev) <= 0.02) {
			t.Errorf("%s in stage %d: %.3f zeros, mean %.3f, standard deviation %.3f, want %.3f, %.3f, %.3f",
				test.denoise, test.layer, zeros/count, mean, standev, test.zeros, test.mean, test.standev)
		}
	}
}
