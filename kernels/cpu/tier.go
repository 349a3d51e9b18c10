package cpu

import "hourglass/kernels/cpu/internal/simd"

// Tier returns the name of the instructions that the inner loops use, avx512,
// avx2 or generic. It is an error if the environment variable HOURGLASS_CPU
// asks for ones that are not there.
func Tier() (string, error) {
	t, err := simd.Active()
	return t.String(), err
}
