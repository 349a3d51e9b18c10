package simd

import (
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// fence holds one mapping of memory between two unreadable pages.
type fence struct{ mem []byte }

// newFence makes room for n float32 values.
func newFence(t testing.TB, n int) *fence {
	page := os.Getpagesize()
	size := (4*n + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(mem) })
	for _, p := range [][]byte{mem[:page], mem[len(mem)-page:]} {
		if err := syscall.Mprotect(p, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return &fence{mem[page : len(mem)-page]}
}

// slice returns n values that touch the fence after them, or before them if
// front is set.
func (f *fence) slice(n int, front bool) []float32 {
	all := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(f.mem))), len(f.mem)/4)
	if front {
		return all[:n:n]
	}
	return all[len(all)-n:]
}

// bytes returns n bytes that touch the fence after them.
func (f *fence) bytes(n int) []byte { return f.mem[len(f.mem)-n:] }
