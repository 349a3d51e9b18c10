package tasks

import (
	"math"

	"hourglass/kernels"
	"hourglass/models/metrics"
)

// Quality tells how near images are to what they should be: means over the
// images.
type Quality struct {
	MSE  float64 `json:"mse"`  // mean squared error
	PSNR float64 `json:"psnr"` // in decibels; that of an exact copy counts as 100
	// SSIM is the structural similarity, nil for samples smaller than 11×11.
	SSIM *float64 `json:"ssim,omitempty"`
}

// Measure sums up a Quality.
type Measure struct {
	shape           kernels.Shape
	n               int
	mse, psnr, ssim float64
}

// NewMeasure returns a Measure of samples [H W C].
func NewMeasure(shape kernels.Shape) *Measure { return &Measure{shape: shape.Clone()} }

// Add compares samples [n H W C] with what they should be.
func (m *Measure) Add(got, want []float32) error {
	for size := m.shape.Size(); len(got) >= size; got, want = got[size:], want[size:] {
		mse, err := metrics.SquaredError(got[:size], want[:size])
		if err != nil {
			return err
		}
		m.n++
		m.mse += mse
		m.psnr += metrics.Decibels(math.Max(mse, 1e-10)) // as models.PSNR does
		if !m.similarity() {
			continue
		}
		s, err := metrics.SSIM(got[:size], want[:size], m.shape[0], m.shape[1], m.shape[2])
		if err != nil {
			return err
		}
		m.ssim += s
	}
	return nil
}

// similarity reports whether the samples are large enough for SSIM.
func (m *Measure) similarity() bool {
	return m.shape[0] >= metrics.SSIMSize && m.shape[1] >= metrics.SSIMSize
}

// Quality returns the means over all that was added, nil if nothing was.
func (m *Measure) Quality() *Quality {
	if m.n == 0 {
		return nil
	}
	n := float64(m.n)
	q := &Quality{MSE: m.mse / n, PSNR: m.psnr / n}
	if m.similarity() {
		ssim := m.ssim / n
		q.SSIM = &ssim
	}
	return q
}
