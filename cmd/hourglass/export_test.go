package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hourglass/kernels/cpu"
	"hourglass/models"
	"hourglass/models/export"
	"hourglass/models/train"
)

// smallCase returns a run of a model of 8×8 images.
func smallCase(t *testing.T, change func(*models.Config)) foreignRun {
	t.Helper()
	dev, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	c := models.Config{Name: "conv", Image: [3]int{8, 8, 1}, Latent: 3, Blocks: []models.Block{{Filters: 4}, {Filters: 6}}}
	change(&c)
	return newForeignRun(t, filepath.Join(t.TempDir(), "run"), exportCase{c.Name, c}, dev)
}

// filesOf returns the contents of a folder's files by name.
func filesOf(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(folder, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestExport writes each format, twice to the same bytes, with a card that tells
// of it.
func TestExport(t *testing.T) {
	r := smallCase(t, func(c *models.Config) { c.Norm = "batch" })
	for formats, want := range map[string][]string{
		"safetensors":          {cardName, codeName, safetensorsName},
		"onnx":                 {cardName, decoderName, encoderName, wholeName},
		"npz":                  {cardName, npzName},
		"npz,safetensors,onnx": {cardName, decoderName, encoderName, npzName, wholeName, codeName, safetensorsName},
	} {
		var first map[string][]byte
		for range 2 {
			out := filepath.Join(t.TempDir(), "in", "out")
			stdout, stderr := mustCall(t, "export", r.folder, "--format", formats, "--out", out)
			files := filesOf(t, out)
			if len(files) != len(want) || stderr != "" {
				t.Errorf("%s: %d files, want %v\n%s", formats, len(files), want, stderr)
			}
			for _, name := range want {
				if first != nil && !bytes.Equal(first[name], files[name]) {
					t.Errorf("%s: %s has other bytes the second time", formats, name)
				}
				if len(files[name]) == 0 || !strings.Contains(stdout, filepath.Join(out, name)+"\n") {
					t.Errorf("%s: %s has %d bytes, and is it in\n%s", formats, name, len(files[name]), stdout)
				}
				if name != cardName && !bytes.Contains(files[cardName], []byte("`"+name+"`")) && name != codeName {
					t.Errorf("%s: the card does not name %s:\n%s", formats, name, files[cardName])
				}
			}
			first = files
		}
	}
}

// TestExportUnits tells what the numbers of a series stand for, as long as its file
// is there.
func TestExportUnits(t *testing.T) {
	r := smallCase(t, func(c *models.Config) {
		*c = models.Config{Name: "sequence", Image: [3]int{1, 8, 2}, Latent: 3, Blocks: []models.Block{{Filters: 4}}}
	})
	rows := "a,b\n"
	for i := range 40 {
		rows += fmt.Sprintf("%d,%d\n", 20+i%5, -i%3)
	}
	csv := filepath.Join(t.TempDir(), "series.csv")
	if err := os.WriteFile(csv, []byte(rows), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := openRun(r.folder)
	if err != nil {
		t.Fatal(err)
	}
	s.Data = "csv:" + csv + ",window=8"
	if err := writeConfig(r.folder, s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ card, metadata string }{
		{"- unit: 0 stands for 20,-2, 1 for 24,0 (of each channel)", `"hourglass.high":"24,0"`},
		{"- units and classes: not known", `"hourglass.epoch":"1"`},
	} {
		out := filepath.Join(t.TempDir(), "out")
		mustCall(t, "export", r.folder, "--format", "safetensors", "--out", out)
		files := filesOf(t, out)
		if !bytes.Contains(files[cardName], []byte(want.card)) || !bytes.Contains(files[safetensorsName], []byte(want.metadata)) {
			t.Errorf("the card lacks %q or the metadata %s:\n%s", want.card, want.metadata, files[cardName])
		}
		if err := os.RemoveAll(csv); err != nil {
			t.Fatal(err)
		}
	}
}

// TestImport brings weights back from each format, by each way to tell the model,
// into runs that other commands take and that can be trained on.
func TestImport(t *testing.T) {
	r := smallCase(t, func(c *models.Config) { c.Norm = "batch" })
	dir := t.TempDir()
	exported := filepath.Join(dir, "exported")
	mustCall(t, "export", r.folder, "--format", "safetensors,npz", "--out", exported)
	for i, from := range [][2]string{
		{r.folder, filepath.Join(exported, safetensorsName)},
		{r.folder, filepath.Join(exported, npzName)},
		{filepath.Join(r.folder, configName), filepath.Join(exported, safetensorsName)},
		{r.folder, filepath.Join(r.folder, train.BestName)},
	} {
		out := filepath.Join(dir, fmt.Sprint("run", i))
		if stdout, _ := mustCall(t, "import", "--model", from[0], "--weights", from[1], "--out", out, "--json"); !json.Valid([]byte(stdout)) {
			t.Errorf("import --json: %s", stdout)
		}
		_, weights, _, err := train.ReadWeights(filepath.Join(out, train.BestName))
		if err != nil {
			t.Fatal(err)
		}
		if !sameArrays(weights, r.weights) {
			t.Errorf("import of %v: the weights are others", from)
		}
	}
	run, data := filepath.Join(dir, "run0"), smallData(t, 40, 20)
	before, _ := mustCall(t, "eval", run, "--data", data, "--json")
	if was, _ := mustCall(t, "eval", r.folder, "--data", data, "--json"); was != before {
		t.Errorf("eval of the import gives %s, of the run itself %s", before, was)
	}
	stdout, _ := mustCall(t, "export", run, "--format", "onnx", "--out", filepath.Join(dir, "again"), "--json")
	var told struct{ Files []string }
	if err := json.Unmarshal([]byte(stdout), &told); err != nil || !slices.Equal(told.Files, []string{cardName, decoderName, encoderName, wholeName}) {
		t.Errorf("export --json: %v of %s", err, stdout)
	}
	_, stderr := mustCall(t, "train", "--resume", "--out", run, "--data", data, "--epochs", "1")
	if !strings.Contains(stderr, "training them on with a new optimizer, from its first step") {
		t.Errorf("train --resume does not tell that it begins with imported weights:\n%s", stderr)
	}
	if config := readFile(t, filepath.Join(run, configName)); !strings.HasPrefix(config, "# hourglass import made this run of the weights ") || !strings.Contains(config, "from nothing") {
		t.Errorf("%s of an import, after a resume:\n%s", configName, config)
	}
	_, trained, _, err := train.ReadWeights(filepath.Join(run, train.BestName))
	if err != nil {
		t.Fatal(err)
	}
	far := 0.0
	for _, a := range r.weights {
		for _, b := range trained {
			for i := range b.Data {
				if a.Name == b.Name && !strings.HasSuffix(a.Name, ".running") {
					far = max(far, float64(b.Data[i]-a.Data[i]))
				}
			}
		}
	}
	if far == 0 || far > 0.01 {
		t.Errorf("one step of Adam moved the imported weights by %g, want up to its rate of 0.001 or little more", far)
	}
}

// TestImportStacked trains an imported stacked model as a whole, not layer by
// layer from the start.
func TestImportStacked(t *testing.T) {
	r := smallCase(t, func(c *models.Config) {
		*c = models.Config{Name: "stacked", Image: [3]int{8, 8, 1}, Latent: 3, Hidden: []int{6}}
	})
	mustCall(t, "train", "--resume", "--out", r.folder, "--data", smallData(t, 40, 20), "--epochs", "1")
	if stages, err := filepath.Glob(filepath.Join(r.folder, "stage-*")); err != nil || len(stages) > 0 {
		t.Errorf("the layers were trained one by one: %v, %v", stages, err)
	}
}

// TestExchangeRefuses names what is wrong, and leaves nothing behind.
func TestExchangeRefuses(t *testing.T) {
	r, other := smallCase(t, func(*models.Config) {}), smallCase(t, func(c *models.Config) { c.Latent = 2 })
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	exported := filepath.Join(dir, "exported")
	mustCall(t, "export", r.folder, "--format", "safetensors", "--out", exported)
	file := filepath.Join(exported, safetensorsName)
	variant := func(name string, change func([]export.Tensor) []export.Tensor) string {
		tensors, _, err := export.OpenSafetensors(file)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name+".safetensors")
		var b bytes.Buffer
		if err := export.WriteSafetensors(&b, change(tensors), nil); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	renamed := variant("renamed", func(all []export.Tensor) []export.Tensor {
		all[0].Name = "stem." + all[0].Name
		return all
	})
	infinite := variant("infinite", func(all []export.Tensor) []export.Tensor {
		copy(all[0].Data, "\x00\x00\x80\x7f")
		return all
	})
	for _, c := range []struct {
		status int
		args   []string
		pieces []string
	}{
		{2, []string{"export", r.folder, "--out", out}, []string{"--format is missing", "safetensors, onnx, npz"}},
		{2, []string{"export", r.folder, "--format", "onx", "--out", out}, []string{`--format "onx"`, "did you mean onnx"}},
		{2, []string{"export", r.folder, "--format", "onnx"}, []string{"--out is missing"}},
		{2, []string{"export", r.folder, "--format", "onnx", "--out", exported}, []string{"not empty"}},
		{1, []string{"export", dir, "--format", "onnx", "--out", out}, []string{"is no run"}},
		{2, []string{"import", "--model", r.folder, "--out", out}, []string{"--weights is missing"}},
		{2, []string{"import", "--model", "cnv", "--weights", file, "--out", out}, []string{"--model cnv", "a run folder"}},
		{2, []string{"import", "--model", r.folder, "--weights", "net.pt", "--out", out}, []string{"save_file", "weights_only=True"}},
		{2, []string{"import", "--model", r.folder, "--weights", "net.h5", "--out", out}, []string{"x.safetensors or x.npz"}},
		{2, []string{"import", "--model", r.folder, "--weights", "absent.npz", "--out", out}, []string{"no file absent.npz"}},
		{2, []string{"import", "--model", r.folder, "--weights", file, "--out", exported}, []string{"not empty"}},
		{1, []string{"import", "--model", other.folder, "--weights", file, "--out", out}, []string{"encoder.5.weight has the shape [3 24], conv wants [2 24]"}},
		{1, []string{"import", "--model", r.folder, "--weights", renamed, "--out", out}, []string{"wants a tensor decoder.0.bias [24]", "not known are stem.decoder.0.bias"}},
		{1, []string{"import", "--model", r.folder, "--weights", infinite, "--out", out}, []string{"decoder.0.bias holds +Inf"}},
		{1, []string{"import", "--model", other.folder, "--weights", filepath.Join(r.folder, train.BestName), "--out", out}, []string{"model.latent is 3, want 2"}},
	} {
		wantFailure(t, c.args, c.status, c.pieces...)
		if _, err := os.Lstat(out); err == nil {
			t.Errorf("%v left %s behind", c.args, out)
		}
	}
}
