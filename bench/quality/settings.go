package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"hourglass/data/disk"
	"hourglass/models"
	"hourglass/models/train"
)

// settings is what a run of `hourglass train` is told, in the form of its
// config.toml, so that the command works on our runs and we on its.
type settings struct {
	Data            string        `toml:"data"`
	Threads         int           `toml:"threads"`
	Device          string        `toml:"device"`
	Precision       string        `toml:"precision"`
	CheckpointSteps int           `toml:"checkpoint_steps"`
	Model           models.Config `toml:"model"`
	Train           train.Config  `toml:"train"`
}

// runConfig is the file of a run folder that holds its settings.
const runConfig = "config.toml"

// readConfig reads a file of models/configs on top of the defaults that the
// command has.
func readConfig(path string) (settings, error) {
	var named settings
	text, err := os.ReadFile(path)
	if err != nil {
		return named, err
	}
	if _, err := toml.Decode(string(text), &named); err != nil {
		return named, fmt.Errorf("%s: %w", path, err)
	}
	s := settings{Device: "auto", Precision: "f32", Train: train.Config{ValidationFraction: 0.01}}
	if s.Model, err = models.Default(named.Model.Name); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	s.Model.Image = [3]int{} // that of the data
	meta, err := toml.Decode(string(text), &s)
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return s, fmt.Errorf("%s: there is no setting %s", path, unknown[0])
	}
	s.Train = s.Train.WithDefaults()
	return s, nil
}

// differs names the first way in which a run folder's settings are not those
// that are wanted, or returns "". Where the data lie and how many threads there
// were is of no importance.
func (s settings) differs(folder string) (string, error) {
	var there settings
	if _, err := toml.DecodeFile(filepath.Join(folder, runConfig), &there); err != nil {
		return "", fmt.Errorf("%s: %w", folder, err)
	}
	m, err := models.New(there.Model)
	if err != nil {
		return "", fmt.Errorf("%s: %w", folder, err)
	}
	for _, part := range []struct {
		name       string
		want, have any
	}{
		{"model", s.Model, m.Config()}, {"train", s.Train, there.Train.WithDefaults()},
		{"data", kindOf(s.Data), kindOf(there.Data)}, {"precision", s.Precision, there.Precision},
	} {
		want, have := fields(part.want), fields(part.have)
		for key := range want {
			if want[key] != have[key] {
				return fmt.Sprintf("%s.%s is %s, want %s", part.name, key, have[key], want[key]), nil
			}
		}
	}
	return "", nil
}

// kindOf cuts the folder off a specification of data.
func kindOf(spec string) string {
	if at := strings.Index(spec, "mnist:"); at >= 0 {
		return spec[:at+len("mnist")]
	}
	return spec
}

// fields returns the JSON text of each field of a struct, or of a word under "".
func fields(v any) map[string]string {
	text, err := json.Marshal(v)
	if err != nil {
		return map[string]string{"": err.Error()}
	}
	var parts map[string]json.RawMessage
	if json.Unmarshal(text, &parts) != nil {
		return map[string]string{"": string(text)}
	}
	all := map[string]string{}
	for key, part := range parts {
		all[key] = string(part)
	}
	return all
}

// write leaves the settings in a run folder.
func (s settings) write(folder string) error {
	return disk.WriteFile(filepath.Join(folder, runConfig), func(w io.Writer) error { return toml.NewEncoder(w).Encode(s) })
}
