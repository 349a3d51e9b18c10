package kernelstest

import (
	"fmt"
	"os"
	"syscall"
)

// Fenced returns an allocator of zeroed memory with an unreadable page on each
// side, so that a kernel that reads or writes outside a buffer faults. Memory
// starts at a page's start if front is set, and otherwise ends at a page's end.
func Fenced(front bool) func(n int) (mem []byte, free func(), err error) {
	return func(n int) ([]byte, func(), error) {
		page := os.Getpagesize()
		size := (n + page - 1) / page * page
		all, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			return nil, nil, fmt.Errorf("mapping %d bytes between fences: %w", n, err)
		}
		for _, fence := range [][]byte{all[:page], all[page+size:]} {
			if err := syscall.Mprotect(fence, syscall.PROT_NONE); err != nil {
				return nil, nil, fmt.Errorf("protecting a fence: %w", err)
			}
		}
		from := page
		if !front {
			from += size - n
		}
		return all[from : from+n : from+n], func() { syscall.Munmap(all) }, nil
	}
}
