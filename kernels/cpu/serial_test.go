package cpu

import (
	"math"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

// TestSerialAdd holds the launches that can add to their result to Run: what
// they leave is the old contents plus Run's result, to rounding.
func TestSerialAdd(t *testing.T) {
	dev := open(t, Options{Threads: 1})
	adding := map[string]bool{}
	for _, c := range kernelstest.Cases() {
		out, err := kernels.Infer(c.Spec, c.In...)
		if err != nil {
			t.Fatal(err)
		}
		l, err := dev.Prepare(c.Spec, out, c.In...)
		if err != nil || l.SerialAdd == nil || out.Shape.Size() > 1<<16 {
			continue
		}
		adding[c.Spec.Name()] = true
		want := floats(t, result(t, dev, c))
		in := make([]kernels.Buffer, len(c.In))
		for i, a := range c.Inputs(1) {
			in[i] = filledBuffer(t, dev, kernelstest.Encode(c.In[i].DType, a.Data))
		}
		old := make([]float64, len(want))
		for i := range old {
			old[i] = float64(i%7) - 3
		}
		sum := filledBuffer(t, dev, kernelstest.Encode(kernels.Float32, old))
		work := filledBuffer(t, dev, make([]byte, l.Workspace))
		l.Setup(0, sum, in, work)
		l.SerialAdd(0, sum, in, work)
		for i, got := range sum.(*memory).f32 {
			w := old[i] + float64(want[i])
			if diff := float64(got) - w; !(math.Abs(diff) <= 1e-4*(10+math.Abs(float64(want[i])))) {
				t.Errorf("%v: element %d is %v, want %v", c, i, got, w)
				break
			}
		}
	}
	for _, name := range []string{"conv2dfiltergrad", "matmul"} {
		if !adding[name] {
			t.Errorf("no case of %s adds", name)
		}
	}
}

func filledBuffer(t *testing.T, dev *Device, data []byte) kernels.Buffer {
	t.Helper()
	b, err := dev.Alloc(len(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := dev.Upload(b, data); err != nil {
		t.Fatal(err)
	}
	return b
}

func floats(t *testing.T, b []byte) []float32 {
	t.Helper()
	return view[float32](b)
}
