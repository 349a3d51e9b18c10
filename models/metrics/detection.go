package metrics

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// A ROCPoint is what a detector does that calls positive every sample whose
// score is at least Threshold.
type ROCPoint struct {
	FalsePositiveRate float64 // share of the negatives that are called positive
	TruePositiveRate  float64 // share of the positives that are called positive
	Threshold         float64
}

// ROC returns the receiver operating characteristic of scores, of which a higher
// one should mean positive: a point for each different score, from the highest
// down, behind a first one (0, 0) at +Inf (Fawcett, An Introduction to ROC
// Analysis, 2006). It is scikit-learn's roc_curve without drop_intermediate. The
// samples must hold positives and negatives, the scores no NaN.
func ROC(scores []float64, positive []bool) ([]ROCPoint, error) {
	counts, err := countDown(scores, positive)
	if err != nil {
		return nil, err
	}
	last := counts[len(counts)-1]
	if last.positives == 0 || last.negatives == 0 {
		return nil, fmt.Errorf("metrics: roc: %d positives and %d negatives, want at least one of each", last.positives, last.negatives)
	}
	curve := make([]ROCPoint, 1, len(counts)+1)
	curve[0].Threshold = math.Inf(1)
	for _, c := range counts {
		curve = append(curve, ROCPoint{
			FalsePositiveRate: float64(c.negatives) / float64(last.negatives),
			TruePositiveRate:  float64(c.positives) / float64(last.positives),
			Threshold:         c.score,
		})
	}
	return curve, nil
}

// AUROC returns the area under the ROC curve by trapezia: the probability that a
// positive has a higher score than a negative, equal scores counted by half. See
// ROC for what is an error.
func AUROC(scores []float64, positive []bool) (float64, error) {
	curve, err := ROC(scores, positive)
	if err != nil {
		return 0, err
	}
	area := 0.0
	for i := 1; i < len(curve); i++ {
		a, b := curve[i-1], curve[i]
		area += (b.FalsePositiveRate - a.FalsePositiveRate) * (a.TruePositiveRate + b.TruePositiveRate) / 2
	}
	return area, nil
}

// A PRPoint is what a detector finds that calls positive every sample whose
// score is at least Threshold.
type PRPoint struct {
	Recall    float64 // share of the positives that are called positive
	Precision float64 // share of those called positive that are
	Threshold float64
}

// PrecisionRecall returns a point for each different score, from the highest
// down: those of scikit-learn's precision_recall_curve in the other order and
// without the end point (0, 1) that it adds. The samples must hold a positive, the
// scores no NaN.
func PrecisionRecall(scores []float64, positive []bool) ([]PRPoint, error) {
	counts, err := countDown(scores, positive)
	if err != nil {
		return nil, err
	}
	all := counts[len(counts)-1].positives
	if all == 0 {
		return nil, fmt.Errorf("metrics: precision and recall: none of %d samples is positive", len(scores))
	}
	curve := make([]PRPoint, len(counts))
	for i, c := range counts {
		curve[i] = PRPoint{
			Recall:    float64(c.positives) / float64(all),
			Precision: float64(c.positives) / float64(c.positives+c.negatives),
			Threshold: c.score,
		}
	}
	return curve, nil
}

// AveragePrecision returns the area under the precision-recall curve by steps,
// Σ (Rₙ − Rₙ₋₁)·Pₙ, which scikit-learn's average_precision_score is: the AUPRC.
// See PrecisionRecall for what is an error.
func AveragePrecision(scores []float64, positive []bool) (float64, error) {
	curve, err := PrecisionRecall(scores, positive)
	if err != nil {
		return 0, err
	}
	area, before := 0.0, 0.0
	for _, p := range curve {
		area += (p.Recall - before) * p.Precision
		before = p.Recall
	}
	return area, nil
}

// counted is the number of samples whose score is at least that one.
type counted struct {
	score                float64
	positives, negatives int
}

// countDown counts samples by their scores, the highest first.
func countDown(scores []float64, positive []bool) ([]counted, error) {
	if err := sameLength("labels", len(positive), "scores", len(scores)); err != nil {
		return nil, err
	}
	if len(scores) == 0 {
		return nil, fmt.Errorf("metrics: no scores to make a curve of")
	}
	order := make([]int, len(scores))
	for i, s := range scores {
		if math.IsNaN(s) {
			return nil, fmt.Errorf("metrics: score %d is NaN, which has no place in an order", i)
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	var out []counted
	total := counted{}
	for k, i := range order {
		if positive[i] {
			total.positives++
		} else {
			total.negatives++
		}
		if k+1 < len(order) && scores[order[k+1]] == scores[i] {
			continue
		}
		total.score = scores[i]
		out = append(out, total)
	}
	return out, nil
}

// Quantile returns the smallest of the scores that at least the share q of them
// do not exceed: the empirical quantile, numpy.quantile's method inverted_cdf. It
// wants at least one score, none of them NaN, and q in (0, 1].
func Quantile(scores []float64, q float64) (float64, error) {
	if !(q > 0 && q <= 1) {
		return 0, fmt.Errorf("metrics: quantile %v, want above 0 and at most 1", q)
	}
	if len(scores) == 0 {
		return 0, fmt.Errorf("metrics: quantile of no scores")
	}
	if i := slices.IndexFunc(scores, math.IsNaN); i >= 0 {
		return 0, fmt.Errorf("metrics: score %d is NaN, which has no place in an order", i)
	}
	sorted := slices.Sorted(slices.Values(scores))
	// The allowance keeps 0.99·100 from becoming 100 by rounding.
	k := int(math.Ceil(q*float64(len(sorted)) - 1e-9))
	return sorted[max(k, 1)-1], nil
}
