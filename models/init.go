package models

import (
	"math"

	"hourglass/graph"
	"hourglass/kernels"
)

// An Initializer returns the initial values of a layer's weight and bias for
// the layer's fans. Both are those of the layer in PyTorch and in Keras:
//
//	Dense            inputs       units
//	Conv2D           kh·kw·in     kh·kw·out
//	ConvTranspose2D  kh·kw·out    kh·kw·in
//
// The default of every layer is PyTorch.
type Initializer func(fanIn, fanOut int) (weight, bias graph.Init)

// PyTorch is the default of PyTorch's layers: weight and bias are uniform in
// ±1/√fanIn. For the weight that is Kaiming's with a = √5 (He et al., Delving
// Deep into Rectifiers, 2015).
func PyTorch(fanIn, _ int) (weight, bias graph.Init) {
	u := Uniform(1 / math.Sqrt(float64(fanIn)))
	return u, u
}

// Keras is the default of Keras's layers: the weight is uniform in
// ±√(6/(fanIn+fanOut)) (Glorot and Bengio, Understanding the difficulty of
// training deep feedforward neural networks, 2010), the bias 0.
func Keras(fanIn, fanOut int) (weight, bias graph.Init) {
	return Uniform(math.Sqrt(6 / float64(fanIn+fanOut))), Zeros
}

// Zeros sets every element to 0.
func Zeros(value []float32, _ uint64) { clear(value) }

// Ones sets every element to 1.
func Ones(value []float32, _ uint64) {
	for i := range value {
		value[i] = 1
	}
}

// Uniform draws from −bound to bound. Element i is a function of the key and i
// alone: the uniform number i of kernels.Noise at step 0, with the key as seed.
func Uniform(bound float64) graph.Init {
	return func(value []float32, key uint64) {
		noise := kernels.Noise{Dist: kernels.Uniform, Seed: key}
		for i := 0; i < len(value); i += 4 {
			for j, u := range noise.Four(0, uint64(i/4)) {
				if i+j < len(value) {
					value[i+j] = float32((2*u - 1) * bound)
				}
			}
		}
	}
}

// unitVariance is the start of batch normalisation's running statistics: means
// 0 in the first half, variances 1 in the second.
func unitVariance(value []float32, _ uint64) {
	half := len(value) / 2
	Zeros(value[:half], 0)
	Ones(value[half:], 0)
}
