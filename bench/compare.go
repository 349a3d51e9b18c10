package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"
)

// lossTolerance is the relative difference up to which the losses of two sides
// count as equal.
const lossTolerance = 1e-3

// tolerance is lossTolerance, or more where products are rounded, and by each
// side in its own way.
func tolerance(precision string) float64 {
	if precision == precisionName("f32") {
		return lossTolerance
	}
	return 1e-2
}

// A Report is the whole table.
type Report struct {
	Date        string            `json:"date"` // of the run's start, as 2006-01-02
	Machine     Machine           `json:"machine"`
	Versions    map[string]string `json:"versions"` // of the peers
	Device      string            `json:"device"`
	Precision   string            `json:"precision"`
	Threads     int               `json:"threads"`
	Windows     int               `json:"windows"` // of each side in a comparison
	Results     []Result          `json:"results"`
	Comparisons []Comparison      `json:"comparisons"`
}

// A Comparison is a peer in one of its modes beside Hourglass.
type Comparison struct {
	Workload string `json:"workload"`
	Peer     string `json:"peer"`
	Mode     string `json:"mode"`
	// Skipped tells why there are no figures.
	Skipped string `json:"skipped,omitempty"`
	// Times in milliseconds, as in Result; ours are those of the windows that
	// alternate with the peer's.
	MSBest       float64 `json:"ms_best"`
	MSMedian     float64 `json:"ms_median"`
	OursMSBest   float64 `json:"ours_ms_best"`
	OursMSMedian float64 `json:"ours_ms_median"`
	// RatioBest is peer's best time over ours. Ratios are those of the medians
	// of each pair of neighbouring windows, RatioMedian their median. Above 1,
	// Hourglass is faster.
	RatioBest    float64   `json:"ratio_best"`
	RatioMedian  float64   `json:"ratio_median"`
	Ratios       []float64 `json:"ratios,omitempty"`
	PeakMemoryMB float64   `json:"peak_memory_mb"`
	// Loss is that after twenty steps, or a digest of codes, which the two sides
	// must agree on; 0 for first-step, whose programs share no weights.
	Loss     float64 `json:"loss"`
	OursLoss float64 `json:"ours_loss"`
}

// ErrDiffers is wrapped by the error of a comparison of things that are not the
// same: a peer's loss is not ours.
var ErrDiffers = errors.New("losses differ")

// Compare measures workloads beside every peer that has them. A peer that is
// missing or fails is skipped by name. The report is complete even with an error
// that wraps ErrDiffers.
func Compare(ctx context.Context, o Options, p Peers) (*Report, error) {
	chosen, err := choose(o.Workloads)
	if err != nil {
		return nil, err
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	folder, err := os.MkdirTemp("", "hourglass-bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer os.RemoveAll(folder)
	if err := p.prepare(folder, chosen); err != nil {
		return nil, err
	}
	r := &Report{
		Date: time.Now().Format(time.DateOnly), Machine: thisMachine(), Versions: p.versions(ctx),
		Device: o.Device, Precision: precisionName(o.Precision),
		Threads: o.Threads, Windows: o.Windows,
	}
	r.Machine.GPU = o.GPU
	for _, w := range chosen {
		if err := r.workload(ctx, o, &p, w); err != nil {
			return nil, err
		}
	}
	return r, r.differences()
}

// workload compares one workload with all of its peers.
func (r *Report) workload(ctx context.Context, o Options, p *Peers, w workload) error {
	ours := &samples{}
	var own *side
	if w.kind != firstStep {
		var err error
		if own, err = openSelf(ctx, o, w); err != nil {
			return err
		}
		defer own.close()
	}
	for _, of := range o.peers() {
		if !slices.Contains(of.workloads, w.name) {
			continue
		}
		fmt.Fprintf(o.Progress, "%s: %s %s\n", w.name, of.name, of.label())
		c := Comparison{Workload: w.name, Peer: of.name, Mode: of.label()}
		beside, err := c.measure(ctx, o, p, of, w, own)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var fault *ownFault
		if errors.As(err, &fault) {
			return fault.error
		}
		if err != nil {
			c.Skipped = err.Error()
			fmt.Fprintf(o.Progress, "%s: %s %s: skipped: %v\n", w.name, of.name, of.label(), err)
		}
		ours.take(beside)
		r.Comparisons = append(r.Comparisons, c)
	}
	if len(ours.best) == 0 { // no peer is there
		alone, err := o.alone(ctx, w)
		if err != nil {
			return err
		}
		ours.take(alone)
	}
	if own != nil {
		ours.memory = own.memory()
	}
	r.Results = append(r.Results, ours.result(w, o))
	return nil
}

// ownFault is an error of our own side, which no skipping of a peer mends.
type ownFault struct{ error }

// take adds another's windows.
func (s *samples) take(o *samples) {
	s.best = append(s.best, o.best...)
	s.medians = append(s.medians, o.medians...)
	s.flops = max(s.flops, o.flops)
	s.peak, s.memory = max(s.peak, o.peak), max(s.memory, o.memory)
}

// measure takes windows in turn and returns our own, as far as they go.
func (c *Comparison) measure(ctx context.Context, o Options, p *Peers, of peer, w workload, own *side) (*samples, error) {
	ours, theirs := &samples{}, &samples{}
	start, err := p.start(of, w, o)
	if err != nil {
		return ours, err
	}
	turn := func() error {
		if _, err := ours.launch(ctx, o.self(w), o.Threads, true); err != nil {
			return &ownFault{err}
		}
		_, err := theirs.launch(ctx, start, o.Threads, false)
		return err
	}
	if own != nil {
		other, err := open(ctx, o, start)
		if err != nil {
			return ours, err
		}
		defer other.close()
		c.Loss, c.OursLoss = other.value, own.value
		if !equal(c.Loss, c.OursLoss, tolerance(precisionName(o.Precision))) {
			return ours, fmt.Errorf("%w: %.6g after %d steps, ours %.6g", ErrDiffers, c.Loss, checkSteps, c.OursLoss)
		}
		turn = func() error {
			if err := own.windowOf(ours); err != nil {
				return &ownFault{err}
			}
			return other.windowOf(theirs)
		}
		defer func() { c.PeakMemoryMB = other.memory() }()
	}
	for range o.Windows {
		if err := turn(); err != nil {
			return ours, err
		}
	}
	c.figures(ours, theirs)
	return ours, nil
}

// figures works out the ratios.
func (c *Comparison) figures(ours, theirs *samples) {
	c.MSBest, c.MSMedian = theirs.msBest(), theirs.msMedian()
	c.OursMSBest, c.OursMSMedian = ours.msBest(), ours.msMedian()
	c.RatioBest = c.MSBest / c.OursMSBest
	for i, t := range theirs.medians {
		c.Ratios = append(c.Ratios, t/ours.medians[i])
	}
	c.RatioMedian = median(c.Ratios)
	c.PeakMemoryMB = theirs.memory
}

// equal reports whether two losses agree.
func equal(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance*math.Abs(b) // false for NaN
}

// differences is an error if a peer's loss is not ours.
func (r *Report) differences() error {
	for _, c := range r.Comparisons {
		if (c.Loss != 0 || c.OursLoss != 0) && !equal(c.Loss, c.OursLoss, tolerance(r.Precision)) {
			return fmt.Errorf("bench: %s beside %s %s: %w: %.6g after %d steps, ours %.6g", c.Workload, c.Peer, c.Mode, ErrDiffers, c.Loss, checkSteps, c.OursLoss)
		}
	}
	return nil
}

// Hardest returns the lowest ratio to a peer's modes on a workload, and the
// mode's name: of the medians, or of the best times. It is false if there are no
// figures.
func (r *Report) Hardest(workload, peer string, ratio func(Comparison) float64) (hardest float64, mode string, found bool) {
	for _, c := range r.Comparisons {
		if c.Workload != workload || c.Peer != peer || c.Skipped != "" {
			continue
		}
		if v := ratio(c); !found || v < hardest {
			hardest, mode, found = v, c.Mode, true
		}
	}
	return hardest, mode, found
}

// OfMedians returns RatioMedian.
func OfMedians(c Comparison) float64 { return c.RatioMedian }

// OfBests returns RatioBest.
func OfBests(c Comparison) float64 { return c.RatioBest }
