package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// Up to fewDims all eigenvectors of a covariance are found at once, up to someDims
// in a second or two: less than what one in twenty of them takes by themselves.
const fewDims, someDims = 256, 1024

// FitPCA returns the first k principal components of vectors [n dim] in memory.
// Of few dimensions it is what Moments.PCA returns; of many it finds only the
// components wanted, by a block Krylov method that ends when every one is exact to
// 1e-6 of the largest variance (Musco and Musco, Randomized Block Krylov Methods
// for Stronger and Faster Approximate Singular Value Decomposition, 2015; restarts
// as in Saad, Numerical Methods for Large Eigenvalue Problems, 2011, section 6.3).
func FitPCA(x []float32, dim, k int) (*PCA, error) {
	if n := len(x) / max(dim, 1); dim > fewDims && n < dim && n <= someDims && k < n {
		return gramPCA(x, dim, k)
	}
	if dim <= fewDims || dim <= someDims && 20*k > dim || 2*k > dim {
		var m Moments
		if err := m.Add(x, dim); err != nil {
			return nil, err
		}
		return m.PCA(k)
	}
	return krylovPCA(x, dim, k)
}

// gramPCA is FitPCA for fewer vectors than dimensions: the eigenvectors u of their
// products with each other, XXᵀ, are those of the covariance, as Xᵀu.
func gramPCA(x []float32, dim, k int) (*PCA, error) {
	s, total, err := newScatter(x, dim, k)
	if err != nil {
		return nil, err
	}
	centred, products := s.centred(0, s.n), mat.NewDense(s.n, s.n, nil)
	products.Mul(centred, centred.T())
	values, vectors, err := descending(products)
	if err != nil {
		return nil, err
	}
	if !(values[k-1] > 1e-12*values[0]) { // directions without variance come from nowhere
		return krylovPCA(x, dim, k)
	}
	p := &PCA{Mean: s.mean, Components: mat.NewDense(k, dim, nil), Variance: make([]float64, k), Total: total}
	p.Components.Mul(vectors.Slice(0, s.n, 0, k).T(), centred)
	for i := range k {
		p.Variance[i] = values[i] / float64(s.n-1)
		row := p.Components.RawRowView(i)
		for j := range row {
			row[j] /= math.Sqrt(values[i])
		}
		orient(row)
	}
	return p, nil
}

// krylovPCA is FitPCA for many dimensions.
func krylovPCA(x []float32, dim, k int) (*PCA, error) {
	s, total, err := newScatter(x, dim, k)
	if err != nil {
		return nil, err
	}
	vectors, values, err := s.leading(k)
	if err != nil {
		return nil, err
	}
	p := &PCA{Mean: s.mean, Components: mat.NewDense(k, dim, nil), Variance: values, Total: total}
	for i := range k {
		row := p.Components.RawRowView(i)
		mat.Col(row, i, vectors)
		orient(row)
	}
	return p, nil
}

// scatter is the covariance of vectors, which is never formed.
type scatter struct {
	x      []float32
	n, dim int
	mean   []float64
}

// newScatter finds the mean, and the variance along all directions.
func newScatter(x []float32, dim, k int) (s scatter, total float64, err error) {
	n, err := rows("pca", x, dim)
	if err != nil {
		return s, 0, err
	}
	if n < 2 {
		return s, 0, fmt.Errorf("metrics: covariance of %d vectors, want at least 2", n)
	}
	if k < 1 || k > dim {
		return s, 0, fmt.Errorf("metrics: pca: %d components of vectors of %d numbers", k, dim)
	}
	s = scatter{x: x, n: n, dim: dim, mean: make([]float64, dim)}
	for i, v := range x {
		s.mean[i%dim] += float64(v) / float64(n)
	}
	for i, v := range x {
		d := float64(v) - s.mean[i%dim]
		total += d * d / float64(n-1)
	}
	if math.IsNaN(total) || math.IsInf(total, 0) {
		return s, 0, fmt.Errorf("metrics: pca: some of the vectors are not finite")
	}
	return s, total, nil
}

// centred returns vectors from … to-1 less the mean.
func (s scatter) centred(from, to int) *mat.Dense {
	m := mat.NewDense(to-from, s.dim, nil)
	values := m.RawMatrix().Data
	for i, v := range s.x[from*s.dim : to*s.dim] {
		values[i] = float64(v) - s.mean[i%s.dim]
	}
	return m
}

// times returns the covariance times columns v [dim b].
func (s scatter) times(v *mat.Dense) *mat.Dense {
	_, b := v.Dims()
	out := mat.NewDense(s.dim, b, nil)
	const most = 512
	var along, part mat.Dense
	for from := 0; from < s.n; from += most {
		to := min(from+most, s.n)
		centred := s.centred(from, to)
		along.Reset()
		along.Mul(centred, v)
		part.Reset()
		part.Mul(centred.T(), &along)
		out.Add(out, &part)
	}
	out.Scale(1/float64(s.n-1), out)
	return out
}

// leading returns the k eigenvectors [dim k] of the largest eigenvalues.
func (s scatter) leading(k int) (*mat.Dense, []float64, error) {
	const tolerance, rounds = 1e-6, 200
	block := k + 8
	widest := min(s.dim, 6*block)
	random := rand.New(rand.NewPCG(1, 2)) // a start that any direction is part of
	start := mat.NewDense(s.dim, block, nil)
	for i := range start.RawMatrix().Data {
		start.RawMatrix().Data[i] = random.NormFloat64()
	}
	next, basis, images := columnsOf(start), &mat.Dense{}, &mat.Dense{}
	for range rounds {
		basis, images = beside(basis, next), beside(images, s.times(next))
		var projected, ritz, mapped mat.Dense
		projected.Mul(basis.T(), images)
		values, vectors, err := descending(&projected)
		if err != nil {
			return nil, nil, err
		}
		ritz.Mul(basis, vectors)
		mapped.Mul(images, vectors)
		worst := 0.0
		for i := range k {
			sum := 0.0
			for d := range s.dim {
				e := mapped.At(d, i) - values[i]*ritz.At(d, i)
				sum += e * e
			}
			worst = max(worst, math.Sqrt(sum))
		}
		if worst <= tolerance*values[0] {
			return mat.DenseCopyOf(ritz.Slice(0, s.dim, 0, k)), values[:k], nil
		}
		_, width := basis.Dims()
		if width+block > widest {
			basis, images = &mat.Dense{}, &mat.Dense{}
			basis.CloneFrom(ritz.Slice(0, s.dim, 0, block))
			images.CloneFrom(mapped.Slice(0, s.dim, 0, block))
		}
		// What is new in the images of the last ones, orthogonal to all that are known.
		// Where next to nothing is, it is rounding, which wants more than one try.
		next = mat.DenseCopyOf(mapped.Slice(0, s.dim, 0, block))
		for range 3 {
			var along, known mat.Dense
			along.Mul(basis.T(), next)
			known.Mul(basis, &along)
			next.Sub(next, &known)
			next = columnsOf(next)
		}
	}
	return nil, nil, fmt.Errorf("metrics: pca: %d components of %d dimensions are not found in %d rounds", k, s.dim, rounds)
}

// columnsOf returns orthonormal columns that span those of m.
func columnsOf(m *mat.Dense) *mat.Dense {
	dim, b := m.Dims()
	var qr mat.QR
	qr.Factorize(m)
	var q mat.Dense
	qr.QTo(&q)
	return mat.DenseCopyOf(q.Slice(0, dim, 0, b))
}

// beside returns the columns of both.
func beside(a, b *mat.Dense) *mat.Dense {
	if a.IsEmpty() {
		return b
	}
	var both mat.Dense
	both.Augment(a, b)
	return &both
}

// descending returns the eigenvalues of a symmetric matrix, the largest first, and
// their vectors.
func descending(m *mat.Dense) ([]float64, *mat.Dense, error) {
	n, _ := m.Dims()
	symmetric := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			symmetric.SetSym(i, j, (m.At(i, j)+m.At(j, i))/2)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(symmetric, true) {
		return nil, nil, fmt.Errorf("metrics: pca: the covariance has no eigenvalues")
	}
	var rising mat.Dense
	eigen.VectorsTo(&rising)
	all, values, vectors := eigen.Values(nil), make([]float64, n), mat.NewDense(n, n, nil)
	for i := range n {
		values[i] = max(all[n-1-i], 0) // below 0 by rounding alone
		vectors.SetCol(i, mat.Col(nil, n-1-i, &rising))
	}
	return values, vectors, nil
}
