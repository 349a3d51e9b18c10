package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/pkg/core/tensors"
)

// array is a tensor of a safetensors file.
type array struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
	data    []byte
}

// open reads a file that bench has just written.
func open(folder, name string) (map[string]array, error) {
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return nil, err
	}
	if len(text) < 8 {
		return nil, fmt.Errorf("%s: %d bytes, want at least 8", name, len(text))
	}
	n := binary.LittleEndian.Uint64(text)
	if n > uint64(len(text)-8) {
		return nil, fmt.Errorf("%s: cut short", name)
	}
	all := map[string]array{}
	if err := json.Unmarshal(text[8:8+n], &all); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for key, a := range all {
		if a.Offsets[0] < 0 || a.Offsets[1] < a.Offsets[0] || a.Offsets[1] > len(text)-8-int(n) {
			return nil, fmt.Errorf("%s: %s lies outside the file", name, key)
		}
		a.data = text[8+int(n):][a.Offsets[0]:a.Offsets[1]]
		all[key] = a
	}
	return all, nil
}

// tensor returns float32 values.
func (a array) tensor() *tensors.Tensor {
	values := make([]float32, len(a.data)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(a.data[4*i:]))
	}
	return tensors.FromFlatDataAndDimensions(values, a.Shape...)
}

// batches returns images [N H W 1] in [0, 1].
func (a array) batches() []*tensors.Tensor {
	size := a.Shape[1] * a.Shape[2] * a.Shape[3]
	var all []*tensors.Tensor
	for from := 0; from+batch <= a.Shape[0]; from += batch {
		values := make([]float32, batch*size)
		for i := range values {
			values[i] = float32(a.data[from*size+i]) / 255
		}
		all = append(all, tensors.FromFlatDataAndDimensions(values, batch, a.Shape[1], a.Shape[2], a.Shape[3]))
	}
	return all
}
