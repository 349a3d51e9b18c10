package train

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hourglass/graph"
	"hourglass/models"
)

// uninterrupted is a whole run of a model and the folder it wrote.
func uninterrupted(t testing.TB, name string, cfg Config) (*Trainer, string) {
	t.Helper()
	tr, folder := newTrainer(t, smallModel(t, name), cfg), t.TempDir()
	mustRun(t, tr, RunOptions{Folder: folder})
	return tr, folder
}

func bestOf(t testing.TB, folder string) []graph.Array {
	t.Helper()
	_, weights, _, err := ReadWeights(filepath.Join(folder, BestName))
	if err != nil {
		t.Fatal(err)
	}
	return weights
}

// runFor trains until so many steps are done, or to the end.
func runFor(t testing.TB, tr *Trainer, steps int, o RunOptions) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := 0
	o.OnStep = func(Step) {
		if done++; done == steps {
			cancel()
		}
	}
	if err := tr.Run(ctx, o); err != nil && !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
}

func TestResumedRunIsTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name := range smallModels {
		cfg := small
		cfg.EMADecay = 0.9
		want, wantFolder := uninterrupted(t, name, cfg)
		folder := t.TempDir()
		stops := 0
		for {
			tr := newTrainer(t, smallModel(t, name), cfg)
			if stops > 0 {
				done, _ := tr.Steps()
				r, err := tr.Resume(folder)
				if err != nil || r.Damaged != nil || filepath.Base(r.Path) != CheckpointName {
					t.Fatalf("%s: resumed to %+v, %v", name, r, err)
				}
				if now, _ := tr.Steps(); now != r.Step || now <= done {
					t.Fatalf("%s: resumed to step %d, reported %d", name, now, r.Step)
				}
			}
			runFor(t, tr, 1+random.IntN(6), RunOptions{Folder: folder})
			if tr.Done() {
				checkSameRun(t, name, tr, want)
				break
			}
			stops++
		}
		checkSame(t, name+": best", bestOf(t, folder), bestOf(t, wantFolder))
		if stops < 3 {
			t.Errorf("%s: stopped %d times, want 3 or more", name, stops)
		}
	}
}

// Another Run on the same trainer goes on as a resumed one does.
func TestRunGoesOn(t *testing.T) {
	want, _ := uninterrupted(t, "vae", small)
	tr := newTrainer(t, smallModel(t, "vae"), small)
	for !tr.Done() {
		runFor(t, tr, 4, RunOptions{})
	}
	checkSameRun(t, "vae", tr, want)
}

// A run that is stopped between an epoch's last step and its validation does
// that validation when it goes on.
func TestStoppedBeforeValidation(t *testing.T) {
	want, _ := uninterrupted(t, "dense", small)
	folder := t.TempDir()
	tr := newTrainer(t, smallModel(t, "dense"), small)
	runFor(t, tr, 7, RunOptions{Folder: folder})
	if len(tr.History()) != 0 {
		t.Fatal("the epoch ended although its validation was stopped")
	}
	tr = newTrainer(t, smallModel(t, "dense"), small)
	if r, err := tr.Resume(folder); err != nil || r.Epoch != 0 || r.Step != 7 {
		t.Fatalf("resumed to %+v, %v; want epoch 0, step 7", r, err)
	}
	mustRun(t, tr, RunOptions{Folder: folder})
	checkSameRun(t, "dense", tr, want)
}

func TestResumeOptimizers(t *testing.T) {
	for _, o := range []Optimizer{
		{Name: "sgd"}, {Name: "sgd", Momentum: 0.9, Nesterov: true}, {Name: "adamw", WeightDecay: 0.1}, {L1: 0.01},
		{Name: "rmsprop", LearningRate: 1e-3}, {Name: "rmsprop", Momentum: 0.5, LearningRate: 1e-3},
	} {
		cfg := small
		cfg.Optimizer = o
		want, _ := uninterrupted(t, "dense", cfg)
		folder := t.TempDir()
		runFor(t, newTrainer(t, smallModel(t, "dense"), cfg), 5, RunOptions{Folder: folder})
		tr := newTrainer(t, smallModel(t, "dense"), cfg)
		if _, err := tr.Resume(folder); err != nil {
			t.Fatal(err)
		}
		mustRun(t, tr, RunOptions{Folder: folder})
		checkSameRun(t, o.Name, tr, want)
	}
}

// Early stopping's bar and count survive a resume.
func TestResumeEarlyStopping(t *testing.T) {
	for _, c := range []struct {
		patience int
		delta    float64
		stopsAt  int
	}{
		{3, 1e9, 4}, // epoch 1 sets the bar, none lowers it by 1e9
		{1, 0, 0},   // every epoch lowers it
	} {
		cfg := small
		cfg.Epochs, cfg.Patience, cfg.MinDelta = 20, c.patience, c.delta
		folder := t.TempDir()
		for epoch := 1; epoch <= 4; epoch++ {
			tr := newTrainer(t, smallModel(t, "dense"), cfg)
			if epoch > 1 {
				if _, err := tr.Resume(folder); err != nil {
					t.Fatal(err)
				}
			}
			enough := errors.New("one epoch is enough")
			if err := tr.Run(context.Background(), RunOptions{OnEpoch: func(Epoch) error { return enough }}); err != enough {
				t.Fatalf("error %v, want OnEpoch's", err)
			}
			if err := tr.Save(folder); err != nil {
				t.Fatal(err)
			}
			if tr.StoppedEarly() != (epoch == c.stopsAt) {
				t.Errorf("patience %d: stopped after epoch %d: %v, want it after epoch %d", c.patience, epoch, tr.StoppedEarly(), c.stopsAt)
			}
		}
	}
}

func TestResumeOfADoneRun(t *testing.T) {
	want, folder := uninterrupted(t, "dense", small)
	tr := newTrainer(t, smallModel(t, "dense"), small)
	if _, err := tr.Resume(folder); err != nil || !tr.Done() {
		t.Fatalf("resumed with %v, done %v", err, tr.Done())
	}
	mustRun(t, tr, RunOptions{Folder: folder, OnStep: func(Step) { t.Fatal("a step after the end") }})
	checkSameRun(t, "done", tr, want)
	if best, epoch := tr.Best(); epoch == 0 || best != want.at.Best {
		t.Errorf("best %v in epoch %d, want %v", best, epoch, want.at.Best)
	}
}

// damages are what can happen to a file of some bytes.
func damages(whole []byte) map[string][]byte {
	all := map[string][]byte{"empty": {}, "text": []byte("epoch 1\n"), "longer": append(whole[:len(whole):len(whole)], 0)}
	for _, n := range []int{1, 8, 100, len(whole) / 2, len(whole) - 1} {
		all["cut "+string(rune('a'+len(all)))] = whole[:n]
	}
	return all
}

func TestDamagedCheckpointFallsBack(t *testing.T) {
	want, folder := uninterrupted(t, "vae", small)
	path := filepath.Join(folder, CheckpointName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range damages(whole) {
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		tr := newTrainer(t, smallModel(t, "vae"), small)
		r, err := tr.Resume(folder)
		var d *DamagedError
		if err != nil || r.Epoch != 2 || filepath.Base(r.Path) != PreviousName || !errors.As(r.Damaged, &d) || d.Path != path {
			t.Fatalf("%s: resumed to %+v, %v; want the previous checkpoint and why", name, r, err)
		}
		// The next save must replace the damaged file, not the good one.
		if err := tr.Save(folder); err != nil {
			t.Fatal(err)
		}
		file, err := openCheckpoint(filepath.Join(folder, PreviousName))
		if err != nil || !strings.Contains(file.metadata["progress"], `"epoch":2`) {
			t.Fatalf("%s: after a save the previous checkpoint is %+v, %v", name, file, err)
		}
		file.close()
		mustRun(t, tr, RunOptions{})
		checkSameRun(t, name, tr, want)
	}
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	_, folder := uninterrupted(t, "dense", small)
	for _, name := range []string{CheckpointName, BestName} {
		whole, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		step := 1 + len(whole)/500
		for i := 0; i < len(whole); i += step {
			flipped := append([]byte{}, whole...)
			flipped[i] ^= 1 << (i % 8)
			if err := os.WriteFile(path, flipped, 0o666); err != nil {
				t.Fatal(err)
			}
			var d *DamagedError
			if _, err := openSealed(path); !errors.As(err, &d) {
				t.Fatalf("%s: byte %d of %d flipped: error %v, want a DamagedError", name, i, len(whole), err)
			}
		}
	}
}

// TestResumesOfBeforeAnOption resumes a run whose checkpoint does not name an option
// that has its default, and not one that is of an option nobody knows.
func TestResumesOfBeforeAnOption(t *testing.T) {
	m, err := models.New(models.Config{Name: "iwae", Image: [3]int{8, 8, 1}, Hidden: []int{12}, Latent: 3, Samples: 2})
	if err != nil {
		t.Fatal(err)
	}
	tr, folder := newTrainer(t, m, small), t.TempDir()
	runFor(t, tr, 4, RunOptions{Folder: folder})
	const option = `"gradient":"reparameterized"`
	for with, want := range map[string]string{`"init":"keras"`: "", `"gradients":"reparameterized"`: "model.gradient is"} {
		rewrite(t, filepath.Join(folder, CheckpointName), func(metadata map[string]string) {
			if !strings.Contains(metadata["model"], option) {
				t.Fatalf("the checkpoint's model is %s, want it to have %s", metadata["model"], option)
			}
			metadata["model"] = strings.Replace(metadata["model"], option, with, 1)
		}, func(path string) {
			again := newTrainer(t, m, small)
			r, err := again.Resume(filepath.Dir(path))
			if want != "" {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want an error with %q", with, err, want)
				}
			} else if err != nil || r.Step != 4 {
				t.Errorf("%s: resumed to %+v, %v; want step 4", with, r, err)
			}
		})
	}
}

// TestResumesOfBeforeL1: a checkpoint of a run without l1 does not name it, as
// those of before there was one do not; one with it is of another run.
func TestResumesOfBeforeL1(t *testing.T) {
	tr, folder := newTrainer(t, smallModel(t, "dense"), small), t.TempDir()
	runFor(t, tr, 4, RunOptions{Folder: folder})
	metadata, err := tr.metadata()
	if err != nil || strings.Contains(metadata["train"], "l1") {
		t.Errorf("%v: the checkpoint's training is %s, want no word of l1", err, metadata["train"])
	}
	for l1, want := range map[float64]string{0: "", 0.1: "train.optimizer.l1 is 0.1 here and not set in the checkpoint"} {
		cfg := small
		cfg.Optimizer.L1 = l1
		_, err := newTrainer(t, smallModel(t, "dense"), cfg).Resume(folder)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("l1 of %v: resumed with %v, want %q", l1, err, want)
		}
	}
}

// rewrite calls f with a copy of a sealed file whose metadata are changed.
func rewrite(t *testing.T, path string, change func(map[string]string), f func(path string)) {
	t.Helper()
	file, err := openSealed(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.close()
	arrays, err := file.inMemory()
	if err != nil {
		t.Fatal(err)
	}
	change(file.metadata)
	to := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := writeSealed(to, streamsOfArrays(arrays), file.metadata); err != nil {
		t.Fatal(err)
	}
	f(to)
}

func TestNoGoodCheckpoint(t *testing.T) {
	_, folder := uninterrupted(t, "dense", small)
	tr := newTrainer(t, smallModel(t, "dense"), small)
	before := stateOf(t, tr)
	for _, name := range []string{CheckpointName, PreviousName} {
		if err := os.Truncate(filepath.Join(folder, name), 50); err != nil {
			t.Fatal(err)
		}
	}
	_, err := tr.Resume(folder)
	if err == nil || !strings.Contains(err.Error(), CheckpointName) || !strings.Contains(err.Error(), PreviousName) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q, want one line that names both files", err)
	}
	if err := os.Remove(filepath.Join(folder, PreviousName)); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Resume(folder); err == nil || !strings.Contains(err.Error(), "no earlier one") || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %q, want one that tells there is no earlier checkpoint", err)
	}
	if _, err := tr.Resume(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: error %v, want not-exist", err)
	}
	if _, err := tr.Resume(filepath.Join(folder, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: error %v, want not-exist", err)
	}
	checkSame(t, "after failed resumes", stateOf(t, tr), before)
	if err := tr.Run(context.Background(), RunOptions{Folder: filepath.Join(folder, "absent")}); err == nil {
		t.Error("a run into a folder that does not exist succeeded")
	}
}

func TestCheckpointOfAnotherRun(t *testing.T) {
	_, folder := uninterrupted(t, "dense", small)
	resume := func(m models.Model, images int, change func(*Config)) error {
		cfg := small
		change(&cfg)
		tr, err := New(m, device(t, 1), blobs(images), blobs(13), cfg)
		if err != nil {
			t.Fatal(err)
		}
		before := stateOf(t, tr)
		_, err = tr.Resume(folder)
		if err != nil {
			checkSame(t, "after a refused resume", stateOf(t, tr), before)
		}
		return err
	}
	same := smallModel(t, "dense")
	config := same.Config()
	config.Latent = 4
	wider, err := models.New(config)
	if err != nil {
		t.Fatal(err)
	}
	nothing := func(*Config) {}
	for want, got := range map[string]error{
		"model.latent is 4 here and 3":                      resume(wider, smallImages, nothing),
		`model.name is "vae" here and "dense"`:              resume(smallModel(t, "vae_conv"), smallImages, nothing),
		"train.optimizer.learning_rate is 0.5 here":         resume(same, smallImages, func(c *Config) { c.Optimizer.LearningRate = 0.5 }),
		"train.seed is 6 here and 5":                        resume(same, smallImages, func(c *Config) { c.Seed = 6 }),
		"train.epochs is 9 here and 3":                      resume(same, smallImages, func(c *Config) { c.Epochs = 9 }),
		"the training set is 50 images of blobs":            resume(same, 50, nothing),
		"resume with what it was started with, or train in": resume(same, 50, nothing),
	} {
		if got == nil || !strings.Contains(got.Error(), want) || strings.Contains(got.Error(), "\n") {
			t.Errorf("error %q, want one line with %q", got, want)
		}
	}
	if err := resume(same, smallImages, nothing); err != nil {
		t.Errorf("the same run: %v", err)
	}
}

// A schedule that does not know the number of epochs lets a run be prolonged.
func TestMoreEpochs(t *testing.T) {
	cfg := small
	cfg.Schedule = Schedule{}
	_, folder := uninterrupted(t, "dense", cfg)
	cfg.Epochs = 5
	want, _ := uninterrupted(t, "dense", cfg)
	tr := newTrainer(t, smallModel(t, "dense"), cfg)
	if _, err := tr.Resume(folder); err != nil {
		t.Fatal(err)
	}
	mustRun(t, tr, RunOptions{Folder: folder})
	checkSameRun(t, "prolonged", tr, want)
}

func TestBestWeights(t *testing.T) {
	cfg := small
	cfg.EMADecay = 0.5
	tr, folder := newTrainer(t, smallModel(t, "conv"), cfg), t.TempDir()
	var want []graph.Array
	mustRun(t, tr, RunOptions{Folder: folder, OnEpoch: func(e Epoch) error {
		var err error
		if e.Improved {
			want, err = tr.Weights()
		}
		return err
	}})
	checkSame(t, "best", bestOf(t, folder), want)
	m, _, e, err := ReadWeights(filepath.Join(folder, BestName))
	if loss, epoch := tr.Best(); err != nil || e.Epoch != epoch || *e.ValLoss != loss || difference("model", m.Config(), tr.model.Config()) != "" {
		t.Errorf("best.safetensors is of epoch %+v (%v), want %d with loss %g", e, err, epoch, loss)
	}
	if _, _, _, err := ReadWeights(filepath.Join(folder, CheckpointName)); err == nil {
		t.Error("a checkpoint was read as weights")
	}
}
