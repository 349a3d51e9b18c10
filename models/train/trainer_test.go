package train

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"hourglass/data"
	"hourglass/graph"
	"hourglass/kernels/cpu"
	"hourglass/models"
)

// smallModels are small forms of every model, with dropout, noise and running
// statistics among them, for images of 8×8.
var smallModels = map[string]models.Config{
	"dense":    {Name: "dense", Hidden: []int{12}, Latent: 3, Dropout: 0.1, Init: "pytorch"},
	"conv":     {Name: "conv", Blocks: []models.Block{{Filters: 4}, {Filters: 6}}, Latent: 3, Norm: "batch"},
	"vae":      {Name: "vae", Hidden: []int{12}, Latent: 3, Beta: 1},
	"vae_conv": {Name: "vae", Network: "conv", Blocks: []models.Block{{Filters: 4}}, Latent: 3, Beta: 0.5},
	"vqvae":    {Name: "vqvae", Blocks: []models.Block{{Filters: 4, Kernel: 8, Stride: 8}}, Latent: 3, Codebook: 9, Commitment: 0.25, CodebookDecay: 0.9, Revive: 0.3, Output: "sigmoid"},
}

func smallModel(t testing.TB, name string) models.Model {
	t.Helper()
	c := smallModels[name]
	c.Image, c.Init = [3]int{8, 8, 1}, "pytorch" // smaller weights, from which few steps go far
	m, err := models.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// blobs is n images of 8×8 with a bright spot at a place of its own.
func blobs(n int) *data.Dataset {
	d := &data.Dataset{Name: "blobs", N: n, H: 8, W: 8, C: 1, Pixels: make([]byte, 64*n)}
	for i := range n {
		u, v := float64(i*7%16)/2, float64(i*5%14)/2
		for k := range 64 {
			y, x := float64(k/8), float64(k%8)
			d.Pixels[64*i+k] = byte(255 * math.Exp(-((y-u)*(y-u)+(x-v)*(x-v))/3))
		}
	}
	return d
}

func device(t testing.TB, threads int) *cpu.Device {
	t.Helper()
	dev, err := cpu.New(cpu.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	return dev
}

// small is a configuration of three epochs of seven steps, the last one a tail.
var small = Config{Epochs: 3, Batch: 8, Seed: 5, ClipNorm: 10, Optimizer: Optimizer{LearningRate: 0.01}, Schedule: Schedule{Name: "cosine", WarmupSteps: 3}}

const smallImages = 51

func newTrainer(t testing.TB, m models.Model, cfg Config) *Trainer {
	t.Helper()
	tr, err := New(m, device(t, 1), blobs(smallImages), blobs(13), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func mustRun(t testing.TB, tr *Trainer, o RunOptions) {
	t.Helper()
	if err := tr.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
}

func stateOf(t testing.TB, tr *Trainer) []graph.Array {
	t.Helper()
	state, err := tr.Variables().State()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// checkSame fails the test unless both hold the same bits.
func checkSame(t testing.TB, what string, got, want []graph.Array) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d arrays, want %d", what, len(got), len(want))
	}
	for _, w := range want {
		i := slices.IndexFunc(got, func(a graph.Array) bool { return a.Name == w.Name })
		if i < 0 {
			t.Fatalf("%s: no array %q", what, w.Name)
		}
		for k, v := range w.Data {
			if g := got[i].Data[k]; math.Float32bits(g) != math.Float32bits(v) {
				t.Fatalf("%s: %s[%d] = %v, want the same bits as %v", what, w.Name, k, g, v)
			}
		}
	}
}

// checkSameRun compares weights, moments and the losses of every epoch.
func checkSameRun(t testing.TB, what string, got, want *Trainer) {
	t.Helper()
	checkSame(t, what, stateOf(t, got), stateOf(t, want))
	if len(got.History()) != len(want.History()) {
		t.Fatalf("%s: %d epochs, want %d", what, len(got.History()), len(want.History()))
	}
	for i, w := range want.History() {
		g := got.History()[i]
		if g.Epoch != w.Epoch || g.Step != w.Step || g.TrainLoss != w.TrainLoss || *g.ValLoss != *w.ValLoss {
			t.Fatalf("%s: epoch %+v (%v), want %+v (%v)", what, g, *g.ValLoss, w, *w.ValLoss)
		}
		if (g.ValError == nil) != (w.ValError == nil) || g.ValError != nil && *g.ValError != *w.ValError {
			t.Fatalf("%s: epoch %d has another validation error", what, g.Epoch)
		}
	}
}

func TestTrainingLowersTheLoss(t *testing.T) {
	for name := range smallModels {
		cfg := small
		cfg.Epochs = 15
		tr := newTrainer(t, smallModel(t, name), cfg)
		steps := 0
		mustRun(t, tr, RunOptions{OnStep: func(s Step) {
			steps++
			if s.Step != steps || s.Batches != 7 || s.Epoch != (steps+6)/7 || !(s.Loss > 0) {
				t.Fatalf("%s: step %d reported as %+v", name, steps, s)
			}
		}})
		history := tr.History()
		first, last := history[0], history[len(history)-1]
		if steps != 15*7 || len(history) != 15 || last.Step != steps {
			t.Fatalf("%s: %d steps and %d epochs, want 105 and 15", name, steps, len(history))
		}
		if !(last.TrainLoss < 0.9*first.TrainLoss) || !(*last.ValLoss < 0.9**first.ValLoss) {
			t.Errorf("%s: losses went from %.4g, %.4g to %.4g, %.4g; want 10%% less", name, first.TrainLoss, *first.ValLoss, last.TrainLoss, *last.ValLoss)
		}
	}
}

func TestSameBitsOnAnyNumberOfThreads(t *testing.T) {
	for name := range smallModels {
		one := newTrainer(t, smallModel(t, name), small)
		mustRun(t, one, RunOptions{})
		for _, threads := range []int{1, 2} {
			again, err := New(smallModel(t, name), device(t, threads), blobs(smallImages), blobs(13), small)
			if err != nil {
				t.Fatal(err)
			}
			mustRun(t, again, RunOptions{})
			checkSameRun(t, name, again, one)
		}
	}
}

func TestSeedsDiffer(t *testing.T) {
	one := newTrainer(t, smallModel(t, "dense"), small)
	cfg := small
	cfg.Seed++
	two := newTrainer(t, smallModel(t, "dense"), cfg)
	if slices.Equal(stateOf(t, one)[0].Data, stateOf(t, two)[0].Data) {
		t.Error("two seeds give the same initial weights")
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	for name := range smallModels {
		cfg := small
		cfg.EMADecay = 0.9
		tr, err := New(smallModel(t, name), device(t, 2), blobs(8*60), nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		step := func() {
			if _, err := tr.step(); err != nil {
				t.Fatal(err)
			}
		}
		step()
		if n := testing.AllocsPerRun(40, step); n != 0 {
			t.Errorf("%s: a step allocates %v times, want 0", name, n)
		}
	}
}

// TestTail trains with a rate so small that no weight moves: then an epoch's
// loss is the mean over all images, whatever the batches.
func TestTail(t *testing.T) {
	m, err := models.New(models.Config{Name: "dense", Image: [3]int{8, 8, 1}, Hidden: []int{12}, Latent: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, images := range []int{3, 8, 10, 16, 17} {
		cfg := Config{Epochs: 2, Batch: 8, Optimizer: Optimizer{Name: "sgd", LearningRate: 1e-30}}
		tr, err := New(m, device(t, 1), blobs(images), nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		mustRun(t, tr, RunOptions{OnStep: func(s Step) { seen += s.Images }})
		if seen != 2*images {
			t.Errorf("%d images: two epochs saw %d, want %d", images, seen, 2*images)
		}
		codes, err := tr.Runner().Reconstruct(Scale(blobs(images).Pixels))
		if err != nil {
			t.Fatal(err)
		}
		want := 0.0
		for i, x := range Scale(blobs(images).Pixels) {
			want += float64(x-codes[i]) * float64(x-codes[i]) / float64(len(codes))
		}
		if got := tr.History()[0].TrainLoss; !(math.Abs(got-want) <= 1e-6*want) {
			t.Errorf("%d images: train loss %.8g, want %.8g", images, got, want)
		}
	}
}

// A tail is a batch like any other: with all images in it, the size that a full
// batch would have does not matter.
func TestDataSetSmallerThanBatch(t *testing.T) {
	for name := range smallModels {
		var states [2][]graph.Array
		for i, batch := range []int{5, 100} {
			tr, err := New(smallModel(t, name), device(t, 1), blobs(5), nil, Config{Epochs: 4, Batch: batch})
			if err != nil {
				t.Fatal(err)
			}
			mustRun(t, tr, RunOptions{})
			states[i] = stateOf(t, tr)
		}
		checkSame(t, name, states[1], states[0])
	}
}

func TestEarlyStopping(t *testing.T) {
	cfg := small
	cfg.Epochs, cfg.Patience, cfg.MinDelta = 20, 2, 1e9
	tr := newTrainer(t, smallModel(t, "dense"), cfg)
	mustRun(t, tr, RunOptions{})
	// Epoch 1 sets the bar, epochs 2 and 3 do not lower it by 1e9.
	if n := len(tr.History()); n != 3 || !tr.StoppedEarly() || !tr.Done() {
		t.Errorf("stopped after %d epochs (%v), want 3", n, tr.StoppedEarly())
	}
	// The best epoch is the lowest all the same.
	loss, epoch := tr.Best()
	for _, e := range tr.History() {
		if *e.ValLoss < loss || e.Epoch == epoch && *e.ValLoss != loss {
			t.Errorf("best is %g in epoch %d, but epoch %d has %g", loss, epoch, e.Epoch, *e.ValLoss)
		}
	}
	cfg.MinDelta = 0
	tr = newTrainer(t, smallModel(t, "dense"), cfg)
	mustRun(t, tr, RunOptions{})
	if n := len(tr.History()); n <= 3 {
		t.Errorf("stopped after %d epochs although the loss falls", n)
	}
}

func TestAverage(t *testing.T) {
	cfg := small
	cfg.EMADecay = 0.75
	tr := newTrainer(t, smallModel(t, "conv"), cfg)
	name := tr.Variables().Params()[0].Name
	weights, err := tr.Variables().Get(name)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float64, len(weights))
	for i, w := range weights {
		want[i] = float64(w)
	}
	mustRun(t, tr, RunOptions{OnStep: func(Step) {
		now, err := tr.Variables().Get(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range now {
			want[i] = 0.75*want[i] + 0.25*float64(w)
		}
	}})
	average, err := tr.Variables().Average(name)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if !(math.Abs(float64(average[i])-w) <= 1e-6) {
			t.Fatalf("average %d is %v, want %v", i, average[i], w)
		}
	}
	// Validation is on the averages: Weights returns them.
	saved, err := tr.Weights()
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRunner(tr.model, device(t, 1), saved, RunnerOptions{Batch: cfg.Batch, Seed: cfg.Seed})
	if err != nil {
		t.Fatal(err)
	}
	loss, err := r.mean(context.Background(), toLoss, blobs(13))
	if err != nil {
		t.Fatal(err)
	}
	if last := *tr.History()[2].ValLoss; loss[0].Value != last {
		t.Errorf("the averages' loss is %v, validation said %v", loss[0].Value, last)
	}
}

// Running statistics follow the batches, and are among the weights.
func TestRunningStatistics(t *testing.T) {
	tr := newTrainer(t, smallModel(t, "conv"), small)
	before, err := tr.Weights()
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, tr, RunOptions{})
	after, err := tr.Weights()
	if err != nil {
		t.Fatal(err)
	}
	fixed := 0
	for i, p := range tr.Variables().Params() {
		if p.Fixed {
			fixed++
			if slices.Equal(before[i].Data, after[i].Data) {
				t.Errorf("%s is as it was before training", p.Name)
			}
		}
	}
	if fixed == 0 {
		t.Error("the model has no running statistics to test with")
	}
}

// exploding diverges in its second step.
func exploding(t *testing.T, rate float64) *Trainer {
	t.Helper()
	m, err := models.New(models.Config{Name: "dense", Image: [3]int{8, 8, 1}, Hidden: []int{12}, Latent: 3, Output: "identity"})
	if err != nil {
		t.Fatal(err)
	}
	return newTrainer(t, m, Config{Epochs: 3, Batch: 8, Optimizer: Optimizer{Name: "sgd", LearningRate: rate}})
}

func TestDivergence(t *testing.T) {
	tr, folder := exploding(t, 1e30), t.TempDir()
	var before []graph.Array
	err := tr.Run(context.Background(), RunOptions{Folder: folder, CheckpointSteps: 1, OnStep: func(Step) { before = stateOf(t, tr) }})
	var d *DivergedError
	if !errors.As(err, &d) {
		t.Fatalf("error %v, want a DivergedError", err)
	}
	if d.Epoch != 1 || d.Step != 1 || d.LearningRate != 1e30 || !strings.Contains(d.What, "result of") {
		t.Errorf("%+v, want epoch 1, step 1, rate 1e30 and a step's result", d)
	}
	for _, want := range []string{"epoch 1", "step 1", "1e+30", "lower the learning rate", d.What} {
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q, want one line with %q", err, want)
		}
	}
	checkSame(t, "weights after a bad loss", stateOf(t, tr), before)
	again := exploding(t, 1e30)
	if r, err := again.Resume(folder); err != nil || r.Step != 1 {
		t.Errorf("resumed to %+v, %v; want step 1", r, err)
	}
}

// Weights can become infinite while the loss is still a number.
func TestDivergedWeightsAreNotSaved(t *testing.T) {
	tr, folder := exploding(t, 3e40), t.TempDir()
	if err := tr.Save(folder); err != nil {
		t.Fatal(err)
	}
	err := tr.Run(context.Background(), RunOptions{Folder: folder, CheckpointSteps: 1})
	var d *DivergedError
	if !errors.As(err, &d) || !strings.Contains(d.What, "coder.") {
		t.Fatalf("error %v, want a DivergedError that names a weight", err)
	}
	again := exploding(t, 3e40)
	if r, err := again.Resume(folder); err != nil || r.Step != 0 {
		t.Errorf("resumed to %+v, %v; want the checkpoint of step 0", r, err)
	}
}

// Nor do they replace the best ones, when no validation has met them.
func TestDivergedWeightsAreNotBest(t *testing.T) {
	tr, folder := exploding(t, 3e40), t.TempDir()
	tr, err := New(tr.model, device(t, 1), blobs(8), nil, tr.cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = tr.Run(context.Background(), RunOptions{Folder: folder})
	var d *DivergedError
	if !errors.As(err, &d) || d.Step != 1 || !strings.Contains(d.What, "coder.") {
		t.Errorf("error %v, want a DivergedError that names a weight", err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
		t.Errorf("the folder holds %v, %v; want nothing", entries, err)
	}
}

func TestNewRefusals(t *testing.T) {
	m, dev := smallModel(t, "dense"), device(t, 1)
	wide := &data.Dataset{Name: "wide", N: 4, H: 8, W: 16, C: 1, Pixels: make([]byte, 512)}
	lying := &data.Dataset{Name: "lying", N: 4, H: 8, W: 8, C: 1, Pixels: make([]byte, 255)}
	for want, make := range map[string]func() (*Trainer, error){
		"empty":                 func() (*Trainer, error) { return New(m, dev, blobs(0), nil, small) },
		"no training set":       func() (*Trainer, error) { return New(m, dev, nil, nil, small) },
		"wide has images":       func() (*Trainer, error) { return New(m, dev, wide, nil, small) },
		"[8 16 1]":              func() (*Trainer, error) { return New(m, dev, blobs(9), wide, small) },
		"wants 256 bytes":       func() (*Trainer, error) { return New(m, dev, lying, nil, small) },
		"schedule.warmup_steps": func() (*Trainer, error) { return New(m, dev, blobs(1), nil, small) },
		"validation_fraction": func() (*Trainer, error) {
			return New(m, dev, blobs(9), nil, Config{Patience: 3})
		},
		"steps in all": func() (*Trainer, error) {
			return New(m, dev, blobs(9), nil, Config{Epochs: math.MaxInt32, Batch: 1})
		},
	} {
		if tr, err := make(); err == nil || tr != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q and no trainer", err, want)
		}
	}
}

// TestTailIsChecked: what a model says of the last batch of an epoch, it says
// before the first one, of a set in memory and of one that is streamed.
func TestTailIsChecked(t *testing.T) {
	const want = "train: the last batch of an epoch has 1 image (of 17, by batches of 8), on which this model cannot be trained: " +
		"runningstats: moments of 1 values, want at least 2: one value has no unbiased variance; " +
		"choose another batch or limit, or a norm other than batch"
	for _, name := range []string{"dense", "stacked"} {
		m, err := models.New(models.Config{Name: name, Image: [3]int{8, 8, 1}, Hidden: []int{12}, Latent: 3, Norm: "batch"})
		if err != nil {
			t.Fatal(err)
		}
		for _, images := range []data.Source{blobs(17), fromFiles{blobs(17), nil}} {
			if tr, err := New(m, device(t, 1), images, nil, Config{Batch: 8}); err == nil || err.Error() != want || tr != nil {
				t.Errorf("%s: %v, want no trainer and the error %s", name, err, want)
			}
		}
		for _, n := range []int{16, 18} {
			if _, err := New(m, device(t, 1), blobs(n), nil, Config{Batch: 8}); err != nil {
				t.Errorf("%s of %d images: %v", name, n, err)
			}
		}
	}
	// A convolution has many values of each channel in one image.
	tr, err := New(smallModel(t, "conv"), device(t, 1), blobs(17), nil, Config{Epochs: 1, Batch: 8})
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, tr, RunOptions{})
}

// TestWarmupFitsTheRun: beta has to reach its value before the last step, but not
// in a classifier, which has none.
func TestWarmupFitsTheRun(t *testing.T) {
	_, steps := newTrainer(t, smallModel(t, "vae"), small).Steps()
	for _, c := range []struct {
		classes, warming int
		want             string
	}{
		{0, steps - 1, ""},
		{0, steps, "train: model.kl_warmup is 21, want fewer than the run's 21 steps, or beta is never reached; lower it or train for more epochs"},
		{3, steps, ""},
	} {
		m, err := models.New(models.Config{Name: "vae", Image: [3]int{8, 8, 1}, Hidden: []int{12}, Latent: 3, Beta: 1, KLWarmup: c.warming, Classes: c.classes})
		if err != nil {
			t.Fatal(err)
		}
		tr, err := New(m, device(t, 1), labelled(smallImages), nil, small)
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.Pointless(); c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("kl_warmup %d of %d steps, %d classes: %v, want the error %q", c.warming, steps, c.classes, err, c.want)
		}
	}
}
