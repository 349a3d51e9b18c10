package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hourglass/models/export"
	"hourglass/models/train"
)

// metricsOf reads metrics.jsonl.
func metricsOf(t *testing.T, run string) []map[string]any {
	t.Helper()
	var epochs []map[string]any
	lines := bufio.NewScanner(strings.NewReader(readFile(t, filepath.Join(run, metricsName))))
	for lines.Scan() {
		var e map[string]any
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%s: %q: %v", metricsName, lines.Text(), err)
		}
		epochs = append(epochs, e)
	}
	return epochs
}

// weightsOf reads the arrays of a safetensors file, without its metadata, which
// tell times.
func weightsOf(t *testing.T, path string) []export.Tensor {
	t.Helper()
	tensors, _, err := export.OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	return tensors
}

// sameRun checks that two runs ended alike, to the last bit.
func sameRun(t *testing.T, got, want string) {
	t.Helper()
	for _, name := range []string{train.CheckpointName, train.BestName} {
		if diff := cmp.Diff(weightsOf(t, filepath.Join(want, name)), weightsOf(t, filepath.Join(got, name))); diff != "" {
			t.Errorf("%s of %s is not that of %s", name, got, want)
		}
	}
	a, b := metricsOf(t, got), metricsOf(t, want)
	for _, epochs := range [][]map[string]any{a, b} {
		for _, e := range epochs {
			delete(e, "seconds")
			delete(e, "images_per_second")
		}
	}
	if diff := cmp.Diff(b, a); diff != "" {
		t.Errorf("%s of %s and %s (−want +got):\n%s", metricsName, want, got, diff)
	}
}

// TestRunFolder trains, and looks at every file of the run.
func TestRunFolder(t *testing.T) {
	run := filepath.Join(t.TempDir(), "deep", "run")
	stdout, stderr := mustCall(t, small(smallData(t, 50, 20), run, "--clip", "1", "--ema", "0.9")...)
	for _, piece := range []string{"test mse", "20 images", filepath.Join(run, reconstructionsName)} {
		if !strings.Contains(stdout, piece) {
			t.Errorf("the result lacks %q:\n%s", piece, stdout)
		}
	}
	for _, piece := range []string{"40 images and 10 for validation", "epoch 1/2  loss ", "epoch 2/2  loss ", "validation ", "images/s", "left"} {
		if !strings.Contains(stderr, piece) {
			t.Errorf("the progress lacks %q:\n%s", piece, stderr)
		}
	}
	epochs := metricsOf(t, run)
	if len(epochs) != 2 {
		t.Fatalf("%d epochs in %s, want 2", len(epochs), metricsName)
	}
	for i, e := range epochs {
		if len(e) != 6 || e["epoch"] != float64(i+1) || e["step"] != float64(3*(i+1)) {
			t.Errorf("epoch %d: %v", i+1, e)
		}
		for _, key := range []string{"train_loss", "val_loss", "images_per_second", "seconds"} {
			if v, ok := e[key].(float64); !ok || !(v > 0) {
				t.Errorf("epoch %d: %s is %v, want above 0", i+1, key, e[key])
			}
		}
	}
	for name, magic := range map[string]string{
		reconstructionsName: "\x89PNG", curveName: "\x89PNG", curveVectorName: "<?xml", planName: "",
		train.CheckpointName: "", train.BestName: "", configName: "# ", "events.out.tfevents.*": "",
	} {
		found, err := filepath.Glob(filepath.Join(run, name))
		if err != nil || len(found) != 1 {
			t.Errorf("%d files %s, want one", len(found), name)
			continue
		}
		if content := readFile(t, found[0]); len(content) < 100 || !strings.HasPrefix(content, magic) {
			t.Errorf("%s has %d bytes and does not begin with %q", name, len(content), magic)
		}
	}
}

// TestDefaultFolder: without --out, runs are numbered.
func TestDefaultFolder(t *testing.T) {
	data := smallData(t, 20, 5)
	t.Chdir(t.TempDir())
	for _, want := range []string{"dense-mnist", "dense-mnist-2", "dense-mnist-3"} {
		mustCall(t, "train", "--model", "dense", "--data", data, "--epochs", "1")
		if s, err := openRun(filepath.Join("runs", want)); err != nil || s.Model.Image != [3]int{8, 8, 1} {
			t.Errorf("run %s: image %v, error %v", want, s.Model.Image, err)
		}
	}
}

// TestConfigAgain: the config.toml of a run makes the same run again.
func TestConfigAgain(t *testing.T) {
	dir, data := t.TempDir(), smallData(t, 50, 5)
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	mustCall(t, small(data, first, "--seed", "9", "--schedule", "cosine")...)
	mustCall(t, "train", "--config", filepath.Join(first, configName), "--out", second, "--threads", "1")
	sameRun(t, second, first)
}

// TestResume: two epochs and one more are three epochs, and a complete run is
// left as it is.
func TestResume(t *testing.T) {
	dir, data := t.TempDir(), smallData(t, 50, 5)
	straight, run := filepath.Join(dir, "straight"), filepath.Join(dir, "run")
	mustCall(t, small(data, straight, "--epochs", "3")...)
	mustCall(t, small(data, run)...)
	_, stderr := mustCall(t, "train", "--resume", "--out", run, "--epochs", "3", "--threads", "1")
	if !strings.Contains(stderr, "going on after epoch 2, step 6") {
		t.Errorf("resuming says\n%s", stderr)
	}
	sameRun(t, run, straight)
	if s, err := openRun(run); err != nil || s.Train.Epochs != 3 {
		t.Errorf("%s: %d epochs, error %v, want 3", configName, s.Train.Epochs, err)
	}
	_, stderr = mustCall(t, "train", "--resume", "--out", run)
	if !strings.Contains(stderr, "is complete") {
		t.Errorf("resuming a complete run says\n%s", stderr)
	}
	sameRun(t, run, straight)
}

// TestResumeBeforeCheckpoint: a run that was killed before its first checkpoint
// begins at the first step.
func TestResumeBeforeCheckpoint(t *testing.T) {
	dir, data := t.TempDir(), smallData(t, 50, 5)
	straight, run := filepath.Join(dir, "straight"), filepath.Join(dir, "run")
	mustCall(t, small(data, straight)...)
	if err := os.Mkdir(run, 0o777); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(run, configName), []byte(readFile(t, filepath.Join(straight, configName))))
	if _, stderr := mustCall(t, "train", "--resume", "--out", run); !strings.Contains(stderr, "beginning at the first step") {
		t.Errorf("resuming without a checkpoint says\n%s", stderr)
	}
	sameRun(t, run, straight)
}

// TestMetricsAfterKill: what metrics.jsonl holds beyond the checkpoint, from a
// process that was killed between the two, is written once and not twice.
func TestMetricsAfterKill(t *testing.T) {
	dir, data := t.TempDir(), smallData(t, 50, 5)
	straight, run := filepath.Join(dir, "straight"), filepath.Join(dir, "run")
	mustCall(t, small(data, straight, "--epochs", "3")...)
	mustCall(t, small(data, run)...)
	ahead := readFile(t, filepath.Join(run, metricsName)) + `{"epoch":3,"step":9}` + "\n" + `{"epo`
	writeFile(t, filepath.Join(run, metricsName), []byte(ahead))
	mustCall(t, "train", "--resume", "--out", run, "--epochs", "3")
	sameRun(t, run, straight)
}

// TestEarlyStop stops a run that cannot improve.
func TestEarlyStop(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	stdout, _ := mustCall(t, small(smallData(t, 50, 5), run, "--epochs", "50", "--patience", "2", "--min-delta", "10")...)
	if n := len(metricsOf(t, run)); n != 3 || !strings.Contains(stdout, "stopped early") {
		t.Errorf("%d epochs, want 3:\n%s", n, stdout)
	}
}

// TestDiverged: a learning rate that makes NaN ends the run, and leaves a
// checkpoint that is good.
func TestDiverged(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	args := small(smallData(t, 50, 5), run, "--optimizer", "sgd", "--set", "model.output=identity", "--lr", "1e38")
	wantFailure(t, args, exitFailure, "epoch 1, step ", "learning rate 1e+38", "first value that is not finite is ", "matmul", "lower the learning rate")
	for _, tensor := range weightsOf(t, filepath.Join(run, train.CheckpointName)) {
		values, err := export.Values[float32](tensor)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("the checkpoint's %s holds %v", tensor.Name, v)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(run, train.BestName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s exists: %v", train.BestName, err)
	}
	wantFailure(t, []string{"eval", run}, exitFailure, run, "train it for an epoch first")
}

// TestDisplay looks at the lines of a long epoch.
func TestDisplay(t *testing.T) {
	var out strings.Builder
	d := newDisplay(&out, 3, 0, 30)
	d.step(train.Step{Epoch: 1, Batch: 1, Batches: 10, Step: 1, Images: 8, Loss: 0.5})
	if out.Len() > 0 {
		t.Errorf("a line after the first step: %q", out.String())
	}
	d.shown = d.shown.Add(-20 * time.Second)
	d.began = d.began.Add(-20 * time.Second)
	d.step(train.Step{Epoch: 1, Batch: 2, Batches: 10, Step: 2, Images: 8, Loss: 0.25})
	if want := "epoch 1/3  step 2/10  loss 0.25  1 images/s  4:40 left\n"; out.String() != want {
		t.Errorf("a line %q, want %q", out.String(), want)
	}
	out.Reset()
	loss := 0.125
	d.epoch(train.Epoch{Epoch: 1, Step: 2, TrainLoss: 0.2, ValLoss: &loss, ImagesPerSecond: 1000, Seconds: 61})
	if want := "epoch 1/3  loss 0.2  validation 0.125  1000 images/s  1:01  4:40 left\n"; out.String() != want {
		t.Errorf("the line of an epoch %q, want %q", out.String(), want)
	}
	out.Reset()
	wrong := 0.0125
	d.epoch(train.Epoch{Epoch: 2, Step: 2, TrainLoss: 0.2, ValLoss: &loss, ValError: &wrong, ImagesPerSecond: 1000, Seconds: 61})
	if want := "epoch 2/3  loss 0.2  validation 0.125, error 1.25%  1000 images/s"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("the line of a classifier's epoch %q, want %q…", out.String(), want)
	}
	if got := clock(3*time.Hour + 2*time.Minute + time.Second); got != "3:02:01" {
		t.Errorf("clock of three hours: %s", got)
	}
}

// TestProfile asks where the time of the steps went.
func TestProfile(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	stdout, _ := mustCall(t, small(smallData(t, 50, 20), run, "--profile")...)
	for _, piece := range []string{"ms/run", "GFLOP/s", "adam", "matmul"} {
		if !strings.Contains(stdout, piece) {
			t.Errorf("the profile lacks %q:\n%s", piece, stdout)
		}
	}
}

// TestL1OfARun: a run keeps its l1, given by flag or as a setting, and one from
// before there was such an option goes on to the same bits.
func TestL1OfARun(t *testing.T) {
	dir, data := t.TempDir(), smallData(t, 50, 5)
	plain, straight, run := filepath.Join(dir, "plain"), filepath.Join(dir, "straight"), filepath.Join(dir, "run")
	mustCall(t, small(data, straight, "--epochs", "3", "--l1", "0.01")...)
	mustCall(t, small(data, run, "--set", "train.optimizer.l1=0.01")...)
	wantFailure(t, []string{"train", "--resume", "--out", run, "--l1", "0.1"}, exitUsage, "--l1 is 0.1, but the run "+run+" was started with 0.01")
	mustCall(t, "train", "--resume", "--out", run, "--epochs", "3")
	sameRun(t, run, straight)

	mustCall(t, small(data, plain, "--epochs", "3")...)
	old := filepath.Join(dir, "old")
	mustCall(t, small(data, old)...)
	path := filepath.Join(old, configName)
	text := readFile(t, path)
	before := strings.Replace(text, "    l1 = 0.0\n", "", 1)
	if before == text || strings.Contains(before, "l1 =") {
		t.Fatalf("%s:\n%s", configName, text)
	}
	writeFile(t, path, []byte(before))
	mustCall(t, "train", "--resume", "--out", old, "--epochs", "3")
	sameRun(t, old, plain)
	wantNothingWritten(t, func() {
		wantFailure(t, []string{"train", "--l1", "-1"}, exitUsage, "optimizer.l1 is -1, want a number from 0")
	})
}

// TestTestErrorIsOfTheTask: the last line of a model that restores is of images
// restored, and of a classifier made of it, which is shown them as they are, of
// reconstructions.
func TestTestErrorIsOfTheTask(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	flags := []string{"--epochs", "1", "--limit", "60", "--device", "cpu", "--threads", "1"}
	text, _ := mustCall(t, append([]string{"train", "--model", "denoising", "--out", run}, flags...)...)
	if !strings.Contains(text, " images restored, weights of epoch 1)") {
		t.Errorf("train does not tell what of:\n%s", text)
	}
	var values map[string]any
	stdout, _ := mustCall(t, "eval", run, "--json", "--device", "cpu")
	if err := json.Unmarshal([]byte(stdout), &values); err != nil {
		t.Fatal(err)
	}
	if mse, _ := values["denoise_mse"].(float64); mse == 0 || !strings.Contains(text, fmt.Sprintf("%.5f", mse)) {
		t.Errorf("denoise_mse %v is not what train tells:\n%s", mse, text)
	}
	text, _ = mustCall(t, append([]string{"finetune", run, "--out", run + "-labels"}, flags...)...)
	if strings.Contains(text, "restored, weights") {
		t.Errorf("finetune tells of images restored:\n%s", text)
	}
}

// TestFinetuneOfAWAE: what a new wae is refused, labels need no pairs for; and of
// a stacked model no layer is pretrained any more.
func TestFinetuneOfAWAE(t *testing.T) {
	flags := []string{"--epochs", "1", "--limit", "40", "--device", "cpu", "--threads", "1"}
	for _, model := range []string{"wae", "stacked"} {
		run := filepath.Join(t.TempDir(), "run")
		mustCall(t, append([]string{"train", "--model", model, "--hidden", "8", "--out", run}, flags...)...)
		mustCall(t, append([]string{"finetune", run, "--batch", "1", "--out", run + "-labels"}, flags...)...)
		wantFailure(t, append([]string{"finetune", run, "--pretrain-epochs", "3", "--out", run + "-3"}, flags...), exitUsage, "--pretrain-epochs is 3, but only a stacked model without classes")
	}
}

// TestPointlessOptions: a new run is refused what would do nothing.
func TestPointlessOptions(t *testing.T) {
	for want, args := range map[string][]string{
		"norm group: a hidden layer of 8 units makes 8 groups of 1": {"--model", "dense", "--hidden", "8", "--norm", "group"},
		"norm batch: the linear model has none":                     {"--model", "linear", "--norm", "batch"},
		"schedule.gamma is set":                                     {"--set", "train.schedule.gamma=0.5"},
		"min_delta is 1":                                            {"--min-delta", "1"},
		"--batch is 1, but a wae":                                   {"--model", "wae", "--batch", "1"},
		"model.kl_warmup is 900":                                    {"--model", "vae", "--kl-warmup", "900", "--limit", "60"},
	} {
		out := filepath.Join(t.TempDir(), "run")
		wantFailure(t, append([]string{"train", "--epochs", "1", "--out", out, "--device", "cpu", "--threads", "1"}, args...), exitUsage, want)
	}
}
