//go:build !linux

package kernelstest

// Fenced returns an allocator of plain memory: pages are protected on Linux
// only.
func Fenced(bool) func(n int) (mem []byte, free func(), err error) {
	return func(n int) ([]byte, func(), error) { return make([]byte, n), func() {}, nil }
}
