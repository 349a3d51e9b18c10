// Package metrics measures images, detectors, codes and distributions by numbers
// alone: it knows no model and no file. Each function names its formula, and its
// tests hold it to what scikit-learn, scikit-image and SciPy compute.
//
// Many vectors are one slice, row after row: n vectors of dim numbers are
// [n dim] in row-major order. Sums are taken in float64.
package metrics

import "fmt"

// rows returns the number of vectors of dim numbers in x.
func rows(what string, x []float32, dim int) (int, error) {
	if dim < 1 || len(x)%dim != 0 {
		return 0, fmt.Errorf("metrics: %s: %d numbers, want a multiple of the dimension, which is %d", what, len(x), dim)
	}
	return len(x) / dim, nil
}

// sameLength checks that two things that belong together are as many.
func sameLength(what string, got int, beside string, want int) error {
	if got != want {
		return fmt.Errorf("metrics: %d %s, want one for each of %d %s", got, what, want, beside)
	}
	return nil
}
