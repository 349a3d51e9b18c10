package cpu

import "hourglass/kernels"

// reference returns a launch that widens the operands to float64, runs the
// Spec's own reference and narrows the result.
func reference(s kernels.Spec, out kernels.Operand, in []kernels.Operand) kernels.Launch {
	result := kernels.NewArray(out.Shape)
	args := make([]kernels.Array, len(in))
	for i, o := range in {
		args[i] = kernels.NewArray(o.Shape)
	}
	return kernels.Launch{Run: func(to kernels.Buffer, from []kernels.Buffer, _ kernels.Buffer) {
		for i, b := range from {
			widen(args[i].Data, b.(*memory).bytes, in[i].DType)
		}
		s.Ref(result, args...)
		narrow(to.(*memory).bytes, result.Data, out.DType)
	}}
}

func widen(to []float64, from []byte, t kernels.DType) {
	switch t {
	case kernels.Float32:
		convert(to, view[float32](from))
	case kernels.Float64:
		copy(to, view[float64](from))
	case kernels.Int32:
		convert(to, view[int32](from))
	case kernels.Uint8:
		convert(to, from)
	}
}

func narrow(to []byte, from []float64, t kernels.DType) {
	switch t {
	case kernels.Float32:
		convert(view[float32](to), from)
	case kernels.Float64:
		copy(view[float64](to), from)
	case kernels.Int32:
		convert(view[int32](to), from)
	case kernels.Uint8:
		convert(to, from)
	}
}

func convert[T, F float32 | float64 | int32 | uint8](to []T, from []F) {
	for i := range to {
		to[i] = T(from[i])
	}
}
