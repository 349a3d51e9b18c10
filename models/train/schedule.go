package train

import (
	"fmt"
	"math"
)

// Schedule says how the learning rate moves during a run. Warm-up combines with
// every schedule but one-cycle, which has its own.
type Schedule struct {
	// Name is "constant" (the default), "step", "cosine" or "one-cycle".
	Name string `toml:"name" json:"name"`

	// WarmupSteps is the number of steps over which the rate climbs linearly
	// to the learning rate, before the schedule proper begins; 0 for none. It
	// starts at WarmupFrom times the learning rate, or, if that is 0, one step
	// up from 0.
	WarmupSteps int     `toml:"warmup_steps" json:"warmup_steps"`
	WarmupFrom  float64 `toml:"warmup_from" json:"warmup_from"`

	// StepEpochs is after how many epochs "step" multiplies the rate by Gamma;
	// 0 stands for 10 epochs and 0.1.
	StepEpochs int     `toml:"step_epochs" json:"step_epochs"`
	Gamma      float64 `toml:"gamma" json:"gamma"`

	// Floor is the rate that "cosine" ends at.
	Floor float64 `toml:"floor" json:"floor"`

	// Rise is the share of the run in which "one-cycle" climbs (0 stands for
	// 0.3) from the learning rate over Start (25) up to the learning rate;
	// then it falls to the first rate over End (10000).
	Rise  float64 `toml:"rise" json:"rise"`
	Start float64 `toml:"start" json:"start"`
	End   float64 `toml:"end" json:"end"`
}

// The names of the schedules.
const (
	constant = "constant"
	stepwise = "step"
	cosine   = "cosine"
	oneCycle = "one-cycle"
)

func (s Schedule) withDefaults() Schedule {
	setDefault(&s.Name, constant)
	switch s.Name {
	case stepwise:
		setDefault(&s.StepEpochs, 10)
		setDefault(&s.Gamma, 0.1)
	case oneCycle:
		setDefault(&s.Rise, 0.3)
		setDefault(&s.Start, 25)
		setDefault(&s.End, 1e4)
	}
	return s
}

// validate expects the defaults to be in place.
func (s Schedule) validate() error {
	err := firstError(
		oneOf("schedule.name", s.Name, []string{constant, stepwise, cosine, oneCycle}),
		atLeast("schedule.warmup_steps", s.WarmupSteps, 0),
		within("schedule.warmup_from", s.WarmupFrom, 0, math.Nextafter(1, 2)),
		within("schedule.floor", s.Floor, 0, math.Inf(1)),
	)
	if err != nil {
		return err
	}
	switch {
	case s.Name == stepwise:
		return firstError(
			atLeast("schedule.step_epochs", s.StepEpochs, 1),
			within("schedule.gamma", s.Gamma, 0, math.Inf(1)))
	case s.Name == oneCycle && s.WarmupSteps > 0:
		return fmt.Errorf("train: schedule.warmup_steps is %d, want 0 with the schedule one-cycle, which warms up by itself", s.WarmupSteps)
	case s.Name == oneCycle:
		return firstError(
			within("schedule.rise", s.Rise, 0, 1),
			within("schedule.start", s.Start, 1, math.Inf(1)),
			within("schedule.end", s.End, 1, math.Inf(1)))
	}
	return nil
}

// pointless returns an error for an option of another schedule. It expects the
// defaults to be in place.
func (s Schedule) pointless() error {
	for _, option := range []struct {
		name string
		set  bool
		of   bool // the schedule has it
	}{
		{"warmup_from", s.WarmupFrom != 0, s.WarmupSteps > 0},
		{"step_epochs", s.StepEpochs != 0, s.Name == stepwise},
		{"gamma", s.Gamma != 0, s.Name == stepwise},
		{"floor", s.Floor != 0, s.Name == cosine},
		{"rise", s.Rise != 0, s.Name == oneCycle},
		{"start", s.Start != 0, s.Name == oneCycle},
		{"end", s.End != 0, s.Name == oneCycle},
	} {
		switch {
		case !option.set || option.of:
		case option.name == "warmup_from":
			return fmt.Errorf("train: schedule.warmup_from is set, but there is no warm-up; set schedule.warmup_steps, or remove it")
		default:
			return fmt.Errorf("train: schedule.%s is set, but %s has no such option; remove it or choose another schedule", option.name, s.Name)
		}
	}
	return nil
}

// endless reports whether the rate of a step is the same for any number of
// epochs.
func (s Schedule) endless() bool { return s.Name == constant || s.Name == stepwise }

// Curve returns the schedule for a learning rate and a run of the given number
// of steps, perEpoch of them an epoch.
func (s Schedule) Curve(learningRate float64, steps, perEpoch int) Curve {
	s = s.withDefaults()
	return Curve{schedule: s, rate: learningRate, steps: steps - s.WarmupSteps, every: s.StepEpochs * perEpoch}
}

// A Curve is a schedule in steps.
type Curve struct {
	schedule Schedule
	rate     float64
	steps    int // after the warm-up
	every    int // steps between two falls of "step"
}

// Rate returns the learning rate of a step, counted from 0.
//
// With the learning rate r, w warm-up steps that start at the share f, t the
// steps since the warm-up's end and T = steps − w:
//
//	warm-up    r·(f + (1−f)·step/w), or r·(step+1)/w if f is 0
//	constant   r
//	step       r·gamma^⌊t/every⌋
//	cosine     floor + ½(r − floor)(1 + cos πt/T)
//	one-cycle  from r/start to r at step rise·T − 1, then to r/(start·end) at
//	           step T − 1, each along half a cosine
//
// The warm-up is that of Goyal et al. (Accurate, Large Minibatch SGD, 2017), the
// cosine that of Loshchilov and Hutter (SGDR, 2017) without restarts, one-cycle
// that of Smith and Topin (Super-Convergence, 2018) as PyTorch's OneCycleLR has
// it. Tests hold all of them to PyTorch's curves.
func (c Curve) Rate(step int) float64 {
	s := c.schedule
	if step < s.WarmupSteps {
		from, w := s.WarmupFrom, float64(s.WarmupSteps)
		if from == 0 {
			return c.rate * float64(step+1) / w
		}
		return c.rate * (from + (1-from)*float64(step)/w)
	}
	t := float64(step - s.WarmupSteps)
	switch s.Name {
	case stepwise:
		return c.rate * math.Pow(s.Gamma, math.Floor(t/float64(c.every)))
	case cosine:
		return halfCosine(c.rate, s.Floor, t/float64(c.steps))
	case oneCycle:
		first, last := c.rate/s.Start, c.rate/s.Start/s.End
		top, end := s.Rise*float64(c.steps)-1, float64(c.steps-1)
		if t <= top {
			return halfCosine(first, c.rate, t/top)
		}
		return halfCosine(c.rate, last, (t-top)/(end-top))
	}
	return c.rate
}

// halfCosine goes from a to b as share goes from 0 to 1, and stays there.
func halfCosine(a, b, share float64) float64 {
	if !(share > 0) { // a phase of no length is at its start
		return a
	}
	return b + (a-b)/2*(1+math.Cos(math.Pi*min(share, 1)))
}
