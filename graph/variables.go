package graph

import (
	"fmt"
	"hash/fnv"
	"slices"

	"hourglass/kernels"
)

// Variables is the memory on a device that outlives a step. The trainable
// parameters lie behind one another in one arena, which an optimizer updates in
// one launch: row 0 of an array [rows n] holds their values and the further
// rows the optimizer's moments. Programs compiled with the same Variables share
// it.
type Variables struct {
	dev     kernels.Device
	params  []*Param
	slots   map[string]slot
	n       int            // elements of a row
	rows    int            // weights and moments
	state   kernels.Buffer // [rows n]
	average kernels.Buffer // [n], nil without
	grads   kernels.Buffer // [n], nil until a program trains
	fixed   []string       // names of fixed variables, in order
	kept    *kept          // nil until Keep
}

// VariableOptions says what is kept beside the values.
type VariableOptions struct {
	// Rows is the optimizer's StateRows; 0 means 1, the values alone.
	Rows int
	// Average keeps an exponential moving average of the parameters.
	Average bool
}

// slot is where a variable lives.
type slot struct {
	operand kernels.Operand
	buffer  kernels.Buffer // of its value
	offset  int            // elements into a row; trainable parameters only
	param   bool
}

// An Array is a named float32 array in host memory.
type Array struct {
	Name  string
	Shape kernels.Shape
	Data  []float32
}

// NewVariables allocates memory for the variables of a model, all zero.
func NewVariables(dev kernels.Device, params []*Param, o VariableOptions) (*Variables, error) {
	v := &Variables{dev: dev, params: params, slots: map[string]slot{}, rows: max(o.Rows, 1)}
	for _, p := range params {
		if _, taken := v.slots[p.Name]; taken {
			return nil, fmt.Errorf("graph: two variables are called %q", p.Name)
		}
		s := slot{operand: kernels.Operand{DType: kernels.Float32, Shape: p.Shape}, param: !p.Fixed, offset: v.n}
		if p.Fixed {
			var err error
			if s.buffer, err = dev.Alloc(s.operand.Bytes()); err != nil {
				return nil, fmt.Errorf("graph: variable %s: %w", p.Name, err)
			}
			v.fixed = append(v.fixed, p.Name)
		} else {
			v.n += aligned(s.operand.Bytes()) / 4
		}
		v.slots[p.Name] = s
	}
	var err error
	if v.state, err = dev.Alloc(4 * v.rows * v.n); err != nil {
		return nil, fmt.Errorf("graph: parameters: %w", err)
	}
	if o.Average {
		if v.average, err = dev.Alloc(4 * v.n); err != nil {
			return nil, fmt.Errorf("graph: averages: %w", err)
		}
	}
	for name, s := range v.slots {
		if s.param {
			s.buffer = v.state.View(4*s.offset, s.operand.Bytes())
			v.slots[name] = s
		}
	}
	return v, nil
}

// Params returns the variables.
func (v *Variables) Params() []*Param { return v.params }

// Size returns how many trainable parameters there are.
func (v *Variables) Size() int {
	n := 0
	for _, p := range v.params {
		if !p.Fixed {
			n += p.Shape.Size()
		}
	}
	return n
}

// Init gives every variable its initial value. The values depend on the seed
// and on the variable's name alone.
func (v *Variables) Init(seed uint64) error {
	for _, p := range v.params {
		value := make([]float32, p.Shape.Size())
		if p.Init != nil {
			h := fnv.New64a()
			h.Write([]byte(p.Name))
			p.Init(value, seed^h.Sum64())
		}
		if err := v.Begin(p.Name, value); err != nil {
			return err
		}
	}
	return nil
}

// Begin gives a variable its initial value, at which its average begins too.
func (v *Variables) Begin(name string, value []float32) error {
	if err := v.Set(name, value); err != nil {
		return err
	}
	if average, ok := v.averaged(name); ok {
		return v.dev.Upload(average, bytesOf(value))
	}
	return nil
}

// lookup returns the memory of a variable or data set.
func (v *Variables) lookup(name string) (kernels.Buffer, kernels.Operand, bool) {
	s, ok := v.slots[name]
	return s.buffer, s.operand, ok
}

// averaged returns the memory of a parameter's average.
func (v *Variables) averaged(name string) (kernels.Buffer, bool) {
	s, ok := v.slots[name]
	if !ok || !s.param || v.average == nil {
		return nil, false
	}
	return v.average.View(4*s.offset, s.operand.Bytes()), true
}

// gradients returns the arena of the gradients, laid out as the parameters.
func (v *Variables) gradients() (kernels.Buffer, error) {
	if v.grads == nil {
		var err error
		if v.grads, err = v.dev.Alloc(4 * v.n); err != nil {
			return nil, fmt.Errorf("graph: gradients: %w", err)
		}
	}
	return v.grads, nil
}

// Put places a data set on the device, or replaces one of the same type and
// shape. Programs read it through an input node of its name.
func (v *Variables) Put(name string, o kernels.Operand, data []byte) error {
	if len(data) != o.Bytes() {
		return fmt.Errorf("graph: data set %s has %d bytes, want %d for %v", name, len(data), o.Bytes(), o)
	}
	s, ok := v.slots[name]
	if slices.ContainsFunc(v.params, func(p *Param) bool { return p.Name == name }) {
		return fmt.Errorf("graph: data set %s: the name is taken by a variable", name)
	}
	if ok && (s.operand.DType != o.DType || !s.operand.Shape.Equal(o.Shape)) {
		return fmt.Errorf("graph: data set %s: the name is taken by a %v", name, s.operand)
	}
	if !ok {
		buffer, err := v.dev.Alloc(o.Bytes())
		if err != nil {
			return fmt.Errorf("graph: data set %s: %w", name, err)
		}
		s = slot{operand: o, buffer: buffer}
		v.slots[name] = s
	}
	return v.dev.Upload(s.buffer, data)
}

// PutPart replaces the bytes of a data set from offset on.
func (v *Variables) PutPart(name string, offset int, data []byte) error {
	s, ok := v.slots[name]
	if !ok || s.param || offset < 0 || offset+len(data) > s.operand.Bytes() {
		return fmt.Errorf("graph: data set %s has no room for %d bytes at %d", name, len(data), offset)
	}
	return v.dev.Upload(s.buffer.View(offset, len(data)), data)
}

// find returns the slot of a float32 variable.
func (v *Variables) find(name string) (slot, error) {
	s, ok := v.slots[name]
	if !ok || s.operand.DType != kernels.Float32 {
		return s, fmt.Errorf("graph: there is no variable %q", name)
	}
	return s, nil
}

// Get returns a copy of a variable's value.
func (v *Variables) Get(name string) ([]float32, error) {
	s, err := v.find(name)
	if err != nil {
		return nil, err
	}
	return v.read(s.buffer, s.operand.Shape.Size())
}

// Average returns a copy of a parameter's average, or of a fixed variable's
// value.
func (v *Variables) Average(name string) ([]float32, error) {
	if b, ok := v.averaged(name); ok {
		return v.read(b, b.Len()/4)
	}
	return v.Get(name)
}

// Set replaces a variable's value.
func (v *Variables) Set(name string, value []float32) error {
	s, err := v.find(name)
	if err != nil {
		return err
	}
	if len(value) != s.operand.Shape.Size() {
		return fmt.Errorf("graph: variable %s got %d elements, want %d for its shape %v", name, len(value), s.operand.Shape.Size(), s.operand.Shape)
	}
	return v.dev.Upload(s.buffer, bytesOf(value))
}

func (v *Variables) read(b kernels.Buffer, n int) ([]float32, error) {
	out := make([]float32, n)
	return out, v.dev.Download(bytesOf(out), b)
}
