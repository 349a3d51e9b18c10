package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"

	"github.com/spf13/pflag"

	"hourglass/data"
	"hourglass/kernels"
	"hourglass/kernels/cpu"
	"hourglass/models/train"
)

// applied is a trained model at work: what eval, reconstruct and sample share.
type applied struct {
	Data, Device, Split string
	Threads, Limit      int
	Samples             int // for importance-sampled likelihoods

	settings settings
	device   *cpu.Device
	runner   *train.Runner
}

// addDeviceFlags declares the flags of every command that computes.
func (a *applied) addDeviceFlags(f *pflag.FlagSet) {
	f.IntVar(&a.Threads, "threads", 0, "processors to use, 0 for all (default 0)")
	f.StringVar(&a.Device, "device", "auto", "auto, cpu or cuda")
}

// addDataFlags declares the flags that choose images.
func (a *applied) addDataFlags(f *pflag.FlagSet, limit string) {
	f.StringVar(&a.Data, "data", "", "builtin or series, either with :seed=N, or mnist:DIR (default what the run was trained on)")
	f.StringVar(&a.Split, "split", "test", "train or test")
	f.IntVar(&a.Limit, "limit", 0, limit)
}

// open loads the best weights of a run. Close the device afterwards.
func (a *applied) open(folder string) error {
	var err error
	if a.settings, err = openRun(folder); err != nil {
		return err
	}
	if a.Samples < 0 {
		return usagef("--samples is %d, want 1 or more", a.Samples)
	}
	if a.Limit < 0 {
		return usagef("--limit is %d, want 1 or more", a.Limit)
	}
	asked := settings{Device: a.Device, Threads: a.Threads, Precision: a.settings.Precision, Train: a.settings.Train}
	if err := asked.check(); err != nil {
		return err
	}
	if a.device, err = asked.open(); err != nil {
		return err
	}
	if a.runner, err = bestOf(folder, a.settings, a.device, a.Samples); err != nil {
		a.device.Close()
	}
	return err
}

// bestOf loads the weights of a run's lowest loss. With samples, metrics estimate
// the likelihood by so many codes of each image.
func bestOf(folder string, s settings, dev *cpu.Device, samples int) (*train.Runner, error) {
	path := filepath.Join(folder, train.BestName)
	m, weights, _, err := train.ReadWeights(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s yet: train it for an epoch first", folder, train.BestName)
	}
	if err != nil {
		return nil, err
	}
	want, got := leavesOf(s.Model, "model"), leavesOf(m.Config(), "model")
	for i, l := range got {
		if !reflect.DeepEqual(l.value, want[i].value) {
			return nil, fmt.Errorf("%s is of another model: its %s is %v, that of %s is %v", path, l.key, l.value, configName, want[i].value)
		}
	}
	return train.NewRunner(m, dev, weights, train.RunnerOptions{Batch: s.Train.Batch, Seed: s.Train.Seed, Samples: samples})
}

// images opens the data set that was asked for, or else the run's, and checks
// that the model takes its images.
func (a *applied) images() (*data.Dataset, error) {
	spec, part := a.Data, data.Test
	if spec == "" {
		spec = a.settings.Data
	}
	switch a.Split {
	case "test":
	case "train":
		part = data.Train
	default:
		return nil, usagef("--split %q: want train or test", a.Split)
	}
	d, err := openData(spec, part)
	if err != nil {
		return nil, err
	}
	if got, want := (kernels.Shape{d.H, d.W, d.C}), a.runner.Shape(); !got.Equal(want) {
		return nil, fmt.Errorf("the images of %s are %v, the model takes %v", d.Name, got, want)
	}
	if a.Limit > 0 {
		return d.Limit(a.Limit)
	}
	return d, nil
}

// evaluate measures a model.
func evaluate(ctx context.Context, r *train.Runner, d *data.Dataset) ([]train.Value, error) {
	metrics, err := r.Evaluate(ctx, d)
	if errors.Is(err, train.ErrStopped) {
		return nil, fmt.Errorf("%w while evaluating", errInterrupted)
	}
	return metrics, err
}

// valueOf returns the metric of a name that every model has.
func valueOf(metrics []train.Value, name string) float64 {
	for _, m := range metrics {
		if m.Name == name {
			return m.Value
		}
	}
	panic("no metric " + name)
}
