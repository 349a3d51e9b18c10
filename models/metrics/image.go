package metrics

import (
	"fmt"
	"math"
)

// SquaredError returns the mean of (x−y)² over all elements.
func SquaredError(x, y []float32) (float64, error) {
	if err := sameLength("values", len(y), "values", len(x)); err != nil {
		return 0, err
	}
	if len(x) == 0 {
		return 0, fmt.Errorf("metrics: squared error of no values")
	}
	sum := 0.0
	for i, v := range x {
		d := float64(v) - float64(y[i])
		sum += d * d
	}
	return sum / float64(len(x)), nil
}

// PSNR returns the peak signal-to-noise ratio of images of one size in decibels,
// −10·log₁₀ mean (x−y)², for values whose range is 1. Equal images have +Inf.
func PSNR(x, y []float32) (float64, error) {
	mse, err := SquaredError(x, y)
	if err != nil {
		return 0, err
	}
	return Decibels(mse), nil
}

// Decibels returns the peak signal-to-noise ratio of a mean squared error, for
// values whose range is 1.
func Decibels(mse float64) float64 { return -10 * math.Log10(mse) }

// The window of SSIM: a Gaussian of σ = 1.5 pixels, cut at 3.5σ, as in the paper.
const (
	ssimSigma  = 1.5
	ssimRadius = 5
	// SSIMSize is the height and width that SSIM wants at least.
	SSIMSize = 2*ssimRadius + 1
)

// SSIM returns the structural similarity of two images [h w c] with values whose
// range is 1, at most 1 and 1 for equal images:
//
//	(2μxμy + C₁)(2σxy + C₂) / ((μx² + μy² + C₁)(σx² + σy² + C₂)),  C₁ = 0.01², C₂ = 0.03²
//
// with means, variances and the covariance under a Gaussian window of 11×11
// pixels and σ = 1.5, the mean over all places where the window fits and over the
// channels (Wang, Bovik, Sheikh and Simoncelli, Image Quality Assessment: From
// Error Visibility to Structural Similarity, 2004). It is scikit-image's
// structural_similarity with gaussian_weights, sigma 1.5, data_range 1 and without
// use_sample_covariance. An image smaller than SSIMSize is an error.
func SSIM(x, y []float32, h, w, c int) (float64, error) {
	if h < SSIMSize || w < SSIMSize || c < 1 {
		return 0, fmt.Errorf("metrics: ssim: image [%d %d %d], want at least [%d %d 1]: its window is of that size", h, w, c, SSIMSize, SSIMSize)
	}
	if len(x) != h*w*c || len(y) != h*w*c {
		return 0, fmt.Errorf("metrics: ssim: %d and %d values, want %d each for [%d %d %d]", len(x), len(y), h*w*c, h, w, c)
	}
	sum := 0.0
	m := newWindow(h, w)
	for channel := range c {
		sum += m.similarity(x[channel:], y[channel:], c)
	}
	return sum / float64(c), nil
}

// window takes weighted means of a plane.
type window struct {
	h, w    int
	weights [SSIMSize]float64
	plane   []float64 // [h w]
	across  []float64 // [h w-10]: weighted along rows
	means   [5][]float64
}

func newWindow(h, w int) *window {
	m := &window{h: h, w: w, plane: make([]float64, h*w), across: make([]float64, h*(w-2*ssimRadius))}
	for i := range m.means {
		m.means[i] = make([]float64, (h-2*ssimRadius)*(w-2*ssimRadius))
	}
	sum := 0.0
	for i := range m.weights {
		d := float64(i - ssimRadius)
		m.weights[i] = math.Exp(-d * d / (2 * ssimSigma * ssimSigma))
		sum += m.weights[i]
	}
	for i := range m.weights {
		m.weights[i] /= sum
	}
	return m
}

// similarity returns the mean similarity of two planes whose neighbours lie
// stride apart.
func (m *window) similarity(x, y []float32, stride int) float64 {
	products := [5]func(a, b float64) float64{
		func(a, _ float64) float64 { return a },
		func(_, b float64) float64 { return b },
		func(a, _ float64) float64 { return a * a },
		func(_, b float64) float64 { return b * b },
		func(a, b float64) float64 { return a * b },
	}
	for k, product := range products {
		for i := range m.plane {
			m.plane[i] = product(float64(x[i*stride]), float64(y[i*stride]))
		}
		m.mean(m.means[k])
	}
	const c1, c2 = 0.01 * 0.01, 0.03 * 0.03
	sum := 0.0
	for i, ux := range m.means[0] {
		uy := m.means[1][i]
		vx, vy, vxy := m.means[2][i]-ux*ux, m.means[3][i]-uy*uy, m.means[4][i]-ux*uy
		sum += (2*ux*uy + c1) * (2*vxy + c2) / ((ux*ux + uy*uy + c1) * (vx + vy + c2))
	}
	return sum / float64(len(m.means[0]))
}

// mean writes the weighted means of the plane at every place where the window
// fits.
func (m *window) mean(dst []float64) {
	inner := m.w - 2*ssimRadius
	for i := range m.across {
		row, column := i/inner, i%inner
		from := m.plane[row*m.w+column:]
		sum := 0.0
		for k, weight := range m.weights {
			sum += weight * from[k]
		}
		m.across[i] = sum
	}
	for i := range dst {
		sum := 0.0
		for k, weight := range m.weights {
			sum += weight * m.across[i+k*inner]
		}
		dst[i] = sum
	}
}
