//go:build gpu

package cuda

import (
	"testing"

	"hourglass/kernels/kernelstest"
)

// TestKernels holds the device to every case of the compliance suite, with
// products in float32; TestProducts has them on tensor cores.
func TestKernels(t *testing.T) {
	kernelstest.Run(t, openEmulated(t, Options{Precision: Float32}))
}
