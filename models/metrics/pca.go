package metrics

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// PCA is the principal components of a distribution of vectors: the k directions
// of the largest variance (Pearson, On Lines and Planes of Closest Fit, 1901).
type PCA struct {
	Mean       []float64
	Components *mat.Dense // [k dim]: orthonormal rows, by falling variance
	Variance   []float64  // along each component
	Total      float64    // variance along all directions
}

// PCA returns the first k principal components of the vectors so far: the
// eigenvectors of their covariance. Of each, the element of the largest magnitude
// is positive. It wants k from 1 to the dimension.
func (m *Moments) PCA(k int) (*PCA, error) {
	g, err := m.Gaussian()
	if err != nil {
		return nil, err
	}
	if k < 1 || k > m.dim {
		return nil, fmt.Errorf("metrics: pca: %d components of vectors of %d numbers", k, m.dim)
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(g.Covariance, true) {
		return nil, fmt.Errorf("metrics: pca: the covariance has no eigenvalues")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	values := eigen.Values(nil) // rising
	p := &PCA{Mean: g.Mean, Components: mat.NewDense(k, m.dim, nil), Variance: make([]float64, k)}
	for _, v := range values {
		p.Total += max(v, 0)
	}
	for i := range k {
		from := m.dim - 1 - i
		p.Variance[i] = max(values[from], 0) // below 0 by rounding alone
		row := p.Components.RawRowView(i)
		mat.Col(row, from, &vectors)
		orient(row)
	}
	return p, nil
}

// orient makes the element of the largest magnitude positive.
func orient(v []float64) {
	largest := 0
	for i := range v {
		if math.Abs(v[i]) > math.Abs(v[largest]) {
			largest = i
		}
	}
	if v[largest] >= 0 {
		return
	}
	for i := range v {
		v[i] = -v[i]
	}
}

// Transform returns the coordinates [n k] of vectors [n dim] along the components.
func (p *PCA) Transform(x []float32) ([]float32, error) {
	k, dim := p.Components.Dims()
	n, err := rows("pca", x, dim)
	if err != nil {
		return nil, err
	}
	out := make([]float32, n*k)
	const most = 1024 // rows at a time
	for from := 0; from < n; from += most {
		part := x[from*dim : min(from+most, n)*dim]
		centred := mat.NewDense(len(part)/dim, dim, nil)
		values := centred.RawMatrix().Data
		for i, v := range part {
			values[i] = float64(v) - p.Mean[i%dim]
		}
		var product mat.Dense
		product.Mul(centred, p.Components.T())
		for i, v := range product.RawMatrix().Data {
			out[from*k+i] = float32(v)
		}
	}
	return out, nil
}

// Inverse returns the vectors [n dim] that coordinates [n k] stand for.
func (p *PCA) Inverse(y []float32) ([]float32, error) {
	k, dim := p.Components.Dims()
	n, err := rows("pca: inverse", y, k)
	if err != nil {
		return nil, err
	}
	out := make([]float32, n*dim)
	sum := make([]float64, dim)
	for i := range n {
		copy(sum, p.Mean)
		for j, v := range y[i*k : (i+1)*k] {
			for d, c := range p.Components.RawRowView(j) {
				sum[d] += float64(v) * c
			}
		}
		for d, v := range sum {
			out[i*dim+d] = float32(v)
		}
	}
	return out, nil
}

// PrincipalAngles returns the angles between the subspaces that the rows of a
// [p dim] and of b [q dim] span, in radians from the largest to the smallest, as
// SciPy's subspace_angles does: π/2 where a direction of one is orthogonal to all
// of the other, 0 where they share it. Cosines are singular values of QₐᵀQ_b; of
// angles below 45° the sines are taken instead, which are more exact there
// (Knyazev and Argentati, Principal Angles between Subspaces in an A-Based Scalar
// Product, 2002). Neither may have more rows than numbers in each, and rows must
// not depend on each other.
func PrincipalAngles(a, b mat.Matrix) ([]float64, error) {
	p, dim := a.Dims()
	q, other := b.Dims()
	switch {
	case dim != other:
		return nil, fmt.Errorf("metrics: angles between subspaces of spaces of %d and %d dimensions", dim, other)
	case p < 1 || q < 1 || p > dim || q > dim:
		return nil, fmt.Errorf("metrics: angles between subspaces of %d and %d vectors in %d dimensions", p, q, dim)
	}
	if p < q {
		a, b, q = b, a, p
	}
	qa, err := orthonormal(a)
	if err != nil {
		return nil, err
	}
	qb, err := orthonormal(b)
	if err != nil {
		return nil, err
	}
	var overlap, rest mat.Dense
	overlap.Mul(qa.T(), qb) // [p q]
	rest.Mul(qa, &overlap)
	rest.Sub(qb, &rest) // what of b is orthogonal to a
	cosines, err := singular(&overlap)
	if err != nil {
		return nil, err
	}
	sines, err := singular(&rest)
	if err != nil {
		return nil, err
	}
	slices.Reverse(cosines) // the sines fall, so the cosines rise
	angles := make([]float64, q)
	for i := range angles {
		angles[i] = math.Acos(min(cosines[i], 1))
		if cosines[i]*cosines[i] >= 0.5 {
			angles[i] = math.Asin(min(sines[i], 1))
		}
	}
	return angles, nil
}

// orthonormal returns columns [dim p] that span the rows of a [p dim].
func orthonormal(a mat.Matrix) (*mat.Dense, error) {
	p, dim := a.Dims()
	var qr mat.QR
	qr.Factorize(a.T())
	var r, q mat.Dense
	qr.RTo(&r)
	largest := 0.0
	for i := range p {
		largest = max(largest, math.Abs(r.At(i, i)))
	}
	for i := range p {
		if !(math.Abs(r.At(i, i)) > 1e-12*largest) {
			return nil, fmt.Errorf("metrics: the %d vectors of a subspace depend on each other: vector %d adds nothing", p, i)
		}
	}
	qr.QTo(&q)
	return mat.DenseCopyOf(q.Slice(0, dim, 0, p)), nil
}

func singular(m *mat.Dense) ([]float64, error) {
	var svd mat.SVD
	if !svd.Factorize(m, mat.SVDNone) {
		return nil, fmt.Errorf("metrics: the angles between two subspaces cannot be computed: some numbers are not finite")
	}
	return svd.Values(nil), nil
}

// ActiveUnits returns how many units of codes [n z] vary with the image: those
// whose variance over the codes, with n as divisor, exceeds 0.01. The codes of a
// variational model must be the means of q(z|x) (Burda, Grosse and Salakhutdinov,
// Importance Weighted Autoencoders, 2016, section 5.2).
func ActiveUnits(codes []float32, z int) (int, error) {
	n, err := rows("active units", codes, z)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, fmt.Errorf("metrics: active units of no codes")
	}
	mean, active := make([]float64, z), 0
	for i, v := range codes {
		mean[i%z] += float64(v) / float64(n)
	}
	variance := make([]float64, z)
	for i, v := range codes {
		d := float64(v) - mean[i%z]
		variance[i%z] += d * d / float64(n)
	}
	for _, v := range variance {
		if v > 0.01 {
			active++
		}
	}
	return active, nil
}
