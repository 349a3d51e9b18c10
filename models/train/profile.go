package train

import "hourglass/graph"

// StartProfile makes the following steps of full batches note where their time
// goes.
func (t *Trainer) StartProfile() error {
	p, err := t.program(min(t.cfg.Batch, t.images.N))
	if err != nil {
		return err
	}
	p.program.StartProfile()
	return nil
}

// Profile returns the time of each step of the plan since StartProfile.
func (t *Trainer) Profile() []graph.StepTime {
	p, err := t.program(min(t.cfg.Batch, t.images.N))
	if err != nil {
		return nil
	}
	return p.program.Profile()
}
