package train

import (
	"errors"
	"fmt"
	"math"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
)

// stepProgram takes a training step on a batch of one size.
type stepProgram struct {
	program                 *graph.Program
	index, step, rate, loss *graph.Node
	row                     *graph.Node // of the log, if there is one
}

// program returns the program for batches of n images, which is compiled when
// it is first met.
func (t *Trainer) program(n int) (*stepProgram, error) {
	if p := t.programs[n]; p != nil {
		return p, nil
	}
	p, b, o, err := t.build(n)
	if err != nil {
		return nil, err
	}
	if p.program, err = graph.CompileWith(b.Graph(), t.dev, o, p.loss); err != nil {
		return nil, t.tooLarge(n, err)
	}
	t.programs[n] = p
	return p, nil
}

// build returns the graph of a training step on n images, and how to compile it.
func (t *Trainer) build(n int) (*stepProgram, *graph.Builder, graph.Options, error) {
	b := graph.NewBuilder()
	net := t.model.On(b)
	p := &stepProgram{
		index: b.InputOf(kernels.Int32, "index", n),
		step:  b.InputOf(kernels.Int32, "step", 1),
		rate:  b.Input("lr", 1),
	}
	images := t.feed.images()
	gather := kernels.Gather{Scale: 1.0 / 255}
	if images.DType == kernels.Float32 {
		gather.Scale = 1
	}
	x := b.Apply(gather, b.InputOf(images.DType, dataName, images.Shape...), p.index)
	phase := models.Phase{Training: true, Step: p.step, Seed: t.cfg.Seed}
	if t.model.Config().Classes > 0 {
		phase.Labels = gatherLabels(b, images.Shape[0], p.index)
	}
	p.loss = net.Loss(x, phase).Total
	params := b.Trainable()
	grads := b.Gradients(p.loss, params...)
	t.cfg.Optimizer.penalize(b, grads, params)
	o := graph.Options{
		Variables: t.vars,
		Update: &graph.Update{
			Params: params, Grads: grads,
			Optimizer: t.cfg.Optimizer.spec(), ClipNorm: t.cfg.ClipNorm,
			LearningRate: p.rate, Step: p.step,
			AverageDecay: t.cfg.EMADecay, Assign: b.Assignments(),
		},
	}
	if t.ahead != nil {
		p.row = b.InputOf(kernels.Int32, "log row", 1)
		o.Log = &graph.Logged{To: t.ahead.log, Row: p.row, Values: []*graph.Node{p.loss}}
	}
	return p, b, o, b.Err()
}

// step takes the next training step of the epoch, and looks at its loss before
// the weights change. Once its programs are compiled it allocates nothing.
func (t *Trainer) step() (Step, error) {
	index, err := t.feed.batch(t.vars, t.at.Epoch, t.at.Batch)
	if err != nil {
		return Step{}, t.unread(err)
	}
	p, err := t.program(len(index))
	if err != nil {
		return Step{}, err
	}
	s := t.report(0, len(index))
	if err := t.feedStep(p, index, s); err != nil {
		return Step{}, err
	}
	if err := p.program.Compute(); err != nil {
		return Step{}, err
	}
	if s.Loss, err = p.program.Scalar(p.loss); err != nil {
		return Step{}, err
	}
	if !finite(s.Loss) {
		return Step{}, t.badLoss(p, s.Loss)
	}
	if t.ahead != nil { // the step is taken again, as something was wrong
		if err := t.lookAtGradients(p); err != nil {
			return Step{}, err
		}
	}
	if err := p.program.Update(); err != nil {
		return Step{}, err
	}
	t.count(s)
	return s, nil
}

// report describes the step that comes after so many that are not counted yet,
// all but its loss.
func (t *Trainer) report(after, images int) Step {
	return Step{
		Epoch: t.at.Epoch + 1, Batch: t.at.Batch + after + 1, Batches: t.batches, Step: t.at.Step + after + 1,
		Images: images, LearningRate: t.curve.Rate(t.at.Step + after),
	}
}

// count adds a step to the progress.
func (t *Trainer) count(s Step) {
	t.at.Step++
	t.at.Batch++
	t.at.Images += s.Images
	t.at.LossSum += s.Loss * float64(s.Images)
}

// feedStep gives a program what differs from step to step.
func (t *Trainer) feedStep(p *stepProgram, index []int32, s Step) error {
	t.rate[0], t.step32[0] = float32(s.LearningRate), int32(s.Step-1)
	if err := p.program.FeedInts(p.index, index); err != nil {
		return err
	}
	if err := p.program.FeedInts(p.step, t.step32[:]); err != nil {
		return err
	}
	if p.row != nil {
		if err := p.program.FeedInts(p.row, t.ahead.row[:]); err != nil {
			return err
		}
	}
	return p.program.FeedFloats(p.rate, t.rate[:])
}

// A ReadError ends a run whose samples cannot be read.
type ReadError struct {
	Epoch, Step int // the epoch, counted from 1, and how many steps are done
	Err         error
}

// Error names the place and the reason.
func (e *ReadError) Error() string {
	return fmt.Sprintf("train: after step %d, in epoch %d: %v", e.Step, e.Epoch, e.Err)
}

// Unwrap returns the reason.
func (e *ReadError) Unwrap() error { return e.Err }

// sourceError is an error of a source.
type sourceError struct{ error }

func (e *sourceError) Unwrap() error { return e.error }

// unread returns the error of a source as a ReadError, and others as they are.
func (t *Trainer) unread(err error) error {
	var source *sourceError
	if !errors.As(err, &source) {
		return err
	}
	return &ReadError{t.at.Epoch + 1, t.at.Step, source.error}
}

// A DivergedError ends a run whose loss or weights are no longer finite.
type DivergedError struct {
	Epoch, Step  int // the epoch, counted from 1, and how many steps are done
	LearningRate float64
	Symptom      string // such as "the loss is NaN"
	What         string // holds the first bad value: "parameter encoder.0.weight"
}

// Error names the place, the first bad tensor and the remedies.
func (e *DivergedError) Error() string {
	return fmt.Sprintf("train: %s at epoch %d, step %d, learning rate %g: the first value that is not finite is in %s; "+
		"lower the learning rate or clip the gradients (clip_norm); checkpoints are intact",
		e.Symptom, e.Epoch, e.Step, e.LearningRate, e.What)
}

// diverged returns the error for where the run stands.
func (t *Trainer) diverged(symptom, what string) error {
	last := max(t.at.Step-1, 0)
	if t.at.Batch < t.batches {
		last = t.at.Step
	}
	return &DivergedError{Epoch: t.at.Epoch + 1, Step: t.at.Step, LearningRate: t.curve.Rate(last), Symptom: symptom, What: what}
}

// badLoss explains a loss that is not finite.
func (t *Trainer) badLoss(p *stepProgram, loss float64) error {
	what, found, err := p.program.FirstNonFinite()
	if err != nil {
		return err
	}
	if !found {
		what = "the loss alone"
	}
	return t.diverged(fmt.Sprintf("the loss is %v", loss), what)
}

// badVariable names the first variable that is not finite, or returns "".
func badVariable(state []graph.Stored) (string, error) {
	for _, s := range state {
		err := s.Read(func(part []float32) error {
			if !allFinite(part) {
				return errNotFinite
			}
			return nil
		})
		if errors.Is(err, errNotFinite) {
			return "variable " + s.Name, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", nil
}

var errNotFinite = errors.New("not finite")

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func allFinite(values []float32) bool {
	for _, v := range values {
		if !finite(float64(v)) {
			return false
		}
	}
	return true
}
