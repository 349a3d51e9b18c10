// Package train trains the autoencoders of package models: the loop, the
// learning rate's schedules, validation and early stopping, checkpoints that a
// run resumes from bit for bit, and the runners that encode, decode and measure
// with trained weights.
package train

import (
	"fmt"
	"math"
	"slices"

	"hourglass/data"
)

// Config is everything that decides the outcome of a training run beside the
// model and the images. Its zero value is a good start; a field's comment says
// what its 0 stands for.
type Config struct {
	// Epochs is how often every training image is seen; 0 stands for 10.
	Epochs int `toml:"epochs" json:"epochs"`
	// PretrainEpochs is how often each layer of a stacked model sees every
	// training image before all are trained together; 0 stands for Epochs.
	PretrainEpochs int `toml:"pretrain_epochs,omitempty" json:"pretrain_epochs,omitempty"`
	// Batch is the number of images of a step; 0 stands for 128. The last step
	// of an epoch takes what is left.
	Batch int `toml:"batch" json:"batch"`
	// Seed decides the initial weights, the order of the images and all noise.
	Seed uint64 `toml:"seed" json:"seed"`
	// Limit keeps only the first images of the training set; 0 keeps all.
	Limit int `toml:"limit" json:"limit"`
	// ValidationFraction is the share of the training images, in [0, 1), that
	// Split holds back for validation.
	ValidationFraction float64 `toml:"validation_fraction" json:"validation_fraction"`

	Optimizer Optimizer `toml:"optimizer" json:"optimizer"`
	Schedule  Schedule  `toml:"schedule" json:"schedule"`

	// ClipNorm is the largest Euclidean norm that all gradients together may
	// have; larger ones are scaled down to it (Pascanu, Mikolov and Bengio,
	// 2013). 0 does not clip.
	ClipNorm float64 `toml:"clip_norm" json:"clip_norm"`
	// EMADecay d keeps an exponential moving average of the weights, d·average
	// + (1−d)·weights after each step, which validation and best.safetensors
	// use in place of the weights. 0 keeps none.
	EMADecay float64 `toml:"ema_decay" json:"ema_decay"`

	// Patience stops the run when the validation loss, or a classifier's
	// validation error, has not become less by more than MinDelta for so many
	// epochs; 0 never stops it.
	Patience int     `toml:"patience" json:"patience"`
	MinDelta float64 `toml:"min_delta" json:"min_delta"`
}

// The defaults of Config.
const (
	defaultEpochs = 10
	defaultBatch  = 128
)

// WithDefaults returns the configuration with every 0 that stands for another
// number replaced by that number.
func (c Config) WithDefaults() Config {
	setDefault(&c.Epochs, defaultEpochs)
	setDefault(&c.Batch, defaultBatch)
	c.Optimizer = c.Optimizer.withDefaults()
	c.Schedule = c.Schedule.withDefaults()
	return c
}

// setDefault gives a value that was left out its default.
func setDefault[T comparable](value *T, to T) {
	var zero T
	if *value == zero {
		*value = to
	}
}

// Validate names the first field that is out of its range.
func (c Config) Validate() error {
	c = c.WithDefaults()
	if err := firstError(
		atLeast("epochs", c.Epochs, 1),
		atLeast("pretrain_epochs", c.PretrainEpochs, 0),
		atLeast("batch", c.Batch, 1),
		atLeast("limit", c.Limit, 0),
		atLeast("patience", c.Patience, 0),
		within("validation_fraction", c.ValidationFraction, 0, 1),
		within("ema_decay", c.EMADecay, 0, 1),
		within("clip_norm", c.ClipNorm, 0, math.Inf(1)),
		within("min_delta", c.MinDelta, 0, math.Inf(1)),
	); err != nil {
		return err
	}
	return firstError(c.Optimizer.validate(), c.Schedule.validate())
}

// Pointless returns an error for an option that does nothing beside the others,
// or the contrary of what it is for: those of another schedule, a Floor above the
// learning rate, MinDelta without Patience. A new run should not have them;
// Validate lets them pass, as one of before they were refused may.
func (c Config) Pointless() error {
	c = c.WithDefaults()
	if err := c.Schedule.pointless(); err != nil {
		return err
	}
	if floor, rate := c.Schedule.Floor, c.Optimizer.LearningRate; floor > rate {
		return fmt.Errorf("train: schedule.floor is %g, want at most the learning rate, which is %g and falls to it", floor, rate)
	}
	if c.MinDelta > 0 && c.Patience == 0 {
		return fmt.Errorf("train: min_delta is %g, but without patience nothing stops early; set patience, or remove it", c.MinDelta)
	}
	return nil
}

// Split applies Limit and ValidationFraction to a source. The validation part is
// nil when the fraction leaves it empty.
func (c Config) Split(s data.Source) (train, validation data.Source, err error) {
	if c.Limit > 0 {
		if s, err = data.Limit(s, c.Limit); err != nil {
			return nil, nil, err
		}
	}
	train, validation, err = data.Divide(s, c.ValidationFraction, c.Seed)
	if err != nil || validation.Info().N > 0 {
		return train, validation, err
	}
	return train, nil, nil
}

// firstError returns the first error that is one.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func atLeast(name string, got, want int) error {
	if got < want {
		return fmt.Errorf("train: %s is %d, want %d or more", name, got, want)
	}
	return nil
}

// within returns an error unless got is in [low, high); NaN is in no range.
func within(name string, got, low, high float64) error {
	if !(got >= low && got < high) {
		return fmt.Errorf("train: %s is %g, want a number from %g to below %g", name, got, low, high)
	}
	return nil
}

func oneOf(name, got string, want []string) error {
	if !slices.Contains(want, got) {
		return fmt.Errorf("train: %s is %q, want one of %q", name, got, want)
	}
	return nil
}
