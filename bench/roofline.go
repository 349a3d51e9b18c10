package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/kernels/cuda"
	"hourglass/kernels/cuda/driver"
)

// A Card is what a GPU can do at most, by its data sheet.
type Card struct {
	Name            string
	F32, TF32, BF16 float64 // operations a second, a multiply-add counting as two; dense products
	Memory          float64 // bytes a second
	Single          float64 // the part of TF32 and BF16 that products by single warps (mma.sync) reach, assumed
	Launch          float64 // seconds from one kernel of a graph to the next, assumed
	Source          string
	Info            driver.Info // what kernels are chosen by
}

// cards are those that a roofline can be drawn for.
var cards = map[string]Card{
	"h200": {
		Name: "NVIDIA H200 SXM", F32: 67e12, TF32: 494.5e12, BF16: 989e12, Memory: 4.8e12,
		Single: 0.63, // about what Luo et al. measured of Hopper, arXiv:2402.13499, 2024
		Launch: 1.5e-6,
		Source: "NVIDIA H200 Tensor Core GPU data sheet, figures with sparsity halved",
		Info:   driver.Info{Capability: 90, Multiprocessors: 132, SharedPerBlock: 227 << 10},
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
	units        map[cuda.Precision]cuda.Unit // that multiply
}

// rate returns the operations a second of what multiplies.
func (c Card) rate(p cuda.Precision, u cuda.Unit) float64 {
	peak := map[cuda.Precision]float64{cuda.Float32: c.F32, cuda.TF32: c.TF32, cuda.BF16: c.BF16}[p]
	switch u {
	case cuda.CUDACores:
		return c.F32
	case cuda.TensorCores:
		return peak * c.Single
	}
	return peak
}

// seconds returns how long the work takes at least: what takes longest of
// computing, moving and launching.
func (c Card) seconds(w work, p cuda.Precision) float64 {
	return max(w.flops/c.rate(p, w.units[p]), w.bytes/c.Memory, c.Launch)
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
		"a launch; kernels follow one another. Copies between host and card are left out.\n\n"+
		"Products are at the limit of the unit that package cuda would have them computed by: warpgroups\n"+
		"(wgmma) at that of TF32 or bfloat16, single warps (mma.sync) at %.2f of it, which is an assumption,\n"+
		"and direct kernels of few channels at that of float32.\n\n",
		card, c.F32/1e12, c.TF32/1e12, c.BF16/1e12, c.Memory/1e12, c.Source, c.Launch*1e6, c.Single)
	summary := table{{"workload", "launches", "GFLOP", "MB", "µs in f32", "µs in TF32", "µs in bf16", "images/s in TF32", "bound in TF32 by"}}
	var details strings.Builder
	for _, load := range workloads {
		if load.kind == firstStep {
			continue
		}
		steps, err := load.work(c.Info)
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
	times := map[cuda.Precision]float64{}
	for _, s := range steps {
		flops, bytes = flops+s.flops, bytes+s.bytes
		for p := cuda.TF32; p <= cuda.BF16; p++ {
			times[p] += c.seconds(s, p)
		}
		switch t := c.seconds(s, cuda.TF32); t {
		case c.Launch:
			launching += t
		case s.bytes / c.Memory:
			moving += t
		default:
			computing += t
		}
	}
	total := times[cuda.TF32]
	return []string{load.name, fmt.Sprint(len(steps)), figure(flops / 1e9), figure(bytes / 1e6),
		figure(times[cuda.Float32] * 1e6), figure(total * 1e6), figure(times[cuda.BF16] * 1e6), fmt.Sprintf("%.0f", float64(load.batch)/total),
		fmt.Sprintf("arithmetic %s, memory %s, launches %s", percent(computing/total), percent(moving/total), percent(launching/total))}
}

// byOperation adds up the steps of each operation, the longest first.
func (c Card) byOperation(steps []work) table {
	var all []work
	taken, warpgroups := map[string]float64{}, map[string]float64{}
	for _, s := range steps {
		i := slices.IndexFunc(all, func(w work) bool { return w.name == s.name })
		if i < 0 {
			i, all = len(all), append(all, work{name: s.name})
		}
		all[i].launches++
		all[i].flops += s.flops
		all[i].bytes += s.bytes
		taken[s.name] += c.seconds(s, cuda.TF32)
		if s.units[cuda.TF32] == cuda.Warpgroups {
			warpgroups[s.name] += s.flops
		}
	}
	slices.SortStableFunc(all, func(a, b work) int {
		if taken[a.name] > taken[b.name] {
			return -1
		}
		return 1
	})
	t := table{{"operation", "launches", "GFLOP", "by wgmma", "MB", "µs in TF32"}}
	for _, w := range all {
		t = append(t, []string{w.name, fmt.Sprint(w.launches), figure(w.flops / 1e9), figure(warpgroups[w.name] / 1e9), figure(w.bytes / 1e6), figure(taken[w.name] * 1e6)})
	}
	return t
}

// work lists the steps of a workload's program as a GPU runs it: fused, and not
// depth first.
func (w workload) work(on driver.Info) ([]work, error) {
	device := &paper{card: on}
	s, err := w.newSubject(device)
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
		step := work{name: name, launches: 1, flops: float64(t.Flops), bytes: float64(t.Bytes)}
		if t.Flops > 0 {
			if step.units, err = device.next(name, t.Out); err != nil {
				return nil, err
			}
		}
		all = append(all, step)
	}
	return all, nil
}

// paper is a device that computes nothing: programs compile for it to be looked
// at. It keeps the products that it is asked for, which come in the order of the
// program.
type paper struct {
	card     driver.Info
	products []planned
}

// planned is a product by its operation, its result, and what would compute it.
type planned struct {
	name, out string
	units     map[cuda.Precision]cuda.Unit
}

// next returns the units of the next product of that operation and result.
func (d *paper) next(name, out string) (map[cuda.Precision]cuda.Unit, error) {
	for i, p := range d.products {
		if p.name == name && p.out == out {
			d.products = d.products[i+1:]
			return p.units, nil
		}
	}
	return nil, fmt.Errorf("bench: the program has a %s into %s that it did not prepare", name, out)
}

type paperBuffer int

func (b paperBuffer) Len() int                               { return int(b) }
func (b paperBuffer) View(_, bytes int) kernels.Buffer       { return paperBuffer(bytes) }
func (*paper) Name() string                                  { return "paper" }
func (*paper) Alloc(bytes int) (kernels.Buffer, error)       { return paperBuffer(bytes), nil }
func (*paper) Upload(kernels.Buffer, []byte) error           { return nil }
func (*paper) Download(to []byte, from kernels.Buffer) error { return nil }
func (*paper) Sync() error                                   { return nil }
func (*paper) Close() error                                  { return nil }

// Prepare allows the result in place of the first operand where it fits, as
// optimizers need.
func (d *paper) Prepare(s kernels.Spec, out kernels.Operand, in ...kernels.Operand) (kernels.Launch, error) {
	l := kernels.Launch{Run: func(kernels.Buffer, []kernels.Buffer, kernels.Buffer) {}}
	if len(in) > 0 && in[0].Bytes() == out.Bytes() {
		l.InPlace = 1
	}
	switch s.(type) {
	case kernels.Conv2D, kernels.Conv2DInputGrad, kernels.Conv2DFilterGrad, kernels.MatMul:
		shapes := make([]kernels.Shape, len(in))
		for i, o := range in {
			shapes[i] = o.Shape
		}
		p := planned{name: s.Name(), out: out.String(), units: map[cuda.Precision]cuda.Unit{}}
		for precision := cuda.TF32; precision <= cuda.BF16; precision++ {
			var err error
			if p.units[precision], err = cuda.UnitOf(s, shapes, precision, d.card); err != nil {
				return l, err
			}
		}
		d.products = append(d.products, p)
	}
	return l, nil
}
