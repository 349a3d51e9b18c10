package graph

import (
	"fmt"
	"math"
	"slices"
	"time"
	"unsafe"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"hourglass/kernels"
)

// A Program is a compiled graph: a flat list of launches on one device. Its
// methods are called from one goroutine at a time.
type Program struct {
	dev        kernels.Device
	plan       *plan
	compute    int   // steps of the graph itself; those behind them update variables
	arena      int   // bytes
	work       []int // where in the arena each step's scratch memory begins
	workspace  []int // bytes of it
	nodes      map[*Node]*value
	unfed      map[*value]bool
	inputs     inputs
	profile    *profile // nil unless StartProfile was called
	recordings recordings
}

// Options configures CompileWith. The zero value compiles inputs that are fed
// and outputs that are fetched.
type Options struct {
	// Variables holds the inputs whose names it knows: parameters, fixed
	// variables and data sets. Other inputs are fed.
	Variables *Variables
	// UseAverage reads the parameters' averages in place of their values.
	UseAverage bool
	// Update is the optimizer's step.
	Update *Update
	// Log is what each Run writes down.
	Log *Logged
	// Unfused keeps every operation a step of its own, so that every node's
	// result can be an output.
	Unfused bool

	costs *costModel // in place of usualCosts, for tests
}

func (o Options) schedule() costModel {
	if o.costs != nil {
		return *o.costs
	}
	return usualCosts
}

// An Update changes the variables after the outputs are computed.
type Update struct {
	Params, Grads      []*Node
	Optimizer          kernels.Optimizer
	ClipNorm           float64 // bound of the gradients' global norm; 0 for none
	LearningRate, Step *Node   // inputs float32[1], and int32[1] counted from 0
	AverageDecay       float64 // of the parameters' moving average; 0 for none
	Assign             []Assignment
}

// Compile returns the program that computes outs on a device.
func Compile(g *gorgonia.ExprGraph, dev kernels.Device, outs ...*Node) (*Program, error) {
	return CompileWith(g, dev, Options{}, outs...)
}

// CompileWith is Compile with options. The error wraps a *MemoryError if the
// device has not enough memory.
func CompileWith(g *gorgonia.ExprGraph, dev kernels.Device, o Options, outs ...*Node) (*Program, error) {
	p, err := compile(g, dev, o, outs)
	if err != nil {
		return nil, err
	}
	return p, p.allocate()
}

// compile returns the program without memory.
func compile(g *gorgonia.ExprGraph, dev kernels.Device, o Options, outs []*Node) (*Program, error) {
	all := slices.Clone(outs)
	if o.Update != nil {
		all = append(all, o.Update.nodes()...)
	}
	if o.Log != nil {
		all = append(append(all, o.Log.Values...), o.Log.Row)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("graph: compile: no outputs")
	}
	p, err := lower(g, o.Variables, all)
	if err != nil {
		return nil, err
	}
	if o.UseAverage {
		for _, v := range p.values {
			if b, ok := o.Variables.averaged(v.name); ok && v.home == isVariable {
				v.buffer = b
			}
		}
	}
	if !o.Unfused {
		_, threaded := dev.(kernels.Threaded)
		fuse(p, threaded)
	}
	prog := &Program{dev: dev, plan: p, compute: len(p.steps), nodes: p.nodes, unfed: map[*value]bool{}}
	if o.Update != nil {
		if err := o.Update.lower(prog, o.Variables); err != nil {
			return nil, err
		}
	}
	if o.Log != nil {
		if err := o.Log.lower(prog); err != nil {
			return nil, err
		}
	}
	if !o.Unfused {
		if prog.compute, err = deepen(p, dev, prog.compute, o.schedule()); err != nil {
			return nil, err
		}
	}
	return prog, prog.prepare()
}

// nodes returns the graph's nodes that the update reads.
func (u *Update) nodes() []*Node {
	all := append(slices.Clone(u.Grads), u.LearningRate, u.Step)
	for _, a := range u.Assign {
		all = append(all, a.Value)
	}
	return all
}

// lower adds the update's steps: the gradients go to one arena, where the
// optimizer finds them all.
func (u *Update) lower(p *Program, vars *Variables) error {
	if vars == nil || u.Optimizer == nil || len(u.Params) != len(u.Grads) {
		return fmt.Errorf("graph: compile: an update wants variables, an optimizer and as many gradients as parameters")
	}
	if want := u.Optimizer.StateRows(); vars.rows != want {
		return fmt.Errorf("graph: compile: the variables have %d rows, %s wants %d", vars.rows, u.Optimizer.Name(), want)
	}
	grads, err := vars.gradients()
	if err != nil {
		return err
	}
	pinned := map[*value]bool{}
	for i, n := range u.Params {
		s, ok := vars.slots[n.Name()]
		if !ok || !s.param {
			return fmt.Errorf("graph: compile: %s is not a trainable variable", n.Name())
		}
		g := p.nodes[u.Grads[i]]
		if !g.operand.Shape.Equal(s.operand.Shape) {
			return fmt.Errorf("graph: compile: the gradient by %s is %v, want %v", n.Name(), g.operand, s.operand)
		}
		p.pin(g, grads.View(4*s.offset, s.operand.Bytes()), "∂"+n.Name(), pinned)
	}
	p.compute = len(p.plan.steps)

	whole := p.variable("gradients", grads, vars.n)
	state := p.variable("parameters", vars.state, vars.rows, vars.n)
	rate, step := p.nodes[u.LearningRate], p.nodes[u.Step]
	if _, err := kernels.Infer(u.Optimizer, state.operand, whole.operand, rate.operand, step.operand); err != nil {
		return fmt.Errorf("graph: compile: %w", err)
	}
	if u.ClipNorm > 0 {
		p.add(kernels.ClipByGlobalNorm{Max: u.ClipNorm}, whole, whole)
	}
	p.add(u.Optimizer, state, state, whole, rate, step)
	if u.AverageDecay > 0 {
		if vars.average == nil {
			return fmt.Errorf("graph: compile: the variables keep no average")
		}
		average := p.variable("averages", vars.average, vars.n)
		p.add(kernels.EMA{Decay: u.AverageDecay}, average, average, p.variable("values", vars.state.View(0, 4*vars.n), vars.n))
	}
	for _, a := range u.Assign {
		s, err := vars.find(a.To.Name())
		if err != nil {
			return err
		}
		value := p.nodes[a.Value]
		if s.param || value.operand.DType != s.operand.DType || !value.operand.Shape.Equal(s.operand.Shape) {
			return fmt.Errorf("graph: compile: assignment of %v to %s, want a fixed variable of the value's type and shape", value.operand, a.To.Name())
		}
		p.add(kernels.Unary{Fn: kernels.Copy}, p.variable(a.To.Name(), s.buffer, s.operand.Shape...), value)
	}
	return nil
}

// pin makes v live in the given memory, by a copy where it has a place of its
// own already.
func (p *Program) pin(v *value, b kernels.Buffer, name string, pinned map[*value]bool) {
	r := v.root()
	if r.home == inArena && !pinned[r] && r.operand.Bytes() == b.Len() {
		r.home, r.buffer, pinned[r] = isVariable, b, true
		return
	}
	p.add(kernels.Unary{Fn: kernels.Copy}, p.variable(name, b, v.operand.Shape...), v)
}

// variable returns a value in the given memory.
func (p *Program) variable(name string, b kernels.Buffer, shape ...int) *value {
	v := &value{operand: kernels.Operand{DType: kernels.Float32, Shape: shape}, name: name, home: isVariable, buffer: b}
	p.plan.values = append(p.plan.values, v)
	return v
}

func (p *Program) add(s kernels.Spec, out *value, in ...*value) {
	p.plan.steps = append(p.plan.steps, &step{spec: s, out: out, in: in})
}

// Run computes the outputs, updates the variables and writes the log. A device
// that records does all of it as one launch, for which Run does not wait.
func (p *Program) Run() error { return p.begin(everything) }

// Compute computes the outputs and, in a training program, the gradients.
func (p *Program) Compute() error { return p.begin(computing) }

// Update does what Options.Update asks for, with the gradients of the last
// Compute.
func (p *Program) Update() error { return p.runPart(updating) }

func (p *Program) runSteps(steps []*step) error {
	for _, s := range steps {
		var start time.Time
		if p.profile != nil {
			start = time.Now()
		}
		switch {
		case s.segment != nil:
			s.segment.run()
		case s.run != nil:
			if err := s.run(); err != nil {
				return fmt.Errorf("graph: run: %s: %w", s.describe(), err)
			}
		default:
			s.args.run(s.args.out, s.args.in, s.args.work)
		}
		if p.profile != nil {
			if p.recordings.dev != nil { // whose launches return before they are done
				if err := p.dev.Sync(); err != nil {
					return fmt.Errorf("graph: run: %s: %w", s.describe(), err)
				}
			}
			p.profile.steps[s] += time.Since(start)
		}
	}
	return nil
}

// input returns the value of an input node.
func (p *Program) input(n *Node, t kernels.DType, elements int) (*value, error) {
	v := p.nodes[n]
	if v == nil {
		return nil, fmt.Errorf("graph: feed: %v is not part of the program", n)
	}
	if v.home != isInput {
		return nil, fmt.Errorf("graph: feed: %s is not an input of the program", v.name)
	}
	if v.operand.DType != t || v.operand.Shape.Size() != elements {
		return nil, fmt.Errorf("graph: feed: %s got %d elements of %v, want %v", v.name, elements, t, v.operand)
	}
	return v, nil
}

func (p *Program) feed(v *value, data []byte) error {
	if len(p.unfed) > 0 {
		delete(p.unfed, v)
	}
	if len(data) == 0 {
		return nil
	}
	if v.staged != nil {
		copy(v.staged, data)
		p.inputs.stale = true
		return nil
	}
	return p.dev.Upload(v.buffer, data)
}

// Feed gives an input its value, which is copied. Element type and shape must
// be the input's.
func (p *Program) Feed(n *Node, t tensor.Tensor) error {
	if t == nil {
		return fmt.Errorf("graph: feed: %v got no value", n)
	}
	a, err := arrayOf(t)
	if err != nil {
		return fmt.Errorf("graph: feed: %w", err)
	}
	var dt kernels.DType
	for _, d := range dtypes {
		if d.theirs == t.Dtype() {
			dt = d.ours
		}
	}
	v, err := p.input(n, dt, len(a.Data))
	if err != nil {
		return err
	}
	if !v.operand.Shape.Equal(a.Shape) {
		return fmt.Errorf("graph: feed: %s got the shape %v, want %v", v.name, a.Shape, v.operand)
	}
	return p.feed(v, encode(a.Data, dt))
}

// FeedFloats is Feed for a float32 input, without allocation.
func (p *Program) FeedFloats(n *Node, data []float32) error {
	v, err := p.input(n, kernels.Float32, len(data))
	if err != nil {
		return err
	}
	return p.feed(v, bytesOf(data))
}

// FeedInts is Feed for an int32 input, without allocation.
func (p *Program) FeedInts(n *Node, data []int32) error {
	v, err := p.input(n, kernels.Int32, len(data))
	if err != nil {
		return err
	}
	return p.feed(v, bytesOf(data))
}

// output returns the value of a node that can be fetched.
func (p *Program) output(n *Node) (*value, error) {
	v := p.nodes[n]
	if v == nil || !slices.ContainsFunc(p.plan.outs, func(o *value) bool { return o.root() == v.root() }) && (v.root().home == inArena || v.root().home == inThread) {
		return nil, fmt.Errorf("graph: fetch: %v is not an output of the program", n)
	}
	return v, nil
}

// Fetch returns a copy of an output.
func (p *Program) Fetch(n *Node) (tensor.Tensor, error) {
	v, err := p.output(n)
	if err != nil {
		return nil, err
	}
	b := make([]byte, v.operand.Bytes())
	if err := p.dev.Download(b, v.root().buffer); err != nil {
		return nil, err
	}
	return tensorOf(valueOf(kernels.Array{Shape: v.operand.Shape, Data: decode(b, v.operand.DType)}, v.operand.DType)), nil
}

// FetchInto copies a float32 output to dst, without allocation.
func (p *Program) FetchInto(dst []float32, n *Node) error {
	v, err := p.output(n)
	if err != nil {
		return err
	}
	if v.operand.DType != kernels.Float32 || v.operand.Shape.Size() != len(dst) {
		return fmt.Errorf("graph: fetch: %s is %v, got room for %d elements of float32", v.name, v.operand, len(dst))
	}
	return p.dev.Download(bytesOf(dst), v.root().buffer)
}

// Scalar returns an output of one element, without allocation.
func (p *Program) Scalar(n *Node) (float64, error) {
	v, err := p.output(n)
	if err != nil {
		return 0, err
	}
	if v.operand.Shape.Size() != 1 {
		return 0, fmt.Errorf("graph: fetch: %s is %v, want one element", v.name, v.operand)
	}
	if v.operand.DType == kernels.Float64 {
		err = p.dev.Download((*[8]byte)(unsafe.Pointer(&p.plan.scalar64))[:], v.root().buffer)
		return p.plan.scalar64, err
	}
	err = p.dev.Download((*[4]byte)(unsafe.Pointer(&p.plan.scalar32))[:], v.root().buffer)
	return float64(p.plan.scalar32), err
}

// FirstNonFinite runs Compute again, step by step, and names the first value
// that holds NaN or infinity: an input, a parameter or a step's result.
func (p *Program) FirstNonFinite() (what string, found bool, err error) {
	badMemory := func(m kernels.Buffer, o kernels.Operand) bool {
		if !o.DType.Float() || err != nil {
			return false
		}
		b := make([]byte, o.Bytes())
		if err = p.dev.Download(b, m); err != nil {
			return false
		}
		return slices.ContainsFunc(decode(b, o.DType), func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
	}
	if err := p.inputs.send(p.dev); err != nil {
		return "", false, err
	}
	bad := func(v *value) bool { return badMemory(v.root().buffer, v.operand) }
	for _, v := range p.plan.values {
		switch {
		case v.home == isInput && bad(v):
			return "input " + v.name, true, err
		case v.home == isVariable && p.isRead(v) && bad(v):
			return "parameter " + v.name, true, err
		}
	}
	for _, s := range p.plan.steps[:p.compute] {
		if s.segment != nil {
			if in := s.segment.firstBad(badMemory); in != nil {
				return "the result of " + in.describe(), true, err
			}
		}
		if err := p.runSteps([]*step{s}); err != nil {
			return "", false, err
		}
		if slices.ContainsFunc(s.outs(), bad) {
			return "the result of " + s.describe(), true, err
		}
	}
	return "", false, err
}

// isRead reports whether v is read by the graph, and not just written.
func (p *Program) isRead(v *value) bool {
	for _, s := range p.plan.steps[:p.compute] {
		if slices.Contains(s.outs(), v) {
			return false
		}
		if slices.ContainsFunc(s.in, func(in *value) bool { return in.root() == v }) {
			return true
		}
	}
	return false
}
