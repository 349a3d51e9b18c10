package train

import (
	"hourglass/kernels"
	"hourglass/models"
)

// Batch returns how many images go through the model at once.
func (r *Runner) Batch() int { return r.batch }

// Config returns the model's configuration.
func (r *Runner) Config() models.Config { return r.model.Config() }

// Device returns the device that the model runs on.
func (r *Runner) Device() kernels.Device { return r.dev }
