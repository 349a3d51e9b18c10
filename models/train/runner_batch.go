package train

// Batch returns how many images go through the model at once.
func (r *Runner) Batch() int { return r.batch }
