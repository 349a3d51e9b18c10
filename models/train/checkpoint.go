package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"hourglass/models"
)

// The files of a run's folder.
const (
	CheckpointName = "checkpoint.safetensors"      // the newest state of the run
	PreviousName   = "checkpoint.prev.safetensors" // the one before
	BestName       = "best.safetensors"            // the weights of the best epoch, as Best tells
)

// The metadata of our files.
const (
	formatKey        = "format"
	versionKey       = "version"
	checkpointFormat = "hourglass checkpoint"
	weightsFormat    = "hourglass weights"
	formatVersion    = "1"
)

// Save writes the state of the run to checkpoint.safetensors in a folder, and
// keeps the checkpoint that was there as checkpoint.prev.safetensors. Whenever
// the process ends, one of the two is whole. Weights that are not finite are
// not saved; they are a *DivergedError.
func (t *Trainer) Save(folder string) error {
	state := t.vars.Stored()
	what, err := badVariable(state)
	if err != nil {
		return err
	}
	if what != "" {
		return t.diverged("the weights are no longer finite", what)
	}
	metadata, err := t.metadata()
	if err != nil {
		return err
	}
	path, previous := filepath.Join(folder, CheckpointName), filepath.Join(folder, PreviousName)
	// A checkpoint that may be damaged must not replace one that is good.
	rotate := t.current == path
	if rotate {
		if err := os.Rename(path, previous); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("train: keeping the last checkpoint: %w", err)
		}
	}
	if err := writeSealed(path, streamsOf(state), metadata); err != nil {
		if rotate {
			if lost := os.Rename(previous, path); lost != nil {
				err = fmt.Errorf("%w; the last one stays at %s", err, previous)
			}
		}
		return fmt.Errorf("train: saving a checkpoint: %w", err)
	}
	t.current = path
	return nil
}

// metadata describes the run and where it stands.
func (t *Trainer) metadata() (map[string]string, error) {
	if err := t.identify(); err != nil {
		return nil, err
	}
	all := map[string]string{formatKey: checkpointFormat, versionKey: formatVersion}
	for key, value := range map[string]any{
		"model": t.model.Config(), "train": t.cfg, "data": t.prints, "progress": t.at,
	} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("train: %s of a checkpoint: %w", key, err)
		}
		all[key] = string(text)
	}
	return all, nil
}

// identify makes the fingerprints of the data sets, once.
func (t *Trainer) identify() error {
	if t.prints != nil {
		return nil
	}
	prints, err := fingerprint(t.train, t.validation, t.model.Config().Classes > 0)
	if err != nil {
		return fmt.Errorf("train: telling the data set from others: %w", err)
	}
	t.prints = prints
	return nil
}

// A Resumed tells what Resume read.
type Resumed struct {
	Path        string // of the checkpoint
	Epoch, Step int    // complete epochs and steps
	// Damaged is why a newer checkpoint could not be used: a *DamagedError, or
	// nil if there was none.
	Damaged error
}

// Resume reads the newest good checkpoint of a folder, from which Run goes on as
// the run that wrote it would have. Model, configuration and images must be
// those of that run; Epochs alone may differ, if the schedule does not depend on
// it. Otherwise, and if there is no good checkpoint, the trainer is as it was;
// errors.Is(err, fs.ErrNotExist) tells that there is none at all. A file that is
// found good and then cannot be read again leaves the trainer of no more use.
func (t *Trainer) Resume(folder string) (Resumed, error) {
	path, previous := filepath.Join(folder, CheckpointName), filepath.Join(folder, PreviousName)
	file, newest := openCheckpoint(path)
	r := Resumed{Path: path}
	if newest != nil {
		var err error
		if file, err = openCheckpoint(previous); err != nil {
			return Resumed{}, noCheckpoint(folder, newest, err)
		}
		r.Path = previous
		if !errors.Is(newest, fs.ErrNotExist) { // a run killed between two renames leaves none
			r.Damaged = newest
		}
	}
	defer file.close()
	at, err := t.match(r.Path, file.metadata)
	if err != nil {
		return Resumed{}, err
	}
	if err := t.vars.Restore(file.saved()); err != nil {
		return Resumed{}, fmt.Errorf("train: %s: %w", r.Path, err)
	}
	t.at, t.stage, t.stagesDone = at, nil, 0
	t.current = ""
	if r.Path == path {
		t.current = path
	}
	r.Epoch, r.Step = at.Epoch, at.Step
	return r, nil
}

// noCheckpoint is the error of a folder with neither checkpoint good.
func noCheckpoint(folder string, newest, previous error) error {
	none := errors.Is(newest, fs.ErrNotExist)
	switch {
	case none && errors.Is(previous, fs.ErrNotExist):
		return fmt.Errorf("train: no checkpoint in %s: %w", folder, fs.ErrNotExist)
	case none:
		return fmt.Errorf("train: no good checkpoint: %w", previous)
	case errors.Is(previous, fs.ErrNotExist):
		return fmt.Errorf("train: no good checkpoint: %w; there is no earlier one", newest)
	}
	return fmt.Errorf("train: no good checkpoint: %w; %w", newest, previous)
}

// openCheckpoint opens a sealed file and checks that it is a checkpoint.
func openCheckpoint(path string) (*sealed, error) { return openFormat(path, checkpointFormat) }

// openFormat opens a sealed file and checks that it is what we are looking for.
func openFormat(path, want string) (*sealed, error) {
	s, err := openSealed(path)
	if err != nil {
		return nil, err
	}
	if got := s.metadata[formatKey]; got != want {
		err = fmt.Errorf("its format is %q, want %q", got, want)
	} else if got := s.metadata[versionKey]; got != formatVersion {
		err = fmt.Errorf("its format's version is %q, this Hourglass reads %q", got, formatVersion)
	}
	if err != nil {
		s.close()
		return nil, s.damaged(err)
	}
	return s, nil
}

// match holds a checkpoint's metadata against this run and returns its
// progress.
func (t *Trainer) match(path string, metadata map[string]string) (progress, error) {
	var at progress
	var prints fingerprints
	var there Config
	var model json.RawMessage
	for key, into := range map[string]any{"progress": &at, "data": &prints, "train": &there, "model": &model} {
		if err := json.Unmarshal([]byte(metadata[key]), into); err != nil {
			return at, &DamagedError{path, fmt.Errorf("its %s: %w", key, err)}
		}
	}
	if there.Schedule.endless() {
		there.Epochs = t.cfg.Epochs
	}
	if err := t.identify(); err != nil {
		return at, err
	}
	differs := difference("model", t.model.Config(), complete(model))
	if differs == "" {
		differs = difference("train", t.cfg, there)
	}
	if differs == "" {
		differs = t.prints.difference(&prints)
	}
	if differs != "" {
		return at, fmt.Errorf("train: %s is of another run: %s; resume with what it was started with, or train into another folder", path, differs)
	}
	return at, nil
}

// complete returns the configuration of a model as this Hourglass would write it:
// the one that wrote it may have been of before some option. What this Hourglass
// cannot read stays as it is.
func complete(text json.RawMessage) any {
	var c models.Config
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if d.Decode(&c) != nil {
		return text
	}
	m, err := models.New(c)
	if err != nil {
		return text
	}
	return m.Config()
}
