package cpu

import (
	"math"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

// TestStrideFilterGroups holds the filter's gradient of a batch whose tiles are
// cut into several groups to the sum of those of its images, for tiles that are
// four places wide and for such as are two. That of no image is zero.
func TestStrideFilterGroups(t *testing.T) {
	dev := open(t, Options{Threads: 2})
	for _, size := range []int{32, 30} {
		batch := func(n int) kernelstest.Case {
			return kernelstest.Case{
				Spec: kernels.Conv2DFilterGrad{Stride: [2]int{2, 2}, Pad: kernels.Same, KH: 3, KW: 3},
				In:   kernelstest.F32(kernels.Shape{n, size, size, 32}, kernels.Shape{n, size / 2, size / 2, 48}),
			}
		}
		const images = 24
		all := batch(images)
		in := all.Inputs(1)
		got := floats(t, resultOf(t, dev, all, in))
		want := make([]float64, len(got))
		for i := range images {
			one := batch(1)
			part := one.Inputs(1)
			for k := range part {
				n := len(part[k].Data)
				copy(part[k].Data, in[k].Data[i*n:])
			}
			for j, v := range floats(t, resultOf(t, dev, one, part)) {
				want[j] += float64(v)
			}
		}
		for i, w := range want {
			if d := math.Abs(float64(got[i]) - w); !(d <= 1e-3) { // of sums of about 80
				t.Fatalf("%d places: element %d is %g, the images' add up to %g", size/2, i, got[i], w)
			}
		}
		for i, v := range floats(t, result(t, dev, batch(0))) {
			if v != 0 {
				t.Fatalf("%d places: element %d of no image is %g", size/2, i, v)
			}
		}
	}
}
