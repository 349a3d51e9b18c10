package train

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
)

// recorder is the CPU as a device that keeps launches, as a GPU does.
type recorder struct {
	kernels.Device
	keeps    *[]func()       // nil unless recording
	download func(to []byte) // sees what was read, if it is there
}

func (r *recorder) Download(to []byte, from kernels.Buffer) error {
	err := r.Device.Download(to, from)
	if r.download != nil {
		r.download(to)
	}
	return err
}

func (r *recorder) Prepare(s kernels.Spec, out kernels.Operand, in ...kernels.Operand) (kernels.Launch, error) {
	l, err := r.Device.Prepare(s, out, in...)
	run := l.Run
	l.Run = func(out kernels.Buffer, in []kernels.Buffer, work kernels.Buffer) {
		if r.keeps != nil {
			*r.keeps = append(*r.keeps, func() { run(out, in, work) })
			return
		}
		run(out, in, work)
	}
	return l, err
}

func (r *recorder) Record(work func()) (func(), error) {
	var kept []func()
	r.keeps = &kept
	work()
	r.keeps = nil
	return func() {
		for _, f := range kept {
			f()
		}
	}, nil
}

func (r *recorder) Copy(to, from kernels.Buffer) {
	type memory interface{ Bytes() []byte }
	copy(to.(memory).Bytes(), from.(memory).Bytes())
}

// sentAhead returns a trainer that takes stretches of up to so many steps.
func sentAhead(t *testing.T, m models.Model, cfg Config, size int) *Trainer {
	t.Helper()
	tr, err := New(m, &recorder{Device: device(t, 1)}, blobs(smallImages), blobs(13), cfg)
	if err != nil {
		t.Fatal(err)
	}
	tr.ahead.size, tr.ahead.pause = size, time.Hour
	return tr
}

// TestStretchesAreTheSame holds stretches, which are stopped and resumed, to
// steps one by one.
func TestStretchesAreTheSame(t *testing.T) {
	for name := range smallModels {
		want, err := New(smallModel(t, name), struct{ kernels.Device }{device(t, 1)}, blobs(smallImages), blobs(13), small)
		if err != nil {
			t.Fatal(err)
		}
		var losses []float64
		mustRun(t, want, RunOptions{OnStep: func(s Step) { losses = append(losses, s.Loss) }})
		folder, next := t.TempDir(), 0
		for runs := 0; ; runs++ {
			tr := sentAhead(t, smallModel(t, name), small, 3)
			if runs > 0 {
				if _, err := tr.Resume(folder); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithCancel(context.Background())
			err := tr.Run(ctx, RunOptions{Folder: folder, CheckpointSteps: 5, OnStep: func(s Step) {
				if s.Step != next+1 || s.Loss != losses[next] {
					t.Fatalf("%s: step %d reported as %+v, want the loss %v", name, next+1, s, losses[next])
				}
				if next++; next == 4 || next == 10 {
					cancel()
				}
			}})
			cancel()
			if err == nil {
				checkSameRun(t, name, tr, want)
				break
			}
			if !errors.Is(err, ErrStopped) {
				t.Fatal(err)
			}
		}
	}
}

// TestStretchesDiverge meets a bad loss in the midst of a stretch.
func TestStretchesDiverge(t *testing.T) {
	for rate, what := range map[float64]string{1e30: "the result of", 3e40: "coder."} {
		one := exploding(t, rate)
		tr := sentAhead(t, one.model, one.cfg, 7)
		steps := 0
		err := tr.Run(context.Background(), RunOptions{OnStep: func(Step) { steps++ }})
		var d *DivergedError
		if !errors.As(err, &d) || d.Epoch != 1 || d.Step != 1 || !strings.Contains(d.What, what) {
			t.Errorf("rate %g: %v, want a DivergedError after step 1 with %q", rate, err, what)
		}
		if steps != 1 {
			t.Errorf("rate %g: %d steps were reported, want 1", rate, steps)
		}
		if rate == 1e30 {
			if what, err := badVariable(tr.Variables().Stored()); what != "" || err != nil {
				t.Errorf("after a bad loss %s is not finite, %v", what, err)
			}
		}
	}
}

// TestStretchesNameBadGradients gives a step a finite loss and infinite
// gradients: it is that step which is reported, and the weights stay.
func TestStretchesNameBadGradients(t *testing.T) {
	for _, size := range []int{1, 4} {
		tr := sentAhead(t, exploding(t, 1e-3).model, Config{Epochs: 3, Batch: 8, Optimizer: Optimizer{Name: "sgd"}}, size)
		var params []*graph.Param
		for _, p := range tr.vars.Params() {
			if strings.HasPrefix(p.Name, "decoder") {
				params = append(params, p)
			}
		}
		for i, p := range params { // weight, bias, weight, bias
			value := make([]float32, p.Shape.Size())
			for k := range value {
				value[k] = map[int]float32{1: 1e25, 3: 1e18}[i]
			}
			if err := tr.vars.Set(p.Name, value); err != nil {
				t.Fatal(err)
			}
		}
		before := stateOf(t, tr)
		err := tr.Run(context.Background(), RunOptions{})
		var d *DivergedError
		if !errors.As(err, &d) || d.Step != 0 || d.Symptom != "the gradient is no longer finite" {
			t.Errorf("stretches of %d: %v, want a DivergedError of a gradient before step 1", size, err)
		}
		checkSame(t, "weights after a bad gradient", stateOf(t, tr), before)
	}
}

// TestUnreliableDevice meets a loss that is not finite, but for which the same
// step gives another one when it is taken again.
func TestUnreliableDevice(t *testing.T) {
	tr := sentAhead(t, smallModel(t, "dense"), small, 4)
	reads := 0
	tr.dev.(*recorder).download = func(to []byte) {
		if len(to) == 4*mostAhead { // the log
			if reads++; reads == 2 {
				copy(to[4*2:], bytesOf([]float32{float32(math.Inf(1))}))
			}
		}
	}
	folder, steps := t.TempDir(), 0
	err := tr.Run(context.Background(), RunOptions{Folder: folder, CheckpointSteps: 4, OnStep: func(s Step) {
		if steps++; s.Step != steps || !finite(s.Loss) {
			t.Errorf("step %d reported as %+v", steps, s)
		}
	}})
	const want = "computed the loss +Inf for step 7 and another one when asked again: it does not work reliably; checkpoints are intact"
	if err == nil || err.Error() != "train: "+tr.dev.Name()+" "+want {
		t.Errorf("error %v, want %q", err, want)
	}
	if steps != 7 || tr.at.Step != 7 {
		t.Errorf("%d steps were reported and %d counted, want 7", steps, tr.at.Step)
	}
	again := sentAhead(t, smallModel(t, "dense"), small, 4)
	if r, err := again.Resume(folder); err != nil || r.Step != 4 {
		t.Errorf("resumed to %+v, %v; want step 4", r, err)
	}
}

// TestStretchEndsWhereNothingCanBeRead has weights whose sum is infinite, though
// none of them is, so that stretches are taken again, and samples of which the
// first cannot be read: it is those that are reported.
func TestStretchEndsWhereNothingCanBeRead(t *testing.T) {
	set := fromFiles{blobs(smallImages), func([]int32) error { return errors.New("disk on fire") }}
	tr, err := New(smallModel(t, "dense"), &recorder{Device: device(t, 1)}, set, nil, small)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range tr.vars.Params() {
		value := make([]float32, p.Shape.Size())
		for i := range value {
			value[i] = 3e38
		}
		if err := tr.vars.Set(p.Name, value); err != nil {
			t.Fatal(err)
		}
	}
	var unread *ReadError
	if taken, err := tr.take(context.Background(), 4); !errors.As(err, &unread) || len(taken) != 0 {
		t.Errorf("%d steps and the error %v, want a ReadError", len(taken), err)
	}
}
