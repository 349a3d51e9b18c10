package train

import (
	"context"
	"errors"
	"fmt"
	"math"

	"hourglass/models"
)

// validate measures an epoch by the validation images.
func (t *Trainer) validate(ctx context.Context, e *Epoch) error {
	terms, err := t.runner.mean(ctx, toLoss, t.validation)
	switch {
	case errors.Is(err, ErrStopped):
		return t.stopped()
	case err != nil:
		return t.unread(err)
	}
	loss := terms[0].Value
	if !finite(loss) {
		return t.badValidation(loss)
	}
	e.ValLoss = &loss
	if len(terms) > 1 {
		// Means of batches are rounded, but epochs with as many mistakes should be
		// equal to the last bit.
		n := float64(t.validation.Info().N)
		wrong := math.Round(terms[1].Value*n) / n
		e.ValError = &wrong
	}
	return nil
}

// badValidation explains a validation loss that is not finite.
func (t *Trainer) badValidation(loss float64) error {
	what, err := badVariable(t.vars.Stored())
	if err != nil {
		return err
	}
	if what == "" {
		what = "the computation from the images of " + t.validation.Info().Name
	}
	return t.diverged(fmt.Sprintf("the validation loss is %v", loss), what)
}

// loss returns the loss that tells of an epoch's weights, of validation if there
// is any.
func (e *Epoch) loss() float64 {
	if e.ValLoss != nil {
		return *e.ValLoss
	}
	return e.TrainLoss
}

// warming returns the number of epochs that begin while a vae's KLWarmup lasts.
// The training losses of those are of an easier objective than of later ones.
func (t *Trainer) warming() int { return (klWarmup(t.model) + t.batches - 1) / t.batches }

// klWarmup returns the number of steps in which the weight of a model's
// divergence rises.
func klWarmup(m models.Model) int {
	c := m.Config()
	if c.Classes > 0 { // labels train, there is no divergence
		return 0
	}
	return c.KLWarmup
}

// begins reports whether the epoch that comes next is the first to compare
// others with: training losses within the warm-up, of so many epochs, tell
// nothing, so that each replaces the one before, and the first one after it all.
func (p *progress) begins(e *Epoch, warming int) bool {
	return p.BestEpoch == 0 || e.ValLoss == nil && p.BestEpoch <= warming
}

// better reports whether the epoch that comes next is better than all before.
func (p *progress) better(e *Epoch, warming int) bool {
	if e.ValError != nil && p.BestError != nil && *e.ValError != *p.BestError {
		return *e.ValError < *p.BestError
	}
	return p.begins(e, warming) || e.loss() < p.Best
}

// after returns the progress after an epoch. Early stopping looks at a
// classifier's error alone: the loss of one without mistakes may fall for ever.
func (p progress) after(e *Epoch, cfg Config, warming int) progress {
	e.Improved = p.better(e, warming)
	next := progress{
		Epoch: p.Epoch + 1, Step: p.Step,
		BestEpoch: p.BestEpoch, Best: p.Best, BestError: p.BestError, Bar: p.Bar, Stale: p.Stale + 1,
		History: append(p.History[:len(p.History):len(p.History)], *e),
	}
	figure := e.loss()
	if e.ValError != nil {
		figure = *e.ValError
	}
	if p.begins(e, warming) || figure < p.Bar-cfg.MinDelta {
		next.Bar, next.Stale = figure, 0
	}
	if e.Improved {
		next.BestEpoch, next.Best, next.BestError = e.Epoch, e.loss(), e.ValError
	}
	next.Stopped = cfg.Patience > 0 && next.Stale >= cfg.Patience
	return next
}
