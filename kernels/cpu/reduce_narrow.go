package cpu

import "hourglass/kernels/cpu/internal/simd"

// Sums over rows of a few channels fill no vector row by row, so several rows
// are taken for one.
const (
	mostNarrow     = 4  // channels
	narrowTogether = 32 // rows taken for one: whole vectors of any such width
)

// narrow reports whether the rows that are added have few channels and lie
// behind one another.
func (r *reduction) narrow() bool { return r.inner > 1 && r.inner <= mostNarrow && r.step == r.inner }

// sumNarrow adds rows of len(sum) elements, at most mostNarrow, to sum.
func sumNarrow(sum []float64, x []float32, rows int) {
	width := len(sum)
	var lanes [narrowTogether * mostNarrow]float64
	together := width * narrowTogether
	whole := rows / narrowTogether
	simd.SumRows(lanes[:together], x, together, whole)
	for i := range narrowTogether {
		for c := range sum {
			sum[c] += lanes[i*width+c]
		}
	}
	rest := whole * narrowTogether
	simd.SumRows(sum, x[rest*width:], width, rows-rest)
}
