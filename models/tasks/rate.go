package tasks

import (
	"context"
	"fmt"
	"io"
	"math"

	"hourglass/data"
	"hourglass/models/metrics"
	"hourglass/models/train"
)

// A Rate is a point of a rate-distortion plot.
type Rate struct {
	Name         string // of the setting: "4 bits", "quality 10"
	Bytes        int64  // of all samples, headers included
	BitsPerPixel float64
	// PSNR in decibels is that of the squared error's mean over all samples, so that
	// a sample that is exact does not outweigh all others.
	PSNR float64
}

// Rates compresses all samples of src with each of some options and measures what
// comes back. It holds all codes in memory. A model with a codebook takes a single
// empty option.
func Rates(ctx context.Context, r *train.Runner, src data.Source, options []CompressOptions) ([]Rate, error) {
	codes, err := Codes(ctx, r, src)
	if err != nil {
		return nil, err
	}
	book, err := codebookOf(r)
	if err != nil {
		return nil, err
	}
	var u unitRanges
	if err := u.add(codes, r.Latent()); err != nil {
		return nil, err
	}
	var quantizers []*quantizer
	for _, o := range options {
		q := book
		if q == nil {
			if q, err = u.quantizer(o); err != nil {
				return nil, err
			}
		} else if o != (CompressOptions{}) {
			return nil, fmt.Errorf("tasks: compress: codes of the model %s are entries of its codebook, which take no bits or step", r.Config().Name)
		}
		quantizers = append(quantizers, q)
	}
	rates, rounded := make([]Rate, len(options)), make([][]float32, len(options))
	for i, q := range quantizers {
		if rates[i], rounded[i], err = rateOf(r, src.Info(), codes, q); err != nil {
			return nil, err
		}
		rates[i].Name = options[i].name(book != nil)
	}
	return rates, distortions(ctx, r, src, rates, rounded)
}

func (o CompressOptions) name(codebook bool) string {
	switch {
	case codebook:
		return "codebook"
	case o.Step != 0:
		return fmt.Sprintf("step %g", o.Step)
	case o.Bits == 0:
		return fmt.Sprintf("%d bits", defaultBits)
	case o.Bits == 1:
		return "1 bit"
	}
	return fmt.Sprintf("%d bits", o.Bits)
}

// rateOf compresses codes and returns what they are behind it.
func rateOf(r *train.Runner, info data.Info, codes []float32, q *quantizer) (Rate, []float32, error) {
	w, err := newCompressor(r, info, q, io.Discard)
	if err != nil {
		return Rate{}, nil, err
	}
	if err := w.write(codes); err != nil {
		return Rate{}, nil, err
	}
	c, err := w.end()
	if err != nil {
		return Rate{}, nil, err
	}
	numbers, err := q.symbols(nil, codes)
	return Rate{Bytes: c.Bytes, BitsPerPixel: c.BitsPerPixel}, q.codes(nil, numbers), err
}

// distortions decodes all codes and fills in the PSNR.
func distortions(ctx context.Context, r *train.Runner, src data.Source, rates []Rate, codes [][]float32) error {
	z, sums, n := r.Latent(), make([]float64, len(rates)), src.Info().N
	err := Each(ctx, src, r.Batch(), func(from int, samples []float32) error {
		count := len(samples) / r.Shape().Size()
		for i := range rates {
			images, err := r.Decode(codes[i][from*z : (from+count)*z])
			if err != nil {
				return err
			}
			mse, err := metrics.SquaredError(samples, images)
			if err != nil {
				return err
			}
			sums[i] += mse * float64(count) / float64(n)
		}
		return nil
	})
	for i := range rates {
		rates[i].PSNR = metrics.Decibels(sums[i])
	}
	return err
}

// JPEGOptions decides how JPEG compresses the same samples.
type JPEGOptions struct {
	Qualities []int // 1 to 100
	// Sheet is how many samples, as a square number, one file holds. A file has
	// some 600 bytes of tables, which is far more than a small image; a sheet
	// shares them. Each image is extended to whole blocks by its edges, which are
	// not counted as pixels. 1 gives every sample a file.
	Sheet int
	// Shrink is the factor by which images are made smaller before, as means of
	// Shrink×Shrink pixels, and larger again behind, bilinearly: how JPEG reaches low
	// rates best. 1, the default, or a number that divides height and width.
	Shrink int
}

// JPEGRates compresses all samples of src, grey or colour images, as JPEG at each
// quality.
func JPEGRates(ctx context.Context, src data.Source, o JPEGOptions) ([]Rate, error) {
	info := src.Info()
	if info.C != 1 && info.C != 3 {
		return nil, fmt.Errorf("tasks: jpeg: %s has %d channels, want 1 or 3", info.Name, info.C)
	}
	o.Shrink = max(o.Shrink, 1)
	if info.H%o.Shrink != 0 || info.W%o.Shrink != 0 {
		return nil, fmt.Errorf("tasks: jpeg: images of %d×%d cannot be made smaller by %d", info.H, info.W, o.Shrink)
	}
	side := int(math.Sqrt(float64(o.Sheet)))
	if side < 1 || side*side != o.Sheet {
		return nil, fmt.Errorf("tasks: jpeg: sheets of %d images, want a square number", o.Sheet)
	}
	rates, sums := make([]Rate, len(o.Qualities)), make([]float64, len(o.Qualities))
	for i, q := range o.Qualities {
		if q < 1 || q > 100 {
			return nil, fmt.Errorf("tasks: jpeg: quality %d, want 1 to 100", q)
		}
		rates[i].Name = fmt.Sprintf("quality %d", q)
	}
	s := newSheet(info, side, o.Shrink)
	err := Each(ctx, src, o.Sheet, func(_ int, samples []float32) error {
		s.draw(samples)
		for i, quality := range o.Qualities {
			size, errors, err := s.squaredErrors(quality, samples)
			if err != nil {
				return err
			}
			rates[i].Bytes += size
			sums[i] += errors
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range rates {
		rates[i].BitsPerPixel = 8 * float64(rates[i].Bytes) / (float64(info.N) * float64(info.H*info.W))
		rates[i].PSNR = metrics.Decibels(sums[i] / (float64(info.N) * float64(info.SampleSize())))
	}
	return rates, nil
}

// AtRate returns the PSNR that a line through points of rising rate has at so many
// bits per pixel, and false outside of them.
func AtRate(rates []Rate, bitsPerPixel float64) (psnr float64, ok bool) {
	for i := 1; i < len(rates); i++ {
		a, b := rates[i-1], rates[i]
		if a.BitsPerPixel <= bitsPerPixel && bitsPerPixel <= b.BitsPerPixel && b.BitsPerPixel > a.BitsPerPixel {
			t := (bitsPerPixel - a.BitsPerPixel) / (b.BitsPerPixel - a.BitsPerPixel)
			return a.PSNR + t*(b.PSNR-a.PSNR), true
		}
	}
	return 0, false
}
