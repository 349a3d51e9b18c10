//go:build gpu

package emulated

// #cgo LDFLAGS: -Wl,--as-needed -ldl
// #include <dlfcn.h>
// #include <stdlib.h>
//
// static const char *calls(const char *path) {
// 	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
// 	const char *(*text)(void) = library ? (const char *(*)(void))dlsym(library, "hourglass_calls") : NULL;
// 	return text ? text() : NULL;
// }
import "C"

import (
	"strconv"
	"strings"
	"testing"
	"unsafe"
)

// Calls returns how often each function of the emulated driver was called since
// the process began, but those that need no context.
func Calls(t testing.TB) map[string]int {
	t.Helper()
	Only(t)
	path := C.CString(Driver(t))
	defer C.free(unsafe.Pointer(path))
	text := C.calls(path)
	if text == nil {
		t.Fatal("the emulated driver does not count calls")
	}
	counts := map[string]int{}
	for line := range strings.Lines(C.GoString(text)) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		counts[name] = n
	}
	return counts
}
