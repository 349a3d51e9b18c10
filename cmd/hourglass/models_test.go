package main

import (
	"encoding/json"
	"image/png"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"hourglass/data"
	"hourglass/models"
)

// TestModels: the list has every model, and the options of one their defaults.
func TestModels(t *testing.T) {
	text, _ := mustCall(t, "models")
	for _, name := range models.Names() {
		if !strings.Contains(text, "\n  "+name+" ") {
			t.Errorf("the list lacks %s", name)
		}
	}
	text, _ = mustCall(t, "models", "denoising")
	for _, want := range []string{"denoising: ", "gaussian:0.3", "latent", "64"} {
		if !strings.Contains(text, want) {
			t.Errorf("the options of denoising lack %q:\n%s", want, text)
		}
	}
	text, _ = mustCall(t, "models", "--json")
	var entries []modelEntry
	if err := json.Unmarshal([]byte(text), &entries); err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(models.Names()) || len(entries[0].Options) == 0 || entries[0].About == "" {
		t.Errorf("%d entries, want %d: %+v", len(entries), len(models.Names()), entries)
	}
	status, stdout, stderr := call("models", "sparce")
	if status != exitUsage || stdout != "" || !strings.Contains(stderr, "did you mean sparse?") {
		t.Errorf("status %d, %s%s", status, stdout, stderr)
	}
}

// TestHelpOfAModel: train's help leaves out what the model lacks.
func TestHelpOfAModel(t *testing.T) {
	for _, c := range []struct {
		model, flag string
		want        bool
	}{{"conv", "--hidden", false}, {"conv", "--denoise", true}, {"vae", "--beta", true}, {"deep", "--network", false}, {"deep", "--epochs", true},
		{"linear", "--activation", false}, {"stacked", "--pretrain-epochs", true}, {"conv", "--pretrain-epochs", false}, {"vae --network conv", "--hidden", false}} {
		text, _ := mustCall(t, append([]string{"train", "--help", "--model"}, strings.Fields(c.model)...)...)
		if strings.Contains(text, c.flag+" ") != c.want {
			t.Errorf("help of %s has %s: %v, want %v", c.model, c.flag, !c.want, c.want)
		}
	}
}

// TestComposedRun trains a model with every part put on it, and a stacked one.
func TestComposedRun(t *testing.T) {
	data := smallData(t, 64, 16)
	t.Chdir(t.TempDir())
	mustCall(t, small(data, "all", "--denoise", "square:2", "--keep-given", "--sparsity", "kl:0.1:0.01", "--contractive", "0.01", "--jacobian", "hutchinson", "--code-activation", "sigmoid")...)
	picture, err := png.Decode(strings.NewReader(readFile(t, filepath.Join("all", "restored.png"))))
	if err != nil || picture.Bounds().Dy() < 3*8 || picture.Bounds().Dx() < 10*8 {
		t.Errorf("restored.png: %v, want three lines of ten images of 8×8", err)
	}
	s, err := openRun("all")
	if err != nil {
		t.Fatal(err)
	}
	if m := s.Model; m.Denoise != "square:2" || !m.KeepGiven || m.Sparsity != "kl:0.1:0.01" || m.Contractive != 0.01 || m.Jacobian != "hutchinson" {
		t.Errorf("the run's model is %+v", m)
	}
	text, _ := mustCall(t, "eval", "all", "--json")
	for _, want := range []string{"denoise_psnr", "noisy_psnr", "activation", "contractive"} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s: %s", want, text)
		}
	}
	_, progress := mustCall(t, small(data, "stacked", "--model", "stacked", "--pretrain-epochs", "1")...)
	if !strings.Contains(progress, "stage 2/2  epoch 1  step 1/") {
		t.Errorf("the stages are not shown:\n%s", progress)
	}
	if readFile(t, filepath.Join("stacked", "stage-1", "checkpoint.safetensors")) == "" {
		t.Error("the first stage left no checkpoint")
	}
	status, _, stderr := call(small(data, "grey", "--colorize")...)
	if status != exitUsage || !strings.Contains(stderr, "grey images have no colours") {
		t.Errorf("colours of grey images: status %d, %s", status, stderr)
	}
}

// TestReadyConfigs: every file of models/configs describes a model.
func TestReadyConfigs(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "models", "configs", "*.toml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		s, err := resolved(t, readFile(t, file))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		m, err := s.model()
		if err == nil {
			err = checkSize(m)
		}
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		warming := max(s.Model.KLWarmup, s.Train.Schedule.WarmupSteps)
		if warming > 0 && s.Data == defaultData {
			images, err := s.openData(data.Train, &warner{to: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			training, _, err := s.Train.Split(images)
			if err != nil {
				t.Fatal(err)
			}
			if steps := s.Train.Epochs * data.BatchCount(sizeOf(training), s.Train.Batch); steps <= warming {
				t.Errorf("%s: %d steps of warm-up, and %d in all", file, warming, steps)
			}
		}
	}
}

// TestPlanOfWarmups: the one batch that a plan is made for is no run to fit into.
func TestPlanOfWarmups(t *testing.T) {
	mustCall(t, "plan", "--model", "vae", "--batch", "4", "--hidden", "8", "--device", "cpu", "--kl-warmup", "1000", "--warmup", "50")
	mustCall(t, "plan", "--model", "vae", "--hidden", "8", "--device", "cpu", "--patience", "2", "--min-delta", "0.1")
}
