package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/data/disk"
	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
	"hourglass/models/train"
)

func trainCommand() *cobra.Command {
	var s settings
	var from sources
	var out string
	var resume, profile bool
	c := &cobra.Command{
		Use:   "train",
		Short: "Train a model",
		Long: "Train a model and leave its weights, checkpoints, metrics and pictures in a run\n" +
			"folder. Flags win over the configuration file, and that over the defaults.\n" +
			"Ctrl-C stops with a checkpoint, from which --resume goes on to the same bits.\n\n" + modelList(),
		Example: "  hourglass train --model conv --data mnist:DIR --latent 2 --epochs 3 --out runs/mnist\n" +
			"  hourglass train --resume --out runs/mnist --epochs 6",
		Args: exactArgs(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			asked, err := readGiven(cmd.Flags(), from)
			if err != nil {
				return err
			}
			r, err := newJob(asked, out, resume)
			if err != nil {
				return err
			}
			r.profile = profile
			r.out, r.err = cmd.OutOrStdout(), cmd.ErrOrStderr()
			ctx, stop := untilSignal(cmd.Context(), r.err)
			defer stop()
			return r.do(ctx)
		},
	}
	c.SetHelpFunc(hideForeign(&s))
	c.Flags().StringVar(&out, "out", "", "the run folder (default runs/MODEL-DATA, numbered if that is taken)")
	c.Flags().BoolVar(&resume, "resume", false, "go on with the run in --out")
	c.Flags().BoolVar(&profile, "profile", false, "print in the end where the time of a training step went")
	s.addFlags(c.Flags())
	from.addFlags(c.Flags())
	return c
}

// modelList tells about each model in a line.
func modelList() string {
	var b strings.Builder
	b.WriteString("Models:")
	for _, name := range models.Names() {
		fmt.Fprintf(&b, "\n  %-12s %s", name, models.About(name))
	}
	return b.String()
}

// job is one call of the train command.
type job struct {
	settings settings
	folder   string
	resume   bool
	profile  bool
	out, err io.Writer

	model    models.Model
	device   kernels.Device
	trainer  *train.Trainer
	initial  []graph.Array // what training begins with, nil for the seed's
	examples data.Source   // of the pictures
	broken   *warner
	unlock   func() // the run folder; nil until it is locked
}

// newJob works out what was asked for. It touches no file.
func newJob(asked given, out string, resume bool) (*job, error) {
	r := &job{folder: out, resume: resume}
	var err error
	if resume {
		if out == "" {
			return nil, usagef("--resume wants --out RUN, the run to go on with")
		}
		stored, err := openRun(out)
		if err != nil {
			return nil, err
		}
		r.settings, err = asked.goOn(out, stored)
		return r, err
	}
	if r.settings, err = asked.resolve(); err != nil {
		return nil, err
	}
	r.folder, err = claimFolder(out, r.settings)
	return r, err
}

// do trains, and writes the run folder.
func (r *job) do(ctx context.Context) error {
	if err := r.prepare(); err != nil {
		return err
	}
	defer r.device.Close()
	err := r.begin()
	if r.unlock != nil {
		defer r.unlock()
	}
	if err != nil {
		return err
	}
	if r.trainer.Done() {
		fmt.Fprintf(r.err, "%s is complete: all of its %d epochs are done; a larger --epochs goes on\n", r.folder, r.trainer.Config().Epochs)
	} else if err := r.profiled(ctx); err != nil {
		return err
	}
	return r.finish(ctx)
}

// profiled trains, and prints the profile that was asked for.
func (r *job) profiled(ctx context.Context) error {
	if !r.profile {
		return r.train(ctx)
	}
	if err := r.trainer.StartProfile(); err != nil {
		return err
	}
	err := r.train(ctx)
	fmt.Fprint(r.out, graph.ProfileTable(r.trainer.Profile()))
	return err
}

// prepare loads the data and compiles the model. Nothing is written yet, so
// that what is wrong with them leaves no trace.
func (r *job) prepare() error {
	if _, err := r.settings.model(); err != nil {
		return err
	}
	var err error
	var whyNot string
	if r.device, whyNot, err = r.settings.openDevice(); err != nil {
		return err
	}
	if r.settings.Precision == autoPrecision {
		r.settings.Precision = usualPrecision(r.device)
	}
	r.broken = &warner{to: r.err}
	all, err := r.settings.openData(data.Train, r.broken)
	if err != nil {
		return err
	}
	// Those of the pictures come first: a fault in the test images should not
	// show after the training.
	if r.examples, err = r.settings.openData(data.Test, r.broken); err != nil {
		return err
	}
	if err := r.settings.fit(all); err != nil {
		return err
	}
	if r.model, err = r.settings.model(); err != nil {
		return r.settings.ofTable(all, err)
	}
	r.settings.Model = r.model.Config()
	if err := checkSize(r.model); err != nil {
		return r.settings.ofTable(all, err)
	}
	training, validation, err := r.settings.Train.Split(all)
	if err != nil {
		return usageError{err}
	}
	if p := r.settings.Train.Patience; p > 0 && sizeOf(validation) == 0 {
		return usagef("--patience is %d, but there are no validation images to judge by; give --validation a share, such as %g", p, defaultValidation)
	}
	if r.trainer, err = train.New(r.model, r.device, training, validation, r.settings.Train); err != nil {
		return err
	}
	if !r.resume {
		if err := r.trainer.Pointless(); err != nil {
			return usageError{err}
		}
	}
	if err := r.trainer.BeginWith(r.initial); err != nil {
		return err
	}
	fmt.Fprintf(r.err, "%s, z = %d, %d weights; %s, %d images and %d for validation; %s; %s\n",
		r.settings.Model.Name, r.settings.Model.Latent, r.trainer.Variables().Size(), r.settings.Data, sizeOf(training), sizeOf(validation),
		aboutDevice(r.device), r.folder)
	if r.trainer.Streams() {
		fmt.Fprintln(r.err, "the data set is streamed, as it is larger than --memory or half of the device's")
	}
	noteDevice(r.err, r.device, whyNot, r.settings.Precision)
	return nil
}

// openData opens a part of the settings' data set.
func (s settings) openData(part data.Split, tell *warner) (data.Source, error) {
	return reading{s.Memory, s.Strict}.open(s.Data, part, tell)
}

// fit gives the model the size of the images of a source. One that was given
// must be the same.
func (s *settings) fit(from data.Source) error {
	info := from.Info()
	got, want := [3]int{info.H, info.W, info.C}, s.Model.Image
	if want != got && want != [3]int{} {
		return usagef("model.image is %v, but the images of %s are %v; leave it out to take theirs", want, info.Name, got)
	}
	s.Model.Image = got
	return nil
}

// ofTable explains why the kernels of a convolutional model do not fit rows of a table, which
// have neither height nor width.
func (s settings) ofTable(samples data.Source, err error) error {
	if i := samples.Info(); i.H == 1 && i.W == 1 && strings.Contains(err.Error(), "kernel") {
		return usagef("%s is a table of %d columns, and a %s model convolves pictures or series: give the data window=STEPS and --model sequence, or take --model dense", i.Name, i.C, s.Model.Name)
	}
	return err
}

// checkSize returns a usage error for a model whose sizes do not go together.
func checkSize(m models.Model) error {
	b := graph.NewBuilder()
	m.On(b)
	if b.Err() != nil {
		return usageError{b.Err()}
	}
	return nil
}

func sizeOf(s data.Source) int {
	if s == nil {
		return 0
	}
	return s.Info().N
}

// begin reads the checkpoint of a run to resume, or makes the folder of a new
// one with a first checkpoint, so that there is always one to fall back on.
func (r *job) begin() error {
	if r.resume {
		if err := r.lock(); err != nil {
			return err
		}
		from, err := r.trainer.Resume(r.folder)
		if errors.Is(err, fs.ErrNotExist) {
			if err := r.beginWithBest(); err != nil {
				return err
			}
			return r.describe()
		}
		if err != nil {
			return err
		}
		if err := r.checkEpochs(); err != nil {
			return err
		}
		if from.Damaged != nil {
			fmt.Fprintf(r.err, "%v; using the one before it\n", from.Damaged)
		}
		fmt.Fprintf(r.err, "going on after epoch %d, step %d\n", from.Epoch, from.Step)
		return r.describe()
	}
	made := newFolders(r.folder)
	err := os.MkdirAll(r.folder, 0o777)
	if err == nil {
		if err := r.lock(); err != nil {
			return err // what lies in the folder is another's
		}
		err = r.describe()
	}
	if err == nil {
		err = r.trainer.Save(r.folder)
	}
	if err != nil {
		// A run that could not begin should not be in the way of the next try.
		for _, name := range []string{configName, planName, metricsName, train.CheckpointName} {
			os.Remove(filepath.Join(r.folder, name))
		}
		for _, folder := range made {
			os.Remove(folder)
		}
	}
	return err
}

// checkEpochs returns a usage error where a resumed run has gone further than it
// is to go.
func (r *job) checkEpochs() error {
	done, total := r.trainer.Steps()
	if done <= total {
		return nil
	}
	epochs := r.trainer.Config().Epochs
	each := total / epochs
	return usagef("--epochs is %d, but %s has gone further: %.4g epochs are done; want %d or more, or leave it out",
		epochs, r.folder, float64(done)/float64(each), (done+each-1)/each)
}

// lock keeps the run folder from other processes.
func (r *job) lock() (err error) {
	r.unlock, err = disk.Lock(r.folder)
	if errors.Is(err, disk.ErrLocked) {
		return fmt.Errorf("%s is being trained by another process; wait for its end, or give another --out", r.folder)
	}
	if err != nil || r.resume {
		return err
	}
	if _, err := os.Stat(filepath.Join(r.folder, configName)); err == nil {
		return usagef("--out %s: another process has just made a run there; --resume goes on with it, or choose another name", r.folder)
	}
	return nil
}

// beginWithBest begins a run that has no checkpoint: with the weights of its
// folder, if it was imported, else with initial ones.
func (r *job) beginWithBest() error {
	if _, err := os.Stat(filepath.Join(r.folder, train.BestName)); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(r.err, "%s has no checkpoint yet; beginning at the first step\n", r.folder)
		return nil
	}
	_, weights, _, err := bestWeights(r.folder, r.settings)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.err, "%s has weights but no checkpoint; training them on with a new optimizer, from its first step\n", r.folder)
	r.trainer.SkipStages()
	return r.trainer.BeginWith(weights)
}

// newFolders lists the folders that making a folder will make, innermost first.
func newFolders(folder string) []string {
	var missing []string
	for dir := filepath.Clean(folder); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); err == nil || dir == filepath.Dir(dir) {
			return missing
		}
		missing = append(missing, dir)
	}
}

// describe writes what tells about the run before its first step.
func (r *job) describe() error {
	if err := writeConfig(r.folder, r.settings); err != nil {
		return err
	}
	plan, err := r.trainer.Plan()
	if err != nil {
		return err
	}
	if err := writeText(filepath.Join(r.folder, planName), plan); err != nil {
		return err
	}
	return writeMetrics(r.folder, r.trainer.History())
}

// train runs the epochs.
func (r *job) train(ctx context.Context) error {
	done, total := r.trainer.Steps()
	epochs := r.trainer.Config().Epochs
	show := newDisplay(r.err, epochs, done, total)
	board, err := newBoard(r.folder, done)
	if err != nil {
		return err
	}
	r.broken.wait(true)
	err = r.trainer.Run(ctx, train.RunOptions{
		Folder:          r.folder,
		CheckpointSteps: r.settings.CheckpointSteps,
		OnStep:          show.step,
		OnStage:         show.stage,
		OnEpoch: func(e train.Epoch) error {
			show.epoch(e)
			r.broken.sum()
			if err := writeMetrics(r.folder, r.trainer.History()); err != nil {
				return err
			}
			return board.epoch(e, r)
		},
	})
	show.clear()
	r.broken.sum()
	r.broken.wait(false)
	if closing := board.close(); err == nil {
		err = closing
	}
	if stoppedCleanly(err) {
		step, _ := r.trainer.Steps()
		return fmt.Errorf("%w at step %d of %d, checkpoint written; hourglass train --resume --out %s goes on", errInterrupted, step, total, r.folder)
	}
	return err
}

// stoppedCleanly reports whether an error tells of a signal and of nothing
// else, such as a checkpoint that could not be written.
func stoppedCleanly(err error) bool {
	if several, ok := err.(interface{ Unwrap() []error }); ok && len(several.Unwrap()) > 1 {
		return false
	}
	return errors.Is(err, train.ErrStopped)
}

// untilSignal returns a context that SIGINT or SIGTERM cancels. A second signal
// ends the process as if nobody listened.
func untilSignal(parent context.Context, tell io.Writer) (ctx context.Context, stop func()) {
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			signal.Stop(signals)
			if isTerminal(tell) {
				fmt.Fprintln(tell) // behind the bar and the terminal's ^C
			}
			fmt.Fprintln(tell, "stopping after this step; once more ends at once")
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel() }
}
