//go:build !gpu

package models

import (
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/cpu"
)

// device returns a CPU device that lives as long as the test.
func device(t testing.TB) kernels.Device {
	t.Helper()
	dev, err := cpu.New(cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	return dev
}
