package graph

import (
	"encoding/binary"
	"math"
	"unsafe"

	"hourglass/kernels"
)

// bytesOf returns the memory of s.
func bytesOf[T float32 | int32](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}

// encode returns the bytes of the numbers as elements of type t, in the host's
// order, which devices share.
func encode(from []float64, t kernels.DType) []byte {
	to := make([]byte, 0, len(from)*t.Size())
	for _, v := range from {
		switch t {
		case kernels.Float32:
			to = binary.NativeEndian.AppendUint32(to, math.Float32bits(float32(v)))
		case kernels.Float64:
			to = binary.NativeEndian.AppendUint64(to, math.Float64bits(v))
		case kernels.Int32:
			to = binary.NativeEndian.AppendUint32(to, uint32(int32(v)))
		case kernels.Uint8:
			to = append(to, uint8(v))
		}
	}
	return to
}

// decode returns the numbers that b holds as elements of type t.
func decode(b []byte, t kernels.DType) []float64 {
	to := make([]float64, len(b)/t.Size())
	for i := range to {
		at := b[i*t.Size():]
		switch t {
		case kernels.Float32:
			to[i] = float64(math.Float32frombits(binary.NativeEndian.Uint32(at)))
		case kernels.Float64:
			to[i] = math.Float64frombits(binary.NativeEndian.Uint64(at))
		case kernels.Int32:
			to[i] = float64(int32(binary.NativeEndian.Uint32(at)))
		case kernels.Uint8:
			to[i] = float64(at[0])
		}
	}
	return to
}
