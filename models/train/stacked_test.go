package train

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"hourglass/graph"
	"hourglass/models"
)

var stacked = models.Config{Name: "stacked", Image: [3]int{8, 8, 1}, Hidden: []int{20, 12}, Latent: 4, Activation: "sigmoid", Denoise: "gaussian:0.2,mask:0.1"}

func newStacked(t testing.TB, cfg Config) *Trainer {
	t.Helper()
	m, err := models.New(stacked)
	if err != nil {
		t.Fatal(err)
	}
	return newTrainer(t, m, cfg)
}

// variables returns the weights by name.
func variables(t testing.TB, v *graph.Variables) map[string][]float32 {
	t.Helper()
	all := map[string][]float32{}
	for _, p := range v.Params() {
		value, err := v.Get(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		all[p.Name] = value
	}
	return all
}

func same(a, b []float32) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// TestStagesTrainTheirLayers follows the stages by hand: each changes its layer
// of encoder and decoder alone, lowers its loss, and hands its weights on.
func TestStagesTrainTheirLayers(t *testing.T) {
	cfg := small
	cfg.Epochs, cfg.Schedule, cfg.EMADecay = 12, Schedule{}, 0.9
	whole := newStacked(t, cfg)
	layers := [][]string{{"encoder.1", "decoder.4"}, {"encoder.3", "decoder.2"}, {"encoder.5", "decoder.0"}}
	for i, m := range models.Stages(whole.model) {
		before := variables(t, whole.vars)
		if err := whole.runStage(context.Background(), m, i+1, 3, RunOptions{}); err != nil {
			t.Fatal(err)
		}
		history := whole.stage.History()
		if first, last := history[0].TrainLoss, history[len(history)-1].TrainLoss; !(last < 0.9*first) {
			t.Errorf("stage %d goes from loss %v to %v", i+1, first, last)
		}
		whole.stage = nil
		average, err := whole.vars.Average("encoder.1.weight")
		if err != nil {
			t.Fatal(err)
		}
		if value := variables(t, whole.vars)["encoder.1.weight"]; !same(average, value) {
			t.Error("the averages do not begin at the stages' weights")
		}
		after := variables(t, whole.vars)
		for name := range before {
			layer := name[:len("encoder.N")]
			changed := layer == layers[i][0] || layer == layers[i][1]
			if same(before[name], after[name]) == changed {
				t.Errorf("stage %d: %s changed: %v, want %v", i+1, name, !changed, changed)
			}
		}
	}
}

// TestStackedResumes stops a run in every stage and in the whole, and gets the
// bits of one that was not stopped, with and without files.
func TestStackedResumes(t *testing.T) {
	cfg := small
	cfg.PretrainEpochs, cfg.EMADecay = 2, 0.9
	want := newStacked(t, cfg)
	mustRun(t, want, RunOptions{Folder: t.TempDir()})
	for _, files := range []bool{true, false} {
		o, steps, stops := RunOptions{}, 0, 0
		if files {
			o.Folder = t.TempDir()
		}
		tr := newStacked(t, cfg)
		for !tr.Done() {
			ctx, cancel := context.WithCancel(context.Background())
			o.OnStage = func(int, int, Step) {
				if steps++; steps%9 == 0 {
					cancel()
				}
			}
			o.OnStep = func(Step) { o.OnStage(0, 0, Step{}) }
			err := tr.Run(ctx, o)
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, ErrStopped) {
				t.Fatal(err)
			}
			stops++
			if files {
				tr = newStacked(t, cfg)
				if _, err := tr.Resume(o.Folder); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
		}
		if stops < 5 {
			t.Errorf("stopped %d times, want 5 or more", stops)
		}
		checkSameRun(t, "stacked", tr, want)
	}
}

// TestStackedFilesAndStart: after the stages the whole begins nearer to its goal than
// without them.
func TestStackedFilesAndStart(t *testing.T) {
	cfg := small
	cfg.PretrainEpochs, cfg.Epochs, cfg.Schedule = 30, 1, Schedule{}
	tr, folder := newStacked(t, cfg), t.TempDir()
	mustRun(t, tr, RunOptions{Folder: folder})
	plain := stacked
	plain.Name, plain.Denoise, plain.CodeActivation = "deep", "gaussian:0.2", "identity"
	m, err := models.New(plain)
	if err != nil {
		t.Fatal(err)
	}
	other := newTrainer(t, m, cfg)
	mustRun(t, other, RunOptions{})
	if a, b := tr.History()[0].TrainLoss, other.History()[0].TrainLoss; !(a < b) {
		t.Errorf("the first epoch's loss is %v after the stages and %v without", a, b)
	}
	for stage := 1; stage <= 3; stage++ {
		if _, err := os.Stat(filepath.Join(stageFolder(folder, stage), CheckpointName)); err != nil {
			t.Error(err)
		}
	}
}

// TestPretrainEpochs counts the steps of each stage, and those of the whole.
func TestPretrainEpochs(t *testing.T) {
	for pretrain, want := range map[int]int{0: 3, 1: 1, 5: 5} {
		cfg := small
		cfg.Schedule, cfg.PretrainEpochs = Schedule{}, pretrain
		tr, steps, whole := newStacked(t, cfg), map[int]int{}, 0
		mustRun(t, tr, RunOptions{
			OnStage: func(stage, stages int, s Step) { steps[stage]++ },
			OnStep:  func(Step) { whole++ },
		})
		if !maps.Equal(steps, map[int]int{1: 7 * want, 2: 7 * want, 3: 7 * want}) || whole != 3*7 {
			t.Errorf("pretrain_epochs %d: %v steps of the stages and %d of the whole, want %d of each stage and 21", pretrain, steps, whole, 7*want)
		}
	}
}
