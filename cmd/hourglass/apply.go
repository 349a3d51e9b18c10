package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hourglass/data"
	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
	"hourglass/models/train"
)

// applied is a trained model at work: what all commands share that take a run.
type applied struct {
	Data, Device, Split string
	Threads, Limit      int
	Samples             int // for importance-sampled likelihoods
	Quiet, JSON         bool
	Raw                 bool // numbers from 0 to 1, not in the unit of the data
	overlap             bool // cut plain files of sound into windows that overlap

	reading   reading
	settings  settings
	device    kernels.Device
	runner    *train.Runner
	in        io.Reader
	out, err  io.Writer
	temporary []string // files and folders to remove in the end
	spooled   string   // that of standard input
}

// addDeviceFlags declares the flags of every command that computes.
func (a *applied) addDeviceFlags(f *pflag.FlagSet) {
	f.BoolVar(&a.Quiet, "quiet", false, "show no progress")
	f.IntVar(&a.Threads, "threads", 0, threadsUsage)
	f.StringVar(&a.Device, "device", "auto", "auto, cpu or cuda")
}

// addDataFlags declares the flags that choose samples.
func (a *applied) addDataFlags(f *pflag.FlagSet, limit string) {
	f.StringVar(&a.Data, "data", "", dataUsage)
	f.StringVar(&a.Split, "split", "test", "train or test")
	f.IntVar(&a.Limit, "limit", 0, limit)
	a.reading.addFlags(f)
}

// dataUsage is what help says of --data.
const dataUsage = "a data set as train takes it, a file or folder, or - for an NPY on standard input (default what the run was trained on)"

// addJSONFlag declares --json.
func (a *applied) addJSONFlag(f *pflag.FlagSet) {
	f.BoolVar(&a.JSON, "json", false, "print one JSON object")
}

// begin opens a run for a command, until a signal cancels the context. Call end
// when all is done.
func (a *applied) begin(cmd *cobra.Command, folder string) (ctx context.Context, end func(), err error) {
	a.in, a.out, a.err = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	if err := a.open(folder); err != nil {
		return nil, nil, err
	}
	ctx, stop := untilSignal(cmd.Context(), a.err)
	return ctx, func() {
		stop()
		a.device.Close()
		a.removeTemporary()
	}, nil
}

// open loads the best weights of a run. Close the device afterwards.
func (a *applied) open(folder string) error {
	var err error
	if a.settings, err = openRun(folder); err != nil {
		return err
	}
	switch m := a.settings.Model; {
	case a.Samples < 0 || a.Samples > mostCodes:
		return usagef("--samples is %d, want 1 to %d", a.Samples, mostCodes)
	case a.Samples > 0 && !m.HasLikelihood():
		return usagef("--samples is %d, but the model %s gives no likelihood of images to estimate by them; vae and iwae do", a.Samples, m.Name)
	case a.Limit < 0:
		return wrongLimit(a.Limit)
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

// mostCodes is by how many codes of an image a likelihood is estimated at most.
const mostCodes = 1 << 17

// wrongLimit is the error about a --limit below 0.
func wrongLimit(limit int) error { return usagef("--limit is %d, want 0 (all) or more", limit) }

// bestOf loads the best weights of a run. With samples, metrics estimate
// the likelihood by so many codes of each image.
func bestOf(folder string, s settings, dev kernels.Device, samples int) (*train.Runner, error) {
	m, weights, _, err := bestWeights(folder, s)
	if err != nil {
		return nil, err
	}
	return train.NewRunner(m, dev, weights, train.RunnerOptions{Batch: s.Train.Batch, Seed: s.Train.Seed, Samples: samples})
}

// bestWeights reads the best weights of a run, and the epoch they are of.
func bestWeights(folder string, s settings) (models.Model, []graph.Array, train.Epoch, error) {
	fail := func(err error) (models.Model, []graph.Array, train.Epoch, error) {
		return nil, nil, train.Epoch{}, err
	}
	path := filepath.Join(folder, train.BestName)
	m, weights, epoch, err := train.ReadWeights(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fail(fmt.Errorf("%s has no %s yet: train it for an epoch first", folder, train.BestName))
	}
	if err != nil {
		return fail(err)
	}
	want, got := leavesOf(s.Model, "model"), leavesOf(m.Config(), "model")
	for i, l := range got {
		if !reflect.DeepEqual(l.value, want[i].value) {
			return fail(fmt.Errorf("%s is of another model: its %s is %v, that of %s is %v", path, l.key, l.value, configName, want[i].value))
		}
	}
	return m, weights, epoch, nil
}

// source opens the samples that were asked for, or else the run's, and checks
// that the model takes them.
func (a *applied) source() (data.Source, error) {
	src, err := a.anySource()
	if err != nil {
		return nil, err
	}
	info := src.Info()
	if got, want := (kernels.Shape{info.H, info.W, info.C}), a.runner.Shape(); !got.Equal(want) {
		return nil, fmt.Errorf("the samples of %s are %v, the model takes %v%s", info.Name, got, want, wayToFit(got, want))
	}
	if a.Data == "" || info.Low == nil {
		return src, nil
	}
	return a.asTrained(src)
}

// wayToFit tells how samples of another shape may be made to fit.
func wayToFit(got, want kernels.Shape) string {
	switch {
	case got.Equal(kernels.Shape{want[2], want[0], want[1]}):
		return "; channels come first in them: npy:FILE,layout=nchw"
	case want[0] > 1 && got[0] > 1 && got[2] == 3 && want[2] == 1:
		return fmt.Sprintf("; of pictures, images:DIR,size=%dx%d,grey", want[1], want[0])
	case want[0] > 1 && got[0] > 1 && got[2] == want[2]:
		return fmt.Sprintf("; of pictures, images:DIR,size=%dx%d", want[1], want[0])
	}
	return ""
}

// anySource is source without the check.
func (a *applied) anySource() (data.Source, error) {
	part, err := a.part()
	if err != nil {
		return nil, err
	}
	spec := a.settings.Data
	if a.Data != "" {
		if spec, err = a.specOf(a.Data); err != nil {
			return nil, err
		}
	}
	src, err := a.reading.open(spec, part, &warner{to: a.err})
	if src, err = a.ofInput(src, err); err != nil {
		return nil, err
	}
	if a.Limit > 0 {
		return data.Limit(src, a.Limit)
	}
	return src, nil
}

// specOf makes a specification of what stands behind --data: that itself, a plain
// file or folder, or - for an NPY on standard input.
func (a *applied) specOf(text string) (string, error) {
	if text == "-" {
		path, err := a.spool(".npy")
		if err != nil {
			return "", err
		}
		return a.specOfFile(path, false)
	}
	name, _, _ := strings.Cut(text, ":")
	for _, k := range data.Kinds() {
		if kind, _, _ := strings.Cut(k.Form, ":"); kind == name {
			return text, nil
		}
	}
	info, err := os.Stat(text)
	switch {
	case err == nil:
	case strings.ContainsAny(text, "./\\") && !strings.Contains(text, ":"): // meant as a file, not as a kind
		return "", fmt.Errorf("%s%s: %w", a.dataFlag(), text, withoutOperation(err))
	default:
		return text, nil // for the error that lists the kinds
	}
	return a.specOfFile(text, info.IsDir())
}

// withoutOperation leaves of an error about a file what is wrong with it.
func withoutOperation(err error) error {
	var fault *fs.PathError
	if errors.As(err, &fault) {
		return fault.Err
	}
	return err
}

// specOfFile makes a specification of a plain file or folder: all of it, and of
// the size that the model takes; without a model, as it is.
func (a *applied) specOfFile(path string, folder bool) (string, error) {
	ending := strings.ToLower(filepath.Ext(path))
	if folder {
		ending = "folder"
	}
	kind := map[string]string{".npy": "npy", ".npz": "npz", ".csv": "csv", ".wav": "wav", ".png": "images", ".jpg": "images",
		".jpeg": "images", ".gif": "images", ".webp": "images", "folder": "images"}[ending]
	if kind == "" {
		return "", usagef("%s%s: a file of what? want x.npy, x.npz, x.csv, x.wav, a PNG, JPEG, GIF or WebP, a folder of those, or KIND:PATH", a.dataFlag(), path)
	}
	if a.runner == nil {
		return kind + ":" + escaped(path), nil
	}
	shape := a.runner.Shape()
	window := ""
	if isSeries(shape) && shape[1] > 1 {
		window = fmt.Sprintf(",window=%d,stride=%[1]d", shape[1])
	}
	if ending == ".wav" && a.overlap {
		window = fmt.Sprintf(",window=%d,stride=%d", shape[1], max(1, shape[1]/2))
	}
	options := ""
	switch kind {
	case "csv", "wav":
		options = window
	case "images":
		if options = fmt.Sprintf(",size=%dx%d", shape[1], shape[0]); shape[2] == 1 {
			options += ",grey"
		}
	}
	return plainSpec(kind, path, options), nil
}

// dataFlag is the flag that named a file, as errors begin; data info has none.
func (a *applied) dataFlag() string {
	if a.runner == nil {
		return ""
	}
	return "--data "
}

// plainSpec is the specification of all samples of a file.
func plainSpec(kind, path, options string) string {
	return kind + ":" + escaped(path) + options + ",test=0"
}

// escaped writes a path as it stands in a specification.
func escaped(path string) string { return strings.ReplaceAll(path, ",", ",,") }

// wrongSpec makes a usage error of a specification that names no data.
func wrongSpec(err error) error {
	var fault *data.SpecError
	if errors.As(err, &fault) {
		return usageError{err}
	}
	return err
}

// part reads --split.
func (a *applied) part() (data.Split, error) {
	switch a.Split {
	case "test":
		return data.Test, nil
	case "train":
		return data.Train, nil
	}
	return 0, usagef("--split %q: want train or test", a.Split)
}

// note tells on standard error what a user should know of the results.
func (a *applied) note(format string, args ...any) {
	if !a.Quiet {
		fmt.Fprintf(a.err, "note: "+format+"\n", args...)
	}
}

// tell says what a command has done: a line for a person, or with --json an
// object. An array on standard output is left alone there.
func (a *applied) tell(o output, object any, format string, args ...any) error {
	switch {
	case o.form == asStream:
		return nil
	case a.JSON:
		return writeJSON(a.out, object)
	}
	_, err := fmt.Fprintf(a.out, format+"\n", args...)
	return err
}

// evaluate measures a model.
func evaluate(ctx context.Context, r *train.Runner, d data.Source) ([]train.Value, error) {
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
