package train

// Plan returns the program of a full batch's step as text, as
// graph.Program.String gives it.
func (t *Trainer) Plan() (string, error) {
	p, err := t.program(min(t.cfg.Batch, t.images.N))
	if err != nil {
		return "", err
	}
	return p.program.String(), nil
}
