package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"gonum.org/v1/gonum/mat"

	"hourglass/data"
	"hourglass/models/metrics"
	"hourglass/models/train"
)

// The scores of anomalies; a higher one is more anomalous.
const (
	// ScoreMSE is the squared error of a sample's reconstruction, mean over its
	// elements: what the model has not learned to draw.
	ScoreMSE = "mse"
	// ScoreMahalanobis is the squared Mahalanobis distance of a sample's code from
	// those the detector was fitted to, (z − μ)ᵀ(Σ + εI)⁻¹(z − μ), with ε a
	// thousandth of the units' mean variance, so that units that are always the same
	// do not decide alone (Denouden et al., Improving Reconstruction Autoencoder
	// Out-of-Distribution Detection with Mahalanobis Distance, 2018).
	ScoreMahalanobis = "mahalanobis"
	// ScoreELBO is −elbo of variational models in nats: all samples meet the same
	// draw of the code's noise. They go through the model one by one.
	ScoreELBO = "elbo"
)

// A Detector tells anomalies by a score and a threshold. Its fields are what its
// file holds, as JSON.
type Detector struct {
	Score     string  `json:"score"`     // ScoreMSE, ScoreMahalanobis or ScoreELBO
	Threshold float64 `json:"threshold"` // a higher score is an anomaly
	Quantile  float64 `json:"quantile"`  // share of the scores fitted to that are not above
	Samples   int     `json:"samples"`   // how many it was fitted to
	Data      string  `json:"data"`      // their name
	Weights   string  `json:"weights"`   // Digest of the model

	Mean      []float64   `json:"mean,omitempty"`      // of the codes, with ScoreMahalanobis
	Precision [][]float64 `json:"precision,omitempty"` // (Σ + εI)⁻¹
}

// DetectorOptions decides how a Detector is fitted.
type DetectorOptions struct {
	Score    string  // default ScoreMSE
	Quantile float64 // in (0, 1]; default 0.99
}

// FitDetector fits a detector to samples that are normal: so many of them as
// Quantile says are not above its threshold.
func FitDetector(ctx context.Context, r *train.Runner, normal data.Source, o DetectorOptions) (*Detector, error) {
	if o.Score == "" {
		o.Score = ScoreMSE
	}
	if o.Quantile == 0 {
		o.Quantile = 0.99
	}
	if !(o.Quantile > 0 && o.Quantile <= 1) {
		return nil, fmt.Errorf("tasks: anomaly: quantile %v, want above 0 and at most 1", o.Quantile)
	}
	weights, err := digestText(r)
	if err != nil {
		return nil, err
	}
	info := normal.Info()
	d := &Detector{Score: o.Score, Quantile: o.Quantile, Samples: info.N, Data: info.Name, Weights: weights}
	if o.Score == ScoreMahalanobis {
		if err := d.fitCodes(ctx, r, normal); err != nil {
			return nil, err
		}
	}
	if err := d.checkScore(r); err != nil {
		return nil, err
	}
	scores, err := d.All(ctx, r, normal)
	if err != nil {
		return nil, err
	}
	d.Threshold, err = metrics.Quantile(scores, o.Quantile)
	return d, err
}

// fitCodes finds mean and precision of the codes.
func (d *Detector) fitCodes(ctx context.Context, r *train.Runner, normal data.Source) error {
	var m metrics.Moments
	err := Encode(ctx, r, normal, func(_ int, codes []float32) error { return m.Add(codes, r.Latent()) })
	if err != nil {
		return err
	}
	g, err := m.Gaussian()
	if err != nil {
		return fmt.Errorf("tasks: anomaly: %w", err)
	}
	z := len(g.Mean)
	ridge := 1e-3 * mat.Trace(g.Covariance) / float64(z)
	for i := range z {
		g.Covariance.SetSym(i, i, g.Covariance.At(i, i)+ridge)
	}
	var root mat.Cholesky
	if ridge == 0 || !root.Factorize(g.Covariance) {
		return fmt.Errorf("tasks: anomaly: all codes of %s are the same, so that none is far from them; score by %s", d.Data, ScoreMSE)
	}
	var inverse mat.SymDense
	if err := root.InverseTo(&inverse); err != nil {
		return fmt.Errorf("tasks: anomaly: covariance of the codes: %w", err)
	}
	d.Mean = g.Mean
	for i := range z {
		d.Precision = append(d.Precision, mat.Row(nil, i, &inverse))
	}
	return nil
}

// checkScore returns an error unless the model has what the score needs.
func (d *Detector) checkScore(r *train.Runner) error {
	switch z := r.Latent(); d.Score {
	case ScoreMSE:
	case ScoreELBO:
		if c := r.Config(); !c.HasLikelihood() {
			return fmt.Errorf("tasks: anomaly: the model %s has no elbo; score by %s or %s, or train a vae", c.Name, ScoreMSE, ScoreMahalanobis)
		}
	case ScoreMahalanobis:
		if len(d.Mean) != z || len(d.Precision) != z {
			return fmt.Errorf("tasks: anomaly: the detector knows codes of %d units, the model's have %d", len(d.Mean), z)
		}
		for _, row := range d.Precision {
			if len(row) != z {
				return fmt.Errorf("tasks: anomaly: the detector's precision has a row of %d numbers, want %d", len(row), z)
			}
		}
	default:
		return fmt.Errorf("tasks: anomaly: score %q, want %s, %s or %s", d.Score, ScoreMSE, ScoreMahalanobis, ScoreELBO)
	}
	return nil
}

// ReadDetector reads a detector that Write has written.
func ReadDetector(in io.Reader) (*Detector, error) {
	d := &Detector{}
	text := json.NewDecoder(in)
	text.DisallowUnknownFields()
	if err := text.Decode(d); err != nil {
		return nil, fmt.Errorf("tasks: anomaly: no detector: %w", err)
	}
	if d.Score == "" || d.Weights == "" || math.IsNaN(d.Threshold) {
		return nil, fmt.Errorf("tasks: anomaly: no detector: score, threshold or weights are missing")
	}
	return d, nil
}

// Write writes the detector as JSON.
func (d *Detector) Write(out io.Writer) error {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("tasks: anomaly: %w", err)
	}
	_, err = out.Write(append(text, '\n'))
	return err
}

// Check returns an error unless the detector was fitted with the runner's weights.
func (d *Detector) Check(r *train.Runner) error {
	weights, err := digestText(r)
	if err != nil {
		return err
	}
	if d.Weights != weights {
		return fmt.Errorf("tasks: anomaly: the detector was fitted with other weights (%.8s…) than the model's (%.8s…): fit one with these", d.Weights, weights)
	}
	return d.checkScore(r)
}

// Scored is what a detector makes of some samples.
type Scored struct {
	From            int // the number of the first
	Scores          []float64
	Samples, Copies []float32 // [n H W C], and what the model makes of them
}

// Scores hands the scores of the samples of src to use.
func (d *Detector) Scores(ctx context.Context, r *train.Runner, src data.Source, use func(Scored) error) error {
	if err := d.checkScore(r); err != nil {
		return err
	}
	size := r.Shape().Size()
	return Reconstruct(ctx, r, src, func(from int, samples, copies []float32) error {
		s := Scored{From: from, Samples: samples, Copies: copies}
		var err error
		switch d.Score {
		case ScoreELBO:
			s.Scores, err = r.EvaluateEach("elbo", samples)
			for i := range s.Scores {
				s.Scores[i] = -s.Scores[i]
			}
		case ScoreMahalanobis:
			var codes []float32
			if codes, err = r.Encode(samples); err == nil {
				s.Scores = d.distances(codes)
			}
		default:
			for at := 0; at < len(samples) && err == nil; at += size {
				var e float64
				e, err = metrics.SquaredError(samples[at:at+size], copies[at:at+size])
				s.Scores = append(s.Scores, e)
			}
		}
		if err != nil {
			return err
		}
		for i, v := range s.Scores {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("tasks: anomaly: the score of sample %d is %v: the sample or what the model makes of it is not finite", from+i, v)
			}
		}
		return use(s)
	})
}

// distances returns the squared Mahalanobis distances of codes [n z].
func (d *Detector) distances(codes []float32) []float64 {
	z := len(d.Mean)
	scores := make([]float64, 0, len(codes)/z)
	apart := make([]float64, z)
	for ; len(codes) > 0; codes = codes[z:] {
		for i, m := range d.Mean {
			apart[i] = float64(codes[i]) - m
		}
		sum := 0.0
		for i, row := range d.Precision {
			for j, p := range row {
				sum += apart[i] * p * apart[j]
			}
		}
		scores = append(scores, sum)
	}
	return scores
}

// All returns the scores of all samples of src.
func (d *Detector) All(ctx context.Context, r *train.Runner, src data.Source) ([]float64, error) {
	scores := make([]float64, 0, src.Info().N)
	err := d.Scores(ctx, r, src, func(s Scored) error {
		scores = append(scores, s.Scores...)
		return nil
	})
	return scores, err
}

// Anomalies returns, for each score, whether it is above the threshold.
func (d *Detector) Anomalies(scores []float64) []bool {
	above := make([]bool, len(scores))
	for i, s := range scores {
		above[i] = s > d.Threshold
	}
	return above
}

// HeatMap returns where a sample [h w c] differs from its reconstruction: the
// squared error of each place [h w], mean over the channels.
func HeatMap(sample, reconstruction []float32, channels int) []float32 {
	places := make([]float32, len(sample)/channels)
	for i, v := range sample {
		e := v - reconstruction[i]
		places[i/channels] += e * e / float32(channels)
	}
	return places
}

// OfClass returns the samples of a labelled source whose label is wanted, all of
// which some task takes for normal.
func OfClass(src data.Source, wanted ...uint8) (data.Source, error) {
	info := src.Info()
	if info.Labels == nil {
		return nil, fmt.Errorf("tasks: %s has no labels to choose classes by", info.Name)
	}
	var keep, there [256]bool
	for _, l := range wanted {
		keep[l] = true
	}
	var index []int32
	for i, l := range info.Labels {
		there[l] = true
		if keep[l] {
			index = append(index, int32(i))
		}
	}
	for _, l := range wanted {
		if !there[l] {
			return nil, fmt.Errorf("tasks: %s has no sample of class %d", info.Name, l)
		}
	}
	return data.Subset(src, index)
}
