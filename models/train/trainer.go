package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"hourglass/data"
	"hourglass/data/disk"
	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
)

// A Trainer trains a model on a data set. Its methods are called from one
// goroutine at a time.
type Trainer struct {
	model             models.Model
	dev               kernels.Device
	cfg               Config
	train, validation data.Source
	images            data.Info // of train
	feed              feed

	vars     *graph.Variables
	programs map[int]*stepProgram // by batch size: the full batch and the tail
	runner   *Runner              // validates
	curve    Curve
	batches  int // steps of an epoch

	at     progress
	ahead  *ahead     // nil unless the device records launches
	taken  []Step     // by take
	rate   [1]float32 // where steps are fed from
	step32 [1]int32

	stage      *Trainer // of a stacked model, while it is being trained
	stagesDone int

	prints  *fingerprints // of the data sets, once they are known
	current string        // the checkpoint that is known to be good
}

// progress is where a run stands: with the variables, all that it takes to go
// on from there to the same bits.
type progress struct {
	Epoch int `json:"epoch"` // complete ones
	Batch int `json:"batch"` // steps done of the epoch after those
	Step  int `json:"step"`  // steps done in all

	// Sums over the steps done of the epoch.
	LossSum      float64 `json:"loss_sum"` // mean loss times images
	Images       int     `json:"images"`
	TrainSeconds float64 `json:"train_seconds"`

	// The best epoch, 0 before the first, with its loss and error, and early
	// stopping's count: epochs since one that was better than Bar by more than
	// MinDelta.
	BestEpoch int      `json:"best_epoch"`
	Best      float64  `json:"best"`
	BestError *float64 `json:"best_error,omitempty"`
	Bar       float64  `json:"bar"`
	Stale     int      `json:"stale"`
	Stopped   bool     `json:"stopped"`

	History []Epoch `json:"history"`
}

// An Epoch is what metrics.jsonl records of one epoch.
type Epoch struct {
	Epoch int `json:"epoch"` // counted from 1
	Step  int `json:"step"`  // steps done since the start of the run
	// TrainLoss is the mean of the steps' losses, each weighted by its images.
	TrainLoss float64 `json:"train_loss"`
	// ValLoss is the loss over the validation images, nil without any. With
	// EMADecay it is that of the averaged weights.
	ValLoss *float64 `json:"val_loss"`
	// ValError is, of a classifier, the share of the validation images that it
	// puts into a wrong class; nil of other models and without such images.
	ValError *float64 `json:"val_error,omitempty"`
	// ImagesPerSecond is the rate of training, validation left out.
	ImagesPerSecond float64 `json:"images_per_second"`
	// Seconds is the time the epoch took, validation included.
	Seconds float64 `json:"seconds"`
	// Improved tells that the weights are the run's best so far.
	Improved bool `json:"-"`
}

// A Step is what Run reports after each step.
type Step struct {
	Epoch          int // from 1
	Batch, Batches int // steps done of the epoch, and its number of steps
	Step           int // steps done since the start of the run
	Images         int // in this batch
	Loss           float64
	LearningRate   float64
}

// RunOptions says where a run leaves its files and whom it tells of its
// progress.
type RunOptions struct {
	// Folder receives checkpoint.safetensors after every epoch and when the
	// run is stopped, and best.safetensors when the weights are the best yet, as
	// Best tells; "" writes no files. The folder must exist.
	Folder string
	// CheckpointSteps also saves a checkpoint whenever so many steps are done
	// since the run's start; 0 does not.
	CheckpointSteps int
	// OnStep, if not nil, is called after every step, in order. It should return
	// fast. A GPU runs ahead of the host: there it is called for some steps at a
	// time, several times a second, when their losses are known.
	OnStep func(Step)
	// OnStage, if not nil, is called after every step of a stage of a stacked
	// model, of which there are so many before the first step of the whole.
	OnStage func(stage, stages int, s Step)
	// OnEpoch, if not nil, is called after every epoch, just before its
	// checkpoint is written: an epoch may come again after a crash, with the
	// same losses. An error ends the run.
	OnEpoch func(Epoch) error
}

// ErrStopped is wrapped by the error of a run whose context was cancelled.
var ErrStopped = errors.New("stopped")

// New returns a trainer with initial weights of the configuration's seed. A
// *data.Dataset is copied to the device as a whole, if that takes no more than
// half of its memory; any other source is read while the run goes on, some
// batches ahead, with the same results. Validation may be nil.
func New(m models.Model, dev kernels.Device, train, validation data.Source, cfg Config) (*Trainer, error) {
	train, validation = orNil(train), orNil(validation)
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	if err := checkSets(m, train, validation, cfg); err != nil {
		return nil, err
	}
	t := &Trainer{
		model: m, dev: dev, cfg: cfg, train: train, validation: validation,
		images: train.Info(), programs: map[int]*stepProgram{},
	}
	var err error
	if t.feed, err = newFeed(train, dev, cfg); err != nil {
		return nil, err
	}
	t.batches = data.BatchCount(t.images.N, cfg.Batch)
	steps := cfg.Epochs * t.batches
	if steps > math.MaxInt32 {
		return nil, fmt.Errorf("train: %d epochs of %d steps, want at most %d steps in all", cfg.Epochs, t.batches, math.MaxInt32)
	}
	if w := cfg.Schedule.WarmupSteps; w >= steps {
		return nil, fmt.Errorf("train: schedule.warmup_steps is %d, want fewer than the run's %d steps", w, steps)
	}
	t.curve = cfg.Schedule.Curve(cfg.Optimizer.LearningRate, steps, t.batches)
	if err := t.makeVariables(); err != nil {
		return nil, err
	}
	// A model or a device that cannot train should say so at once.
	if _, err = t.program(min(cfg.Batch, t.images.N)); err == nil {
		err = t.checkTail()
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Pointless returns an error for a KLWarmup of the model that the run ends before,
// so that Beta is never reached. A new run should not have one; New lets it pass, as
// one of before it was refused may.
func (t *Trainer) Pointless() error {
	_, steps := t.Steps()
	if w := klWarmup(t.model); w >= steps {
		return fmt.Errorf("train: model.kl_warmup is %d, want fewer than the run's %d steps, or beta is never reached; lower it or train for more epochs", w, steps)
	}
	return nil
}

// checkTail builds the step of the last batch of an epoch, if that is smaller
// than the others: a model may refuse it, and should do so before the first epoch
// rather than at its end. It takes a millisecond, as nothing is compiled.
func (t *Trainer) checkTail() error {
	n := t.images.N % t.cfg.Batch
	if n == 0 || t.batches == 1 {
		return nil
	}
	_, _, _, err := t.build(n)
	if err == nil {
		return nil
	}
	images, way := "1 image", "batch or limit"
	if n > 1 {
		images = fmt.Sprintf("%d images", n)
	}
	if c := t.model.Config(); c.Norm == "batch" {
		way += ", or a norm other than batch"
	}
	return fmt.Errorf("train: the last batch of an epoch has %s (of %d, by batches of %d), on which this model cannot be trained: %w; choose another %s",
		images, t.images.N, t.cfg.Batch, err, way)
}

// orNil returns nil for a *data.Dataset that is nil.
func orNil(s data.Source) data.Source {
	if d, ok := s.(*data.Dataset); ok && d == nil {
		return nil
	}
	return s
}

// checkSets holds the data sets against the model and the configuration.
func checkSets(m models.Model, train, validation data.Source, cfg Config) error {
	if train == nil {
		return errors.New("train: no training set")
	}
	if err := checkSet(m, train); err != nil {
		return err
	}
	if validation != nil {
		return checkSet(m, validation)
	}
	if cfg.Patience > 0 {
		return fmt.Errorf("train: patience is %d, but there are no validation images; set validation_fraction", cfg.Patience)
	}
	return nil
}

// checkSet returns an error unless the model takes the samples of s, and there
// are some.
func checkSet(m models.Model, s data.Source) error {
	if d, ok := s.(*data.Dataset); ok {
		if err := d.Validate(); err != nil {
			return err
		}
	}
	info := s.Info()
	if info.N == 0 {
		return fmt.Errorf("train: %s is empty, want at least 1 image", info.Name)
	}
	if got, want := [3]int{info.H, info.W, info.C}, m.Config().Image; got != want {
		return fmt.Errorf("train: %s has images of %v (height, width, channels), the model takes %v", info.Name, got, want)
	}
	return checkLabels(m, info.Name, info.Labels)
}

// makeVariables declares the model's variables and gives them and the training
// images their place on the device.
func (t *Trainer) makeVariables() error {
	b := graph.NewBuilder()
	t.model.On(b)
	if b.Err() != nil {
		return b.Err()
	}
	var err error
	options := graph.VariableOptions{Rows: t.cfg.Optimizer.spec().StateRows(), Average: t.cfg.EMADecay > 0}
	rows := options.Rows
	if options.Average {
		rows++
	}
	if err := checkHost(t.dev, b.Params(), rows, data.MachineMemory()); err != nil {
		return err
	}
	if t.vars, err = graph.NewVariables(t.dev, b.Params(), options); err != nil {
		return err
	}
	if err := t.vars.Init(t.cfg.Seed); err != nil {
		return err
	}
	if err := t.feed.place(t.vars, t.model.Config().Classes > 0); err != nil {
		return err
	}
	if err := t.runAhead(); err != nil {
		return err
	}
	t.runner, err = newRunner(t.model, t.dev, t.vars, RunnerOptions{Batch: t.cfg.Batch, Seed: t.cfg.Seed})
	if err == nil {
		t.runner.average = options.Average
	}
	return err
}

// Config returns the configuration, defaults in place.
func (t *Trainer) Config() Config { return t.cfg }

// Variables returns the weights and what else training changes.
func (t *Trainer) Variables() *graph.Variables { return t.vars }

// Runner returns a runner on the weights as they are, or, with EMADecay, on
// their averages. It follows the training.
func (t *Trainer) Runner() *Runner { return t.runner }

// History returns the epochs that are complete, those before a resume included.
func (t *Trainer) History() []Epoch { return t.at.History }

// Steps returns the number of steps done and that of the whole run.
func (t *Trainer) Steps() (done, of int) { return t.at.Step, t.cfg.Epochs * t.batches }

// Best returns the loss of the best epoch, of validation if there is any, and its
// number counted from 1, which is 0 before the first epoch is complete. The best
// is that of the lowest loss; of a classifier with validation images that of the
// least ValError, and among equal ones that of the lowest loss. Without validation
// images, an epoch that begins in a vae's KLWarmup is worse than any later one.
func (t *Trainer) Best() (loss float64, epoch int) { return t.at.Best, t.at.BestEpoch }

// Done reports whether the run is complete.
func (t *Trainer) Done() bool { return t.at.Epoch >= t.cfg.Epochs || t.at.Stopped }

// StoppedEarly reports whether Patience ended the run.
func (t *Trainer) StoppedEarly() bool { return t.at.Stopped }

// Run trains until the last epoch, early stopping, an error, or the
// cancellation of ctx, which ends the run after the step in progress, or on a GPU
// those that it was sent, with an error that wraps ErrStopped. Then, as in a run that was resumed, another Run
// goes on exactly where this one stopped. A loss that is not finite is a
// *DivergedError; it ends the run before the weights change. Samples that
// cannot be read are a *ReadError, which leaves a checkpoint like a
// cancellation.
func (t *Trainer) Run(ctx context.Context, o RunOptions) error {
	if o.CheckpointSteps < 0 {
		return fmt.Errorf("train: CheckpointSteps is %d, want 0 or more", o.CheckpointSteps)
	}
	if o.Folder != "" {
		if err := disk.RemoveStale(o.Folder); err != nil {
			return err
		}
	}
	if err := t.pretrain(ctx, o); err != nil {
		return err
	}
	t.feed.open(ctx)
	defer t.feed.stop()
	for !t.Done() {
		err := t.epoch(ctx, o)
		var unread *ReadError
		if (errors.Is(err, ErrStopped) || errors.As(err, &unread)) && o.Folder != "" {
			if failed := t.Save(o.Folder); failed != nil {
				err = fmt.Errorf("%w; %w", err, failed)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// epoch does what is left of the current epoch.
func (t *Trainer) epoch(ctx context.Context, o RunOptions) error {
	saves := o.CheckpointSteps > 0 && o.Folder != ""
	for t.at.Batch < t.batches {
		if ctx.Err() != nil {
			return t.stopped()
		}
		most := t.batches - t.at.Batch
		if saves {
			most = min(most, o.CheckpointSteps-t.at.Step%o.CheckpointSteps)
		}
		began := time.Now()
		steps, err := t.take(ctx, most)
		t.at.TrainSeconds += time.Since(began).Seconds()
		if o.OnStep != nil {
			for _, s := range steps {
				o.OnStep(s)
			}
		}
		if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return t.stopped()
		}
		if err != nil {
			return err
		}
		if saves && t.at.Step%o.CheckpointSteps == 0 && t.at.Batch < t.batches {
			if err := t.Save(o.Folder); err != nil {
				return err
			}
		}
	}
	return t.endEpoch(ctx, o)
}

// stopped returns the error of a cancelled run.
func (t *Trainer) stopped() error {
	return fmt.Errorf("train: %w at epoch %d, step %d", ErrStopped, t.at.Epoch+1, t.at.Step)
}

// endEpoch validates, keeps the best weights and moves on to the next epoch.
func (t *Trainer) endEpoch(ctx context.Context, o RunOptions) error {
	e, seconds := Epoch{Epoch: t.at.Epoch + 1, Step: t.at.Step}, t.at.TrainSeconds
	e.TrainLoss = t.at.LossSum / float64(t.at.Images)
	e.ImagesPerSecond = float64(t.at.Images) / max(seconds, 1e-9)
	if t.validation != nil {
		began := time.Now()
		if err := t.validate(ctx, &e); err != nil {
			return err
		}
		seconds += time.Since(began).Seconds()
	}
	e.Seconds = seconds
	next := t.at.after(&e, t.cfg, t.warming())
	if e.Improved && o.Folder != "" {
		if err := t.saveBest(o.Folder, e); err != nil {
			return err
		}
	}
	t.at = next
	if o.OnEpoch != nil {
		if err := o.OnEpoch(e); err != nil {
			return err
		}
	}
	if o.Folder != "" {
		return t.Save(o.Folder)
	}
	return nil
}
