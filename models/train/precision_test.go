package train

import (
	"math"
	"testing"

	"hourglass/kernels/cpu"
	"hourglass/models"
)

// bf16Loss is how far the loss of a training in bfloat16 may be from that in
// float32, relatively: some times what was seen, 0.0004 to 0.006.
const bf16Loss = 0.03

// TestBF16Converges: 203 steps with products of bfloat16 end near those with
// products of float32, and not on them.
func TestBF16Converges(t *testing.T) {
	for name, c := range map[string]models.Config{
		"dense": {Name: "dense", Hidden: []int{32}, Latent: 8},
		"conv":  {Name: "conv", Blocks: []models.Block{{Filters: 8}, {Filters: 16}}, Latent: 8, Activation: "elu"},
	} {
		c.Image = [3]int{8, 8, 1}
		m, err := models.New(c)
		if err != nil {
			t.Fatal(err)
		}
		var losses [2]float64
		for _, p := range []cpu.Precision{cpu.Float32, cpu.BF16} {
			dev, err := cpu.New(cpu.Options{Threads: 1, Precision: p})
			if err != nil {
				t.Fatal(err)
			}
			defer dev.Close()
			cfg := small
			cfg.Epochs, cfg.Batch, cfg.Optimizer.LearningRate = 29, 32, 0.005
			tr, err := New(m, dev, blobs(224), blobs(64), cfg)
			if err != nil {
				t.Fatal(err)
			}
			mustRun(t, tr, RunOptions{})
			history := tr.History()
			first, last := history[0], history[len(history)-1]
			if last.Step < 200 || !(*last.ValLoss < 0.9**first.ValLoss) {
				t.Errorf("%s in %v: after %d steps the loss is %g, was %g", name, p, last.Step, *last.ValLoss, *first.ValLoss)
			}
			losses[p] = *last.ValLoss
		}
		wide, narrow := losses[cpu.Float32], losses[cpu.BF16]
		if away := math.Abs(narrow/wide - 1); !(away <= bf16Loss) || narrow == wide {
			t.Errorf("%s: loss %g in bf16, %g in f32: %.3g apart, want above 0 and at most %g", name, narrow, wide, away, bf16Loss)
		} else {
			t.Logf("%s: loss %g in bf16, %g in f32: %.3g apart", name, narrow, wide, away)
		}
	}
}
