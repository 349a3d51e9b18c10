package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/graph"
	"hourglass/models"
	"hourglass/models/export"
	"hourglass/models/torch"
	"hourglass/models/train"
)

func importCommand() *cobra.Command {
	var model, weights, out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "import",
		Short: "Make a run of weights from PyTorch or NumPy",
		Long: "Make a run folder of weights that another program trained, which every command\n" +
			"takes. The weights are those of the model.py that hourglass export writes, saved\n" +
			"by safetensors or numpy:\n\n" +
			"  safetensors.torch.save_file(net.state_dict(), \"model.safetensors\")\n" +
			"  numpy.savez(\"model.npz\", **{k: v.numpy() for k, v in net.state_dict().items()})\n\n" +
			"or a run's best.safetensors. hourglass train --resume --out RUN trains them on, with\n" +
			"a new optimizer and from its first step: a state_dict knows neither moments nor\n" +
			"steps.",
		Example: "  hourglass import --model runs/mnist --weights model.safetensors --out runs/imported",
		Args:    exactArgs(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for name, value := range map[string]string{"model": model, "weights": weights, "out": out} {
				if value == "" {
					return usagef("--%s is missing: hourglass help import tells what it is", name)
				}
			}
			if err := checkFree(out); err != nil {
				return err
			}
			s, m, err := describedModel(model)
			if err != nil {
				return err
			}
			values, err := readForeign(m, weights)
			if err != nil {
				return err
			}
			s.made = fmt.Sprintf("# hourglass import made this run of the weights %q.\n", weights) + tookWeights
			if err := writeImported(out, s, m, values); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]any{"out": out, "model": s.Model.Name, "latent": s.Model.Latent})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, z = %d, with the weights of %s\n", out, s.Model.Name, s.Model.Latent, weights)
			return nil
		},
	}
	c.Flags().StringVar(&model, "model", "", "what the weights are of: a run, a configuration file of train, or the name of a model")
	c.Flags().StringVar(&weights, "weights", "", "x.safetensors or x.npz")
	c.Flags().StringVar(&out, "out", "", "the new run folder")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object: the run and its model")
	return c
}

// describedModel returns the model of a run, a configuration file or a name, and
// the settings of a run of it.
func describedModel(of string) (settings, models.Model, error) {
	s, err := describedSettings(of)
	if err != nil {
		return s, nil, err
	}
	if s.Model.Image == [3]int{} {
		src, err := data.OpenSource(s.Data, data.Train, data.Options{Lazy: true})
		if err != nil {
			return s, nil, fmt.Errorf("%s names no model.image, and the data it names cannot tell it: %w", of, wrongSpec(err))
		}
		i := src.Info()
		s.Model.Image = [3]int{i.H, i.W, i.C}
	}
	m, err := s.model()
	if err != nil {
		return s, nil, err
	}
	s.Model = m.Config()
	return s, m, checkSize(m)
}

func describedSettings(of string) (settings, error) {
	info, err := os.Stat(of)
	switch {
	case err == nil && info.IsDir():
		return openRun(of)
	case err == nil:
		text, err := os.ReadFile(of)
		if err != nil {
			return settings{}, usagef("--model: %w", err)
		}
		return given{file: of, text: string(text)}.resolve()
	case slices.Contains(models.Names(), of):
		return given{flags: map[string]string{"model": of}}.resolve()
	}
	return settings{}, usagef("--model %s: want a run folder, a configuration file or one of %s", of, strings.Join(models.Names(), ", "))
}

// readForeign reads the weights of a model from a file of another program, or
// from a run's.
func readForeign(m models.Model, path string) ([]graph.Array, error) {
	var tensors []export.Tensor
	var err error
	switch ending := strings.ToLower(filepath.Ext(path)); ending {
	case ".safetensors":
		var metadata map[string]string
		if tensors, metadata, err = export.OpenSafetensors(path); err == nil && strings.HasPrefix(metadata["format"], "hourglass") {
			return readOwn(m, path)
		}
	case ".npz":
		tensors, err = export.OpenNPZ(path)
	case ".pt", ".pth", ".bin", ".ckpt":
		return nil, usagef("--weights %s: PyTorch's pickles can run any program when they are read, so Hourglass reads none: in Python, "+
			"safetensors.torch.save_file(torch.load(%q, weights_only=True), \"model.safetensors\") makes a file to import", path, path)
	default:
		return nil, usagef("--weights %s: want x.safetensors or x.npz", path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("--weights: there is no file %s", path)
	}
	if err != nil {
		return nil, err
	}
	weights, err := torch.Weights(m, tensors)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return weights, checkFinite(path, weights)
}

// readOwn reads the weights of a run.
func readOwn(m models.Model, path string) ([]graph.Array, error) {
	there, weights, _, err := train.ReadWeights(path)
	if err != nil {
		return nil, err
	}
	want, got := leavesOf(m.Config(), "model"), leavesOf(there.Config(), "model")
	for i, l := range got {
		if !reflect.DeepEqual(l.value, want[i].value) {
			return nil, fmt.Errorf("%s is of another model: its %s is %v, want %v", path, l.key, l.value, want[i].value)
		}
	}
	return weights, nil
}

// checkFinite returns an error for weights that no model can work with.
func checkFinite(path string, weights []graph.Array) error {
	for _, a := range weights {
		for _, v := range a.Data {
			if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("%s: %s holds %v, want finite numbers", path, a.Name, v)
			}
		}
	}
	return nil
}

// writeImported writes a run folder, whole or not at all.
func writeImported(folder string, s settings, m models.Model, weights []graph.Array) error {
	return newFolder(folder, func(staging string) error {
		if err := writeConfig(staging, s); err != nil {
			return err
		}
		if err := writeMetrics(staging, nil); err != nil {
			return err
		}
		return train.WriteWeights(filepath.Join(staging, train.BestName), m, weights, train.Epoch{})
	})
}
