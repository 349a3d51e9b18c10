package train

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"hourglass/data"
	"hourglass/graph"
	"hourglass/models"
)

// TestBestEpoch holds what is kept and when it is stopped against sequences of
// errors and losses.
func TestBestEpoch(t *testing.T) {
	type figures struct{ wrong, loss float64 }
	for name, c := range map[string]struct {
		epochs        []figures
		delta         float64
		best, stopsAt int
	}{
		"the least error, whatever its loss": {[]figures{{0.3, 1}, {0.2, 3}, {0.25, 0.5}}, 0, 2, 0},
		"the lowest loss of the least error": {[]figures{{0.2, 3}, {0.1, 2}, {0.1, 1}, {0.1, 1.5}}, 0, 3, 4},
		"a lower loss alone does not go on":  {[]figures{{0, 3}, {0, 2}, {0, 1}}, 0, 3, 3},
		"a small step does not go on":        {[]figures{{0.3, 1}, {0.29, 1}, {0.28, 1}}, 0.05, 3, 3},
		"small steps that add up do":         {[]figures{{0.3, 1}, {0.27, 1}, {0.24, 1}}, 0.05, 3, 0},
		"a higher error does not replace":    {[]figures{{0.1, 2}, {0.2, 1}}, 0, 1, 0},
		"the first of equals":                {[]figures{{0.1, 2}, {0.1, 2}}, 0, 1, 0},
	} {
		var p progress
		stopsAt := 0
		for _, f := range c.epochs {
			e := Epoch{Epoch: p.Epoch + 1, TrainLoss: 9, ValLoss: &f.loss, ValError: &f.wrong}
			p = p.after(&e, Config{Patience: 2, MinDelta: c.delta}, 0)
			if p.Stopped && stopsAt == 0 {
				stopsAt = e.Epoch
			}
			if e.Improved != (p.BestEpoch == e.Epoch) {
				t.Errorf("%s: epoch %d improved: %v, but the best is %d", name, e.Epoch, e.Improved, p.BestEpoch)
			}
		}
		want := c.epochs[c.best-1]
		if p.BestEpoch != c.best || p.Best != want.loss || *p.BestError != want.wrong || stopsAt != c.stopsAt {
			t.Errorf("%s: best is epoch %d with %v and %v, stopped at %d; want %d, %+v and %d",
				name, p.BestEpoch, *p.BestError, p.Best, stopsAt, c.best, want, c.stopsAt)
		}
	}
}

// validated is a classifier that sees few images, a fifth of them under wrong
// labels: its validation loss is the lowest in another epoch than its error.
func validated(t testing.TB) *Trainer {
	t.Helper()
	m, err := models.New(models.Config{Name: "dense", Image: [3]int{8, 8, 1}, Hidden: []int{24}, Latent: 8, Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	few, unseen := labelled(40), labelled(112)
	for i := 0; i < few.N; i += 5 {
		few.Labels[i] = (few.Labels[i] + 1) % 3
	}
	cfg := Config{Epochs: 12, Batch: 9, Seed: 4, Optimizer: Optimizer{LearningRate: 0.02}}
	tr, err := New(m, device(t, 1), few, unseen, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestBestOfAClassifier: the weights that are kept are those of the least error
// of validation, which is that of the confusion matrix; and those of a run that
// was stopped again and again are the same.
func TestBestOfAClassifier(t *testing.T) {
	want, folder := validated(t), t.TempDir()
	var weights []graph.Array
	least, lowest, lowestLoss := 2.0, 0, 1e9
	mustRun(t, want, RunOptions{Folder: folder, OnEpoch: func(e Epoch) error {
		counts, err := want.Runner().Confusion(context.Background(), want.validation)
		if err != nil {
			return err
		}
		right := 0
		for k := range counts {
			right += counts[k][k]
		}
		n := want.validation.Info().N
		if wrong := float64(n-right) / float64(n); e.ValError == nil || *e.ValError != wrong {
			t.Errorf("epoch %d has the error %v, but the confusion matrix tells %v", e.Epoch, e.ValError, wrong)
		} else if wrong < least {
			least = wrong
		}
		if *e.ValLoss < lowestLoss {
			lowest, lowestLoss = e.Epoch, *e.ValLoss
		}
		if e.Improved {
			weights, err = want.Weights()
		}
		return err
	}})
	_, kept, e, err := ReadWeights(filepath.Join(folder, BestName))
	if err != nil {
		t.Fatal(err)
	}
	if _, best := want.Best(); e.Epoch != best || *e.ValError != least || best == lowest {
		t.Errorf("kept epoch %d of error %v, the best is %d, the least error %v, the lowest loss in epoch %d", e.Epoch, *e.ValError, best, least, lowest)
	}
	checkSame(t, "kept", kept, weights)

	random := rand.New(rand.NewPCG(3, 4))
	again, stops := t.TempDir(), 0
	for tr := validated(t); ; tr = validated(t) {
		if stops > 0 {
			if _, err := tr.Resume(again); err != nil {
				t.Fatal(err)
			}
		}
		runFor(t, tr, 1+random.IntN(25), RunOptions{Folder: again})
		if tr.Done() {
			checkSameRun(t, "resumed", tr, want)
			break
		}
		stops++
	}
	_, resumed, r, err := ReadWeights(filepath.Join(again, BestName))
	if err != nil || r.Epoch != e.Epoch || *r.ValError != *e.ValError {
		t.Fatalf("resumed, kept epoch %+v (%v), want %+v", r, err, e)
	}
	checkSame(t, "resumed: best", resumed, kept)
	if stops < 3 {
		t.Errorf("stopped %d times, want 3 or more", stops)
	}
}

// TestBestAfterWarmup: training losses of epochs that begin within a warm-up count
// for nothing, those of validation for what they are.
func TestBestAfterWarmup(t *testing.T) {
	for name, c := range map[string]struct {
		losses        []float64
		warming       int
		validated     bool
		best, stopsAt int
	}{
		"the lowest after it":        {[]float64{1, 2, 9, 7, 8}, 2, false, 4, 0},
		"the last, if none is after": {[]float64{1, 2, 3, 4}, 4, false, 4, 0},
		"patience begins behind it":  {[]float64{1, 2, 3, 4, 5, 6}, 3, false, 4, 6},
		"validation is at full beta": {[]float64{1, 2, 3, 4}, 2, true, 1, 3},
		"without warm-up":            {[]float64{1, 2, 3, 4}, 0, false, 1, 3},
	} {
		var p progress
		stopsAt := 0
		for _, loss := range c.losses {
			e := Epoch{Epoch: p.Epoch + 1, TrainLoss: loss}
			if c.validated {
				e.TrainLoss, e.ValLoss = 0, &loss
			}
			p = p.after(&e, Config{Patience: 2}, c.warming)
			if p.Stopped && stopsAt == 0 {
				stopsAt = e.Epoch
			}
		}
		if p.BestEpoch != c.best || p.Best != c.losses[c.best-1] || stopsAt != c.stopsAt {
			t.Errorf("%s: best is epoch %d with %v, stopped at %d; want %d and %d", name, p.BestEpoch, p.Best, stopsAt, c.best, c.stopsAt)
		}
	}
}

// warmed is a vae whose training loss is the lowest while its beta rises, which
// takes it into the third of eight epochs of seven steps.
func warmed(t testing.TB, validation data.Source) *Trainer {
	t.Helper()
	m, err := models.New(models.Config{Name: "vae", Image: [3]int{8, 8, 1}, Hidden: []int{12}, Latent: 3, Beta: 1000, KLWarmup: 15})
	if err != nil {
		t.Fatal(err)
	}
	cfg := small
	cfg.Epochs, cfg.Schedule, cfg.Optimizer.LearningRate = 8, Schedule{}, 1e-4
	tr, err := New(m, device(t, 1), blobs(smallImages), validation, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestWarmupKeepsNoWeights: without validation the weights that are kept are of an
// epoch after the warm-up, whether the run is stopped or not.
func TestWarmupKeepsNoWeights(t *testing.T) {
	want, folder := warmed(t, nil), t.TempDir()
	mustRun(t, want, RunOptions{Folder: folder})
	history := want.History()
	best := 4
	for _, e := range history[4:] {
		if e.TrainLoss < history[best-1].TrainLoss {
			best = e.Epoch
		}
	}
	if first, lowest := history[0].TrainLoss, history[best-1].TrainLoss; !(first < lowest) {
		t.Fatalf("the first epoch's loss is %v, the lowest after the warm-up %v: nothing is tested", first, lowest)
	}
	_, kept, e, err := ReadWeights(filepath.Join(folder, BestName))
	if err != nil {
		t.Fatal(err)
	}
	if loss, epoch := want.Best(); epoch != best || loss != history[best-1].TrainLoss || e.Epoch != best {
		t.Errorf("best is epoch %d with %v, the weights are of epoch %d; want epoch %d with %v", epoch, loss, e.Epoch, best, history[best-1].TrainLoss)
	}
	again := t.TempDir()
	for stops := 0; ; stops++ {
		tr := warmed(t, nil)
		if stops > 0 {
			if _, err := tr.Resume(again); err != nil {
				t.Fatal(err)
			}
		}
		if runFor(t, tr, 10, RunOptions{Folder: again}); tr.Done() {
			break
		}
	}
	checkSame(t, "resumed: best", bestOf(t, again), kept)

	validated := warmed(t, blobs(13))
	mustRun(t, validated, RunOptions{})
	loss, epoch := validated.Best()
	for _, e := range validated.History() {
		if *e.ValLoss < loss {
			t.Errorf("best is epoch %d with the validation loss %v, but epoch %d has %v", epoch, loss, e.Epoch, *e.ValLoss)
		}
	}
}
