package metrics

import (
	"math"
	"math/rand/v2"
	"testing"
)

// spectrum draws n vectors whose variances fall as those of images do.
func spectrum(n, dim int) []float32 {
	random := rand.New(rand.NewPCG(7, 8))
	x := make([]float32, n*dim)
	for i := range n {
		walk := 0.0
		for j := range dim {
			walk += random.NormFloat64()
			x[i*dim+j] = float32(walk/10 + 3)
		}
	}
	return x
}

// TestKrylovPCA: the components of many dimensions are those of all eigenvectors.
func TestKrylovPCA(t *testing.T) {
	checkPCA(t, 150, 90, 12, krylovPCA)
}

func TestGramPCA(t *testing.T) {
	checkPCA(t, 40, 90, 12, gramPCA)
	checkPCA(t, 13, 90, 12, gramPCA) // all directions that have any variance
}

// checkPCA compares a way with all eigenvectors of the covariance.
func checkPCA(t *testing.T, n, dim, k int, way func(x []float32, dim, k int) (*PCA, error)) {
	t.Helper()
	x := spectrum(n, dim)
	var m Moments
	if err := m.Add(x, dim); err != nil {
		t.Fatal(err)
	}
	want := must[*PCA](t)(m.PCA(k))
	got := must[*PCA](t)(way(x, dim, k))
	allNear(t, "mean", got.Mean, want.Mean, 1e-10)
	allNear(t, "variance", got.Variance, want.Variance, 1e-8)
	near(t, "total", got.Total, want.Total, 1e-10)
	for i := range k {
		dot := 0.0
		for j, v := range want.Components.RawRowView(i) {
			dot += v * got.Components.At(i, j)
		}
		near(t, "product of components", dot, 1, 1e-6)
	}
}

func TestKrylovPCAOfFewVectors(t *testing.T) {
	const n, dim = 6, 70 // at most 5 directions have any variance
	p := must[*PCA](t)(krylovPCA(spectrum(n, dim), dim, 8))
	for i := 5; i < 8; i++ {
		near(t, "variance of a direction without any", p.Variance[i]/p.Variance[0], 0, 1e-10)
	}
	for i := range 8 {
		for j := range i + 1 {
			dot := 0.0
			for d := range dim {
				dot += p.Components.At(i, d) * p.Components.At(j, d)
			}
			want := 0.0
			if i == j {
				want = 1
			}
			near(t, "product of components", dot, want, 1e-9)
		}
	}
	same := make([]float32, 4*70) // no direction has any
	if p := must[*PCA](t)(krylovPCA(same, 70, 2)); p.Variance[0] != 0 {
		t.Errorf("variance %v of equal vectors", p.Variance[0])
	}
	same[5] = float32(math.Inf(1))
	if _, err := krylovPCA(same, 70, 2); err == nil {
		t.Error("an infinite number is not refused")
	}
}

func TestFitPCAChooses(t *testing.T) {
	x := spectrum(9, 4)
	var m Moments
	if err := m.Add(x, 4); err != nil {
		t.Fatal(err)
	}
	same := make([]float32, 5*(fewDims+1)) // no direction has any variance
	if p := must[*PCA](t)(FitPCA(same, fewDims+1, 2)); p.Variance[0] != 0 {
		t.Errorf("variance %v of equal vectors", p.Variance[0])
	}
	allNear(t, "variance", must[*PCA](t)(FitPCA(x, 4, 2)).Variance, must[*PCA](t)(m.PCA(2)).Variance, 0)
	wide := spectrum(20, fewDims+1)
	if p := must[*PCA](t)(FitPCA(wide, fewDims+1, 3)); !(p.Variance[0] > p.Variance[1] && p.Variance[1] > p.Variance[2] && p.Variance[2] > 0) {
		t.Errorf("variances %v", p.Variance)
	}
}
