package tasks

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"hourglass/data"
	"hourglass/models"
	"hourglass/models/metrics"
)

// wantError fails unless err says want.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}

// shifted returns samples whose values are a little off those of samplesOf.
func shifted(n, h, w, c int, by float32) *data.Dataset {
	d := samplesOf(n, h, w, c)
	for i := range d.Values {
		d.Values[i] = min(d.Values[i]*by, 1)
	}
	return d
}

func TestDetectorScoresAndThreshold(t *testing.T) {
	ctx := context.Background()
	vae := models.Config{Name: "vae", Image: [3]int{8, 8, 1}, Hidden: []int{12}, Latent: 3, Beta: 1}
	for score, config := range map[string]models.Config{ScoreMSE: small, ScoreMahalanobis: small, ScoreELBO: vae} {
		r, normal := runnerOf(t, config), samplesOf(11, 8, 8, 1)
		d, err := FitDetector(ctx, r, normal, DetectorOptions{Score: score, Quantile: 0.8})
		if err != nil {
			t.Fatal(err)
		}
		scores, err := d.All(ctx, r, normal)
		if err != nil || len(scores) != 11 {
			t.Fatalf("%s: %d scores, %v", score, len(scores), err)
		}
		above := 0
		for i, a := range d.Anomalies(scores) {
			if a {
				above++
			}
			if a != (scores[i] > d.Threshold) {
				t.Errorf("%s: score %v is anomalous: %v", score, scores[i], a)
			}
		}
		if above != 2 { // ⌈0.8·11⌉ = 9 are not above
			t.Errorf("%s: %d of 11 above the quantile 0.8, want 2", score, above)
		}

		var file bytes.Buffer
		if err := d.Write(&file); err != nil {
			t.Fatal(err)
		}
		back, err := ReadDetector(&file)
		if err != nil {
			t.Fatal(err)
		}
		if err := back.Check(r); err != nil {
			t.Error(err)
		}
		if again, err := back.All(ctx, r, normal); err != nil || !slices.Equal(again, scores) {
			t.Errorf("%s: a detector from a file scores %v (%v), want %v", score, again, err, scores)
		}
		other := config
		other.Latent = 4
		wantError(t, back.Check(runnerOf(t, other)), "fitted with other weights")
	}
}

// TestDetectorByHand compares the scores with their formulas.
func TestDetectorByHand(t *testing.T) {
	ctx := context.Background()
	r, normal := runnerOf(t, small), samplesOf(9, 8, 8, 1)
	copies, err := r.Reconstruct(normal.Values)
	if err != nil {
		t.Fatal(err)
	}
	d, err := FitDetector(ctx, r, normal, DetectorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	err = d.Scores(ctx, r, normal, func(s Scored) error {
		for i, got := range s.Scores {
			from := 64 * (s.From + i)
			want := 0.0
			for k := range 64 {
				e := float64(normal.Values[from+k]) - float64(copies[from+k])
				want += e * e / 64
			}
			if !(math.Abs(got-want) <= 1e-9) {
				t.Errorf("sample %d: score %v, want %v", s.From+i, got, want)
			}
			sum := 0.0
			for _, v := range HeatMap(s.Samples[64*i:64*i+64], s.Copies[64*i:64*i+64], 1) {
				sum += float64(v) / 64
			}
			if !(math.Abs(sum-want) <= 1e-6) {
				t.Errorf("sample %d: heat of %v, want the score %v", s.From+i, sum, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// The mean of the squared distances of n samples from their own mean is
	// z(n−1)/n, but for what the ridge takes.
	d, err = FitDetector(ctx, r, normal, DetectorOptions{Score: ScoreMahalanobis})
	if err != nil {
		t.Fatal(err)
	}
	scores, err := d.All(ctx, r, normal)
	if err != nil {
		t.Fatal(err)
	}
	mean := 0.0
	for _, s := range scores {
		mean += s / 9
	}
	if want := 3 * 8.0 / 9; mean > want || mean < 0.8*want {
		t.Errorf("mean squared distance %v, want little less than %v", mean, want)
	}
}

func TestDetectorFindsWhatIsUnlike(t *testing.T) {
	ctx := context.Background()
	r := runnerOf(t, small)
	d, err := FitDetector(ctx, r, shifted(20, 8, 8, 1, 0.2), DetectorOptions{Score: ScoreMahalanobis})
	if err != nil {
		t.Fatal(err)
	}
	near, err := d.All(ctx, r, shifted(20, 8, 8, 1, 0.2))
	if err != nil {
		t.Fatal(err)
	}
	far, err := d.All(ctx, r, shifted(20, 8, 8, 1, 1))
	if err != nil {
		t.Fatal(err)
	}
	positive := make([]bool, 40)
	for i := 20; i < 40; i++ {
		positive[i] = true
	}
	if area, err := metrics.AUROC(append(near, far...), positive); err != nil || area < 0.99 {
		t.Errorf("AUROC %v of samples five times as bright, %v", area, err)
	}
}

func TestDetectorRefuses(t *testing.T) {
	ctx := context.Background()
	r, d := runnerOf(t, small), samplesOf(5, 8, 8, 1)
	fit := func(o DetectorOptions) error {
		_, err := FitDetector(ctx, r, d, o)
		return err
	}
	wantError(t, fit(DetectorOptions{Quantile: 1.5}), "quantile 1.5, want above 0 and at most 1")
	wantError(t, fit(DetectorOptions{Score: "psnr"}), `score "psnr", want mse, mahalanobis or elbo`)
	wantError(t, fit(DetectorOptions{Score: ScoreELBO}), "dense has no elbo; score by mse or mahalanobis")
	same := &data.Dataset{Name: "same", N: 4, H: 8, W: 8, C: 1, Values: make([]float32, 4*64)}
	_, err := FitDetector(ctx, r, same, DetectorOptions{Score: ScoreMahalanobis})
	wantError(t, err, "all codes of same are the same")
	_, err = ReadDetector(strings.NewReader(`{"score": "mse"}`))
	wantError(t, err, "weights are missing")
	_, err = ReadDetector(strings.NewReader(`{"scores": 1}`))
	wantError(t, err, `unknown field "scores"`)
	nan := samplesOf(5, 8, 8, 1)
	nan.Values[70] = float32(math.NaN())
	_, err = FitDetector(ctx, r, nan, DetectorOptions{})
	wantError(t, err, "the score of sample 1 is NaN")
	bad := &Detector{Score: ScoreMahalanobis, Mean: []float64{1, 2, 3}, Precision: [][]float64{{1}, {1, 2, 3}, {1, 2, 3}}}
	_, err = bad.All(ctx, r, d)
	wantError(t, err, "a row of 1 numbers, want 3")
}

func TestOfClass(t *testing.T) {
	d := samplesOf(6, 1, 1, 1)
	_, err := OfClass(d, 1)
	wantError(t, err, "no labels")
	d.Labels = []uint8{1, 2, 1, 3, 2, 1}
	s, err := OfClass(d, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Info(); got.N != 4 || !slices.Equal(got.Labels, []uint8{1, 1, 3, 1}) {
		t.Errorf("%d samples of classes %v", got.N, got.Labels)
	}
	_, err = OfClass(d, 1, 7)
	wantError(t, err, "no sample of class 7")
}

func TestSearch(t *testing.T) {
	ctx := context.Background()
	r, d := runnerOf(t, small), samplesOf(11, 8, 8, 1)
	d.Labels = []uint8{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1}
	for _, distance := range []metrics.Distance{metrics.Euclidean, metrics.Cosine} {
		index, err := NewSearchIndex(ctx, r, d, distance)
		if err != nil {
			t.Fatal(err)
		}
		var near [][]metrics.Neighbour
		err = index.Search(ctx, r, d, 1, func(from int, found [][]metrics.Neighbour) error {
			if from != len(near) {
				return fmt.Errorf("query %d after %d", from, len(near))
			}
			near = append(near, found...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range near {
			if n[0].Index != i && n[0].Distance > 1e-6 {
				t.Errorf("%v: the nearest of sample %d is %v", distance, i, n)
			}
		}
		if p, err := index.Precision(near, d.Labels); err != nil || p < 0.9 {
			t.Errorf("%v: precision %v of samples among themselves, %v", distance, p, err)
		}
		err = index.Search(ctx, r, d, 12, func(int, [][]metrics.Neighbour) error { return nil })
		wantError(t, err, "12 nearest of 11 points")
	}
}
