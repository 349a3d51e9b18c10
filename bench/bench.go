// Package bench measures how fast Hourglass trains and encodes, alone or side by
// side with other frameworks.
//
// Times on a shared machine mean little, so a comparison interleaves: the two
// sides run in processes of their own and take windows of steps in turn, A B A
// B, on the same processors, the same batch, the same images and the same
// initial weights; the loss after twenty steps must agree to 1e-3 first. What
// travels to other machines is the ratio of the two and the share of the
// processor's own multiply-add peak, which is measured between the windows.
//
// Operations are the multiply-adds of convolutions and matrix products, forward
// and backward, a multiply-add counting as two and taps that meet padding
// included: 5.07 GFLOP for seed-conv. Nothing else counts, and it takes time all
// the same.
package bench

import (
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Options says what to measure. The zero value measures every workload with the
// usual effort.
type Options struct {
	Workloads []string      // names; none means all
	Threads   int           // 0 means GOMAXPROCS
	Windows   int           // of each side; 0 means 10
	Window    time.Duration // of each; 0 means 500 ms
	// Device and Precision are what Self computes on and in, "cpu" and "f32" if
	// empty, and GPU says what card that is, if it is one.
	Device, Precision, GPU string
	// Self is the command that runs Serve for the workload and number of threads
	// that are appended to it.
	Self []string
	// Progress is told what is going on; nil means nobody.
	Progress io.Writer
}

// A Result is what was measured of one workload.
type Result struct {
	Workload  string `json:"workload"`
	Device    string `json:"device"`
	Precision string `json:"precision"`
	Threads   int    `json:"threads"`
	// MSBest is the time of the fastest step in milliseconds, MSMedian the
	// median over windows of the median step.
	MSBest   float64 `json:"ms_best"`
	MSMedian float64 `json:"ms_median"`
	// ImagesPerSecond follows from MSMedian.
	ImagesPerSecond float64 `json:"images_per_second"`
	// GFLOPS is what the fastest step reaches, in 10⁹ operations a second;
	// PeakGFLOPS is the best that the same threads reached with multiply-adds
	// alone, and PeakShare the quotient.
	GFLOPS     float64 `json:"gflops"`
	PeakGFLOPS float64 `json:"peak_gflops"`
	PeakShare  float64 `json:"peak_share"`
	// PeakMemoryMB is the largest resident set of the process, in 10⁶ bytes; 0
	// where the operating system does not tell.
	PeakMemoryMB float64 `json:"peak_memory_mb"`
}

// peakTime is how long the peak is measured in milliseconds, before each window.
const peakTime = 20

func (o Options) withDefaults() Options {
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Windows == 0 {
		o.Windows = 10
	}
	if o.Window == 0 {
		o.Window = 500 * time.Millisecond
	}
	if o.Device == "" {
		o.Device = "cpu"
	}
	if o.Precision == "" {
		o.Precision = "f32"
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	return o
}

func (o Options) validate() error {
	switch {
	case o.Threads < 0:
		return fmt.Errorf("bench: threads is %d, want 0 (all processors) or more", o.Threads)
	case o.Windows < 0:
		return fmt.Errorf("bench: windows is %d, want 1 or more", o.Windows)
	case len(o.Self) == 0:
		return fmt.Errorf("bench: no command that serves a workload")
	}
	return nil
}

// Run measures workloads, each in a process of its own.
func Run(ctx context.Context, o Options) ([]Result, error) {
	chosen, err := choose(o.Workloads)
	if err != nil {
		return nil, err
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	results := []Result{}
	for _, w := range chosen {
		fmt.Fprintf(o.Progress, "%s: %s\n", w.name, w.about)
		s, err := o.alone(ctx, w)
		if err != nil {
			return nil, err
		}
		results = append(results, s.result(w, o))
	}
	return results, ctx.Err()
}

// self is the program that serves a workload of ours.
func (o Options) self(w workload) program {
	return program{name: "hourglass " + w.name, command: append(slices.Clone(o.Self), w.name, fmt.Sprint(o.Threads))}
}

// samples are the windows of one side.
type samples struct {
	best, medians []float64 // ms, one of each window
	flops         float64   // of a step
	peak          float64   // GFLOP/s
	memory        float64   // MB
}

func (s *samples) add(best, middle float64) {
	s.best = append(s.best, best)
	s.medians = append(s.medians, middle)
}

func (s *samples) msBest() float64   { return slices.Min(s.best) }
func (s *samples) msMedian() float64 { return median(s.medians) }

func (s *samples) result(w workload, o Options) Result {
	r := Result{
		Workload: w.name, Device: o.Device, Precision: precisionName(o.Precision), Threads: o.Threads,
		MSBest: s.msBest(), MSMedian: s.msMedian(),
		PeakGFLOPS: s.peak, PeakMemoryMB: s.memory,
	}
	r.ImagesPerSecond = float64(w.batch) / r.MSMedian * 1e3
	r.GFLOPS = s.flops / r.MSBest / 1e6
	r.PeakShare = r.GFLOPS / s.peak
	return r
}

// precisionName returns the precision as results name it.
func precisionName(p string) string {
	if p == "f32" {
		return "float32"
	}
	return p
}

// onGPU reports whether the device is one.
func (o Options) onGPU() bool { return strings.HasPrefix(o.Device, "cuda") }

// alone measures one workload of ours.
func (o Options) alone(ctx context.Context, w workload) (*samples, error) {
	s := &samples{}
	if w.kind == firstStep {
		for range o.Windows {
			if _, err := s.launch(ctx, o.self(w), o.Threads, true); err != nil {
				return nil, err
			}
		}
		return s, nil
	}
	c, err := openSelf(ctx, o, w)
	if err != nil {
		return nil, err
	}
	defer c.close()
	for range o.Windows {
		if err := c.windowOf(s); err != nil {
			return nil, err
		}
	}
	s.memory = c.memory()
	return s, nil
}

// launch times a process from its start to the end of its first step, and
// returns the step's loss. Of ours, it also asks for operations and peak.
func (s *samples) launch(ctx context.Context, p program, threads int, ours bool) (loss float64, err error) {
	began := time.Now()
	c, err := p.start(ctx, threads)
	if err != nil {
		return 0, err
	}
	defer c.close()
	text, err := c.hear("value")
	if err != nil {
		return 0, err
	}
	ms := time.Since(began).Seconds() * 1e3
	s.add(ms, ms)
	s.memory = max(s.memory, c.memory())
	if _, err := fmt.Sscan(text, &loss); err != nil {
		return 0, fmt.Errorf("bench: %s: loss %q: %w", p.name, text, err)
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return 0, fmt.Errorf("bench: %s: the loss is %v", p.name, loss)
	}
	if ours {
		err = c.describe(s)
	}
	return loss, err
}

// describe asks for the operations of a step, and for the peak.
func (c *process) describe(s *samples) error {
	if err := c.ask("flops", "flops", &s.flops); err != nil {
		return err
	}
	var peak float64
	err := c.ask(fmt.Sprint("peak ", peakTime), "gflops", &peak)
	s.peak = max(s.peak, peak)
	return err
}

// side is a process that is ready for windows.
type side struct {
	*process
	steps int     // of a window
	value float64 // after checkSteps
	ours  bool
}

// openSelf starts the process of a workload of ours.
func openSelf(ctx context.Context, o Options, w workload) (*side, error) {
	c, err := open(ctx, o, o.self(w))
	if c != nil {
		c.ours = true
	}
	return c, err
}

// open starts a program, takes its first steps and finds out how many make a
// window.
func open(ctx context.Context, o Options, p program) (*side, error) {
	started, err := p.start(ctx, o.Threads)
	if err != nil {
		return nil, err
	}
	c := &side{process: started}
	if _, err = c.hear("ready"); err == nil {
		err = c.ask(fmt.Sprint("steps ", checkSteps), "value", &c.value)
	}
	var best, middle float64
	if err == nil {
		err = c.ask("window 1", "ms", &best, &middle)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	c.steps = min(max(int(o.Window.Seconds()*1e3/middle), 2), 10_000)
	return c, nil
}

// windowOf times a window, and before it the peak if the side is ours.
func (c *side) windowOf(s *samples) error {
	if c.ours {
		if err := c.describe(s); err != nil {
			return err
		}
	}
	var best, middle float64
	if err := c.ask(fmt.Sprint("window ", c.steps), "ms", &best, &middle); err != nil {
		return err
	}
	s.add(best, middle)
	return nil
}
