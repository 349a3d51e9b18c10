package graph

import (
	"fmt"

	"hourglass/kernels"
)

// A Stored is an array in a device's memory that a checkpoint keeps.
type Stored struct {
	Name  string
	Shape kernels.Shape

	dev    kernels.Device
	buffer kernels.Buffer
}

// A Saved is such an array as it was saved: Next fills a slice with the elements
// that come next.
type Saved struct {
	Name  string
	Shape kernels.Shape
	Next  func([]float32) error
}

// storedPart is how many elements go to or from a device at a time.
const storedPart = 1 << 14

// Stored returns all that training changes: for every parameter its value, its
// moments and its average, and the fixed variables.
func (v *Variables) Stored() []Stored {
	var all []Stored
	for _, p := range v.params {
		add := func(suffix string, buffer kernels.Buffer) {
			all = append(all, Stored{p.Name + suffix, p.Shape, v.dev, buffer})
		}
		s := v.slots[p.Name]
		add("", s.buffer)
		if !s.param {
			continue
		}
		for row := 1; row < v.rows; row++ {
			add(fmt.Sprintf("#moment%d", row), v.state.View(4*(row*v.n+s.offset), s.operand.Bytes()))
		}
		if b, ok := v.averaged(p.Name); ok {
			add("#average", b)
		}
	}
	return all
}

// Weights returns the variables; of parameters that have an average, the average.
func (v *Variables) Weights() []Stored {
	var all []Stored
	for _, p := range v.params {
		buffer, ok := v.averaged(p.Name)
		if !ok {
			buffer = v.slots[p.Name].buffer
		}
		all = append(all, Stored{p.Name, p.Shape, v.dev, buffer})
	}
	return all
}

// Read calls f with the elements in order, some at a time, and ends with its
// first error. The slice is f's until it returns.
func (s Stored) Read(f func([]float32) error) error {
	return s.parts(func(part []float32, buffer kernels.Buffer) error {
		if err := s.dev.Download(bytesOf(part), buffer); err != nil {
			return err
		}
		return f(part)
	})
}

// write sets the elements to what next gives.
func (s Stored) write(next func([]float32) error) error {
	return s.parts(func(part []float32, buffer kernels.Buffer) error {
		if err := next(part); err != nil {
			return err
		}
		return s.dev.Upload(buffer, bytesOf(part))
	})
}

// parts calls f for one part of the array after the other, with as much memory of
// the host.
func (s Stored) parts(f func([]float32, kernels.Buffer) error) error {
	size := s.Shape.Size()
	room := make([]float32, min(size, storedPart))
	for from := 0; from < size; from += len(room) {
		part := room[:min(len(room), size-from)]
		if err := f(part, s.buffer.View(4*from, 4*len(part))); err != nil {
			return err
		}
	}
	return nil
}

// Array returns a copy.
func (s Stored) Array() (Array, error) {
	a := Array{s.Name, s.Shape, make([]float32, 0, s.Shape.Size())}
	err := s.Read(func(part []float32) error {
		a.Data = append(a.Data, part...)
		return nil
	})
	return a, err
}

// State returns a copy of what Stored tells of.
func (v *Variables) State() ([]Array, error) { return Arrays(v.Stored()) }

// Arrays returns copies.
func Arrays(stored []Stored) ([]Array, error) {
	var all []Array
	for _, s := range stored {
		a, err := s.Array()
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// SetState restores what State returned, as Restore does.
func (v *Variables) SetState(state []Array) error {
	var all []Saved
	for _, a := range state {
		if size := a.Shape.Size(); len(a.Data) != size {
			return fmt.Errorf("graph: the state's array %q has shape %v and %d elements, want %d", a.Name, a.Shape, len(a.Data), size)
		}
		all = append(all, Saved{a.Name, a.Shape, func(part []float32) error {
			a.Data = a.Data[copy(part, a.Data):]
			return nil
		}})
	}
	return v.Restore(all)
}

// Restore restores all that Stored tells of. It checks names and shapes first and
// changes nothing if they differ. An error of a Next leaves the variables partly
// restored.
func (v *Variables) Restore(state []Saved) error {
	given := map[string]Saved{}
	for _, a := range state {
		if _, twice := given[a.Name]; twice {
			return fmt.Errorf("graph: the state has two arrays called %q", a.Name)
		}
		given[a.Name] = a
	}
	stored := v.Stored()
	wanted := map[string]bool{}
	for _, s := range stored {
		wanted[s.Name] = true
		a, ok := given[s.Name]
		if !ok {
			return fmt.Errorf("graph: the state has no array %q", s.Name)
		}
		if !a.Shape.Equal(s.Shape) {
			return fmt.Errorf("graph: the state's array %q has shape %v, want %v", s.Name, a.Shape, s.Shape)
		}
	}
	for _, a := range state {
		if !wanted[a.Name] {
			return fmt.Errorf("graph: the state has an array %q that is not wanted here", a.Name)
		}
	}
	for _, s := range stored {
		if err := s.write(given[s.Name].Next); err != nil {
			return err
		}
	}
	return nil
}
