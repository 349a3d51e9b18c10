package cpu

import (
	"unsafe"

	"hourglass/kernels"
)

// memory is a buffer of host memory, with the views that kernels read made
// once.
type memory struct {
	bytes []byte
	f32   []float32
}

func newMemory(b []byte) *memory { return &memory{bytes: b, f32: view[float32](b)} }

// Len returns the size in bytes.
func (m *memory) Len() int { return len(m.bytes) }

// View returns a part of the buffer that shares its memory.
func (m *memory) View(offset, bytes int) kernels.Buffer {
	return newMemory(m.bytes[offset : offset+bytes : offset+bytes])
}

// Bytes returns the memory itself: host operations work on it in place.
func (m *memory) Bytes() []byte { return m.bytes }

// view returns the elements of type T that b holds.
func view[T float32 | float64 | int32](b []byte) []T {
	n := len(b) / int(unsafe.Sizeof(T(0)))
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)
}
