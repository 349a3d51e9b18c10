//go:build gpu

package models

import (
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/cuda"
	"hourglass/kernels/cuda/cudatest"
)

// device returns a CUDA device that lives as long as the test: with the tag gpu
// the tests of this package are about that.
func device(t testing.TB) kernels.Device {
	t.Helper()
	return cudatest.Open(t, cuda.Options{Precision: cuda.Float32})
}
