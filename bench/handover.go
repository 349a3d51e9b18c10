package bench

import (
	"fmt"
	"io"
	"path/filepath"

	"hourglass/data/disk"
	"hourglass/graph"
	"hourglass/kernels/cpu"
	"hourglass/models/export"
)

// The files that peers read.
const (
	weightsFile = "weights.safetensors" // every variable, under our names and in our layouts
	imagesFile  = "images.safetensors"  // images [N H W C] as bytes, noise [steps batch z]
)

// handOver writes what a peer starts a workload from to a folder.
func (w workload) handOver(folder string) error {
	dev, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		return err
	}
	defer dev.Close()
	b := graph.NewBuilder()
	w.on(b)
	if b.Err() != nil {
		return fmt.Errorf("bench: %s: %w", w.name, b.Err())
	}
	vars, err := newVariables(dev, b, 1)
	if err != nil {
		return err
	}
	var weights []export.Tensor
	for _, p := range b.Params() {
		value, err := vars.Get(p.Name)
		if err != nil {
			return err
		}
		t, err := export.NewTensor(p.Name, p.Shape, value)
		if err != nil {
			return err
		}
		weights = append(weights, t)
	}
	if err := writeTensors(filepath.Join(folder, weightsFile), weights); err != nil {
		return err
	}
	images := w.images()
	inputs := []export.Tensor{{Name: "images", DType: export.U8, Shape: images.shape, Data: images.pixels}}
	if shape, values := w.noise(); len(shape) > 0 {
		t, err := export.NewTensor("noise", shape, values)
		if err != nil {
			return err
		}
		inputs = append(inputs, t)
	}
	return writeTensors(filepath.Join(folder, imagesFile), inputs)
}

func writeTensors(path string, tensors []export.Tensor) error {
	return disk.WriteFile(path, func(w io.Writer) error {
		return export.WriteSafetensors(w, tensors, nil)
	})
}
