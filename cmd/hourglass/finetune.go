package main

import (
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hourglass/data"
	"hourglass/graph"
	"hourglass/models"
	"hourglass/models/train"
)

// defaultFinetuning is how many epochs a classifier is trained for unless told.
const defaultFinetuning = 10

func finetuneCommand() *cobra.Command {
	var s settings
	var from sources
	var out string
	c := &cobra.Command{
		Use:   "finetune RUN",
		Short: "Train a classifier on a run's encoder",
		Long: "Put a softmax layer on the code of a trained model and train both on the labels of\n" +
			"the data, from the run's best weights; with --head-only that layer alone. It makes a\n" +
			"run folder like train's, with the weights of the least validation error: hourglass\n" +
			"classify tells the classes of images by it, eval measures it, and train --resume --out\n" +
			"FOLDER goes on with it.",
		Example: "  hourglass finetune runs/stacked-mnist --epochs 20\n" +
			"  hourglass finetune runs/conv-mnist --head-only --out runs/probe",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			asked, err := readGiven(cmd.Flags(), from)
			if err != nil {
				return err
			}
			r, err := newFinetuning(asked, args[0], out)
			if err != nil {
				return err
			}
			r.out, r.err = cmd.OutOrStdout(), cmd.ErrOrStderr()
			ctx, stop := untilSignal(cmd.Context(), r.err)
			defer stop()
			return r.do(ctx)
		},
	}
	c.Flags().StringVar(&out, "out", "", "the new run's folder (default that of RUN with -labels behind)")
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.addFlags(all)
	all.SortFlags = false
	all.VisitAll(func(f *pflag.Flag) {
		if key := flagKeys[f.Name]; !strings.HasPrefix(key, "model.") || finetunes(key) {
			c.Flags().AddFlag(f)
		}
	})
	c.Flags().Lookup("classes").Usage = "the number of classes (default that of the labels)"
	c.Flags().Lookup("dropout").Usage = "probability of dropping a hidden unit (default the run's)"
	c.Flags().Lookup("data").Usage = "a data set with labels (default what the run was trained on)"
	c.Flags().Lookup("epochs").Usage = fmt.Sprintf("passes over the training images (default %d)", defaultFinetuning)
	c.Flags().Lookup("limit").Usage = "train on the first N images alone, 0 for all (default the run's)"
	c.Flags().Lookup("pretrain-epochs").Hidden = true
	from.addFlags(c.Flags())
	return c
}

// newFinetuning works out what was asked for. It creates nothing.
func newFinetuning(asked given, folder, out string) (*job, error) {
	stored, err := openRun(folder)
	if err != nil {
		return nil, err
	}
	r := &job{folder: out}
	if out == "" {
		r.folder = filepath.Clean(folder) + "-labels"
	}
	if err := checkFree(r.folder); err != nil {
		return nil, err
	}
	if r.settings, err = asked.finetuned(folder, stored); err != nil {
		return nil, err
	}
	was, weights, _, err := bestWeights(folder, stored)
	if err != nil {
		return nil, err
	}
	if r.initial, err = renamed(weights, was, r.settings.Model); err != nil {
		return nil, err
	}
	if stored.Model.Classes != r.settings.Model.Classes { // a head of another size begins anew
		r.initial = slices.DeleteFunc(r.initial, func(w graph.Array) bool { return strings.HasPrefix(w.Name, "head.") })
	}
	return r, nil
}

// finetuned returns the settings of a classifier on the encoder of a run: its
// data and model, and a training of its own.
func (g given) finetuned(folder string, stored settings) (settings, error) {
	var names settings
	if err := g.onto(&names); err != nil {
		return names, err
	}
	s := stored
	s.made = fmt.Sprintf("# hourglass finetune made this run of the best weights of %q.\n", folder) + tookWeights
	s.Threads, s.Device, s.CheckpointSteps = 0, "auto", 0
	s.Model.HeadOnly = false
	s.Train = train.Config{
		Epochs:             defaultFinetuning,
		Seed:               stored.Train.Seed,
		ValidationFraction: defaultValidation,
		Optimizer:          train.Optimizer{Name: names.Train.Optimizer.Name},
		Schedule:           train.Schedule{Name: names.Train.Schedule.Name},
	}.WithDefaults()
	if names.Data == "" || names.Data == stored.Data {
		s.Train.Limit = stored.Train.Limit
	}
	if err := g.onto(&s); err != nil {
		return s, err
	}
	before := leavesOf(stored.Model, "model")
	for i, l := range leavesOf(s.Model, "model") {
		if was := before[i].value; !finetunes(l.key) && !reflect.DeepEqual(l.value, was) {
			return s, usagef("%s is %v, but the run %s was trained with %v; leave it out: the encoder is the run's", l.name(), l.value, folder, was)
		}
	}
	if s.Model.Classes == 0 {
		var err error
		if s.Model.Classes, err = s.countClasses(); err != nil {
			return s, err
		}
	}
	if err := s.check(); err != nil {
		return s, err
	}
	return s, g.checkNew(s)
}

// renamed returns the weights of a model under the names that they have in the
// model of another config, whose layers count from another number where it drops
// hidden units and the first does not.
func renamed(weights []graph.Array, was models.Model, config models.Config) ([]graph.Array, error) {
	m, err := models.New(config)
	if err != nil {
		return nil, err
	}
	before, now := graph.NewBuilder(), graph.NewBuilder()
	was.On(before)
	m.On(now)
	names := map[string]string{}
	for i, p := range before.Params()[:min(len(before.Params()), len(now.Params()))] {
		names[p.Name] = now.Params()[i].Name
	}
	out := slices.Clone(weights)
	for i, w := range out {
		if name, ok := names[w.Name]; ok {
			out[i].Name = name
		}
	}
	return out, nil
}

// finetunes reports whether a setting of the model, by its key in config.toml,
// may differ from the run's: those that the encoder's weights do not depend on.
func finetunes(key string) bool {
	return key == "model.classes" || key == "model.head_only" || key == "model.dropout"
}

// countClasses returns the number of classes of the data.
func (s settings) countClasses() (int, error) {
	all, err := reading{s.Memory, s.Strict}.open(s.Data, data.Train, &warner{to: io.Discard})
	if err != nil {
		return 0, err
	}
	info := all.Info()
	if len(info.Labels) == 0 {
		return 0, usagef("%s has no labels to learn; --data names a set that has", info.Name)
	}
	return max(int(slices.Max(info.Labels))+1, len(info.Classes), 2), nil
}
