package tasks

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
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
}

// JPEGRates compresses all samples of src, grey or colour images, as JPEG at each
// quality.
func JPEGRates(ctx context.Context, src data.Source, o JPEGOptions) ([]Rate, error) {
	info := src.Info()
	if info.C != 1 && info.C != 3 {
		return nil, fmt.Errorf("tasks: jpeg: %s has %d channels, want 1 or 3", info.Name, info.C)
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
	s := newSheet(info, side)
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

// sheet is a picture of images in rows.
type sheet struct {
	info         data.Info
	side         int // images to a row
	cellH, cellW int
	grey         *image.Gray
	colour       *image.RGBA
}

func newSheet(info data.Info, side int) *sheet {
	block := 8
	if info.C == 3 {
		block = 16 // colours are stored at half the size
	}
	whole := func(n int) int {
		if side == 1 {
			return n
		}
		return (n + block - 1) / block * block
	}
	s := &sheet{info: info, side: side, cellH: whole(info.H), cellW: whole(info.W)}
	bounds := image.Rect(0, 0, side*s.cellW, side*s.cellH)
	if info.C == 1 {
		s.grey = image.NewGray(bounds)
	} else {
		s.colour = image.NewRGBA(bounds)
	}
	return s
}

// draw draws samples into their cells and leaves the others black.
func (s *sheet) draw(samples []float32) {
	size := s.info.SampleSize()
	for cell := range s.side * s.side {
		for y := range s.cellH {
			for x := range s.cellW {
				at := cell*size + (min(y, s.info.H-1)*s.info.W+min(x, s.info.W-1))*s.info.C
				var c [3]uint8
				for k := range s.info.C {
					if at < len(samples) {
						c[k] = uint8(math.Round(255 * min(max(float64(samples[at+k]), 0), 1)))
					}
				}
				px, py := cell%s.side*s.cellW+x, cell/s.side*s.cellH+y
				if s.grey != nil {
					s.grey.SetGray(px, py, color.Gray{Y: c[0]})
				} else {
					s.colour.SetRGBA(px, py, color.RGBA{c[0], c[1], c[2], 255})
				}
			}
		}
	}
}

// squaredErrors returns the size of the sheet as JPEG and the sum of the squared
// errors of the samples on it.
func (s *sheet) squaredErrors(quality int, samples []float32) (bytesOf int64, sum float64, err error) {
	var im image.Image = s.colour
	if s.grey != nil {
		im = s.grey
	}
	rows := (len(samples)/s.info.SampleSize() + s.side - 1) / s.side
	im = im.(interface {
		SubImage(image.Rectangle) image.Image
	}).SubImage(image.Rect(0, 0, s.side*s.cellW, rows*s.cellH))
	var b bytes.Buffer
	if err := jpeg.Encode(&b, im, &jpeg.Options{Quality: quality}); err != nil {
		return 0, 0, fmt.Errorf("tasks: jpeg: %w", err)
	}
	bytesOf = int64(b.Len())
	back, err := jpeg.Decode(&b)
	if err != nil {
		return 0, 0, fmt.Errorf("tasks: jpeg: %w", err)
	}
	for i := range len(samples) / s.info.C {
		place := i % (s.info.H * s.info.W)
		cell := i / (s.info.H * s.info.W)
		r, g, bl, _ := back.At(cell%s.side*s.cellW+place%s.info.W, cell/s.side*s.cellH+place/s.info.W).RGBA()
		for k, v := range []uint32{r, g, bl}[:s.info.C] {
			d := float64(v>>8)/255 - float64(samples[i*s.info.C+k])
			sum += d * d
		}
	}
	return bytesOf, sum, nil
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
