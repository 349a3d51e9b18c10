package tasks

import (
	"context"
	"fmt"

	"hourglass/data"
	"hourglass/kernels"
	"hourglass/models"
	"hourglass/models/metrics"
	"hourglass/models/train"
)

// OneClassOptions decides what OneClass trains.
type OneClassOptions struct {
	Model models.Config // Image is that of the data
	Train train.Config
	Score string // of the detector, default ScoreMSE
	// Classes are those that are normal in turn; nil for all that there are.
	Classes []uint8
}

// OneClassResult is how a model of one class tells it from all others.
type OneClassResult struct {
	Class    uint8   `json:"class"`
	Training int     `json:"training"` // samples trained on
	AUROC    float64 `json:"auroc"`
	AUPRC    float64 `json:"auprc"`
}

// OneClass trains a model on the training samples of each class alone and measures
// how its score tells the test samples of that class from those of all others,
// which count as anomalies: the protocol of Ruff et al., Deep One-Class
// Classification, 2018, table 1. Each result goes to done when it is there.
func OneClass(ctx context.Context, dev kernels.Device, training, test data.Source, o OneClassOptions, done func(OneClassResult) error) error {
	known, asked := training.Info(), test.Info()
	for _, info := range []data.Info{known, asked} {
		if info.Labels == nil {
			return fmt.Errorf("tasks: anomaly: %s has no labels to tell classes by", info.Name)
		}
	}
	if o.Classes == nil {
		var seen [256]bool
		for _, l := range known.Labels {
			seen[l] = true
		}
		for l, there := range seen {
			if there {
				o.Classes = append(o.Classes, uint8(l))
			}
		}
	}
	o.Model.Image = [3]int{known.H, known.W, known.C}
	for _, class := range o.Classes {
		result, err := oneClass(ctx, dev, training, test, o, class)
		if err != nil {
			return fmt.Errorf("class %d: %w", class, err)
		}
		if err := done(result); err != nil {
			return err
		}
	}
	return nil
}

func oneClass(ctx context.Context, dev kernels.Device, training, test data.Source, o OneClassOptions, class uint8) (OneClassResult, error) {
	normal, err := OfClass(training, class)
	if err != nil {
		return OneClassResult{}, err
	}
	m, err := models.New(o.Model)
	if err != nil {
		return OneClassResult{}, err
	}
	if normal, err = o.limited(normal); err != nil {
		return OneClassResult{}, err
	}
	t, err := train.New(m, dev, normal, nil, o.Train)
	if err != nil {
		return OneClassResult{}, err
	}
	if err := t.Run(ctx, train.RunOptions{}); err != nil {
		return OneClassResult{}, err
	}
	r := t.Runner()
	d, err := FitDetector(ctx, r, normal, DetectorOptions{Score: o.Score})
	if err != nil {
		return OneClassResult{}, err
	}
	scores, err := d.All(ctx, r, test)
	if err != nil {
		return OneClassResult{}, err
	}
	positive := make([]bool, len(scores))
	for i, l := range test.Info().Labels {
		positive[i] = l != class
	}
	result := OneClassResult{Class: class, Training: normal.Info().N}
	if result.AUROC, err = metrics.AUROC(scores, positive); err != nil {
		return result, err
	}
	result.AUPRC, err = metrics.AveragePrecision(scores, positive)
	return result, err
}

// limited returns the samples that the training takes.
func (o OneClassOptions) limited(normal data.Source) (data.Source, error) {
	if o.Train.Limit > 0 {
		return data.Limit(normal, o.Train.Limit)
	}
	return normal, nil
}
