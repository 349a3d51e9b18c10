package tasks

import (
	"context"
	"math"
	"slices"
	"testing"

	"hourglass/data"
	"hourglass/kernels"
	"hourglass/models"
	"hourglass/models/metrics"
	"hourglass/models/train"
)

// valueNamed returns a metric or fails.
func valueNamed(t *testing.T, values []train.Value, name string) float64 {
	t.Helper()
	i := slices.IndexFunc(values, func(v train.Value) bool { return v.Name == name })
	if i < 0 {
		t.Fatalf("no %s in %v", name, values)
	}
	return values[i].Value
}

func TestEvaluateMeasuresMore(t *testing.T) {
	ctx := context.Background()
	r := runnerOf(t, models.Config{Name: "vae", Image: [3]int{12, 11, 1}, Hidden: []int{12}, Latent: 3, Beta: 1})
	d := samplesOf(40, 12, 11, 1)
	values, err := Evaluate(ctx, r, d, MeasureOptions{Frechet: true, Components: 5, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	own, err := r.Evaluate(ctx, d)
	if err != nil || !slices.Equal(values[:len(own)], own) {
		t.Errorf("%v begins otherwise than %v (%v)", values, own, err)
	}
	copies, err := r.Reconstruct(d.Values)
	if err != nil {
		t.Fatal(err)
	}
	size, ssim := 12*11, 0.0
	for i := range 40 {
		s, err := metrics.SSIM(copies[i*size:(i+1)*size], d.Values[i*size:(i+1)*size], 12, 11, 1)
		if err != nil {
			t.Fatal(err)
		}
		ssim += s / 40
	}
	if got := valueNamed(t, values, "ssim"); !(math.Abs(got-ssim) <= 1e-9) {
		t.Errorf("ssim %v, want %v", got, ssim)
	}
	codes, err := r.Encode(d.Values)
	if err != nil {
		t.Fatal(err)
	}
	active, err := metrics.ActiveUnits(codes, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got := valueNamed(t, values, "active_units"); got != float64(active) {
		t.Errorf("%v active units, want %d", got, active)
	}

	drawn, err := r.Sample(40, 3)
	if err != nil {
		t.Fatal(err)
	}
	pca, err := metrics.FitPCA(d.Values, size, 5)
	if err != nil {
		t.Fatal(err)
	}
	gaussian := func(x []float32) *metrics.Gaussian {
		along, err := pca.Transform(x)
		if err != nil {
			t.Fatal(err)
		}
		var m metrics.Moments
		if err := m.Add(along, 5); err != nil {
			t.Fatal(err)
		}
		g, err := m.Gaussian()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	for name, x := range map[string][]float32{"fd_pca5_reconstructions": copies, "fd_pca5_samples": drawn} {
		want, err := metrics.FrechetDistance(gaussian(d.Values), gaussian(x))
		if err != nil {
			t.Fatal(err)
		}
		if got := valueNamed(t, values, name); !(math.Abs(got-want) <= 1e-6*want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	// Neither windows of SSIM nor a distribution of codes.
	plain, err := Evaluate(ctx, runnerOf(t, small), samplesOf(9, 8, 8, 1), MeasureOptions{})
	if err != nil || slices.ContainsFunc(plain, func(v train.Value) bool { return v.Name == "ssim" || v.Name == "active_units" }) {
		t.Errorf("%v, %v", plain, err)
	}
}

func TestProject(t *testing.T) {
	ctx := context.Background()
	d := samplesOf(30, 8, 8, 1)
	d.Labels = make([]uint8, 30)
	for i := range d.Values {
		if i/64%2 == 0 {
			d.Values[i] *= 0.1
		} else {
			d.Labels[i/64] = 1
		}
	}
	for latent, x := range map[int]string{1: "code unit 0", 2: "code unit 0", 3: "component 1 of the codes"} {
		c := small
		c.Latent = latent
		r := runnerOf(t, c)
		codes, components, err := Project(ctx, r, d, ProjectOptions{Neighbours: 4})
		if err != nil {
			t.Fatal(err)
		}
		if len(codes.Points) != 60 || len(components.Points) != 60 || codes.X[:11] != x[:11] {
			t.Errorf("latent %d: maps of %d and %d numbers, x is %q", latent, len(codes.Points), len(components.Points), codes.X)
		}
		if latent == 2 {
			if z, err := r.Encode(d.Values); err != nil || !slices.Equal(codes.Points, z) {
				t.Errorf("a code of two units is not the map: %v", err)
			}
		}
		for _, p := range []Projection{codes, components} {
			want, err := metrics.Trustworthiness(d.Values, 64, p.Points, 2, 4)
			if err != nil || p.Trustworthiness != want {
				t.Errorf("latent %d: trustworthiness %v, want %v (%v)", latent, p.Trustworthiness, want, err)
			}
			if want, err = metrics.KNNAccuracy(p.Points, 2, d.Labels, 4); err != nil || p.KNN != want || want < 0.6 {
				t.Errorf("latent %d: kNN accuracy %v, want %v (%v)", latent, p.KNN, want, err)
			}
		}
	}
	_, _, err := Project(ctx, runnerOf(t, small), samplesOf(20, 8, 8, 1), ProjectOptions{})
	wantError(t, err, "20 samples of samples, want more than 20 for 10 neighbours")
}

func TestField(t *testing.T) {
	ctx := context.Background()
	r := runnerOf(t, models.Config{Name: "dense", Image: [3]int{1, 1, 2}, Hidden: []int{4}, Latent: 1, CodeActivation: "identity"})
	d := &data.Dataset{Name: "points", N: 3, H: 1, W: 1, C: 2, Values: []float32{0, 1, 1, 3, 0.5, 2}}
	field, points, err := Field(ctx, r, d, 3)
	if err != nil || len(field) != 9 || !slices.Equal(points, d.Values) {
		t.Fatalf("%d vectors, %v points, %v", len(field), points, err)
	}
	for i, x := range []float32{-0.1, 0.5, 1.1} {
		for j, y := range []float32{0.8, 2, 3.2} {
			v := field[3*j+i]
			moved, err := r.Reconstruct([]float32{v.X, v.Y})
			if err != nil {
				t.Fatal(err)
			}
			if !(math.Abs(float64(v.X-x)) <= 1e-5) || !(math.Abs(float64(v.Y-y)) <= 1e-5) || !(math.Abs(float64(moved[0]-v.X-v.DX)) <= 1e-5) || !(math.Abs(float64(moved[1]-v.Y-v.DY)) <= 1e-5) {
				t.Errorf("%+v, want it at (%v, %v) by %v", v, x, y, moved)
			}
		}
	}
	_, _, err = Field(ctx, runnerOf(t, small), samplesOf(4, 8, 8, 1), 3)
	wantError(t, err, "samples of 64 numbers, want points of the plane")
	_, _, err = Field(ctx, r, d, 1)
	wantError(t, err, "a grid of 1×1 points")
}

func TestFilters(t *testing.T) {
	conv := models.Config{Name: "conv", Image: [3]int{8, 8, 3}, Blocks: []models.Block{{Filters: 4}, {Filters: 5, Kernel: 4}}, Latent: 3}
	r := runnerOf(t, conv)
	names, err := FilterLayers(r)
	if err != nil || len(names) < 3 || names[0] != "encoder.0.weight" {
		t.Fatalf("layers %v, %v", names, err)
	}
	weights, err := r.Weights()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range weights {
		if !slices.Contains(names, w.Name) {
			continue
		}
		f, err := FiltersOf(r, w.Name)
		if err != nil {
			t.Fatal(err)
		}
		if f.N*f.H*f.W*f.C != len(w.Data) || len(f.Values) != len(w.Data) || f.Layer != w.Name {
			t.Errorf("%s: %d×[%d %d %d] of %v", w.Name, f.N, f.H, f.W, f.C, w.Shape)
		}
		checkFilter(t, f, w.Data, w.Shape)
	}
	dense, err := FiltersOf(runnerOf(t, small), "")
	if err != nil || dense.N != 12 || dense.H != 8 || dense.W != 8 || dense.Layer != "encoder.1.weight" && dense.Layer != "encoder.0.weight" {
		t.Errorf("%+v, %v", dense, err)
	}
	_, err = FiltersOf(r, "encoder.9.weight")
	wantError(t, err, "no layer that makes pictures, want one of encoder.0.weight, ")
}

// checkFilter compares the second filter's first row with its weights
// [kh kw in out].
func checkFilter(t *testing.T, f *Filters, weights []float32, shape kernels.Shape) {
	t.Helper()
	in, out := shape[2], shape[3]
	for c := range in {
		picture, stride, at := 1, f.C, c // channels of one picture
		if f.C == 1 {
			picture, stride, at = in+c, 1, 0
		}
		from := f.Values[picture*f.H*f.W*f.C:]
		largest := float32(0)
		for place := range f.H * f.W {
			for k := range in {
				if v := weights[(place*in+k)*out+1]; k == c || f.C > 1 {
					largest = max(largest, v, -v)
				}
			}
		}
		for x := range f.W {
			want := 0.5 + 0.5*weights[(x*in+c)*out+1]/largest
			if got := from[x*stride+at]; !(math.Abs(float64(got-want)) <= 1e-6) {
				t.Errorf("%s: channel %d, column %d is %v, want %v", f.Layer, c, x, got, want)
			}
		}
	}
}
