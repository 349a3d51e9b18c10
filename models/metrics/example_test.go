package metrics_test

import (
	"fmt"

	"hourglass/models/metrics"
)

// A detector gives anomalies higher scores than normal samples: how often?
func ExampleAUROC() {
	scores := []float64{0.1, 0.2, 0.3, 0.9}
	anomalous := []bool{false, true, false, true}
	area, err := metrics.AUROC(scores, anomalous)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(area)
	// Output: 0.75
}

// Four points along a line have one direction of variance.
func ExampleMoments_PCA() {
	var m metrics.Moments
	for _, batch := range [][]float32{{0, 0, 1, 1}, {2, 2, 3, 3}} { // as they come from a file
		if err := m.Add(batch, 2); err != nil {
			fmt.Println(err)
			return
		}
	}
	p, err := m.PCA(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f explains %.0f%%\n", p.Components.RawRowView(0), 100*p.Variance[0]/p.Total)
	// Output: [0.707 0.707] explains 100%
}

// The nearest two of three points.
func ExampleIndex_Nearest() {
	index, err := metrics.NewIndex([]float32{0, 0, 3, 4, 1, 0}, 2, metrics.Euclidean)
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := index.Nearest([]float32{0, 0}, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range found[0] {
		fmt.Println(n.Index, n.Distance)
	}
	// Output:
	// 0 0
	// 2 1
}
