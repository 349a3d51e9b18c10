package torch

import (
	"fmt"
	"slices"
	"strings"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
	"hourglass/models/export"
)

// entry is a tensor of a state_dict, and how its elements lie in a variable of
// ours: element [i j …] of dims, row-major in the tensor, is at offset + i·strides[0]
// + j·strides[1] + … of the variable.
type entry struct {
	name    string
	shape   []int
	from    string // the variable; "" for PyTorch's counter of batches
	dims    []int
	strides []int
	offset  int
}

// counter is the state of a BatchNorm that counts its batches. Hourglass keeps
// none, and with a momentum PyTorch does not read it.
const counter = "num_batches_tracked"

// StateDict returns the variables of a model as PyTorch's module has them, in its
// order. The weights are one array for each variable, in any order.
func StateDict(m models.Model, weights []graph.Array) ([]export.Tensor, error) {
	entries, err := stateDict(m)
	if err != nil {
		return nil, err
	}
	byName := map[string]graph.Array{}
	for _, w := range weights {
		byName[w.Name] = w
	}
	var all []export.Tensor
	for _, e := range entries {
		var t export.Tensor
		if e.from == "" {
			t, err = export.NewTensor(e.name, e.shape, []int64{0})
		} else {
			source, ok := byName[e.from]
			if !ok || len(source.Data) != source.Shape.Size() {
				return nil, fmt.Errorf("torch: there is no value for the variable %s", e.from)
			}
			values := make([]float32, kernels.Shape(e.dims).Size())
			e.each(func(i, at int) { values[i] = source.Data[at] })
			t, err = export.NewTensor(e.name, e.shape, values)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// Weights returns the variables of a model from the tensors of a state_dict of
// the same architecture, in any order: the inverse of StateDict. Tensors of
// float64 are rounded. The first that is missing, has another shape or is none of
// the model's is an error that tells what was wanted.
func Weights(m models.Model, tensors []export.Tensor) ([]graph.Array, error) {
	a, err := open(m)
	if err != nil {
		return nil, err
	}
	entries, err := a.entries()
	if err != nil {
		return nil, err
	}
	if err := match(m.Config().Name, entries, tensors); err != nil {
		return nil, err
	}
	byName := map[string]export.Tensor{}
	for _, t := range tensors {
		byName[t.Name] = t
	}
	into := map[string][]float32{}
	var all []graph.Array
	for _, p := range a.params {
		into[p.Name] = make([]float32, p.Shape.Size())
		all = append(all, graph.Array{Name: p.Name, Shape: p.Shape, Data: into[p.Name]})
	}
	for _, e := range entries {
		if e.from == "" {
			continue
		}
		values, err := floats(byName[e.name])
		if err != nil {
			return nil, err
		}
		e.each(func(i, at int) { into[e.from][at] = values[i] })
	}
	return all, nil
}

// match holds the names and shapes of tensors to those that are wanted.
func match(model string, entries []entry, tensors []export.Tensor) error {
	got := map[string]export.Tensor{}
	for _, t := range tensors {
		got[t.Name] = t
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.name)
		t, ok := got[e.name]
		switch {
		case !ok && e.from == "":
		case !ok:
			return fmt.Errorf("torch: %s wants a tensor %s %v, and there is none of that name%s", model, e.name, e.shape, others(entries, tensors))
		case e.from != "" && !slices.Equal(t.Shape, e.shape):
			return fmt.Errorf("torch: %s has the shape %v, %s wants %v", e.name, t.Shape, model, e.shape)
		}
	}
	for _, t := range tensors {
		if !slices.Contains(names, t.Name) {
			return fmt.Errorf("torch: %s %v is none of the %d tensors of %s: %s", t.Name, t.Shape, len(names), model, listed(names))
		}
	}
	return nil
}

// others tells the names of tensors that are not wanted: the wanted one may be
// among them.
func others(entries []entry, tensors []export.Tensor) string {
	var names []string
	for _, t := range tensors {
		if !slices.ContainsFunc(entries, func(e entry) bool { return e.name == t.Name }) {
			names = append(names, t.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; not known are " + listed(names)
}

// listed joins names, of many the first.
func listed(names []string) string {
	const most = 6
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// floats returns the elements of a tensor as float32.
func floats(t export.Tensor) ([]float32, error) {
	switch t.DType {
	case export.F32:
		return export.Values[float32](t)
	case export.F64:
		wide, err := export.Values[float64](t)
		if err != nil {
			return nil, err
		}
		out := make([]float32, len(wide))
		for i, v := range wide {
			out[i] = float32(v)
		}
		return out, nil
	}
	return nil, fmt.Errorf("torch: %s holds %s, want F32 or F64: save model.float().state_dict()", t.Name, t.DType)
}

// each calls f with the place of every element in the tensor and in the variable.
func (e entry) each(f func(i, at int)) {
	index, at := make([]int, len(e.dims)), e.offset
	for i := range kernels.Shape(e.dims).Size() {
		f(i, at)
		for axis := len(e.dims) - 1; axis >= 0; axis-- {
			index[axis]++
			at += e.strides[axis]
			if index[axis] < e.dims[axis] {
				break
			}
			at -= e.strides[axis] * e.dims[axis]
			index[axis] = 0
		}
	}
}

// stateDict returns the tensors of a model.
func stateDict(m models.Model) ([]entry, error) {
	a, err := open(m)
	if err != nil {
		return nil, err
	}
	return a.entries()
}

// entries returns the tensors of all modules, and the variables beside them as
// they are: the codebook, and a likelihood's deviation.
func (a *architecture) entries() ([]entry, error) {
	shapes := map[string]kernels.Shape{}
	for _, p := range a.params {
		shapes[p.Name] = p.Shape
	}
	var all []entry
	known := map[string]bool{}
	for _, part := range a.parts {
		for _, m := range a.modules[part] {
			for _, e := range m.entries(shapes) {
				all = append(all, e)
				known[e.from] = true
			}
		}
	}
	for _, p := range a.params {
		if !known[p.Name] {
			all = append(all, entry{name: p.Name, shape: p.Shape, from: p.Name, dims: p.Shape, strides: p.Shape.Strides()})
		}
	}
	for _, e := range all {
		if e.from != "" && shapes[e.from] == nil {
			return nil, fmt.Errorf("torch: the model has no variable %s", e.from)
		}
	}
	return all, nil
}

// entries returns the tensors of a module, given the shapes of the variables.
func (m module) entries(shapes map[string]kernels.Shape) []entry {
	name := m.name()
	of := func(tensor, from string, dims, strides []int) entry {
		return entry{name: name + "." + tensor, shape: dims, from: name + "." + from, dims: dims, strides: strides}
	}
	var all []entry
	switch m.layer.(type) {
	case models.Dense:
		in, inStrides := spread(m.in[0], m.inOrder)
		out, outStrides := spread(m.out[0], m.outOrder)
		for i := range inStrides {
			inStrides[i] *= m.out[0]
		}
		weight := of("weight", "weight", append(slices.Clone(out), in...), append(slices.Clone(outStrides), inStrides...))
		weight.shape = []int{m.out[0], m.in[0]}
		bias := of("bias", "bias", out, outStrides)
		bias.shape = []int{m.out[0]}
		all = append(all, weight, bias)
	case models.Conv2D, models.ConvTranspose2D: // [KH KW I O] to [O I KH KW]
		s := shapes[name+".weight"]
		own := s.Strides()
		all = append(all, of("weight", "weight", []int{s[3], s[2], s[0], s[1]}, []int{own[3], own[2], own[0], own[1]}),
			of("bias", "bias", []int{m.out[2]}, []int{1}))
	case models.BatchNorm, models.GroupNorm:
		channels := m.in[len(m.in)-1]
		dims, strides := spread(channels, m.inOrder)
		names := []string{"weight", "bias"}
		if _, ok := m.layer.(models.BatchNorm); ok {
			names = append(names, "running_mean", "running_var")
		}
		for i, tensor := range names {
			e := of(tensor, tensor, dims, strides)
			e.shape = []int{channels}
			if i >= 2 {
				e.from, e.offset = name+".running", (i-2)*channels
			}
			all = append(all, e)
		}
		if len(names) > 2 {
			all = append(all, entry{name: name + "." + counter, shape: []int{}})
		}
	}
	return slices.DeleteFunc(all, func(e entry) bool { // a layer may have no bias
		return strings.HasSuffix(e.name, ".bias") && shapes[e.from] == nil
	})
}

// spread returns the axes of n units and how far apart their elements are: of
// those in the order of an image, channels first.
func spread(n int, order kernels.Shape) (dims, strides []int) {
	if order == nil {
		return []int{n}, []int{1}
	}
	h, w, c := order[0], order[1], order[2]
	return []int{c, h, w}, []int{1, w * c, c}
}
