// Package torch hands models to PyTorch and takes them back: weights under the
// names and in the layouts of a state_dict, and the code of the module that loads
// them.
//
//	tensors, err := torch.StateDict(model, weights) // for export.WriteSafetensors
//	code, err := torch.Code(model)                  // model.py
//	weights, err := torch.Weights(model, tensors)   // and back
//
// PyTorch's images are [N C H W] and ours [N H W C], so filters lose their HWIO
// for OIHW, dense layers [in, out] become [out, in], and those before and behind
// an image that was flattened, or is made of numbers, have their units in the
// order of channels first. Codes are the same numbers in the same order.
package torch

import (
	"fmt"
	"slices"
	"strconv"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
)

// module is a layer at its place in a model.
type module struct {
	part    string // encoder, decoder, …
	index   int    // in a Sequential, -1 for a layer by itself
	layer   models.Layer
	in, out kernels.Shape // [H W C] or [units]
	// Units come in, or go out, in the order of the elements of an image of this
	// shape [H W C], channels first; nil for an order that is the same here and
	// in PyTorch.
	inOrder, outOrder kernels.Shape
}

// name returns the name of the module in a state_dict.
func (m module) name() string {
	if m.index < 0 {
		return m.part
	}
	return m.part + "." + strconv.Itoa(m.index)
}

// architecture is a model taken apart.
type architecture struct {
	model   models.Model
	parts   []string
	modules map[string][]module // by part
	params  []*graph.Param
}

// open takes a model apart. Models that do not tell their layers are an error.
func open(m models.Model) (*architecture, error) {
	b := graph.NewBuilder()
	parts := models.Parts(m.On(b))
	if b.Err() != nil {
		return nil, b.Err()
	}
	name := m.Config().Name
	if parts == nil {
		return nil, fmt.Errorf("torch: the model %s does not tell its layers: only models of package models can be written in PyTorch; ONNX takes any", name)
	}
	a := &architecture{model: m, modules: map[string][]module{}, params: b.Params()}
	var features kernels.Shape // the order of what the encoder gives
	for _, p := range parts {
		order := kernels.Shape(nil)
		if p.Name == "mean" || p.Name == "logvar" {
			order = features
		}
		modules, end, err := modulesOf(p, order)
		if err != nil {
			return nil, fmt.Errorf("torch: %s: %s: %w", name, p.Name, err)
		}
		if p.Name == "encoder" {
			features = end
		}
		a.parts, a.modules[p.Name] = append(a.parts, p.Name), modules
	}
	return a, nil
}

// modulesOf returns the layers of a part whose units come in in the given order,
// and the order in which they go out.
func modulesOf(p models.Part, order kernels.Shape) ([]module, kernels.Shape, error) {
	layers, in := models.Serial{p.Layer}, p.In
	serial, isSerial := p.Layer.(models.Serial)
	if isSerial {
		layers = serial
	}
	var all []module
	for i, layer := range layers {
		b := graph.NewBuilder()
		_, out := layer.On(b, in)
		if b.Err() != nil {
			return nil, nil, b.Err()
		}
		m := module{part: p.Name, index: i, layer: layer, in: in, out: out, inOrder: order}
		if !isSerial {
			m.index = -1
		}
		var err error
		if m.outOrder, err = orderBehind(m, layers[i+1:]); err != nil {
			return nil, nil, fmt.Errorf("layer %d: %w", i, err)
		}
		all, in, order = append(all, m), out, m.outOrder
	}
	return all, order, nil
}

// orderBehind returns the order of the units that a layer gives.
func orderBehind(m module, next []models.Layer) (kernels.Shape, error) {
	switch l := m.layer.(type) {
	case models.Dense:
		return wanted(next), nil
	case models.Flatten:
		return mixed(m.in), nil
	case models.Reshape:
		switch {
		case len(l.To) == 1 && len(m.in) == 3:
			return mixed(m.in), nil
		case len(l.To) == 3 && len(m.in) == 1:
			if want := mixed(l.To); !slices.Equal(want, m.inOrder) {
				return nil, fmt.Errorf("reshapes units to %v that no dense layer gives in the order of PyTorch", l.To)
			}
			return nil, nil
		}
		return nil, fmt.Errorf("reshape %v to %v has no counterpart in PyTorch, whose images are channels first", m.in, l.To)
	case models.GroupNorm:
		if m.inOrder != nil {
			return nil, fmt.Errorf("group normalisation of the units of an image %v has no counterpart in PyTorch", m.inOrder)
		}
	}
	if len(m.in) == 1 {
		return m.inOrder, nil
	}
	return nil, nil
}

// wanted returns the order in which the layers behind a dense one want its units.
func wanted(next []models.Layer) kernels.Shape {
	for _, layer := range next {
		switch l := layer.(type) {
		case models.Activation, models.Dropout, models.BatchNorm, models.GroupNorm:
		case models.Reshape:
			return mixed(l.To)
		default:
			return nil
		}
	}
	return nil
}

// mixed returns the shape of an image whose elements come in another order when
// its channels come first, else nil.
func mixed(image kernels.Shape) kernels.Shape {
	if len(image) != 3 || image[2] == 1 || image[0]*image[1] == 1 {
		return nil
	}
	return image
}
