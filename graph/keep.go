package graph

import (
	"fmt"
	"math"

	"hourglass/kernels"
)

// kept is what lets a device run steps whose losses nobody has seen yet: a copy
// of the variables as they were before, and sums that tell whether all numbers
// are finite.
type kept struct {
	dev    kernels.Recorder
	copies []kernels.Buffer // of Variables.memory
	state  *finiteness
	grads  *finiteness
}

// memory lists the pieces of memory that training changes.
func (v *Variables) memory() []kernels.Buffer {
	all := []kernels.Buffer{v.state}
	if v.average != nil {
		all = append(all, v.average)
	}
	for _, name := range v.fixed {
		all = append(all, v.slots[name].buffer)
	}
	return all
}

// Keep copies all that training changes within a device that is a
// kernels.Recorder, for which it does not wait. The first call takes the memory
// for it.
func (v *Variables) Keep() error {
	if v.kept == nil {
		k := &kept{}
		var ok bool
		if k.dev, ok = v.dev.(kernels.Recorder); !ok {
			return fmt.Errorf("graph: %s cannot copy within its memory", v.dev.Name())
		}
		for _, m := range v.memory() {
			b, err := v.dev.Alloc(m.Len())
			if err != nil {
				return fmt.Errorf("graph: copy of the variables: %w", err)
			}
			k.copies = append(k.copies, b)
		}
		v.kept = k
	}
	for i, m := range v.memory() {
		v.kept.dev.Copy(v.kept.copies[i], m)
	}
	return nil
}

// Rewind makes the variables what they were at the last Keep.
func (v *Variables) Rewind() {
	for i, m := range v.memory() {
		v.kept.dev.Copy(m, v.kept.copies[i])
	}
}

// Finite waits for all work and reports whether the parameters and moments are
// finite and not so large that their sum is not. Keep comes before.
func (v *Variables) Finite() (bool, error) { return v.finite(&v.kept.state, v.state) }

// FiniteGradients is Finite for the gradients of the last step.
func (v *Variables) FiniteGradients() (bool, error) {
	g, err := v.gradients()
	if err != nil {
		return false, err
	}
	return v.finite(&v.kept.grads, g)
}

// finiteness sums an array on the device.
type finiteness struct {
	launch    kernels.Launch
	in        []kernels.Buffer
	out, work kernels.Buffer
}

func (v *Variables) finite(f **finiteness, b kernels.Buffer) (bool, error) {
	if b.Len() == 0 {
		return true, nil
	}
	if *f == nil {
		var err error
		if *f, err = newFiniteness(v.dev, b); err != nil {
			return false, fmt.Errorf("graph: sum of the variables: %w", err)
		}
	}
	(*f).launch.Run((*f).out, (*f).in, (*f).work)
	var sum [1]float32
	err := v.dev.Download(bytesOf(sum[:]), (*f).out)
	return !math.IsNaN(float64(sum[0])) && !math.IsInf(float64(sum[0]), 0), err
}

func newFiniteness(dev kernels.Device, b kernels.Buffer) (*finiteness, error) {
	s, in := kernels.Sum{Axes: kernels.AllAxes(1)}, kernels.Operand{Shape: kernels.Shape{b.Len() / 4}}
	out, err := kernels.Infer(s, in)
	if err != nil {
		return nil, err
	}
	f := &finiteness{in: []kernels.Buffer{b}}
	if f.launch, err = dev.Prepare(s, out, in); err != nil {
		return nil, err
	}
	if f.out, err = dev.Alloc(out.Bytes()); err != nil {
		return nil, err
	}
	if f.launch.Workspace > 0 {
		f.work, err = dev.Alloc(f.launch.Workspace)
	}
	return f, err
}
