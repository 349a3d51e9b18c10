package tasks

import (
	"fmt"
	"strings"

	"hourglass/kernels"
	"hourglass/models/train"
)

// Filters is what the units of a layer respond to, as pictures.
type Filters struct {
	Layer string // the variable that they come from: "encoder.0.weight"
	// N pictures of H×W places with C channels, one after the other. Of a convolution
	// of other than 1 or 3 input channels each channel of each filter is a picture of
	// its own, those of a filter side by side.
	N, H, W, C int
	// Values from 0 to 1: 0.5 is a weight of 0, and the largest of a picture in
	// magnitude is 0 or 1.
	Values []float32
}

// FilterLayers returns the variables of a model whose weights make pictures: the
// filters of convolutions, and dense layers whose input is the image itself.
func FilterLayers(r *train.Runner) ([]string, error) {
	weights, err := r.Weights()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, w := range weights {
		if _, _, ok := pictureShape(w.Name, w.Shape, r.Shape()); ok {
			names = append(names, w.Name)
		}
	}
	return names, nil
}

// pictureShape returns how many pictures the weights of a layer make, and their
// shape. Filters are [kh kw in out], dense weights [in out].
func pictureShape(name string, weights, image kernels.Shape) (n int, shape kernels.Shape, ok bool) {
	switch {
	case !strings.HasSuffix(name, ".weight"):
	case len(weights) == 4 && weights[0]*weights[1] > 1:
		if c := weights[2]; c == 1 || c == 3 {
			return weights[3], weights[:3], true
		}
		return weights[2] * weights[3], kernels.Shape{weights[0], weights[1], 1}, true
	case len(weights) == 2 && strings.HasPrefix(name, "encoder.") && weights[0] == image.Size() && (image[2] == 1 || image[2] == 3):
		return weights[1], image, true
	}
	return 0, nil, false
}

// FiltersOf returns the pictures of a layer of FilterLayers; of the first one if
// no name is given.
func FiltersOf(r *train.Runner, layer string) (*Filters, error) {
	names, err := FilterLayers(r)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("tasks: filters: no layer of the model %s makes pictures", r.Config().Name)
	}
	if layer == "" {
		layer = names[0]
	}
	weights, err := r.Weights()
	if err != nil {
		return nil, err
	}
	for _, w := range weights {
		n, shape, ok := pictureShape(w.Name, w.Shape, r.Shape())
		if w.Name != layer || !ok {
			continue
		}
		f := &Filters{Layer: layer, N: n, H: shape[0], W: shape[1], C: shape[2], Values: make([]float32, len(w.Data))}
		f.arrange(w.Data, w.Shape)
		f.normalise()
		return f, nil
	}
	return nil, fmt.Errorf("tasks: filters: %q is no layer that makes pictures, want one of %s", layer, strings.Join(names, ", "))
}

// arrange brings weights, of which the units are innermost, into the order of
// pictures.
func (f *Filters) arrange(weights []float32, shape kernels.Shape) {
	units := shape[len(shape)-1]
	places, channels := f.H*f.W, len(weights)/units/(f.H*f.W)
	for unit := range units {
		for place := range places {
			for c := range channels {
				to := (unit*places+place)*channels + c
				if f.C == 1 {
					to = (unit*channels+c)*places + place
				}
				f.Values[to] = weights[(place*channels+c)*units+unit]
			}
		}
	}
}

// normalise scales each picture to 0 … 1 about 0.5.
func (f *Filters) normalise() {
	size := f.H * f.W * f.C
	for from := 0; from < len(f.Values); from += size {
		largest := float32(0)
		for _, v := range f.Values[from : from+size] {
			largest = max(largest, v, -v)
		}
		for i := from; i < from+size; i++ {
			if largest > 0 {
				f.Values[i] /= largest
			}
			f.Values[i] = 0.5 + 0.5*f.Values[i]
		}
	}
}
