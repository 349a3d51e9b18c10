package tasks

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"

	"hourglass/data"
	"hourglass/models/metrics"
	"hourglass/models/train"
)

// A Probe is a multinomial logistic regression, p(k|x) ∝ exp(wₖ·x' + bₖ), of
// features x that are standardised: x' has mean 0 and standard deviation 1 over
// the features it was fitted to. On the codes of an autoencoder it tells how much
// of the classes a linear model finds there (Alain and Bengio, Understanding
// Intermediate Layers Using Linear Classifier Probes, 2017).
type Probe struct {
	// Iterations of L-BFGS that it took.
	Iterations int

	dim, classes int
	mean, scale  []float64
	weights      *mat.Dense // [classes dim+1], the last column b
}

// ProbeOptions decides how a Probe is fitted.
type ProbeOptions struct {
	// L2 is λ of what is minimised, the sum over the samples of −ln p(label|x) plus
	// ½λ‖w‖², without the b. Default 1, as scikit-learn's LogisticRegression, whose
	// C is 1/λ.
	L2 float64
	// Iterations is how many there are at most, default 500.
	Iterations int
	// Tolerance is the largest element of the gradient, by the number of samples, at
	// which it ends; default 1e-5.
	Tolerance float64
}

func (o ProbeOptions) withDefaults() ProbeOptions {
	if o.L2 == 0 {
		o.L2 = 1
	}
	if o.Iterations == 0 {
		o.Iterations = 500
	}
	if o.Tolerance == 0 {
		o.Tolerance = 1e-5
	}
	return o
}

// FitProbe fits a probe to features [n dim] with labels, by L-BFGS.
func FitProbe(features []float32, dim int, labels []uint8, o ProbeOptions) (*Probe, error) {
	o = o.withDefaults()
	if dim < 1 || len(features) != dim*len(labels) || len(labels) == 0 {
		return nil, fmt.Errorf("tasks: probe: %d numbers, want %d for each of %d labels", len(features), dim, len(labels))
	}
	if !(o.L2 > 0) || math.IsInf(o.L2, 0) || o.Iterations < 1 || !(o.Tolerance > 0) {
		return nil, fmt.Errorf("tasks: probe: L2 %v, %d iterations, tolerance %v: want all above 0", o.L2, o.Iterations, o.Tolerance)
	}
	p := &Probe{dim: dim}
	for _, l := range labels {
		p.classes = max(p.classes, int(l)+1)
	}
	if p.standardise(features); floats.HasNaN(p.mean) || floats.HasNaN(p.scale) {
		return nil, errors.New("tasks: probe: some features are not finite")
	}
	fit := &regression{x: p.design(features), labels: labels, classes: p.classes, l2: o.L2}
	start := make([]float64, (dim+1)*p.classes)
	result, err := optimize.Minimize(
		optimize.Problem{Func: fit.loss, Grad: fit.gradient}, start,
		&optimize.Settings{MajorIterations: o.Iterations, GradientThreshold: o.Tolerance, Converger: optimize.NeverTerminate{}},
		&optimize.LBFGS{})
	if err != nil && (result == nil || result.Stats.MajorIterations == 0) {
		return nil, fmt.Errorf("tasks: probe: %w", err)
	}
	// At the precision of float64 the line search may find nothing lower before the
	// gradient is as small as wanted: then this is the minimum.
	p.Iterations = result.Stats.MajorIterations
	p.weights = mat.NewDense(p.classes, dim+1, result.X)
	return p, nil
}

// standardise finds mean and deviation of each feature; one that is always the
// same stays so.
func (p *Probe) standardise(features []float32) {
	n := float64(len(features) / p.dim)
	p.mean, p.scale = make([]float64, p.dim), make([]float64, p.dim)
	for i, v := range features {
		p.mean[i%p.dim] += float64(v) / n
	}
	for i, v := range features {
		d := float64(v) - p.mean[i%p.dim]
		p.scale[i%p.dim] += d * d / n
	}
	for i, variance := range p.scale {
		p.scale[i] = 1
		if !(variance <= 1e-12) {
			p.scale[i] = math.Sqrt(variance)
		}
	}
}

// design returns the standardised features with a column of ones.
func (p *Probe) design(features []float32) *mat.Dense {
	n := len(features) / p.dim
	x := mat.NewDense(n, p.dim+1, nil)
	for i := range n {
		row := x.RawRowView(i)
		for j, v := range features[i*p.dim : (i+1)*p.dim] {
			row[j] = (float64(v) - p.mean[j]) / p.scale[j]
		}
		row[p.dim] = 1
	}
	return x
}

// Predict returns the most probable class of each of features [n dim].
func (p *Probe) Predict(features []float32) ([]uint8, error) {
	if len(features)%p.dim != 0 {
		return nil, fmt.Errorf("tasks: probe: %d numbers, want a multiple of %d", len(features), p.dim)
	}
	out := make([]uint8, 0, len(features)/p.dim)
	const most = 4096
	for len(features) > 0 {
		part := features[:min(most*p.dim, len(features))]
		features = features[len(part):]
		var scores mat.Dense
		scores.Mul(p.design(part), p.weights.T())
		for i := range len(part) / p.dim {
			out = append(out, uint8(floats.MaxIdx(scores.RawRowView(i))))
		}
	}
	return out, nil
}

// Accuracy returns the share of features [n dim] whose class is that of their
// label.
func (p *Probe) Accuracy(features []float32, labels []uint8) (float64, error) {
	if len(labels) == 0 || len(features) != p.dim*len(labels) {
		return 0, fmt.Errorf("tasks: probe: %d numbers, want %d for each of %d labels", len(features), p.dim, len(labels))
	}
	predicted, err := p.Predict(features)
	right := 0
	for i, c := range predicted {
		if c == labels[i] {
			right++
		}
	}
	return float64(right) / float64(len(labels)), err
}

// regression is the objective of a fit, by the number of samples.
type regression struct {
	x       *mat.Dense // [n dim+1]
	labels  []uint8
	classes int
	l2      float64

	at    []float64  // the point that loss and slope are of
	value float64    // the loss
	slope []float64  // its gradient
	p     *mat.Dense // probabilities [n classes], then those less the labels
}

func (r *regression) loss(w []float64) float64 { r.compute(w); return r.value }

func (r *regression) gradient(dst, w []float64) { r.compute(w); copy(dst, r.slope) }

// compute finds loss and gradient together, as the search asks for both.
func (r *regression) compute(w []float64) {
	if r.at != nil && floats.Equal(r.at, w) {
		return
	}
	n, columns := r.x.Dims()
	if r.p == nil {
		r.p = mat.NewDense(n, r.classes, nil)
		r.slope = make([]float64, len(w))
	}
	r.at = append(r.at[:0], w...)
	weights := mat.NewDense(r.classes, columns, r.at)
	r.p.Mul(r.x, weights.T())
	r.value = 0
	for i, l := range r.labels {
		row := r.p.RawRowView(i)
		total := floats.LogSumExp(row)
		r.value += total - row[l]
		for k, v := range row {
			row[k] = math.Exp(v - total)
		}
		row[l]--
	}
	slope := mat.NewDense(r.classes, columns, r.slope)
	slope.Mul(r.p.T(), r.x)
	for i, v := range r.at {
		if i%columns == columns-1 {
			continue // the b are free
		}
		r.value += r.l2 / 2 * v * v
		r.slope[i] += r.l2 * v
	}
	r.value /= float64(n)
	floats.Scale(1/float64(n), r.slope)
}

// ProbeResult is how well a probe does on some features.
type ProbeResult struct {
	Features   string  `json:"features"` // "codes", "pca" or "pixels"
	Dim        int     `json:"dim"`      // numbers of a sample
	Train      float64 `json:"train"`    // accuracy on the samples fitted to
	Test       float64 `json:"test"`     // accuracy on the others
	Iterations int     `json:"iterations"`
}

// CompareProbes fits probes to the codes of training samples, to as many of their
// principal components, and to the samples themselves, and returns how often each
// is right. Both sources need labels. The samples of both are held in memory.
func CompareProbes(ctx context.Context, r *train.Runner, training, test data.Source, o ProbeOptions) ([]ProbeResult, error) {
	for _, s := range []data.Source{training, test} {
		if err := checkSamples(r, s); err != nil {
			return nil, err
		}
		if info := s.Info(); info.Labels == nil {
			return nil, fmt.Errorf("tasks: probe: %s has no labels to predict", info.Name)
		}
	}
	var all [2]struct{ samples, codes, components []float32 }
	for i, s := range []data.Source{training, test} {
		err := Each(ctx, s, r.Batch(), func(_ int, samples []float32) error {
			codes, err := r.Encode(samples)
			all[i].samples = append(all[i].samples, samples...)
			all[i].codes = append(all[i].codes, codes...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	size, k := r.Shape().Size(), min(r.Latent(), r.Shape().Size())
	pca, err := metrics.FitPCA(all[0].samples, size, k)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].components, err = pca.Transform(all[i].samples); err != nil {
			return nil, err
		}
	}
	known, asked := training.Info().Labels, test.Info().Labels
	var results []ProbeResult
	for _, f := range []struct {
		name        string
		dim         int
		train, test []float32
	}{
		{"codes", r.Latent(), all[0].codes, all[1].codes},
		{"pca", k, all[0].components, all[1].components},
		{"pixels", size, all[0].samples, all[1].samples},
	} {
		if err := stopped(ctx); err != nil {
			return nil, err
		}
		result, err := probeOn(f.train, known, f.test, asked, f.dim, o)
		if err != nil {
			return nil, fmt.Errorf("%w (%s)", err, f.name)
		}
		result.Features = f.name
		results = append(results, result)
	}
	return results, nil
}

func probeOn(features []float32, labels []uint8, test []float32, asked []uint8, dim int, o ProbeOptions) (ProbeResult, error) {
	p, err := FitProbe(features, dim, labels, o)
	if err != nil {
		return ProbeResult{}, err
	}
	r := ProbeResult{Dim: dim, Iterations: p.Iterations}
	if r.Train, err = p.Accuracy(features, labels); err != nil {
		return r, err
	}
	r.Test, err = p.Accuracy(test, asked)
	return r, err
}
