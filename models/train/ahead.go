package train

import (
	"context"
	"fmt"
	"time"

	"hourglass/graph"
	"hourglass/kernels"
)

// A device that records launches runs a training step as one, and need not be
// waited for in between. So the trainer sends it a stretch of steps, which write
// their losses to a log on the device, and reads the log in the end. As the
// weights have moved on when a loss turns out not to be finite, each stretch
// begins with a copy of them within the device. From there its steps are then
// taken again one by one, with a closer look at each, up to the one that goes
// wrong, which is reported just as on a device without all this.

// ahead is the trainer's side of such a device.
type ahead struct {
	log   *graph.Log
	size  int           // of the next stretch
	pause time.Duration // that a stretch should take
	row   [1]int32
}

const (
	// mostAhead is how many steps a stretch has at most.
	mostAhead = 256
	// stretchTime keeps a display in motion and a stop from having to wait.
	// Waiting for the device once in so long costs it next to nothing.
	stretchTime = 100 * time.Millisecond
)

// runAhead prepares for stretches, if the device is one for them. It takes the
// memory for the copy before programs see how much is left.
func (t *Trainer) runAhead() error {
	if _, ok := t.dev.(kernels.Recorder); !ok {
		return nil
	}
	log, err := graph.NewLog(t.dev, mostAhead, 1)
	if err != nil {
		return err
	}
	t.ahead = &ahead{log: log, size: 1, pause: stretchTime}
	return t.vars.Keep()
}

// take takes up to most steps of the epoch and returns those that are done, also
// with an error. The slice is valid until the next call.
func (t *Trainer) take(ctx context.Context, most int) ([]Step, error) {
	t.taken = t.taken[:0]
	var err error
	if t.ahead != nil {
		err = t.stretch(ctx, most)
	} else {
		err = t.one()
	}
	return t.taken, err
}

// one takes a step and adds it to those taken.
func (t *Trainer) one() error {
	s, err := t.step()
	if err == nil {
		t.taken = append(t.taken, s)
	}
	return err
}

// stretch sends up to most steps to the device and reads their losses.
func (t *Trainer) stretch(ctx context.Context, most int) error {
	a, began := t.ahead, time.Now()
	if err := t.vars.Keep(); err != nil {
		return err
	}
	var failed error
	for len(t.taken) < min(most, a.size) && (len(t.taken) == 0 || ctx.Err() == nil) {
		s, err := t.send(len(t.taken))
		if failed = err; err != nil {
			break
		}
		t.taken = append(t.taken, s)
	}
	sound, err := t.vars.Finite()
	if err == nil {
		err = a.log.Read()
	}
	if err != nil {
		t.taken = t.taken[:0]
		return err
	}
	for i := range t.taken {
		t.taken[i].Loss = a.log.At(i, 0)
		if !finite(t.taken[i].Loss) {
			return t.again(i+1, t.taken[i].Loss)
		}
	}
	if !sound {
		if err := t.again(len(t.taken), 0); err != nil {
			return err
		}
		return t.unread(failed)
	}
	for _, s := range t.taken {
		t.count(s)
	}
	if n := len(t.taken); n > 0 {
		each := time.Since(began) / time.Duration(n)
		a.size = min(max(int(a.pause/max(each, 1)), 1), 2*n, mostAhead)
	}
	return t.unread(failed)
}

// send tells the device to take the step that comes after so many that it was
// told of but are not counted yet. The loss is left out.
func (t *Trainer) send(after int) (Step, error) {
	index, err := t.feed.batch(t.vars, t.at.Epoch, t.at.Batch+after)
	if err != nil {
		return Step{}, err
	}
	p, err := t.program(len(index))
	if err != nil {
		return Step{}, err
	}
	s := t.report(after, len(index))
	t.ahead.row[0] = int32(after)
	if err := t.feedStep(p, index, s); err != nil {
		return Step{}, err
	}
	return s, p.program.Run()
}

// again takes the first n steps of a stretch once more. The last had the given
// loss; if that is finite, they led to weights that seem not to be.
func (t *Trainer) again(n int, loss float64) error {
	t.vars.Rewind()
	t.taken = t.taken[:0]
	for range n {
		if err := t.one(); err != nil {
			return err
		}
		if err := t.lookAtWeights(); err != nil {
			return err
		}
	}
	if !finite(loss) {
		return fmt.Errorf("train: %s computed the loss %v for step %d and another one when asked again: it does not work reliably; checkpoints are intact", t.dev.Name(), loss, t.at.Step)
	}
	return nil
}

// lookAtGradients explains gradients that are not finite.
func (t *Trainer) lookAtGradients(p *stepProgram) error {
	ok, err := t.vars.FiniteGradients()
	if err != nil || ok {
		return err
	}
	what, found, err := p.program.FirstNonFinite()
	if err != nil || !found {
		return err
	}
	return t.diverged("the gradient is no longer finite", what)
}

// lookAtWeights explains weights that are not finite.
func (t *Trainer) lookAtWeights() error {
	ok, err := t.vars.Finite()
	if err != nil || ok {
		return err
	}
	what, err := badVariable(t.vars.Stored())
	if err != nil || what == "" {
		return err
	}
	return t.diverged("the weights are no longer finite", what)
}
