package graph

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"hourglass/kernels"
)

// StepTime is what one step of a program cost in a profile.
type StepTime struct {
	Step  string        // its operation
	Out   string        // its result
	Runs  int           // of the program
	Time  time.Duration // in all, added over threads
	Flops int64         // of one run: convolutions and products, a multiply-add counting as two
	Bytes int64         // that one run must at least read and write: operands and result, each once
}

// profile collects times while a program runs.
type profile struct {
	runs  int
	steps map[*step]time.Duration
	inner map[*innerStep][]time.Duration // by thread
}

// StartProfile makes later runs note the time of each step, which costs about a
// hundred nanoseconds a step and part of a batch.
func (p *Program) StartProfile() {
	p.profile = &profile{steps: map[*step]time.Duration{}, inner: map[*innerStep][]time.Duration{}}
	for _, s := range p.plan.steps {
		p.profile.steps[s] = 0
		if s.segment == nil {
			continue
		}
		s.segment.profile = p.profile
		for _, in := range s.segment.steps {
			p.profile.inner[in] = make([]time.Duration, s.segment.dev.Threads())
		}
	}
}

// Profile returns what the steps cost since StartProfile, in the order of the
// plan. A segment's own time, without its steps, is that of adding up its
// accumulators and of threads waiting for one another.
func (p *Program) Profile() []StepTime {
	if p.profile == nil {
		return nil
	}
	var all []StepTime
	for _, s := range p.plan.steps {
		t := StepTime{Runs: p.profile.runs, Time: p.profile.steps[s]}
		if s.segment == nil {
			t.Step, t.Out, t.Flops, t.Bytes = s.describe(), s.out.operand.String(), s.flops(), s.bytes()
			all = append(all, t)
			continue
		}
		t.Step, t.Out = "sums and waiting", ""
		t.Time *= time.Duration(s.segment.dev.Threads())
		for _, in := range s.segment.steps {
			it := StepTime{Step: in.describe(), Out: in.step.out.operand.String(), Runs: t.Runs, Flops: in.flops(), Bytes: in.bytes()}
			for _, d := range p.profile.inner[in] {
				it.Time += d
			}
			t.Time -= it.Time
			all = append(all, it)
		}
		all = append(all, t)
	}
	return all
}

// bytes returns the size of a step's operands and result. Of what is gathered
// from, only the rows that are taken count.
func (s *step) bytes() int64 {
	n := 0
	for i, v := range append(slices.Clone(s.in), s.out) {
		if _, ok := s.spec.(kernels.Gather); ok && i == 0 {
			n += s.out.operand.Shape.Size() * v.operand.DType.Size()
			continue
		}
		n += v.operand.Bytes()
	}
	return int64(n)
}

// ProfileTable returns a profile as a table: time a run and its share, and the
// speed of each step.
func ProfileTable(steps []StepTime) string {
	var total time.Duration
	for _, s := range steps {
		total += s.Time
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "ms/run\tshare\tGFLOP/s\tGB/s\t  step\t")
	for _, s := range steps {
		if s.Runs == 0 {
			continue
		}
		each := s.Time.Seconds() / float64(s.Runs)
		rate := func(n int64) string {
			if n == 0 || each <= 0 {
				return ""
			}
			return fmt.Sprintf("%.1f", float64(n)/each/1e9)
		}
		fmt.Fprintf(w, "%.3f\t%.1f%%\t%s\t%s\t  %s\n", 1e3*each, 100*s.Time.Seconds()/total.Seconds(), rate(s.Flops), rate(s.Bytes), strings.TrimSpace(s.Step+"  "+s.Out))
	}
	w.Flush()
	return b.String()
}
