package data

import (
	"bytes"
	"math"
	"runtime"
	"testing"
)

// small is the first n training images of "builtin", drawn.
func small(t testing.TB, n int) *Dataset {
	t.Helper()
	d, err := builtin(builtinSeed, Train).Limit(n)
	if err != nil {
		t.Fatal(err)
	}
	d.Load()
	return d
}

func TestBuiltinSameOnAnyNumberOfThreads(t *testing.T) {
	many := small(t, 500)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one := small(t, 500)
	runtime.GOMAXPROCS(5)
	five := small(t, 500)
	if !bytes.Equal(many.Pixels, one.Pixels) || !bytes.Equal(many.Pixels, five.Pixels) {
		t.Error("the images depend on the number of threads")
	}
}

// No two images may be the same, none may touch the image's border or be
// nearly empty, and white must be reached.
func TestBuiltinImages(t *testing.T) {
	d := small(t, 5000)
	seen := map[string]int{}
	white := 0
	for i := range d.N {
		image := d.Image(i)
		if first, ok := seen[string(image)]; ok {
			t.Errorf("images %d and %d are equal", first, i)
		}
		seen[string(image)] = i
		sum := 0
		for k, v := range image {
			sum += int(v)
			x, y := k%28, k/28
			if v != 0 && (x == 0 || y == 0 || x == 27 || y == 27) {
				t.Fatalf("image %d has ink on its border", i)
			}
			if v == 255 {
				white++
			}
		}
		if mean := sum / len(image); mean < 4 || mean > 110 {
			t.Errorf("image %d has a mean of %d", i, mean)
		}
	}
	if white == 0 {
		t.Error("no pixel is white")
	}
}

// Labels must belong to images: nearest neighbours among 3000 images find
// most of 300 labels. Chance is 0.1, MNIST gives about 0.95.
func TestBuiltinLabels(t *testing.T) {
	d := small(t, 3300)
	right := 0
	for i := 3000; i < 3300; i++ {
		best, nearest := math.MaxInt, 0
		for k := range 3000 {
			if distance := squaredDistance(d.Image(i), d.Image(k), best); distance < best {
				best, nearest = distance, k
			}
		}
		if d.Labels[i] == d.Labels[nearest] {
			right++
		}
	}
	if share := float64(right) / 300; share < 0.8 {
		t.Errorf("nearest neighbours find %.3f of the labels, want 0.8 or more", share)
	} else {
		t.Logf("nearest neighbours find %.3f of the labels", share)
	}
}

// squaredDistance may stop at a value of limit or more.
func squaredDistance(a, b []byte, limit int) int {
	sum := 0
	for i, v := range a {
		difference := int(v) - int(b[i])
		sum += difference * difference
		if i%64 == 63 && sum >= limit {
			break
		}
	}
	return sum
}

// The size of a code must matter as it does on MNIST, whose mean squared error
// after PCA on [0, 1] pixels is 0.067, 0.056 and 0.027 with 0, 2 and 16
// components. So few images and iterations move the last by less than 0.001.
func TestBuiltinPrincipalComponents(t *testing.T) {
	got := pcaErrors(small(t, 2000), 16, 6)
	for components, bounds := range map[int][2]float64{0: {0.06, 0.076}, 2: {0.05, 0.064}, 16: {0.024, 0.032}} {
		if e := got[components]; e < bounds[0] || e > bounds[1] {
			t.Errorf("PCA with %d components leaves %.4f, want %v", components, e, bounds)
		}
	}
	t.Logf("PCA leaves %.4f, %.4f, %.4f with 0, 2, 16 components", got[0], got[2], got[16])
}

// pcaErrors returns the mean squared error that remains after projection on
// the first 0 … k principal components, found by orthogonal iteration.
func pcaErrors(d *Dataset, k, iterations int) []float64 {
	size := d.SampleSize()
	mean := make([]float64, size)
	for i, v := range d.Pixels {
		mean[i%size] += float64(v) / 255 / float64(d.N)
	}
	basis := make([][]float64, k)
	r := newRandom(1, streamOrder, 1)
	for j := range basis {
		basis[j] = make([]float64, size)
		for i := range basis[j] {
			basis[j][i] = float64(r.bell())
		}
	}
	x := make([]float64, size)
	errors := make([]float64, k+1)
	for range iterations {
		orthonormalize(basis)
		clear(errors)
		next := make([][]float64, k)
		for j := range next {
			next[j] = make([]float64, size)
		}
		for s := range d.N {
			total := 0.0
			for i, v := range d.Image(s) {
				x[i] = float64(v)/255 - mean[i]
				total += x[i] * x[i]
			}
			errors[0] += total
			for j, b := range basis {
				dot := 0.0
				for i, v := range x {
					dot += v * b[i]
				}
				for i, v := range x {
					next[j][i] += dot * v
				}
				total -= dot * dot
				errors[j+1] += total
			}
		}
		basis = next
	}
	for j := range errors {
		errors[j] /= float64(d.N * size)
	}
	return errors
}

// orthonormalize is the modified Gram-Schmidt process.
func orthonormalize(basis [][]float64) {
	for j, b := range basis {
		for _, a := range basis[:j] {
			dot := 0.0
			for i := range a {
				dot += a[i] * b[i]
			}
			for i := range a {
				b[i] -= dot * a[i]
			}
		}
		norm := 0.0
		for _, v := range b {
			norm += v * v
		}
		norm = math.Sqrt(norm)
		for i := range b {
			b[i] /= norm
		}
	}
}

// Every form must be drawable: at least two points a stroke, no corner at the
// very ends, everything in its box.
func TestSkeletons(t *testing.T) {
	for digit, forms := range skeletons {
		if len(forms) < 3 {
			t.Errorf("digit %d has %d forms, want at least 3", digit, len(forms))
		}
		for f, form := range forms {
			if form.weight < 1 || len(form.strokes) == 0 {
				t.Errorf("digit %d form %d: weight %d, %d strokes", digit, f, form.weight, len(form.strokes))
			}
			for _, stroke := range form.strokes {
				n := len(stroke)
				if n < 2 || stroke[0] == stroke[1] || stroke[n-1] == stroke[n-2] {
					t.Errorf("digit %d form %d: a stroke is too short or has a corner at its end", digit, f)
				}
				for _, p := range stroke {
					if p.x < -0.65 || p.x > 0.65 || p.y < -1 || p.y > 1 {
						t.Errorf("digit %d form %d: point %v lies outside the box", digit, f, p)
					}
				}
			}
		}
	}
}

func BenchmarkBuiltinTrain(b *testing.B) {
	for b.Loop() {
		builtin(1, Train).Load()
	}
	b.ReportMetric(float64(b.N)*builtinTrain/b.Elapsed().Seconds(), "images/s")
}

// BenchmarkBuiltinFirstBatch is what stands between a start and a first step.
func BenchmarkBuiltinFirstBatch(b *testing.B) {
	batch := Order(builtinTrain, 1, 0)[:128]
	for b.Loop() {
		if err := builtin(1, Train).Need(batch); err != nil {
			b.Fatal(err)
		}
	}
}
