package cpu

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
	"hourglass/kernels/kernelstest"
)

// multiplying is an operation whose two first operands are rounded: its
// reference rounds them, too. Held to it, a device must err no more than
// float32 sums do.
type multiplying struct{ kernels.Spec }

func (s multiplying) Ref(out kernels.Array, in ...kernels.Array) {
	in = slices.Clone(in)
	for i := range in[:2] {
		in[i].Data = slices.Clone(in[i].Data)
		for j, v := range in[i].Data {
			in[i].Data[j] = float64(math.Float32frombits(uint32(simd.BF16(float32(v))) << 16))
		}
	}
	s.Spec.Ref(out, in...)
}

// roundingDevice is a device that is asked for operations that multiply.
type roundingDevice struct{ *Device }

func (d roundingDevice) Prepare(s kernels.Spec, out kernels.Operand, in ...kernels.Operand) (kernels.Launch, error) {
	return d.Device.Prepare(s.(multiplying).Spec, out, in...)
}

// multiplyingCases are the cases of the operations that BF16 is about.
func multiplyingCases() (cases []kernelstest.Case) {
	for _, c := range kernelstest.Cases() {
		switch c.Spec.(type) {
		case kernels.Conv2D, kernels.Conv2DInputGrad, kernels.Conv2DFilterGrad, kernels.MatMul:
			cases = append(cases, c)
		}
	}
	return cases
}

// eachForm runs f for each tier, and for the best one without pairs.
func eachForm(t *testing.T, f func(t *testing.T, front bool)) {
	for tier := simd.Generic; tier <= simd.Best(); tier++ {
		t.Run(tier.String(), func(t *testing.T) {
			defer simd.Force(tier)()
			f(t, tier%2 == 0)
		})
	}
	if HasBF16() {
		t.Run("without pairs", func(t *testing.T) {
			defer simd.WithoutPairs()()
			f(t, false)
		})
	}
}

// TestBF16 holds every form of a product to the reference on rounded operands,
// between unreadable pages.
func TestBF16(t *testing.T) {
	if testing.Short() {
		t.Skip("short: the race detector slows the references; TestBF16SameBits shows it every kernel")
	}
	eachForm(t, func(t *testing.T, front bool) {
		dev := roundingDevice{open(t, Options{Threads: 2, Precision: BF16, Allocate: kernelstest.Fenced(front)})}
		for _, c := range multiplyingCases() {
			c.Spec = multiplying{c.Spec}
			if err := kernelstest.Check(dev, c); err != nil {
				t.Errorf("%v: %v", c, err)
			}
		}
	})
}

// summedByTier reports a case whose sums are in an order of the tier's own.
func summedByTier(c kernelstest.Case, out kernels.Shape) bool {
	if _, ok := c.Spec.(kernels.Conv2DFilterGrad); ok {
		return false
	}
	return out[len(out)-1] <= maxDotWidth || len(out) == 2 && out[0] <= maxDotWidth
}

// TestBF16SameBits holds all tiers, with the instruction and without, and all
// numbers of threads to the same bits.
func TestBF16SameBits(t *testing.T) {
	want := map[string][]byte{}
	compared := 0
	eachForm(t, func(t *testing.T, _ bool) {
		one, two, three := open(t, Options{Threads: 1, Precision: BF16}), open(t, Options{Threads: 2, Precision: BF16}), open(t, Options{Threads: 3, Precision: BF16})
		for _, c := range multiplyingCases() {
			got := result(t, one, c)
			if !bytes.Equal(result(t, three, c), got) {
				t.Errorf("%v: three threads give other bits than one", c)
			}
			b := bind(t, two, c)
			if n := testing.AllocsPerRun(2, b.Run); n != 0 {
				t.Errorf("%v: a launch does %v allocations", c, n)
			}
			if bits, err := b.Result(); err != nil || !bytes.Equal(bits, got) {
				t.Errorf("%v: two threads give other bits than one (error %v)", c, err)
			}
			if hasFunction(c) || summedByTier(c, b.Out.Shape) {
				continue
			}
			k := c.String()
			if first, ok := want[k]; !ok {
				want[k] = got
			} else if compared++; !bytes.Equal(first, got) {
				t.Errorf("%v: other bits than in the first tier", c)
			}
		}
	})
	if compared == 0 && simd.Best() > simd.Generic {
		t.Error("no results compared")
	}
}

// hasFunction reports an epilogue other than ReLU, whose last bits may differ
// by tier.
func hasFunction(c kernelstest.Case) bool {
	var e kernels.Epilogue
	switch s := c.Spec.(type) {
	case kernels.Conv2D:
		e = s.Epilogue
	case kernels.Conv2DInputGrad:
		e = s.Epilogue
	case kernels.MatMul:
		e = s.Epilogue
	}
	return e.Grad != kernels.Copy || e.Fn != kernels.Copy && e.Fn != kernels.ReLU
}

func TestPrecisionNames(t *testing.T) {
	for _, p := range []Precision{Float32, BF16} {
		if got, err := ParsePrecision(p.String()); err != nil || got != p {
			t.Errorf("%v is read as %v (error %v)", p, got, err)
		}
		if got := open(t, Options{Precision: p}).Precision(); got != p {
			t.Errorf("a device of %v says %v", p, got)
		}
	}
	if _, err := ParsePrecision("f16"); err == nil || err.Error() != `cpu: precision "f16": want f32 or bf16` {
		t.Errorf("f16: error %v", err)
	}
	if _, err := New(Options{Precision: 7}); err == nil || err.Error() != "cpu: Precision(7), want f32 or bf16" {
		t.Errorf("precision 7: error %v", err)
	}
}
