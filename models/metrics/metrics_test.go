package metrics

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// golden is what the packages that testdata/gen.py names compute.
type golden struct {
	Images []struct {
		H, W, C    int
		X, Y       []float32
		PSNR, SSIM float64
	}
	Detection struct {
		Scores                    []float64
		Positive                  []bool
		FPR, TPR, Thresholds      []float64
		Precision, Recall, Levels []float64
		AUROC                     float64
		AveragePrecision          float64 `json:"average_precision"`
		Quantiles                 map[string]float64
	}
	Spaces struct {
		X                                 []float32
		N, Dim                            int
		Labels                            []int
		Mean, Components, Variance, Ratio []float64
		Transformed, Inverse              []float64
		Map, Queries                      []float32
		Trustworthiness, KNN              map[string]float64
		Near                              map[string]struct {
			Index    [][]int
			Distance [][]float64
		}
		QueryLabels []int   `json:"query_labels"`
		Precision   float64 `json:"precision_at_4"`
	}
	Gaussians struct {
		A, B             []float32
		Dim              int
		Mean, Covariance []float64
		Distance         float64
	}
	Angles struct {
		A, B, Angles []float64
		Dim          int
	}
	Units struct {
		Codes     []float32
		Z, Active int
	}
}

func readGolden(t *testing.T) golden {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// near fails unless got is want but for rounding.
func near(t *testing.T, what string, got, want, bound float64) {
	t.Helper()
	if !(math.Abs(got-want) <= bound*max(1, math.Abs(want))) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func allNear(t *testing.T, what string, got, want []float64, bound float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range want {
		near(t, what+" "+strconv.Itoa(i), got[i], want[i], bound)
	}
}

// must returns a value or fails.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func bytesOf(labels []int) []uint8 {
	out := make([]uint8, len(labels))
	for i, l := range labels {
		out[i] = uint8(l)
	}
	return out
}

func float64s(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

func TestImagesAsScikitImage(t *testing.T) {
	number := must[float64](t)
	for _, im := range readGolden(t).Images {
		near(t, "psnr", number(PSNR(im.X, im.Y)), im.PSNR, 1e-12)
		near(t, "ssim", number(SSIM(im.X, im.Y, im.H, im.W, im.C)), im.SSIM, 1e-12)
		near(t, "ssim of equal images", number(SSIM(im.X, im.X, im.H, im.W, im.C)), 1, 1e-12)
	}
	if v := number(PSNR([]float32{0.5}, []float32{0.5})); !math.IsInf(v, 1) {
		t.Errorf("psnr of equal images is %v, want +Inf", v)
	}
}

func TestDetectionAsScikitLearn(t *testing.T) {
	d := readGolden(t).Detection
	roc := must[[]ROCPoint](t)(ROC(d.Scores, d.Positive))
	if first := roc[0]; first.FalsePositiveRate != 0 || first.TruePositiveRate != 0 || !math.IsInf(first.Threshold, 1) {
		t.Errorf("the curve starts at %v, want (0, 0) at +Inf", first)
	}
	var fpr, tpr, thresholds []float64
	for _, p := range roc[1:] {
		fpr, tpr, thresholds = append(fpr, p.FalsePositiveRate), append(tpr, p.TruePositiveRate), append(thresholds, p.Threshold)
	}
	allNear(t, "false positive rate", fpr, d.FPR, 1e-15)
	allNear(t, "true positive rate", tpr, d.TPR, 1e-15)
	allNear(t, "threshold", thresholds, d.Thresholds, 0)

	var precision, recall, levels []float64
	for _, p := range must[[]PRPoint](t)(PrecisionRecall(d.Scores, d.Positive)) {
		precision, recall, levels = append(precision, p.Precision), append(recall, p.Recall), append(levels, p.Threshold)
	}
	// scikit-learn leaves nothing out either: the last point calls all positive.
	allNear(t, "precision", precision, d.Precision, 1e-15)
	allNear(t, "recall", recall, d.Recall, 1e-15)
	allNear(t, "level", levels, d.Levels, 0)

	number := must[float64](t)
	near(t, "auroc", number(AUROC(d.Scores, d.Positive)), d.AUROC, 1e-14)
	near(t, "average precision", number(AveragePrecision(d.Scores, d.Positive)), d.AveragePrecision, 1e-14)
	for q, want := range d.Quantiles {
		share := must[float64](t)(strconv.ParseFloat(q, 64))
		near(t, "quantile "+q, number(Quantile(d.Scores, share)), want, 0)
	}
}

func TestPCAAsScikitLearn(t *testing.T) {
	s := readGolden(t).Spaces
	for _, batch := range []int{80, 1, 33} {
		var m Moments
		for from := 0; from < s.N; from += batch {
			if err := m.Add(s.X[from*s.Dim:min(from+batch, s.N)*s.Dim], s.Dim); err != nil {
				t.Fatal(err)
			}
		}
		p := must[*PCA](t)(m.PCA(3))
		allNear(t, "mean", p.Mean, s.Mean, 1e-12)
		allNear(t, "component", p.Components.RawMatrix().Data, s.Components, 1e-12)
		allNear(t, "variance", p.Variance, s.Variance, 1e-12)
		for i, v := range p.Variance {
			near(t, "ratio", v/p.Total, s.Ratio[i], 1e-12)
		}
		y := must[[]float32](t)(p.Transform(s.X))
		allNear(t, "coordinate", float64s(y), s.Transformed, 1e-6)
		allNear(t, "inverse", float64s(must[[]float32](t)(p.Inverse(y))), s.Inverse, 1e-6)
	}
}

func TestNeighboursAsScikitLearn(t *testing.T) {
	s := readGolden(t).Spaces
	labels, number := bytesOf(s.Labels), must[float64](t)
	for k, want := range s.Trustworthiness {
		near(t, "trustworthiness "+k, number(Trustworthiness(s.X, s.Dim, s.Map, 2, must[int](t)(strconv.Atoi(k)))), want, 1e-14)
	}
	for k, want := range s.KNN {
		near(t, "kNN accuracy "+k, number(KNNAccuracy(s.Map, 2, labels, must[int](t)(strconv.Atoi(k)))), want, 1e-14)
	}
	for name, d := range map[string]Distance{"euclidean": Euclidean, "cosine": Cosine} {
		found := must[[][]Neighbour](t)(must[*Index](t)(NewIndex(s.X, s.Dim, d)).Nearest(s.Queries, 4))
		for i, neighbours := range found {
			for j, n := range neighbours {
				if want := s.Near[name].Index[i][j]; n.Index != want {
					t.Errorf("%s: neighbour %d of query %d is %d, want %d", name, j, i, n.Index, want)
				}
				near(t, name+" distance", n.Distance, s.Near[name].Distance[i][j], 1e-12)
			}
		}
		if d == Euclidean {
			near(t, "precision at 4", number(PrecisionAtK(found, bytesOf(s.QueryLabels), labels)), s.Precision, 1e-14)
		}
	}
}

func TestFrechetDistanceAsSciPy(t *testing.T) {
	g := readGolden(t).Gaussians
	fit := func(x []float32) *Gaussian {
		var m Moments
		if err := m.Add(x, g.Dim); err != nil {
			t.Fatal(err)
		}
		return must[*Gaussian](t)(m.Gaussian())
	}
	a, b := fit(g.A), fit(g.B)
	allNear(t, "mean", a.Mean, g.Mean, 1e-12)
	for i := range g.Dim {
		for j := range g.Dim {
			near(t, "covariance", a.Covariance.At(i, j), g.Covariance[i*g.Dim+j], 1e-12)
		}
	}
	number := must[float64](t)
	near(t, "distance", number(FrechetDistance(a, b)), g.Distance, 1e-7)
	near(t, "distance the other way", number(FrechetDistance(b, a)), g.Distance, 1e-7)
	near(t, "distance from itself", number(FrechetDistance(a, a)), 0, 1e-10)
}

func TestPrincipalAnglesAsSciPy(t *testing.T) {
	g := readGolden(t).Angles
	a, b := mat.NewDense(3, g.Dim, g.A), mat.NewDense(2, g.Dim, g.B)
	angles := must[[]float64](t)
	got := angles(PrincipalAngles(a, b))
	allNear(t, "angle", got, g.Angles, 1e-12)
	allNear(t, "the other way", angles(PrincipalAngles(b, a)), got, 1e-12)

	// A cosine cannot tell this angle from 0.
	const small = 1e-9
	plane := mat.NewDense(2, 3, []float64{1, 0, 0, 0, 1, 0})
	tilted := mat.NewDense(2, 3, []float64{math.Cos(1), math.Sin(1), 0, -math.Sin(1), math.Cos(1), small})
	got = angles(PrincipalAngles(plane, tilted))
	near(t, "small angle", got[0]/small, 1, 1e-6)
	near(t, "no angle", got[1], 0, 1e-14)
}

func TestActiveUnits(t *testing.T) {
	u := readGolden(t).Units
	if got := must[int](t)(ActiveUnits(u.Codes, u.Z)); got != u.Active {
		t.Errorf("%d active units, want %d", got, u.Active)
	}
}

func TestMistakesAreErrors(t *testing.T) {
	nan := float32(math.NaN())
	var few Moments
	few.Add([]float32{1, 2}, 2)
	var broken Moments
	broken.Add([]float32{1, 2, nan, 4}, 2)
	index, err := NewIndex([]float32{0, 0, 1, 1}, 2, Euclidean)
	if err != nil {
		t.Fatal(err)
	}
	first := func(_ any, err error) error { return err }
	for _, c := range []struct {
		err  error
		want string
	}{
		{first(PSNR([]float32{1}, nil)), "0 values, want one for each of 1 values"},
		{first(SquaredError(nil, nil)), "no values"},
		{first(SSIM(make([]float32, 100), make([]float32, 100), 10, 10, 1)), "want at least [11 11 1]"},
		{first(SSIM(make([]float32, 120), make([]float32, 121), 11, 11, 1)), "want 121 each"},
		{first(ROC([]float64{1, 2}, []bool{true, true})), "2 positives and 0 negatives"},
		{first(ROC([]float64{1, math.NaN()}, []bool{true, false})), "score 1 is NaN"},
		{first(AUROC([]float64{1}, nil)), "0 labels, want one for each of 1 scores"},
		{first(AveragePrecision(nil, nil)), "no scores"},
		{first(PrecisionRecall([]float64{1}, []bool{false})), "none of 1 samples is positive"},
		{first(Quantile([]float64{1}, 0)), "quantile 0, want above 0"},
		{first(Quantile(nil, 0.5)), "no scores"},
		{few.Add([]float32{1}, 2), "want a multiple of the dimension, which is 2"},
		{few.Add([]float32{1}, 1), "vectors of 1 numbers after some of 2"},
		{first(few.Gaussian()), "covariance of 1 vectors, want at least 2"},
		{first(broken.PCA(1)), "number 0 of the vectors is not finite"},
		{first(NewIndex(nil, 2, Euclidean)), "no points"},
		{first(index.Nearest([]float32{0, 0}, 3)), "3 nearest of 2 points"},
		{first(index.Nearest([]float32{0, nan}, 1)), "distances of query 0 are not finite"},
		{first(index.NearestOthers(2)), "2 nearest others of 2 points"},
		{first(Trustworthiness([]float32{1, 2, 3}, 1, []float32{1, 2, 3}, 1, 2)), "wants more than 4 points, got 3"},
		{first(KNNAccuracy([]float32{1, 2}, 1, []uint8{1}, 1)), "1 labels, want one for each of 2 points"},
		{first(PrecisionAtK([][]Neighbour{{{Index: 3}}}, []uint8{1}, []uint8{1})), "neighbour 3 of query 0: there are 1 points"},
		{first(PrincipalAngles(mat.NewDense(1, 2, nil), mat.NewDense(1, 3, nil))), "2 and 3 dimensions"},
		{first(PrincipalAngles(mat.NewDense(2, 2, []float64{1, 1, 1, 1}), mat.NewDense(1, 2, []float64{1, 0}))), "vector 1 adds nothing"},
		{first(ActiveUnits(nil, 2)), "no codes"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", c.err, c.want)
		}
	}
}
