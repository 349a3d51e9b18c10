package bench

import (
	"context"
	"errors"

	"hourglass/data"
	"hourglass/kernels"
	"hourglass/models"
	"hourglass/models/train"
)

// firstTrainingStep does what hourglass train does from its start to the end of
// the first step: it opens the built-in images, compiles the model and trains.
// It returns the step's loss.
func firstTrainingStep(dev kernels.Device) (float64, error) {
	m, err := models.New(models.Config{Name: "conv", Latent: 2})
	if err != nil {
		return 0, err
	}
	images, err := data.OpenLazy("builtin", data.Train)
	if err != nil {
		return 0, err
	}
	cfg := train.Config{Epochs: 1, Batch: 128, Seed: seed}
	t, err := train.New(m, dev, images, nil, cfg)
	if err != nil {
		return 0, err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	loss := 0.0
	err = t.Run(ctx, train.RunOptions{OnStep: func(s train.Step) {
		loss = s.Loss
		stop()
	}})
	if !errors.Is(err, train.ErrStopped) {
		return 0, err
	}
	return loss, nil
}
