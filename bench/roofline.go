package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"hourglass/graph"
	"hourglass/kernels"
)

// A Card is what a GPU can do at most, by its data sheet.
type Card struct {
	Name            string
	F32, TF32, BF16 float64 // operations a second, a multiply-add counting as two; dense products
	Memory          float64 // bytes a second
	Launch          float64 // seconds from one kernel of a graph to the next, assumed
	Source          string
}

// cards are those that a roofline can be drawn for.
var cards = map[string]Card{
	"h200": {
		Name: "NVIDIA H200 SXM", F32: 67e12, TF32: 494.5e12, BF16: 989e12, Memory: 4.8e12, Launch: 1.5e-6,
		Source: "NVIDIA H200 Tensor Core GPU data sheet, figures with sparsity halved",
	},
}

// Cards returns the names of the cards that Roofline knows.
func Cards() []string {
	var names []string
	for name := range cards {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// work is what a step of a program must at least do.
type work struct {
	name         string
	launches     int
	flops, bytes float64
}

// seconds returns how long the work takes at least at a rate of products: what
// takes longest of computing, moving and launching.
func (c Card) seconds(w work, rate float64) float64 {
	return max(w.flops/rate, w.bytes/c.Memory, c.Launch)
}

// Roofline writes what each workload's step would take on a card if every
// kernel reached the card's limit: a bound that no measurement can beat, and
// something to hold the first one against.
func Roofline(w io.Writer, card string) error {
	c, ok := cards[card]
	if !ok {
		return fmt.Errorf("bench: there is no card %q, want one of %s", card, strings.Join(Cards(), ", "))
	}
	fmt.Fprintf(w, "# The roofline of an %s\n\n", c.Name)
	fmt.Fprintf(w, "Made by hourglass bench --roofline %s from the compiled programs; nothing here was measured.\n"+
		"Limits: %.0f TFLOP/s in float32, %.1f in TF32, %.0f in bfloat16, %.1f TB/s of memory (%s), and %.1f µs\n"+
		"from kernel to kernel within a graph, which is an assumption. A kernel takes the longest of its\n"+
		"arithmetic, its traffic (operands and result once, in float32, as if no cache held them) and\n"+
		"a launch; kernels follow one another. Copies between host and card are left out.\n\n",
		card, c.F32/1e12, c.TF32/1e12, c.BF16/1e12, c.Memory/1e12, c.Source, c.Launch*1e6)
	summary := table{{"workload", "launches", "GFLOP", "MB", "µs in f32", "µs in TF32", "µs in bf16", "images/s in TF32", "bound in TF32 by"}}
	var details strings.Builder
	for _, load := range workloads {
		if load.kind == firstStep {
			continue
		}
		steps, err := load.work()
		if err != nil {
			return err
		}
		summary = append(summary, c.row(load, steps))
		fmt.Fprintf(&details, "\n## %s: %s\n\n", load.name, load.about)
		if err := c.byOperation(steps).write(&details); err != nil {
			return err
		}
	}
	if err := summary.write(w); err != nil {
		return err
	}
	_, err := io.WriteString(w, details.String())
	return err
}

// row sums up a workload.
func (c Card) row(load workload, steps []work) []string {
	var flops, bytes, computing, moving, launching float64
	times := map[float64]float64{}
	for _, s := range steps {
		flops, bytes = flops+s.flops, bytes+s.bytes
		for _, rate := range []float64{c.F32, c.TF32, c.BF16} {
			times[rate] += c.seconds(s, rate)
		}
		switch t := c.seconds(s, c.TF32); t {
		case c.Launch:
			launching += t
		case s.bytes / c.Memory:
			moving += t
		default:
			computing += t
		}
	}
	total := times[c.TF32]
	return []string{load.name, fmt.Sprint(len(steps)), figure(flops / 1e9), figure(bytes / 1e6),
		figure(times[c.F32] * 1e6), figure(total * 1e6), figure(times[c.BF16] * 1e6), fmt.Sprintf("%.0f", float64(load.batch)/total),
		fmt.Sprintf("arithmetic %s, memory %s, launches %s", percent(computing/total), percent(moving/total), percent(launching/total))}
}

// byOperation adds up the steps of each operation, the longest first.
func (c Card) byOperation(steps []work) table {
	var all []work
	taken := map[string]float64{}
	for _, s := range steps {
		i := slices.IndexFunc(all, func(w work) bool { return w.name == s.name })
		if i < 0 {
			i, all = len(all), append(all, work{name: s.name})
		}
		all[i].launches++
		all[i].flops += s.flops
		all[i].bytes += s.bytes
		taken[s.name] += c.seconds(s, c.TF32)
	}
	slices.SortStableFunc(all, func(a, b work) int {
		if taken[a.name] > taken[b.name] {
			return -1
		}
		return 1
	})
	t := table{{"operation", "launches", "GFLOP", "MB", "µs in TF32"}}
	for _, w := range all {
		t = append(t, []string{w.name, fmt.Sprint(w.launches), figure(w.flops / 1e9), figure(w.bytes / 1e6), figure(taken[w.name] * 1e6)})
	}
	return t
}

// work lists the steps of a workload's program as a GPU runs it: fused, and not
// depth first.
func (w workload) work() ([]work, error) {
	s, err := w.newSubject(paper{})
	if err != nil {
		return nil, err
	}
	var p *graph.Program
	switch s := s.(type) {
	case *trainStep:
		p = s.program
	case *encoder:
		p = s.program
	}
	p.StartProfile()
	var all []work
	for _, t := range p.Profile() {
		name, _, _ := strings.Cut(t.Step, "{")
		name, _, _ = strings.Cut(name, " ")
		all = append(all, work{name: name, launches: 1, flops: float64(t.Flops), bytes: float64(t.Bytes)})
	}
	return all, nil
}

// paper is a device that computes nothing: programs compile for it to be looked
// at.
type paper struct{}

type paperBuffer int

func (b paperBuffer) Len() int                              { return int(b) }
func (b paperBuffer) View(_, bytes int) kernels.Buffer      { return paperBuffer(bytes) }
func (paper) Name() string                                  { return "paper" }
func (paper) Alloc(bytes int) (kernels.Buffer, error)       { return paperBuffer(bytes), nil }
func (paper) Upload(kernels.Buffer, []byte) error           { return nil }
func (paper) Download(to []byte, from kernels.Buffer) error { return nil }
func (paper) Sync() error                                   { return nil }
func (paper) Close() error                                  { return nil }

// Prepare allows the result in place of the first operand where it fits, as
// optimizers need.
func (paper) Prepare(s kernels.Spec, out kernels.Operand, in ...kernels.Operand) (kernels.Launch, error) {
	l := kernels.Launch{Run: func(kernels.Buffer, []kernels.Buffer, kernels.Buffer) {}}
	if len(in) > 0 && in[0].Bytes() == out.Bytes() {
		l.InPlace = 1
	}
	return l, nil
}
