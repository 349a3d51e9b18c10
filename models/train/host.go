package train

import (
	"fmt"

	"hourglass/graph"
	"hourglass/kernels"
)

// hostBytes returns about how much memory training takes for each weight on a
// device that computes in the host's, by measurement: rows of weights, moments
// and average, the gradient, what products pack, and, for the test in the end,
// the best weights twice, as they are read and on the device.
func hostBytes(rows int) int64 { return 4 * int64(rows+4) }

// checkHost returns an error if the weights would take more than three quarters
// of the host's memory, unless that is 0, not known: it might end the process in
// the middle of a run. A device with memory of its own says itself what it cannot
// hold.
func checkHost(dev kernels.Device, params []*graph.Param, rows int, memory int64) error {
	if _, ok := dev.(kernels.Bounded); ok || memory == 0 {
		return nil
	}
	weights := int64(0)
	for _, p := range params {
		weights += int64(p.Shape.Size())
	}
	if need := weights * hostBytes(rows); need > memory/4*3 {
		const gib = 1 << 30
		return fmt.Errorf("train: %d weights take about %.1f GiB with gradients, the optimizer's state and the best weights for the test, this machine has %.1f GiB: "+
			"want fewer, by a smaller latent, narrower layers or smaller images", weights, float64(need)/gib, float64(memory)/gib)
	}
	return nil
}
