package main

import (
	"encoding/json"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFinetune makes classifiers of a run, which other commands understand.
func TestFinetune(t *testing.T) {
	data := smallData(t, 64, 16)
	t.Chdir(t.TempDir())
	mustCall(t, small(data, "run", "--latent", "12")...)
	text, _ := mustCall(t, "finetune", "run", "--epochs", "60", "--lr", "0.02", "--batch", "16")
	if !strings.Contains(text, "test error") {
		t.Errorf("finetune does not tell the error:\n%s", text)
	}
	for _, e := range metricsOf(t, "run-labels") {
		if wrong, ok := e["val_error"].(float64); !ok || wrong < 0 || wrong > 1 {
			t.Errorf("%s tells no validation error: %v", metricsName, e)
		}
	}
	text, _ = mustCall(t, "classify", "run-labels", "--split", "train", "--json", "--out", "x.csv")
	var told classification
	if err := json.Unmarshal([]byte(text), &told); err != nil {
		t.Fatal(err)
	}
	if told.Count != 64 || told.Accuracy == nil || *told.Accuracy < 0.3 || len(told.Confusion) != 10 {
		t.Errorf("classify tells %s", text)
	}
	lines := strings.Split(strings.TrimSpace(readFile(t, "x.csv")), "\n")
	if len(lines) != 65 || lines[0] != "class,p0,p1,p2,p3,p4,p5,p6,p7,p8,p9" || strings.Count(lines[1], ",") != 10 {
		t.Errorf("x.csv has %d lines, the first %s and %s", len(lines), lines[0], lines[1])
	}
	right := 0
	for i, line := range lines[1:] {
		if line[:1] == string(rune('0'+i%10)) {
			right++
		}
	}
	if float64(right)/64 != *told.Accuracy {
		t.Errorf("%d of 64 lines are right, the accuracy is %v", right, *told.Accuracy)
	}
	if text, _ = mustCall(t, "eval", "run-labels", "--json"); !strings.Contains(text, `"accuracy": `) || !strings.Contains(text, `"mse": `) {
		t.Errorf("eval tells %s", text)
	}
	mustCall(t, "train", "--resume", "--out", "run-labels", "--epochs", "61")
	// Its settings alone would not make it again.
	if config := readFile(t, filepath.Join("run-labels", configName)); !strings.HasPrefix(config, "# hourglass finetune made this run of the best weights of \"run\".\n# ") ||
		!strings.Contains(config, "from nothing") || strings.Contains(config, "takes it again") || !strings.Contains(config, "epochs = 61") {
		t.Errorf("%s after a resume:\n%s", configName, config)
	}
	if config := readFile(t, filepath.Join("run", configName)); !strings.HasPrefix(config, wasTrained+"data = ") {
		t.Errorf("%s of a run of train:\n%s", configName, config)
	}

	mustCall(t, "finetune", "run", "--epochs", "1", "--head-only", "--out", "probe")
	whole, _ := mustCall(t, "eval", "run", "--json")
	mustCall(t, "finetune", "run", "--epochs", "1", "--head-only", "--dropout", "0.3", "--out", "dropout")
	for _, folder := range []string{"probe", "dropout"} {
		probe, _ := mustCall(t, "eval", folder, "--json")
		if !strings.HasSuffix(probe, strings.TrimPrefix(whole, "{")) {
			t.Errorf("%s: with the head alone trained, the autoencoder tells %s, before %s", folder, probe, whole)
		}
	}
}

func TestFinetuneErrors(t *testing.T) {
	data := smallData(t, 64, 16)
	t.Chdir(t.TempDir())
	mustCall(t, small(data, "run")...)
	wantFailure(t, []string{"classify", "run"}, exitUsage, "run knows no classes", "hourglass finetune run")
	wantFailure(t, []string{"finetune", "run", "--set", "model.latent=5"}, exitUsage, "--latent is 5", "the encoder is the run's")
	wantFailure(t, []string{"finetune", "run", "--out", "run"}, exitUsage, "a run is there already")
	wantFailure(t, []string{"finetune", "run", "--classes", "4"}, exitFailure, "labels up to 9, want at most 3")
	wantFailure(t, []string{"finetune", "run", "--data", "npy:none.npy"}, exitFailure, "none.npy")
	wantFailure(t, []string{"finetune", "nothing"}, exitFailure, "there is no run nothing")
	wantFailure(t, []string{"finetune", "run/config.toml"}, exitFailure, "run/config.toml is no run")
	wantFailure(t, []string{"finetune", "run", "--data", "images:" + pictures(t, 8)}, exitUsage, "has no labels to learn", "--data")
	if _, err := os.Stat("run-labels"); err == nil {
		t.Error("a finetuning that could not begin left a folder")
	}
}

// pictures makes a folder of n grey images of 8×8 without classes.
func pictures(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		im := image.NewGray(image.Rect(0, 0, 8, 8))
		for k := range im.Pix {
			im.Pix[k] = byte(i * k)
		}
		if err := writePNG(filepath.Join(dir, string(rune('a'+i))+".png"), im); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
