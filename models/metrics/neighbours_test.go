package metrics

import "testing"

// TestVisitPanics has a visitor panic on whatever goroutine it is on: the caller
// sees it.
func TestVisitPanics(t *testing.T) {
	const n = 700
	points := make([]float32, n)
	for i := range points {
		points[i] = float32(i)
	}
	x, err := NewIndex(points, 1, Euclidean)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []int{0, 300, n - 1} {
		func() {
			defer func() {
				if fault := recover(); fault != "lost" {
					t.Errorf("query %d: the caller sees %v", bad, fault)
				}
			}()
			x.each(points, func(i int, _ []float64) {
				if i == bad {
					panic("lost")
				}
			})
		}()
	}
}
