package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"hourglass/data/disk"
	"hourglass/kernels/cpu"
	"hourglass/models"
	"hourglass/models/export"
	"hourglass/models/train"
)

// The files of a run folder beside those of package train and TensorBoard's.
const (
	configName          = "config.toml"         // the settings, defaults filled in
	metricsName         = "metrics.jsonl"       // one object for each epoch
	planName            = "plan.txt"            // the compiled program of a step
	reconstructionsName = "reconstructions.png" // test images over what the model makes of them
	restorationsName    = "restored.png"        // test images over corrupted ones over what a denoising model makes of them
	curveName           = "loss.png"
	curveVectorName     = "loss.svg"
)

// claimFolder returns the folder of a new run. It creates nothing. Without a
// wish it is runs/MODEL-DATA, or that with the first number that is free.
func claimFolder(wish string, s settings) (string, error) {
	if wish != "" {
		return wish, checkFree(wish)
	}
	kind, _, _ := strings.Cut(s.Data, ":")
	base := filepath.Join("runs", s.Model.Name+"-"+kind)
	name := base
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", err
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
}

// checkFree returns an error unless there is nothing at path, or a folder with
// nothing in it.
func checkFree(path string) error {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return usagef("--out: %w", err)
	case len(entries) == 0:
		return nil
	}
	if _, err := os.Stat(filepath.Join(path, configName)); err == nil {
		return usagef("--out %s: a run is there already; --resume goes on with it, or choose another name", path)
	}
	return usagef("--out %s: the folder is not empty; choose another name", path)
}

// openRun returns the settings of a run.
func openRun(folder string) (settings, error) {
	var s settings
	path := filepath.Join(folder, configName)
	text, err := os.ReadFile(path)
	if info, err := os.Stat(folder); err == nil && !info.IsDir() {
		return s, fmt.Errorf("%s is no run, which is a folder, but a file", folder)
	}
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
			return s, fmt.Errorf("there is no run %s", folder)
		}
		return s, fmt.Errorf("%s is no run: it has no %s", folder, configName)
	}
	if err != nil {
		return s, err
	}
	if err := decodeSettings(string(text), path, &s); err != nil {
		return s, err
	}
	s.made = commentOf(string(text))
	if s.Precision == "" {
		s.Precision = cpu.Float32.String()
	}
	if err := s.check(); err != nil {
		return s, fmt.Errorf("%s: %v", path, err) // a damaged file, not a wrong flag
	}
	// The run may be of before some option was there.
	m, err := models.New(s.Model)
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	s.Model = m.Config()
	return s, nil
}

// commentOf returns the lines of comment that a text begins with.
func commentOf(text string) string {
	var comment strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			break
		}
		comment.WriteString(line)
	}
	return comment.String()
}

// mayChange are the settings that a resumed run may be given anew. The data may
// lie elsewhere: a checkpoint knows its images by their hash.
var mayChange = map[string]bool{"train.epochs": true, "threads": true, "device": true, "checkpoint_steps": true, "data": true,
	"memory": true, "strict": true}

// goOn returns the settings of a resumed run: those of its folder, but for what
// may change.
func (g given) goOn(folder string, stored settings) (settings, error) {
	s := stored
	if err := g.onto(&s); err != nil {
		return s, err
	}
	before := leavesOf(stored, "")
	for i, l := range leavesOf(s, "") {
		if was := before[i].value; !mayChange[l.key] && !reflect.DeepEqual(l.value, was) {
			return s, usagef("%s is %v, but the run %s was started with %v; leave it out to go on, or train into another folder", l.name(), l.value, folder, was)
		}
	}
	return s, s.check()
}

// writeConfig writes config.toml.
func writeConfig(folder string, s settings) error {
	return disk.WriteFile(filepath.Join(folder, configName), func(w io.Writer) error { return writeSettings(w, s) })
}

// writeMetrics writes metrics.jsonl whole: what a killed process wrote of an
// epoch that is not in the checkpoint goes.
func writeMetrics(folder string, history []train.Epoch) error {
	return disk.WriteFile(filepath.Join(folder, metricsName), func(w io.Writer) error {
		e := json.NewEncoder(w)
		for _, epoch := range history {
			if err := e.Encode(epoch); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeText writes a text file.
func writeText(path, text string) error {
	return disk.WriteFile(path, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// writePNG writes a picture.
func writePNG(path string, im image.Image) error {
	return disk.WriteFile(path, func(w io.Writer) error { return export.WritePNG(w, im) })
}
