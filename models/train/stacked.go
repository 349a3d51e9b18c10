package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"hourglass/graph"
	"hourglass/models"
)

// A stacked model's layers are trained one by one before all are trained
// together. Each such stage is a run of its own, with checkpoints of its own in
// a folder of its own, so that it too goes on to the same bits.

// stageFolder is where a stage keeps its checkpoints, in the run's folder.
func stageFolder(folder string, stage int) string {
	return filepath.Join(folder, fmt.Sprintf("stage-%d", stage))
}

// pretrain takes the stages of a stacked model that are left: each learns to
// restore what the layers below make of the images. It does nothing for other
// models, or once the whole is being trained.
func (t *Trainer) pretrain(ctx context.Context, o RunOptions) error {
	stages := models.Stages(t.model)
	for t.at.Step == 0 && t.stagesDone < len(stages) {
		stage := t.stagesDone + 1
		err := t.runStage(ctx, stages[t.stagesDone], stage, len(stages), o)
		if errors.Is(err, ErrStopped) {
			return err
		}
		if err != nil {
			return fmt.Errorf("train: stage %d of %d: %w", stage, len(stages), err)
		}
		t.stage, t.stagesDone = nil, stage
	}
	return nil
}

// SkipStages leaves out the stages of a stacked model that are to come: its
// weights have had them.
func (t *Trainer) SkipStages() { t.stage, t.stagesDone = nil, len(models.Stages(t.model)) }

// runStage trains a stage, from the weights of the whole model to new ones of
// it.
func (t *Trainer) runStage(ctx context.Context, m models.Model, stage, stages int, o RunOptions) error {
	run := RunOptions{CheckpointSteps: o.CheckpointSteps}
	if o.OnStage != nil {
		run.OnStep = func(s Step) { o.OnStage(stage, stages, s) }
	}
	if o.Folder != "" {
		run.Folder = stageFolder(o.Folder, stage)
		if err := os.MkdirAll(run.Folder, 0o777); err != nil {
			return err
		}
	}
	if t.stage == nil {
		if err := t.beginStage(m, run.Folder); err != nil {
			return err
		}
	}
	if err := t.stage.Run(ctx, run); err != nil {
		return err
	}
	return copyVariables(t.vars, t.stage.vars, t.stage.vars.Params())
}

// beginStage makes the trainer of a stage, which goes on from a checkpoint if
// the folder has one.
func (t *Trainer) beginStage(m models.Model, folder string) error {
	cfg := t.cfg
	if cfg.PretrainEpochs > 0 {
		cfg.Epochs = cfg.PretrainEpochs
	}
	s, err := New(m, t.dev, t.train, t.validation, cfg)
	if err != nil {
		return err
	}
	if err := copyVariables(s.vars, t.vars, s.vars.Params()); err != nil {
		return err
	}
	if folder != "" {
		if _, err := s.Resume(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	t.stage = s
	return nil
}

// copyVariables gives variables the values that they have elsewhere to begin
// with.
func copyVariables(to, from *graph.Variables, params []*graph.Param) error {
	for _, p := range params {
		value, err := from.Get(p.Name)
		if err == nil {
			err = to.Begin(p.Name, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
