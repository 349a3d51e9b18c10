package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hourglass/models/train"
)

// TestWrongCommandLines: one line and status 2 for what was not asked properly.
func TestWrongCommandLines(t *testing.T) {
	for _, c := range []struct {
		line   string
		pieces []string
	}{
		{"trian", []string{`"trian"`, "did you mean train?"}},
		{"help trian", []string{`"trian"`, "did you mean train?"}},
		{"train now", []string{`"now"`}},
		{"train --lattent 2", []string{"--lattent", "did you mean --latent?"}},
		{"train -q", []string{"'q'"}},
		{"train --latent", []string{"--latent"}},
		{"train --latent two", []string{"--latent", `"two"`, "whole number"}},
		{"train --hidden 5,x", []string{"--hidden", `"5,x"`, "256,128"}},
		{"train --seed -1", []string{"--seed", `"-1"`}},
		{"train --latent 0", []string{"latent 0", "at least 1"}},
		{"train --model cnov", []string{`"cnov"`, "conv", "did you mean conv?"}},
		{"train --model vae --loss mse", []string{"loss", "vae"}},
		{"train --model conv --latent 2000000", []string{"latent 2000000"}},
		{"train --model dense --hidden 1000000,1000000", []string{"weights"}},
		{"train --data cifar", []string{`"cifar"`, "mnist:DIR"}},
		{"train --data mnist", []string{`"mnist"`, "mnist:DIR"}},
		{"train --device gpu:1", []string{`"gpu:1"`, "cuda:1"}},
		{"train --device cuda:x", []string{`"cuda:x"`, "cuda:1"}},
		{"train --config nowhere.toml", []string{"--config", "nowhere.toml"}},
		{"train --resume", []string{"--resume", "--out"}},
		{"eval", []string{"eval", "run"}},
		{"eval a b", []string{"eval", "2"}},
		{"plan a b", []string{"plan", "2"}},
		{"info x", []string{`"x"`}},
		{"reconstruct x", []string{"--out"}},
		{"reconstruct x --out a.gif", []string{".gif", ".npy"}},
		{"sample x --n 0", []string{"--n is 0"}},
		{"sample x --n 10000000000 --out x.npy", []string{"--n is 10000000000", "1 to 1000000000"}},
		{"sample x --n 100000000 --out x.png", []string{"x.png", "100000000 images", "at most 10000", "x.npy"}},
		{"interpolate x --steps 1000000000 --out x.npy", []string{"--steps is 1000000000", "2 to 1000"}},
		{"traverse x --steps 1000000000 --out x.gif", []string{"--steps is 1000000000", "2 to 1000"}},
		{"manifold x --side 100000 --out x.png", []string{"--side is 100000", "2 to 200"}},
		{"field x --side 100000 --out x.png", []string{"--side is 100000", "2 to 200"}},
		{"plan --batch 100000000", []string{"--batch is 100000000", "1 to 1000000"}},
		{"plan --batch 100000000000000", []string{"--batch is 100000000000000"}},
		{"train --batch 100000000000000", []string{"--batch is 100000000000000"}},
		{"train --threads 100000000000", []string{"--threads is 100000000000", "0 (all processors) to 1024"}},
		{"train --threads 1025", []string{"--threads is 1025"}},
		{"bench dense --threads 1000000", []string{"--threads is 1000000", "1024"}},
		{"bench dense --windows 1000000000", []string{"--windows is 1000000000", "10000"}},
	} {
		wantNothingWritten(t, func() { wantFailure(t, strings.Fields(c.line), exitUsage, c.pieces...) })
	}
}

// wantNothingWritten runs f in an empty folder and checks that it stays empty.
func wantNothingWritten(t *testing.T, f func()) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	f()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, error %v", entries, err)
	}
}

// TestWrongData: status 1, and no run folder, for files that are not what they
// should be.
func TestWrongData(t *testing.T) {
	images, labels := "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		pieces []string
	}{
		{"no folder", func(t *testing.T, dir string) { os.RemoveAll(dir) }, []string{images, "found neither"}},
		{"no images", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, images)) }, []string{images, "found neither"}},
		{"no test images", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "t10k-images-idx3-ubyte")) }, []string{"t10k-images"}},
		{"truncated gz", func(t *testing.T, dir string) {
			var zipped bytes.Buffer
			w := gzip.NewWriter(&zipped)
			w.Write([]byte(readFile(t, filepath.Join(dir, images))))
			w.Close()
			os.Remove(filepath.Join(dir, images))
			writeFile(t, filepath.Join(dir, images+".gz"), zipped.Bytes()[:zipped.Len()*2/3])
		}, []string{images + ".gz", "cut short"}},
		{"a header that promises more", func(t *testing.T, dir string) {
			content := []byte(readFile(t, filepath.Join(dir, images)))
			content[4] = 0x10
			writeFile(t, filepath.Join(dir, images), content)
		}, []string{images, "promises"}},
		{"a header that promises less", func(t *testing.T, dir string) {
			content := []byte(readFile(t, filepath.Join(dir, images)))
			content[7] -= 5
			writeFile(t, filepath.Join(dir, images), content)
		}, []string{images, "got more"}},
		{"fewer labels", func(t *testing.T, dir string) {
			content := []byte(readFile(t, filepath.Join(dir, labels)))
			content[7] -= 3
			writeFile(t, filepath.Join(dir, labels), content[:len(content)-3])
		}, []string{labels, "47"}},
		{"no IDX", func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, images), []byte("hello there")) }, []string{images, "IDX header"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := smallData(t, 50, 5)
			c.damage(t, strings.TrimPrefix(data, "mnist:"))
			wantNothingWritten(t, func() { wantFailure(t, small(data, "run"), exitFailure, c.pieces...) })
		})
	}
}

// TestWrongFolder: a run is neither overwritten nor mixed with other files.
func TestWrongFolder(t *testing.T) {
	dir, data := t.TempDir(), smallData(t, 50, 5)
	run := filepath.Join(dir, "run")
	mustCall(t, small(data, run)...)
	before, config := readFile(t, filepath.Join(run, train.CheckpointName)), readFile(t, filepath.Join(run, configName))
	wantFailure(t, small(data, run), exitUsage, run, "--resume")
	wantFailure(t, small(data, run, "--resume", "--latent", "4"), exitUsage, "--latent is 4", "started with 3")
	wantFailure(t, []string{"train", "--resume", "--out", run, "--optimizer", "sgd"}, exitUsage, "--optimizer is sgd", "started with adam")
	wantFailure(t, []string{"train", "--resume", "--out", run, "--data", smallData(t, 60, 5)}, exitFailure, "48 images", "40 images")
	wantFailure(t, []string{"train", "--resume", "--out", run, "--epochs", "1"}, exitUsage, "--epochs is 1", "2 epochs are done", "want 2 or more")
	if after := readFile(t, filepath.Join(run, train.CheckpointName)); after != before {
		t.Error("the checkpoint has changed")
	}
	if after := readFile(t, filepath.Join(run, configName)); after != config {
		t.Errorf("%s has changed to\n%s", configName, after)
	}
	wantFailure(t, small(data, dir), exitUsage, dir, "not empty")
	wantFailure(t, small(data, filepath.Join(run, configName)), exitUsage, configName)
	wantFailure(t, small(data, filepath.Join(run, configName, "sub")), exitUsage, "--out")
	missing := filepath.Join(dir, "nowhere")
	for _, args := range [][]string{{"eval", missing}, {"plan", missing}, {"sample", missing}, {"train", "--resume", "--out", missing}} {
		wantFailure(t, args, exitFailure, "no run", missing)
	}
	wantFailure(t, []string{"eval", dir}, exitFailure, dir, configName)
	wantFailure(t, []string{"reconstruct", run, "--out", run}, exitUsage, "not empty")
	wantFailure(t, []string{"eval", run, "--split", "val"}, exitUsage, `"val"`)
	wantFailure(t, []string{"eval", run, "--limit", "-1"}, exitUsage, "--limit is -1", "0 (all) or more")
	wantFailure(t, []string{"eval", run, "--samples", "10"}, exitUsage, "--samples is 10", "dense gives no likelihood")
	wantFailure(t, []string{"eval", run, "--samples", "100000000"}, exitUsage, "--samples is 100000000", "1 to 131072")
	wantFailure(t, small(data, filepath.Join(dir, "new"), "--patience", "2", "--validation", "0"), exitUsage, "--patience is 2", "--validation")
	wantFailure(t, []string{"train", "--data", "csv:" + sheet(t) + ",label=kind", "--model", "conv", "--out", filepath.Join(dir, "new")}, exitUsage, "a table of 2 columns", "window=STEPS", "--model dense")
	wantFailure(t, []string{"eval", run, "--data", "builtin"}, exitFailure, "[28 28 1]", "[8 8 1]")
	wantFailure(t, []string{"sample", run}, exitUsage, "dense", "no prior", "--fit", "vae")
}

// TestWrongCheckpoint: a damaged one gives way to the one before; without that,
// and for one of another model, nothing is trained.
func TestWrongCheckpoint(t *testing.T) {
	dir, data := t.TempDir(), smallData(t, 50, 5)
	run, other, straight := filepath.Join(dir, "run"), filepath.Join(dir, "other"), filepath.Join(dir, "straight")
	mustCall(t, small(data, run)...)
	mustCall(t, small(data, other, "--latent", "5")...)
	mustCall(t, small(data, straight, "--epochs", "3")...)
	damage := func(name string) {
		path := filepath.Join(run, name)
		content := []byte(readFile(t, path))
		content[len(content)-50] ^= 1
		writeFile(t, path, content)
	}
	damage(train.CheckpointName)
	_, stderr := mustCall(t, "train", "--resume", "--out", run, "--epochs", "3")
	if !strings.Contains(stderr, train.CheckpointName+" cannot be used") || !strings.Contains(stderr, "after epoch 1, step 3") {
		t.Errorf("resuming with a damaged checkpoint says\n%s", stderr)
	}
	sameRun(t, run, straight)

	damage(train.CheckpointName)
	damage(train.PreviousName)
	resume := []string{"train", "--resume", "--out", run}
	wantFailure(t, resume, exitFailure, "no good checkpoint", train.CheckpointName, train.PreviousName)
	damage(train.BestName)
	wantFailure(t, []string{"eval", run}, exitFailure, train.BestName, "checksum")

	for _, name := range []string{train.CheckpointName, train.BestName} {
		writeFile(t, filepath.Join(run, name), []byte(readFile(t, filepath.Join(other, name))))
	}
	wantFailure(t, resume, exitFailure, train.CheckpointName, "another", "latent", "3", "5")
	wantFailure(t, []string{"eval", run}, exitFailure, train.BestName, "another model", "latent is 5", "3")
	writeFile(t, filepath.Join(run, configName), []byte("epochs ="))
	wantFailure(t, resume, exitFailure, configName)
}
