//go:build !linux

package simd

import "testing"

// fence is plain memory where the tests have no way to protect pages; the
// slices still have exact lengths.
type fence struct{ mem []float32 }

func newFence(_ testing.TB, n int) *fence { return &fence{make([]float32, n)} }

func (f *fence) slice(n int, front bool) []float32 {
	if front {
		return f.mem[:n:n]
	}
	return f.mem[len(f.mem)-n:]
}

func (f *fence) bytes(n int) []byte { return make([]byte, n) }
