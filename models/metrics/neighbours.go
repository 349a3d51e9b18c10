package metrics

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/mat"
)

// Distance is how far two vectors are apart.
type Distance int

// The distances. Euclidean is the zero value.
const (
	Euclidean Distance = iota // ‖a − b‖
	Cosine                    // 1 − a·b/(‖a‖‖b‖), 1 where either is zero
)

// String returns "l2" or "cosine".
func (d Distance) String() string {
	if d == Cosine {
		return "cosine"
	}
	return "l2"
}

// A Neighbour is a point near a query.
type Neighbour struct {
	Index    int // of the point
	Distance float64
}

// An Index finds the nearest of points [n dim] by comparing with all of them.
type Index struct {
	n, dim   int
	distance Distance
	points   *mat.Dense
	squares  []float64 // ‖p‖²
}

// NewIndex returns an index of points [n dim], of which it keeps a copy.
func NewIndex(points []float32, dim int, d Distance) (*Index, error) {
	n, err := rows("index", points, dim)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("metrics: index of no points")
	}
	x := &Index{n: n, dim: dim, distance: d, points: wide(points, dim, d), squares: make([]float64, n)}
	for i := range n {
		x.squares[i] = squaredNorm(x.points.RawRowView(i))
	}
	return x, nil
}

// N returns the number of points.
func (x *Index) N() int { return x.n }

// wide returns vectors in float64, for the cosine as unit vectors.
func wide(points []float32, dim int, d Distance) *mat.Dense {
	m := mat.NewDense(len(points)/dim, dim, nil)
	values := m.RawMatrix().Data
	for i, v := range points {
		values[i] = float64(v)
	}
	if d != Cosine {
		return m
	}
	for i := range len(points) / dim {
		row := m.RawRowView(i)
		if norm := math.Sqrt(squaredNorm(row)); norm > 0 {
			for j := range row {
				row[j] /= norm
			}
		}
	}
	return m
}

func squaredNorm(v []float64) (sum float64) {
	for _, x := range v {
		sum += x * x
	}
	return sum
}

// Nearest returns the k points nearest to each of queries [m dim], the nearest
// first, of equally near ones the one of the lower index. It wants k from 1 to
// the number of points.
func (x *Index) Nearest(queries []float32, k int) ([][]Neighbour, error) {
	m, err := rows("nearest", queries, x.dim)
	if err != nil {
		return nil, err
	}
	if k < 1 || k > x.n {
		return nil, fmt.Errorf("metrics: %d nearest of %d points", k, x.n)
	}
	out := make([][]Neighbour, m)
	err = x.each(queries, func(i int, distances []float64) {
		out[i] = smallest(distances, k)
	})
	return out, err
}

// NearestOthers returns the k points nearest to each of the points, itself left
// out. It wants k from 1 to one less than the number of points.
func (x *Index) NearestOthers(k int) ([][]Neighbour, error) {
	if k < 1 || k >= x.n {
		return nil, fmt.Errorf("metrics: %d nearest others of %d points", k, x.n)
	}
	out := make([][]Neighbour, x.n)
	err := x.eachOf(x.points, func(i int, distances []float64) {
		distances[i] = math.Inf(1)
		out[i] = smallest(distances, k)
	})
	return out, err
}

// each calls visit with the distances of every query from all points, from several
// goroutines at once. visit may change the distances.
func (x *Index) each(queries []float32, visit func(i int, distances []float64)) error {
	return x.eachOf(wide(queries, x.dim, x.distance), visit)
}

func (x *Index) eachOf(queries *mat.Dense, visit func(i int, distances []float64)) error {
	m, _ := queries.Dims()
	// A block of distances of about a megabyte: more would leave the cache.
	block := max(1, min(256, 1<<17/x.n))
	var next, bad atomic.Int64
	var fault atomic.Pointer[any] // a panic is the caller's
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (m+block-1)/block) {
		all.Go(func() {
			defer func() {
				if f := recover(); f != nil {
					fault.CompareAndSwap(nil, &f)
				}
			}()
			products := mat.NewDense(block, x.n, nil)
			for {
				from := int(next.Add(int64(block))) - block
				if from >= m {
					return
				}
				to := min(from+block, m)
				part := products.Slice(0, to-from, 0, x.n).(*mat.Dense)
				rows := queries.Slice(from, to, 0, x.dim).(*mat.Dense)
				part.Mul(rows, x.points.T())
				for i := range to - from {
					row := part.RawRowView(i)
					if !x.distances(row, rows.RawRowView(i)) {
						bad.Store(int64(from+i) + 1)
						return
					}
					visit(from+i, row)
				}
			}
		})
	}
	all.Wait()
	if f := fault.Load(); f != nil {
		panic(*f)
	}
	if i := bad.Load(); i > 0 {
		return fmt.Errorf("metrics: distances of query %d are not finite: it or a point has a number that is not", i-1)
	}
	return nil
}

// distances makes distances of the products of a query with all points, and
// reports whether all are numbers.
func (x *Index) distances(products, query []float64) bool {
	norm := squaredNorm(query)
	for i, p := range products {
		d := 1 - p
		if x.distance == Euclidean {
			d = math.Sqrt(max(norm+x.squares[i]-2*p, 0))
		}
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return false
		}
		products[i] = d
	}
	return true
}

// smallest returns the k smallest distances in order.
func smallest(distances []float64, k int) []Neighbour {
	// Kept in order throughout: k is small and most distances are no candidates.
	best := make([]Neighbour, 0, k+1)
	for i, d := range distances {
		if len(best) == k && !(d < best[k-1].Distance) {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, d, func(n Neighbour, d float64) int {
			if n.Distance <= d {
				return -1
			}
			return 1
		})
		best = slices.Insert(best, at, Neighbour{i, d})
		if len(best) > k {
			best = best[:k]
		}
	}
	return best
}

// Trustworthiness tells how far neighbours in a map [n mapped] are neighbours of
// the originals [n dim], from 0 to 1:
//
//	1 − 2/(nk(2n − 3k − 1)) · Σᵢ Σⱼ (r(i,j) − k)
//
// the inner sum over those of the k nearest to i in the map that are not among its
// k nearest originals, r(i,j) being j's rank among them by Euclidean distance
// (Venna and Kaski, Neighborhood Preservation in Nonlinear Projection Methods,
// 2001). It is scikit-learn's trustworthiness, and like it wants k below n/2.
func Trustworthiness(originals []float32, dim int, mapped []float32, mapDim, k int) (float64, error) {
	from, err := NewIndex(originals, dim, Euclidean)
	if err != nil {
		return 0, err
	}
	to, err := NewIndex(mapped, mapDim, Euclidean)
	if err != nil {
		return 0, err
	}
	n := from.n
	if err := sameLength("points of the map", to.n, "vectors", n); err != nil {
		return 0, err
	}
	if k < 1 || 2*k >= n {
		return 0, fmt.Errorf("metrics: trustworthiness of %d neighbours wants more than %d points, got %d", k, 2*k, n)
	}
	near, err := to.NearestOthers(k)
	if err != nil {
		return 0, err
	}
	excess := make([]int, n)
	err = from.eachOf(from.points, func(i int, distances []float64) {
		excess[i] = rankExcess(i, near[i], distances, k)
	})
	sum := 0
	for _, e := range excess {
		sum += e
	}
	scale := float64(n) * float64(k) * float64(2*n-3*k-1)
	return 1 - 2/scale*float64(sum), err
}

// rankExcess returns Σ max(r(i,j) − k, 0) over i's neighbours j.
func rankExcess(i int, near []Neighbour, distances []float64, k int) (sum int) {
	order := make([]int, len(near)) // how many are nearer than each
	for j, d := range distances {
		if j == i {
			continue
		}
		for m, n := range near {
			// Of equally far ones the lower index counts as nearer, as in Nearest.
			if other := distances[n.Index]; d < other || d == other && j < n.Index {
				order[m]++
			}
		}
	}
	for _, nearer := range order {
		sum += max(nearer+1-k, 0)
	}
	return sum
}

// KNNAccuracy returns the share of the points [n dim] whose class most of the k
// nearest others share, of equally frequent classes the lowest: leave-one-out, as
// scikit-learn's KNeighborsClassifier predicts its own training points. It wants k
// below n.
func KNNAccuracy(points []float32, dim int, labels []uint8, k int) (float64, error) {
	x, err := NewIndex(points, dim, Euclidean)
	if err != nil {
		return 0, err
	}
	if err := sameLength("labels", len(labels), "points", x.n); err != nil {
		return 0, err
	}
	near, err := x.NearestOthers(k)
	if err != nil {
		return 0, err
	}
	right := 0
	for i, neighbours := range near {
		var votes [256]int
		for _, n := range neighbours {
			votes[labels[n.Index]]++
		}
		if _, class := largest(votes[:]); class == int(labels[i]) {
			right++
		}
	}
	return float64(right) / float64(x.n), nil
}

// largest returns the largest of values and where it is first.
func largest[T cmp.Ordered](values []T) (T, int) {
	at := 0
	for i, v := range values {
		if v > values[at] {
			at = i
		}
	}
	return values[at], at
}

// PrecisionAtK returns the share of found neighbours that have the class of their
// query, mean over the queries: near[i] belongs to the query of class queries[i]
// and names points whose classes are points (Manning, Raghavan and Schütze,
// Introduction to Information Retrieval, 2008, section 8.4).
func PrecisionAtK(near [][]Neighbour, queries, points []uint8) (float64, error) {
	if err := sameLength("labels", len(queries), "queries", len(near)); err != nil {
		return 0, err
	}
	if len(near) == 0 {
		return 0, fmt.Errorf("metrics: precision of no queries")
	}
	sum := 0.0
	for i, neighbours := range near {
		right := 0
		for _, n := range neighbours {
			if n.Index < 0 || n.Index >= len(points) {
				return 0, fmt.Errorf("metrics: neighbour %d of query %d: there are %d points", n.Index, i, len(points))
			}
			if points[n.Index] == queries[i] {
				right++
			}
		}
		if len(neighbours) > 0 {
			sum += float64(right) / float64(len(neighbours))
		}
	}
	return sum / float64(len(near)), nil
}
