package tasks

import (
	"context"
	"math"
	"slices"
	"testing"

	"hourglass/kernels"
	"hourglass/models"
)

// TestSample: batches give what the runner draws at once.
func TestSample(t *testing.T) {
	r := runnerOf(t, models.Config{Name: "vae", Image: [3]int{8, 8, 1}, Hidden: []int{12}, Latent: 3, Beta: 1})
	want, err := r.Sample(11, 3)
	if err != nil {
		t.Fatal(err)
	}
	var got []float32
	if err := Sample(context.Background(), r, 11, 3, func(_ int, x []float32) error { got = append(got, x...); return nil }); err != nil || !slices.Equal(got, want) {
		t.Errorf("%d values, want the runner's %d (%v)", len(got), len(want), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if Sample(ctx, r, 11, 3, func(int, []float32) error { return nil }) == nil {
		t.Error("a cancelled context: no error")
	}
}

// normalCodes returns codes [n 3] of known mean and covariance: the second unit
// depends on the first, the third is constant.
func normalCodes(n int) []float32 {
	var codes []float32
	noise := kernels.Noise{Dist: kernels.Normal, Seed: 3}
	for i := range n {
		u := noise.Four(0, uint64(i))
		codes = append(codes, float32(2+u[0]), float32(-1+0.5*u[0]+0.1*u[1]), 4)
	}
	return codes
}

// TestGaussian: draws have the mean and covariance of the codes, a constant
// unit stays constant, and none leaves its range.
func TestGaussian(t *testing.T) {
	const n, z = 4000, 3
	codes := normalCodes(n)
	g, err := FitGaussian(codes, z)
	if err != nil {
		t.Fatal(err)
	}
	drawn := g.Draw(n, 11)
	moments := func(x []float32) (mean [z]float64, cross float64) {
		for i := 0; i < len(x); i += z {
			for k := range z {
				mean[k] += float64(x[i+k]) / n
			}
		}
		for i := 0; i < len(x); i += z {
			cross += (float64(x[i]) - mean[0]) * (float64(x[i+1]) - mean[1]) / n
		}
		return mean, cross
	}
	want, wantCross := moments(codes)
	got, gotCross := moments(drawn)
	for k := range z {
		if !(math.Abs(got[k]-want[k]) <= 0.05) {
			t.Errorf("unit %d has mean %g, want %g", k, got[k], want[k])
		}
	}
	if !(math.Abs(gotCross-wantCross) <= 0.05) {
		t.Errorf("covariance %g, want %g", gotCross, wantCross)
	}
	for i, v := range drawn {
		if v < g.low[i%z] || v > g.high[i%z] {
			t.Fatalf("unit %d of a draw is %g, outside of %g to %g", i%z, v, g.low[i%z], g.high[i%z])
		}
	}
	if again := g.draw(1, 2, 11); !slices.Equal(again, drawn[z:3*z]) {
		t.Error("a draw depends on how many there are")
	}
	if _, err := FitGaussian(codes[:z], z); err == nil {
		t.Error("one code: no error")
	}
	codes[4] = float32(math.NaN())
	if _, err := FitGaussian(codes, z); err == nil {
		t.Error("a NaN: no error")
	}
}

func TestInterpolate(t *testing.T) {
	a, b := []float32{1, 0, 3, 4}, []float32{0, 3, 0, 0}
	got, err := Interpolate(a, b, 2, 3, Linear)
	if want := []float32{1, 0, 0.5, 1.5, 0, 3, 3, 4, 1.5, 2, 0, 0}; err != nil || !slices.Equal(got, want) {
		t.Errorf("linear: %v (%v), want %v", got, err, want)
	}
	got, err = Interpolate(a, b, 2, 5, Spherical)
	if err != nil || !slices.Equal(got[:2], a[:2]) || !slices.Equal(got[8:10], b[:2]) {
		t.Fatalf("spherical: %v, %v", got, err)
	}
	for k := range 5 { // a quarter circle, the length from 1 to 3
		angle, length := float64(k)*math.Pi/8, 1+float64(k)/2
		x, y := float64(got[2*k]), float64(got[2*k+1])
		if !(math.Abs(x-length*math.Cos(angle)) <= 1e-6) || !(math.Abs(y-length*math.Sin(angle)) <= 1e-6) {
			t.Errorf("spherical: step %d is (%g, %g), want length %g at %g", k, x, y, length, angle)
		}
	}
	if line := got[10:]; !slices.Equal(line, []float32{3, 4, 2.25, 3, 1.5, 2, 0.75, 1, 0, 0}) {
		t.Errorf("to a code without direction: %v, want a straight line", line)
	}
	for _, c := range []struct{ a, b, z, steps int }{{4, 4, 2, 1}, {4, 2, 2, 3}, {3, 3, 2, 3}, {2, 2, 0, 2}} {
		if _, err := Interpolate(make([]float32, c.a), make([]float32, c.b), c.z, c.steps, Linear); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}

func TestTraverse(t *testing.T) {
	codes := normalCodes(2000)
	v, err := Traverse(codes, 3, TraverseOptions{Steps: 5, Range: 2})
	if err != nil || !slices.Equal(v.Units, []int{0, 1, 2}) || !slices.Equal(v.Steps, []float64{-2, -1, 0, 1, 2}) || len(v.Codes) != 3*5*3 {
		t.Fatalf("units %v, steps %v, %d numbers, %v", v.Units, v.Steps, len(v.Codes), err)
	}
	for i, want := range []float64{0, 1, 2, 3, 4} { // mean 2, deviation 1
		code := v.Codes[3*i : 3*i+3]
		if !(math.Abs(float64(code[0])-want) <= 0.1) || !slices.Equal(code[1:], v.Center[1:]) {
			t.Errorf("step %d of unit 0: %v, want about %g and the rest of %v", i, code, want, v.Center)
		}
	}
	v, err = Traverse(codes, 3, TraverseOptions{Units: []int{1}, Range: 100, Center: []float32{9, 9, 9}})
	if err != nil || len(v.Codes) != 27 || v.Codes[0] != 9 || v.Codes[1] < -4 {
		t.Errorf("far out: %v, %v, want no more than what codes have", v.Codes, err)
	}
	for _, o := range []TraverseOptions{{Units: []int{3}}, {Steps: 1}, {Range: -1}, {Center: []float32{1}}} {
		if _, err := Traverse(codes, 3, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

func TestManifold(t *testing.T) {
	codes := normalCodes(4001)
	plane := make([]float32, 0, 2*4001)
	for i := 0; i < len(codes); i += 3 {
		plane = append(plane, codes[i:i+2]...)
	}
	// The prior of two units: x rises to the right, y upwards.
	m, err := NewManifold(plane, 2, ManifoldOptions{Side: 2, Prior: true})
	if err != nil {
		t.Fatal(err)
	}
	const q = 0.6744898 // of the upper quarter
	for i, want := range []float64{-q, q, q, q, -q, -q, q, -q} {
		if !(math.Abs(float64(m.Codes[i])-want) <= 1e-6) {
			t.Fatalf("prior: %v, want quartiles ±%g", m.Codes, q)
		}
	}
	m, err = NewManifold(plane, 2, ManifoldOptions{Side: 3})
	if err != nil || m.X != "unit 0" || m.Y != "unit 1" || !(math.Abs(float64(m.Codes[2*4])-2) <= 0.1) || !(math.Abs(float64(m.Codes[2*4+1])+1) <= 0.1) {
		t.Errorf("units: %+v, %v; want the medians 2 and -1 in the middle", m, err)
	}
	m, err = NewManifold(codes, 3, ManifoldOptions{})
	if err != nil || m.Side != 20 || len(m.Codes) != 3*400 || m.X != "component 1" {
		t.Fatalf("components: side %d, %d numbers, %v", m.Side, len(m.Codes), err)
	}
	// The first component is along (1, 0.5): the other units follow.
	left, right := m.Codes[3*200:3*200+3], m.Codes[3*219:3*219+3]
	if slope := (right[1] - left[1]) / (right[0] - left[0]); !(math.Abs(float64(slope)-0.5) <= 0.05) || left[2] != 4 {
		t.Errorf("a line from %v to %v, want slope 0.5", left, right)
	}
	m, err = NewManifold(codes, 3, ManifoldOptions{Side: 2, Axes: &[2]int{2, 0}, Prior: true})
	if err != nil || m.Codes[1] != 0 || !(math.Abs(float64(m.Codes[2])+q) <= 1e-6) {
		t.Errorf("axes 2 and 0: %+v, %v", m, err)
	}
	for _, c := range []struct {
		z int
		o ManifoldOptions
	}{{1, ManifoldOptions{}}, {3, ManifoldOptions{Axes: &[2]int{1, 1}}}, {3, ManifoldOptions{Axes: &[2]int{0, 3}}}, {3, ManifoldOptions{Side: 1}}, {7, ManifoldOptions{}}} {
		if _, err := NewManifold(codes[:12], c.z, c.o); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}
