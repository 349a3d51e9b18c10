package cpu

import (
	"bytes"
	"math"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

// TestSetup holds Setup, which a thread calls once, to read no batch, and
// Serial to give the bits of Run for any part of a batch after it.
func TestSetup(t *testing.T) {
	same := [2]int{2, 2}
	w := kernels.Shape{3, 3, 80, 70}
	bias := kernels.Epilogue{Bias: true, Fn: kernels.ReLU}
	tanh := kernels.Epilogue{Bias: true, Fn: kernels.Tanh}
	image := func(n, h, w, c int) kernels.Shape { return kernels.Shape{n, h, w, c} }
	for _, try := range []struct {
		spec        kernels.Spec
		whole, part kernels.Shape
		rest        []kernels.Shape
	}{
		{kernels.Conv2D{Stride: same, Pad: kernels.Same, Epilogue: bias}, image(6, 9, 8, 80), image(2, 9, 8, 80), []kernels.Shape{w, {70}}},
		{kernels.Conv2D{Pad: kernels.Same}, image(6, 5, 8, 8), image(2, 5, 8, 8), []kernels.Shape{{3, 3, 8, 2}}},
		{kernels.Conv2DInputGrad{Stride: same, Pad: kernels.Same, H: 9, W: 8, Epilogue: bias}, image(6, 5, 4, 70), image(2, 5, 4, 70), []kernels.Shape{w, {80}}},
		// One image, whose channels are cut into tasks.
		{kernels.Conv2D{Stride: same, Pad: kernels.Same, Epilogue: tanh}, image(12, 14, 14, 33), image(1, 14, 14, 33), []kernels.Shape{{5, 5, 33, 70}, {70}}},
		{kernels.Conv2DInputGrad{Pad: kernels.Same, H: 14, W: 14, Epilogue: tanh}, image(12, 14, 14, 70), image(1, 14, 14, 70), []kernels.Shape{{5, 5, 33, 70}, {33}}},
		{kernels.Conv2D{Stride: same, Pad: kernels.Same, Epilogue: bias}, image(6, 18, 16, 32), image(2, 18, 16, 32), []kernels.Shape{{3, 3, 32, 48}, {48}}},
		{kernels.Conv2DInputGrad{Stride: same, Pad: kernels.Same, H: 18, W: 16, Epilogue: bias}, image(6, 9, 8, 48), image(2, 9, 8, 48), []kernels.Shape{{3, 3, 32, 48}, {32}}},
		// First and last layers, some images at a time.
		{kernels.Conv2D{Pad: kernels.Same, Epilogue: bias}, image(6, 9, 17, 1), image(2, 9, 17, 1), []kernels.Shape{{3, 3, 1, 32}, {32}}},
		{kernels.Conv2DInputGrad{Pad: kernels.Same, H: 9, W: 17, Epilogue: bias}, image(6, 9, 17, 32), image(2, 9, 17, 32), []kernels.Shape{{3, 3, 1, 32}, {1}}},
		{kernels.Conv2DInputGrad{Stride: same, Pad: kernels.Same, H: 18, W: 16, Epilogue: tanh}, image(6, 9, 8, 32), image(2, 9, 8, 32), []kernels.Shape{{3, 3, 3, 32}, {3}}},
		{kernels.MatMul{Epilogue: bias}, kernels.Shape{60, 40}, kernels.Shape{20, 40}, []kernels.Shape{{40, 90}, {90}}},
		{kernels.MatMul{TransB: true}, kernels.Shape{60, 40}, kernels.Shape{20, 40}, []kernels.Shape{{90, 40}}},
		{kernels.MatMul{}, kernels.Shape{60, 40}, kernels.Shape{20, 40}, []kernels.Shape{{40, 3}}},
	} {
		t.Run(try.spec.Name(), func(t *testing.T) {
			dev := open(t, Options{Threads: 2})
			c := kernelstest.Case{Spec: try.spec, In: kernelstest.F32(append([]kernels.Shape{try.whole}, try.rest...)...)}
			want := result(t, dev, c)

			in := c.Inputs(1)
			parts := try.whole[0] / try.part[0]
			got := serially(t, dev, try.spec, try.part, in, parts)
			if !bytes.Equal(got, want) {
				t.Errorf("Setup, then Serial for each of %d parts of the batch, give other bits than Run", parts)
			}
		})
	}
}

// serially computes s on the parts of the first operand in turn, on one thread,
// with one Setup that sees no batch.
func serially(t *testing.T, dev *Device, s kernels.Spec, part kernels.Shape, in []kernels.Array, parts int) (result []byte) {
	t.Helper()
	alloc := func(bytes int) kernels.Buffer {
		b, err := dev.Alloc(bytes)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	upload := func(to kernels.Buffer, values []float64) {
		if err := dev.Upload(to, kernelstest.Encode(kernels.Float32, values)); err != nil {
			t.Fatal(err)
		}
	}
	ops := []kernels.Operand{{Shape: part}}
	var buffers []kernels.Buffer
	for _, a := range in[1:] {
		ops = append(ops, kernels.Operand{Shape: a.Shape})
	}
	out, err := kernels.Infer(s, ops...)
	if err != nil {
		t.Fatal(err)
	}
	l, err := dev.Prepare(s, out, ops...)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range ops {
		buffers = append(buffers, alloc(o.Bytes()))
		if i > 0 {
			upload(buffers[i], in[i].Data)
		}
	}
	to, work := alloc(out.Bytes()), alloc(l.Workspace)
	upload(buffers[0], []float64{math.NaN()})
	l.Setup(1, to, buffers, work)
	for i := range parts {
		upload(buffers[0], in[0].Data[i*part.Size():][:part.Size()])
		l.Serial(1, to, buffers, work)
		mem := make([]byte, out.Bytes())
		if err := dev.Download(mem, to); err != nil {
			t.Fatal(err)
		}
		result = append(result, mem...)
	}
	return result
}
