package metrics

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Moments accumulates mean and covariance of vectors that come in batches. The
// zero value is empty and takes the dimension of the first batch.
type Moments struct {
	dim   int
	n     int
	shift []float64  // near the mean, so that little cancels: the first batch's mean
	sum   []float64  // of x − shift
	outer *mat.Dense // sum of (x − shift)(x − shift)ᵀ
	batch *mat.Dense
	part  mat.Dense
}

// Add takes vectors [n dim].
func (m *Moments) Add(x []float32, dim int) error {
	n, err := rows("moments", x, dim)
	if err != nil {
		return err
	}
	if m.n > 0 && dim != m.dim {
		return fmt.Errorf("metrics: moments: vectors of %d numbers after some of %d", dim, m.dim)
	}
	if n == 0 {
		return nil
	}
	if m.n == 0 {
		m.dim, m.shift, m.sum = dim, make([]float64, dim), make([]float64, dim)
		m.outer = mat.NewDense(dim, dim, nil)
		for i, v := range x {
			m.shift[i%dim] += float64(v) / float64(n)
		}
	}
	// Enough rows at a time for a fast product, few enough not to copy a large batch.
	const most = 512
	for from := 0; from < n; from += most {
		m.add(x[from*dim : min(from+most, n)*dim])
	}
	m.n += n
	return nil
}

func (m *Moments) add(x []float32) {
	n := len(x) / m.dim
	if m.batch == nil || m.batch.RawMatrix().Rows != n {
		m.batch = mat.NewDense(n, m.dim, nil)
	}
	values := m.batch.RawMatrix().Data
	for i, v := range x {
		unit := i % m.dim
		values[i] = float64(v) - m.shift[unit]
		m.sum[unit] += values[i]
	}
	m.part.Mul(m.batch.T(), m.batch)
	m.outer.Add(m.outer, &m.part)
}

// Gaussian returns the normal distribution with the vectors' mean and covariance,
// the unbiased one, with n−1 as divisor. It wants at least two vectors, all
// finite.
func (m *Moments) Gaussian() (*Gaussian, error) {
	if m.n < 2 {
		return nil, fmt.Errorf("metrics: covariance of %d vectors, want at least 2", m.n)
	}
	g := &Gaussian{Mean: make([]float64, m.dim), Covariance: mat.NewSymDense(m.dim, nil)}
	n := float64(m.n)
	for i := range m.dim {
		g.Mean[i] = m.shift[i] + m.sum[i]/n
		for j := i; j < m.dim; j++ {
			g.Covariance.SetSym(i, j, (m.outer.At(i, j)-m.sum[i]*m.sum[j]/n)/(n-1))
		}
	}
	for i, v := range g.Mean {
		if math.IsNaN(v) || math.IsInf(v, 0) || math.IsNaN(g.Covariance.At(i, i)) || math.IsInf(g.Covariance.At(i, i), 0) {
			return nil, fmt.Errorf("metrics: number %d of the vectors is not finite in some of them", i)
		}
	}
	return g, nil
}

// Gaussian is a normal distribution.
type Gaussian struct {
	Mean       []float64
	Covariance *mat.SymDense
}

// FrechetDistance returns the squared Fréchet distance of two normal
// distributions, also called the 2-Wasserstein distance,
//
//	‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½)
//
// (Dowson and Landau, The Fréchet Distance between Multivariate Normal
// Distributions, 1982). Of Gaussians fitted to the features of two sets of images
// it is what the Fréchet inception distance is (Heusel et al., GANs Trained by a
// Two Time-Scale Update Rule, 2017), in other features: a number says nothing
// without the space that it was taken in.
func FrechetDistance(a, b *Gaussian) (float64, error) {
	n := len(a.Mean)
	if len(b.Mean) != n {
		return 0, fmt.Errorf("metrics: fréchet distance of Gaussians of %d and %d dimensions", n, len(b.Mean))
	}
	distance := 0.0
	for i, v := range a.Mean {
		d := v - b.Mean[i]
		distance += d*d + a.Covariance.At(i, i) + b.Covariance.At(i, i)
	}
	// Σ₁Σ₂ has the eigenvalues of the symmetric Σ₁^½Σ₂Σ₁^½, none of them negative.
	root, err := squareRoot(a.Covariance)
	if err != nil {
		return 0, err
	}
	var product, half mat.Dense
	half.Mul(root, b.Covariance)
	product.Mul(&half, root)
	symmetric := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			symmetric.SetSym(i, j, (product.At(i, j)+product.At(j, i))/2)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(symmetric, false) {
		return 0, fmt.Errorf("metrics: fréchet distance: the covariances have no eigenvalues")
	}
	for _, v := range eigen.Values(nil) {
		distance -= 2 * math.Sqrt(max(v, 0)) // below 0 by rounding alone
	}
	return max(distance, 0), nil
}

// squareRoot returns the symmetric root of a covariance.
func squareRoot(s *mat.SymDense) (*mat.Dense, error) {
	var eigen mat.EigenSym
	if !eigen.Factorize(s, true) {
		return nil, fmt.Errorf("metrics: the covariance has no eigenvalues")
	}
	var vectors, scaled, root mat.Dense
	eigen.VectorsTo(&vectors)
	values := eigen.Values(nil)
	scaled.Apply(func(_, j int, v float64) float64 { return v * math.Sqrt(max(values[j], 0)) }, &vectors)
	root.Mul(&scaled, vectors.T())
	return &root, nil
}
