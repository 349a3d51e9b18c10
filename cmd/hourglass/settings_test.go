package main

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"hourglass/models"
)

// resolved returns the settings of flags and the text of a configuration file.
func resolved(t *testing.T, text string, args ...string) (settings, error) {
	t.Helper()
	var s settings
	var from sources
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.addFlags(f)
	from.addFlags(f)
	if text != "" {
		from.file = filepath.Join(t.TempDir(), "run.toml")
		writeFile(t, from.file, []byte(text))
	}
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	asked, err := readGiven(f, from)
	if err != nil {
		return s, err
	}
	return asked.resolve()
}

// TestPrecedence: flags win over the file, and that over the defaults.
func TestPrecedence(t *testing.T) {
	file := "data = 'builtin:seed=4'\n[model]\nname = 'dense'\nlatent = 7\nhidden = [9, 8]\n[train]\nepochs = 11\nbatch = 33\n[train.optimizer]\nbeta1 = 0.8\n"
	s, err := resolved(t, file, "--latent", "5", "--epochs", "2", "--lr", "0.5",
		"--set", "train.optimizer.beta2=0.9", "--set", "model.output=identity", "--set", "train.batch=44", "--set", "model.latent=6")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"a flag over the file", s.Model.Latent, 5},
		{"a flag over the file", s.Train.Epochs, 2},
		{"a flag over the default", s.Train.Optimizer.LearningRate, 0.5},
		{"--set over the file", s.Train.Batch, 44},
		{"--set of a number", s.Train.Optimizer.Beta2, 0.9},
		{"--set of a word", s.Model.Output, "identity"},
		{"the file", s.Data, "builtin:seed=4"},
		{"a key without a flag", s.Train.Optimizer.Beta1, 0.8},
		{"a list", s.Model.Hidden, []int{9, 8}},
		{"a default", s.Train.Optimizer.Epsilon, 1e-8},
		{"a default", s.Device, "auto"},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}

// TestDefaults: they depend on what is chosen.
func TestDefaults(t *testing.T) {
	for _, c := range []struct {
		args    []string
		latent  int
		rate    float64
		limit   int
		weights string
	}{
		{nil, 16, 1e-3, builtinLimit, "keras"},
		{[]string{"--init", "pytorch", "--limit", "0"}, 16, 1e-3, 0, "pytorch"},
		{[]string{"--model", "dense", "--optimizer", "sgd", "--data", "mnist:d"}, 32, 1e-2, 0, "keras"},
		{[]string{"--model", "vae", "--optimizer", "rmsprop"}, 20, 1e-2, builtinLimit, "keras"},
	} {
		s, err := resolved(t, "", c.args...)
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.model()
		if err != nil {
			t.Fatal(err)
		}
		s.Model = m.Config()
		if s.Model.Latent != c.latent || s.Train.Optimizer.LearningRate != c.rate || s.Train.Limit != c.limit || s.Model.Init != c.weights {
			t.Errorf("%v: latent %d, rate %g, limit %d, init %q, want %d %g %d %q", c.args,
				s.Model.Latent, s.Train.Optimizer.LearningRate, s.Train.Limit, s.Model.Init, c.latent, c.rate, c.limit, c.weights)
		}
	}
}

// TestWrongSettings: nothing that was asked for is ignored.
func TestWrongSettings(t *testing.T) {
	for _, c := range []struct {
		text string
		args []string
		want []string
	}{
		{"[model]\nlattent = 2", nil, []string{"run.toml", `"model.lattent"`, "did you mean model.latent?"}},
		{"epochs = 3", nil, []string{`"epochs"`, "did you mean train.epochs?"}},
		{"[train]\nlr = 1.0", nil, []string{"did you mean train.optimizer.learning_rate?"}},
		{"[model]\nbeta1 = 1.0", nil, []string{"did you mean train.optimizer.beta1?"}},
		{"[train.optimiser]\nmu = 1", nil, []string{"train.optim", "did you mean train.optimizer"}},
		{"[[model.blocks]]\nfilter = 8", nil, []string{"did you mean model.blocks.filters?"}},
		{"[train]\nepochs = 'three'", nil, []string{"run.toml", "epochs"}},
		{"[train", nil, []string{"run.toml", "line 1"}},
		{"[train]\nbatch = 0", nil, []string{"--batch is 0"}},
		{"[train.optimizer]\nepsilon = 0.0", nil, []string{"train.optimizer.epsilon is 0"}},
		{"", []string{"--epochs", "0"}, []string{"--epochs is 0"}},
		{"", []string{"--model", "stacked", "--pretrain-epochs", "0"}, []string{"--pretrain-epochs is 0", "leave it out"}},
		{"", []string{"--model", "stacked", "--pretrain-epochs", "-2"}, []string{"pretrain_epochs is -2"}},
		{"", []string{"--model", "dense", "--pretrain-epochs", "3"}, []string{"--pretrain-epochs is 3", "stacked"}},
		{"", []string{"--model", "stacked", "--classes", "4", "--pretrain-epochs", "3"}, []string{"--pretrain-epochs is 3", "without classes"}},
		{"", []string{"--min-delta", "0.1"}, []string{"min_delta is 0.1", "patience"}},
		{"", []string{"--lr", "0"}, []string{"--lr is 0"}},
		{"", []string{"--lr", "-1"}, []string{"learning_rate is -1"}},
		{"", []string{"--batch", "-1"}, []string{"batch is -1"}},
		{"", []string{"--limit", "-1"}, []string{"limit is -1"}},
		{"", []string{"--validation", "1"}, []string{"validation_fraction is 1"}},
		{"", []string{"--optimizer", "adan"}, []string{`"adan"`, "adam"}},
		{"", []string{"--schedule", "cos"}, []string{`"cos"`, "cosine"}},
		{"", []string{"--device", "gpu"}, []string{`"gpu"`, "cuda"}},
		{"", []string{"--threads", "-2"}, []string{"threads is -2"}},
		{"", []string{"--checkpoint", "-2"}, []string{"checkpoint is -2"}},
		{"", []string{"--set", "model.latnet=3"}, []string{"--set model.latnet=3", "did you mean model.latent?"}},
		{"", []string{"--set", "model.blocks.kernel=5"}, []string{"model.blocks is a list", "model.blocks=[{kernel=5}]"}},
		{"", []string{"--set", "model.latent"}, []string{"--set model.latent", "KEY=VALUE"}},
		{"", []string{"--set", "model.latent=two"}, []string{"--set model.latent=two", "latent"}},
		{"", []string{"--model", ""}, []string{"--model is empty"}},
		{"", []string{"--model", "cnov"}, []string{`"cnov"`, "did you mean conv?"}},
	} {
		_, err := resolved(t, c.text, c.args...)
		if err == nil {
			t.Errorf("%q %q: no error", c.text, c.args)
			continue
		}
		if statusOf(err) != exitUsage {
			t.Errorf("%q %q: status %d, want %d", c.text, c.args, statusOf(err), exitUsage)
		}
		for _, piece := range c.want {
			if !strings.Contains(err.Error(), piece) {
				t.Errorf("%q %q: the error lacks %q: %v", c.text, c.args, piece, err)
			}
		}
	}
}

// TestSettingsRoundTrip: the config.toml of a run says all.
func TestSettingsRoundTrip(t *testing.T) {
	for _, args := range [][]string{
		nil,
		{"--model", "dense", "--hidden", "none", "--clip", "1", "--ema", "0.99", "--patience", "2", "--checkpoint", "7"},
		{"--model", "vae", "--network", "conv", "--schedule", "one-cycle", "--optimizer", "sgd", "--momentum", "0.9"},
	} {
		want, err := resolved(t, "", args...)
		if err != nil {
			t.Fatal(err)
		}
		m, err := models.New(want.Model)
		if err != nil {
			t.Fatal(err)
		}
		want.Model = m.Config()
		folder := t.TempDir()
		if err := writeConfig(folder, want); err != nil {
			t.Fatal(err)
		}
		got, err := openRun(folder)
		if err != nil {
			t.Fatal(err)
		}
		before, after := leavesOf(want, ""), leavesOf(got, "")
		for i := range before {
			if !reflect.DeepEqual(before[i], after[i]) {
				t.Errorf("%v: %s is %#v, want %#v", args, before[i].key, after[i].value, before[i].value)
			}
		}
	}
}

// TestFlagKeys: every flag gives a setting that exists, and every flag of the
// settings is known as one.
func TestFlagKeys(t *testing.T) {
	known := map[string]bool{}
	for _, key := range settingKeys() {
		known[key] = true
	}
	var s settings
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.addFlags(f)
	for flag, key := range flagKeys {
		if !known[key] || f.Lookup(flag) == nil {
			t.Errorf("flag --%s gives %s: there is no such flag or setting", flag, key)
		}
	}
	f.VisitAll(func(flag *pflag.Flag) {
		if flagKeys[flag.Name] == "" {
			t.Errorf("flag --%s is not in flagKeys", flag.Name)
		}
	})
}
