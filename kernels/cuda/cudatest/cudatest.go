//go:build gpu

// Package cudatest opens CUDA devices for tests: of the emulated driver, or of
// the machine where the environment variable HOURGLASS_TEST_GPU is set.
package cudatest

import (
	"testing"

	"hourglass/kernels/cuda"
	"hourglass/kernels/cuda/driver"
	"hourglass/kernels/cuda/emulated"
)

// Load makes the driver the process's.
func Load(t testing.TB) {
	t.Helper()
	if err := driver.Load(emulated.Driver(t)); err != nil {
		t.Fatal(err)
	}
}

// Open returns a device that lives as long as the test.
func Open(t testing.TB, o cuda.Options) *cuda.Device {
	t.Helper()
	Load(t)
	d, err := cuda.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}
