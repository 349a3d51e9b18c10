package main

import (
	"fmt"
	"path/filepath"

	"gorgonia.org/tensor"

	"hourglass/models/export"
)

// side and channels of the image next to the dense layers.
const side, channels = 7, 64

// arrays are our weights and images, in our layouts.
type arrays struct {
	weights map[string]export.Tensor
	images  export.Tensor
}

func read(folder string) (*arrays, error) {
	tensors, _, err := export.OpenSafetensors(filepath.Join(folder, "weights.safetensors"))
	if err != nil {
		return nil, err
	}
	a := &arrays{weights: map[string]export.Tensor{}}
	for _, t := range tensors {
		a.weights[t.Name] = t
	}
	if tensors, _, err = export.OpenSafetensors(filepath.Join(folder, "images.safetensors")); err != nil {
		return nil, err
	}
	for _, t := range tensors {
		if t.Name == "images" {
			a.images = t
		}
	}
	if len(a.images.Shape) != 4 || a.images.Shape[0]%batch != 0 {
		return nil, fmt.Errorf("images have shape %v, want batches of %d", a.images.Shape, batch)
	}
	return a, nil
}

// values returns a weight's values and shape.
func (a *arrays) values(name string, axes int) ([]float32, []int, error) {
	t, ok := a.weights[name]
	if !ok || len(t.Shape) != axes {
		return nil, nil, fmt.Errorf("there is no weight %s of %d axes", name, axes)
	}
	v, err := export.Values[float32](t)
	return v, t.Shape, err
}

// filter returns [kh kw in out], flipped, or [kh kw out in], as [out in kh kw].
func (a *arrays) filter(name string, flipped bool) (*tensor.Dense, error) {
	v, s, err := a.values(name, 4)
	if err != nil {
		return nil, err
	}
	kh, kw, outs, ins := s[0], s[1], s[2], s[3]
	if flipped {
		outs, ins = ins, outs
	}
	to := make([]float32, 0, len(v))
	for o := range outs {
		for i := range ins {
			for y := range kh {
				for x := range kw {
					if flipped {
						to = append(to, v[(((kh-1-y)*kw+kw-1-x)*ins+i)*outs+o])
					} else {
						to = append(to, v[((y*kw+x)*outs+o)*ins+i])
					}
				}
			}
		}
	}
	return tensor.New(tensor.WithShape(outs, ins, kh, kw), tensor.WithBacking(to)), nil
}

func (a *arrays) vector(name string, shape ...int) (*tensor.Dense, error) {
	v, _, err := a.values(name, 1)
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(v)), err
}

// dense returns weight [in out] and bias [1 out], with the image's side of them
// flipped and its channels first.
func (a *arrays) dense(name string, imageIn, imageOut bool) (weight, bias *tensor.Dense, err error) {
	w, s, err := a.values(name+".weight", 2)
	if err != nil {
		return nil, nil, err
	}
	b, _, err := a.values(name+".bias", 1)
	if err != nil {
		return nil, nil, err
	}
	rows, columns := places(s[0], imageIn), places(s[1], imageOut)
	var toW, toB []float32
	for _, r := range rows {
		for _, c := range columns {
			toW = append(toW, w[r*s[1]+c])
		}
	}
	for _, c := range columns {
		toB = append(toB, b[c])
	}
	return tensor.New(tensor.WithShape(s...), tensor.WithBacking(toW)), tensor.New(tensor.WithShape(1, s[1]), tensor.WithBacking(toB)), nil
}

// places tells where in our order of n numbers each of the peer's comes from.
func places(n int, image bool) []int {
	from := make([]int, 0, n)
	if !image {
		for i := range n {
			from = append(from, i)
		}
		return from
	}
	for c := range channels {
		for i := range side * side {
			from = append(from, (side*side-1-i)*channels+c)
		}
	}
	return from
}

// batches returns the images in [0, 1], flipped.
func (a *arrays) batches() []tensor.Tensor {
	s := a.images.Shape
	pixels := s[1] * s[2] // of one channel
	var all []tensor.Tensor
	for from := 0; from < s[0]; from += batch {
		to := make([]float32, 0, batch*pixels)
		for n := from; n < from+batch; n++ {
			for i := range pixels {
				to = append(to, float32(a.images.Data[n*pixels+pixels-1-i])/255)
			}
		}
		all = append(all, tensor.New(tensor.WithShape(batch, 1, s[1], s[2]), tensor.WithBacking(to)))
	}
	return all
}
