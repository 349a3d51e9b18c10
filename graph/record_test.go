package graph

import (
	"errors"
	"math"
	"strings"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/cpu"
)

// recorder is the CPU as a device that keeps launches.
type recorder struct {
	kernels.Device
	keeps    *[]func() // nil unless recording
	launches int       // outside of replays
	replays  int
	refuse   bool
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	dev, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	return &recorder{Device: dev}
}

func (r *recorder) Prepare(s kernels.Spec, out kernels.Operand, in ...kernels.Operand) (kernels.Launch, error) {
	l, err := r.Device.Prepare(s, out, in...)
	run := l.Run
	l.Run = func(out kernels.Buffer, in []kernels.Buffer, work kernels.Buffer) {
		if r.keeps != nil {
			*r.keeps = append(*r.keeps, func() { run(out, in, work) })
			return
		}
		r.launches++
		run(out, in, work)
	}
	l.Setup, l.Serial, l.SerialAdd = nil, nil, nil
	return l, err
}

func (r *recorder) Record(work func()) (func(), error) {
	if r.refuse {
		return nil, errors.New("no room for a recording")
	}
	var kept []func()
	r.keeps = &kept
	work()
	r.keeps = nil
	return func() {
		r.replays++
		for _, f := range kept {
			f()
		}
	}, nil
}

func (r *recorder) Copy(to, from kernels.Buffer) {
	copy(to.(hostMemory).Bytes(), from.(hostMemory).Bytes())
}

// trainOn takes steps on a device and returns the losses.
func trainOn(t *testing.T, dev kernels.Device, steps int, run func(p *Program) error) []float64 {
	t.Helper()
	n := newNet(kernels.Float32)
	n.finish(t, dense784(n))
	adam := kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
	vars, err := NewVariables(dev, n.b.Params(), VariableOptions{Rows: adam.StateRows()})
	if err != nil {
		t.Fatal(err)
	}
	if err := vars.Init(1); err != nil {
		t.Fatal(err)
	}
	images := kernels.Operand{DType: kernels.Uint8, Shape: kernels.Shape{1000, 28, 28, 1}}
	pixels := make([]byte, images.Bytes())
	for i := range pixels {
		pixels[i] = byte(i * i)
	}
	if err := vars.Put("images", images, pixels); err != nil {
		t.Fatal(err)
	}
	rate, step := n.b.Input("rate", 1), n.b.InputOf(kernels.Int32, "step", 1)
	p, err := CompileWith(n.b.Graph(), dev, Options{Variables: vars, Update: &Update{
		Params: n.b.Trainable(), Grads: n.grads, Optimizer: adam, LearningRate: rate, Step: step,
	}}, n.loss)
	if err != nil {
		t.Fatal(err)
	}
	var losses []float64
	for i := range steps {
		for _, in := range p.plan.values {
			if in.home == isInput && in.operand.DType == kernels.Int32 && in.name != "step" {
				index := make([]int32, in.operand.Shape.Size())
				for k := range index {
					index[k] = int32(k + i)
				}
				if err := p.feed(in, bytesOf(index)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := errors.Join(p.FeedFloats(rate, []float32{0.01}), p.FeedInts(step, []int32{int32(i)}), run(p)); err != nil {
			t.Fatal(err)
		}
		loss, err := p.Scalar(n.loss)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, loss)
	}
	return losses
}

func separately(p *Program) error { return errors.Join(p.Compute(), p.Update()) }

// TestRecordedStepsAreTheSame takes the same steps launch by launch, as one
// recording and as two.
func TestRecordedStepsAreTheSame(t *testing.T) {
	plain := newRecorder(t)
	want := trainOn(t, struct{ kernels.Device }{plain}, 5, (*Program).Run)
	each := plain.launches / 5
	for name, run := range map[string]func(*Program) error{"as one": (*Program).Run, "as two": separately} {
		dev := newRecorder(t)
		got := trainOn(t, dev, 5, run)
		for i := range want {
			if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
				t.Errorf("%s: loss %d is %v, want %v", name, i, got[i], want[i])
			}
		}
		replays := 4
		if name == "as two" {
			replays = 8
		}
		if dev.launches != each || dev.replays != replays {
			t.Errorf("%s: %d launches and %d replays in five steps, want %d and %d", name, dev.launches, dev.replays, each, replays)
		}
	}
}

func TestRecordingFails(t *testing.T) {
	dev := newRecorder(t)
	dev.refuse = true
	steps := 0
	var last error
	trainOn(t, dev, 2, func(p *Program) error {
		if err := p.Run(); err != nil {
			last = err
			return nil
		}
		steps++
		return nil
	})
	if steps != 1 || last == nil || !strings.HasPrefix(last.Error(), "graph: run: recording ") || !strings.HasSuffix(last.Error(), "no room for a recording") {
		t.Errorf("%d steps, then %v", steps, last)
	}
}

// TestProfilesLaunchByLaunch profiles a device that records.
func TestProfilesLaunchByLaunch(t *testing.T) {
	dev := newRecorder(t)
	trainOn(t, dev, 3, func(p *Program) error {
		p.StartProfile()
		return p.Run()
	})
	if dev.replays != 0 {
		t.Errorf("%d replays while a profile is taken", dev.replays)
	}
}
