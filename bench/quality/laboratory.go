package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hourglass/data"
	"hourglass/graph"
	"hourglass/kernels/cpu"
	"hourglass/models"
	"hourglass/models/train"
)

// quickBatch makes many steps of few images.
const quickBatch = 25

// laboratory trains and measures rows.
type laboratory struct {
	options
	devices map[string]*cpu.Device // by precision
	log     io.Writer
	pcas    map[string]*principal // by data
}

// device returns the processor at a precision, the same one every time.
func (l *laboratory) device(precision string) (*cpu.Device, error) {
	if dev := l.devices[precision]; dev != nil {
		return dev, nil
	}
	p, err := cpu.ParsePrecision(precision)
	if err != nil {
		return nil, err
	}
	dev, err := cpu.New(cpu.Options{Threads: l.threads, Precision: p})
	if err == nil {
		l.devices[precision] = dev
	}
	return dev, err
}

func (l *laboratory) close() {
	for _, dev := range l.devices {
		dev.Close()
	}
}

// experiment is a row at work: its settings, data, and in the end its weights.
type experiment struct {
	*laboratory
	row      row
	settings settings
	dev      *cpu.Device
	model    models.Model
	train    *data.Dataset // what is trained on, and what is held back with it
	test     *data.Dataset
	folder   string // of the run, "" for none

	weights []graph.Array
	kept    train.Epoch // whose weights those are; zero without a folder
	runner  *train.Runner
	values  map[string]float64 // metrics of the test images
	figures []figure
	history []train.Epoch
}

// prepare reads a row's config and opens its data.
func (l *laboratory) prepare(r row) (*experiment, error) {
	e := &experiment{laboratory: l, row: r, folder: filepath.Join(l.runs, r.name)}
	var err error
	if e.settings, err = readConfig(filepath.Join(l.configs, r.name+".toml")); err != nil {
		return nil, err
	}
	s := &e.settings
	if e.dev, err = l.device(s.Precision); err != nil {
		return nil, err
	}
	own := "mnist:" + l.mnist
	if l.quick {
		own, e.folder = "builtin", ""
		s.Train.Limit = r.quick.images
		s.Train.Epochs = r.quick.epochs
		s.Train.PretrainEpochs = min(s.Train.PretrainEpochs, r.quick.epochs)
		s.Train.ValidationFraction = 0
		s.Train.Batch = quickBatch
	}
	switch {
	case s.Data == "":
		s.Data = own
	case strings.HasSuffix(s.Data, "mnist:data/mnist"):
		s.Data = strings.TrimSuffix(s.Data, "mnist:data/mnist") + own
	}
	if e.train, err = data.OpenLazy(s.Data, data.Train); err != nil {
		return nil, err
	}
	if e.test, err = data.OpenLazy(s.Data, data.Test); err != nil {
		return nil, err
	}
	if l.quick {
		if e.test, err = e.test.Limit(r.quick.images / 2); err != nil {
			return nil, err
		}
	}
	s.Model.Image = [3]int{e.train.H, e.train.W, e.train.C}
	if e.model, err = models.New(s.Model); err != nil {
		return nil, err
	}
	s.Model = e.model.Config()
	return e, nil
}

// measure trains a row, unless its run is there, and measures it.
func (l *laboratory) measure(ctx context.Context, r row) (result, error) {
	e, err := l.prepare(r)
	if err != nil {
		return result{}, err
	}
	if err := e.trained(ctx); err != nil {
		return result{}, err
	}
	if err := e.evaluate(ctx); err != nil {
		return result{}, err
	}
	s := e.settings
	done := result{Row: r.name, Config: fields(s.Model), Data: kindOf(s.Data), Images: e.train.N, Epochs: len(e.history), Of: s.Train.Epochs,
		Seed: s.Train.Seed, Figures: e.figures}
	for key, value := range fields(s.Train) {
		done.Config["train."+key] = value
	}
	if e.kept.ValLoss != nil {
		done.Best = e.kept.Epoch
	}
	for _, epoch := range e.history {
		done.Seconds += epoch.Seconds
	}
	if s.Train.Limit > 0 {
		done.Images = min(done.Images, s.Train.Limit)
	}
	done.Images -= int(math.Round(float64(done.Images) * s.Train.ValidationFraction))
	return done, nil
}

// trained trains what is left of the row's run and opens its best weights.
func (e *experiment) trained(ctx context.Context) error {
	trainer, err := e.trainer()
	if err != nil {
		return err
	}
	if err := e.open(trainer); err != nil {
		return err
	}
	if e.partial && len(trainer.History()) > 0 {
		return e.opened(trainer)
	}
	began, shown := time.Now(), time.Now()
	err = trainer.Run(ctx, train.RunOptions{Folder: e.folder, OnEpoch: func(epoch train.Epoch) error {
		if now := time.Now(); now.Sub(shown) > 5*time.Second || epoch.Epoch == e.settings.Train.Epochs {
			fmt.Fprintf(e.log, "%s: epoch %d of %d, %.0f s\n", e.row.name, epoch.Epoch, e.settings.Train.Epochs, now.Sub(began).Seconds())
			shown = now
		}
		return nil
	}})
	if err != nil {
		return err
	}
	return e.opened(trainer)
}

// opened opens the best weights of a run.
func (e *experiment) opened(trainer *train.Trainer) error {
	var err error
	e.history = trainer.History()
	e.weights, err = trainer.Weights()
	if e.folder != "" {
		_, e.weights, e.kept, err = train.ReadWeights(filepath.Join(e.folder, train.BestName))
	}
	if err != nil {
		return err
	}
	t := e.settings.Train
	e.runner, err = train.NewRunner(e.model, e.dev, e.weights, train.RunnerOptions{Batch: t.Batch, Seed: t.Seed})
	return err
}

// trainer returns a trainer of the row, at its beginning.
func (e *experiment) trainer() (*train.Trainer, error) {
	training, validation, err := e.settings.Train.Split(e.train)
	if err != nil {
		return nil, err
	}
	t, err := train.New(e.model, e.dev, training, validation, e.settings.Train)
	if err != nil || e.row.from == "" || e.quick {
		return t, err
	}
	_, weights, _, err := train.ReadWeights(filepath.Join(e.runs, e.row.from, train.BestName))
	if err != nil {
		return nil, err
	}
	return t, t.BeginWith(weights)
}

// open makes the run's folder, or brings the trainer to where the run in it
// stands.
func (e *experiment) open(t *train.Trainer) error {
	if e.folder == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Join(e.folder, runConfig)); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(e.folder, 0o777); err != nil {
			return err
		}
		return e.settings.write(e.folder)
	}
	differs, err := e.settings.differs(e.folder)
	if err != nil {
		return err
	}
	if differs != "" {
		return fmt.Errorf("the run %s is of other settings: %s; move it away to train anew", e.folder, differs)
	}
	if _, err := t.Resume(e.folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// evaluate measures the row's metrics and figures.
func (e *experiment) evaluate(ctx context.Context) error {
	var err error
	if e.values, err = measured(ctx, e.runner, e.test); err != nil {
		return err
	}
	return e.row.figures(ctx, e)
}

// measured returns the metrics of images, by their names.
func measured(ctx context.Context, r *train.Runner, images *data.Dataset) (map[string]float64, error) {
	metrics, err := r.Evaluate(ctx, images)
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for _, m := range metrics {
		values[m.Name] = m.Value
	}
	return values, nil
}

// add adds a figure. What is beside it without a name is left out.
func (e *experiment) add(name string, ours float64, others ...beside) {
	f := figure{Name: name, Ours: ours}
	for _, o := range others {
		if o.Who != "" {
			f.Beside = append(f.Beside, o)
		}
	}
	e.figures = append(e.figures, f)
}

// quickly trains every row on small data and holds its figures to the bounds.
func (l *laboratory) quickly(ctx context.Context, stdout io.Writer) error {
	var outside []string
	for _, r := range table {
		if r.quick.images == 0 || len(l.rows) > 0 && !slices.Contains(l.rows, r.name) {
			continue
		}
		began := time.Now()
		e, err := l.prepare(r)
		if err == nil {
			err = e.trained(ctx)
		}
		if err == nil {
			err = e.evaluate(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		for _, f := range e.figures {
			state := ""
			b, ok := r.quick.bounds[f.Name]
			if ok && !(f.Ours >= b[0] && f.Ours <= b[1]) {
				state = fmt.Sprintf("  OUTSIDE %s to %s", digits(b[0]), digits(b[1]))
				outside = append(outside, r.name+" "+f.Name)
			}
			fmt.Fprintf(stdout, "%-20s %-34s %10s %s%s\n", r.name, f.Name, digits(f.Ours), others(f), state)
		}
		for name := range r.quick.bounds {
			if !slices.ContainsFunc(e.figures, func(f figure) bool { return f.Name == name }) {
				return fmt.Errorf("%s: there is no figure %q to be bounded", r.name, name)
			}
		}
		fmt.Fprintf(l.log, "%s: %.1f s\n", r.name, time.Since(began).Seconds())
	}
	if len(outside) > 0 {
		return fmt.Errorf("outside of their bounds: %s", strings.Join(outside, ", "))
	}
	return nil
}

func others(f figure) string {
	var all []string
	for _, o := range f.Beside {
		all = append(all, o.Who+" "+digits(o.Value))
	}
	return strings.Join(all, ", ")
}
