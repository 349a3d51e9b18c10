package tasks

import (
	"context"
	"fmt"

	"hourglass/data"
	"hourglass/models/train"
)

// Restored is a batch of what restoring gives. All are [n H W C].
type Restored struct {
	From  int       // the number of the first
	Given []float32 // what the model was given
	Made  []float32 // what it makes of that
	Clean []float32 // what it should be, nil where nobody knows
}

// Noise tells where the bad samples of [Denoise] come from.
type Noise struct {
	// Corrupt, if not nil, makes them of the source's. Else those are bad
	// already.
	Corrupt *Corruption
	// Clean, if not nil, holds what bad samples should be, one for each.
	Clean data.Source
}

// Denoise hands what the model makes of bad samples to use.
func Denoise(ctx context.Context, r *train.Runner, src data.Source, noise Noise, use func(Restored) error) error {
	if noise.Clean != nil {
		if err := checkSamples(r, noise.Clean); err != nil {
			return err
		}
		if got, want := noise.Clean.Info(), src.Info(); got.N != want.N {
			return fmt.Errorf("tasks: %d clean samples of %s for the %d of %s, want as many", got.N, got.Name, want.N, want.Name)
		}
	}
	if err := checkSamples(r, src); err != nil {
		return err
	}
	return Each(ctx, src, r.Batch(), func(from int, samples []float32) error {
		out := Restored{From: from, Given: samples}
		var err error
		if noise.Corrupt != nil {
			out.Clean = samples
			if out.Given, _, err = noise.Corrupt.Apply(samples, from/r.Batch()); err != nil {
				return err
			}
		}
		if noise.Clean != nil {
			out.Clean = make([]float32, len(samples))
			if err := noise.Clean.Read(out.Clean, span(from, len(samples)/r.Shape().Size())); err != nil {
				return err
			}
		}
		if out.Made, err = r.Reconstruct(out.Given); err != nil {
			return err
		}
		return use(out)
	})
}

// A Mask tells which values of samples are missing.
type Mask struct {
	// Corrupt, if not nil, draws the mask: a corruption that masks.
	Corrupt *Corruption
	// Missing, of all samples alike, is 1 where a value is missing and 0 where it
	// is given, [H W] or [H W C].
	Missing []float32
}

// Inpaint hands samples to use whose missing values the model has filled in.
// Values that are not missing stay as they are; the model sees missing ones as
// 0.
func Inpaint(ctx context.Context, r *train.Runner, src data.Source, mask Mask, use func(Restored) error) error {
	if err := checkSamples(r, src); err != nil {
		return err
	}
	shape := r.Shape()
	channels := 0 // that share an element of the mask
	switch {
	case mask.Corrupt != nil:
		if !mask.Corrupt.Masks() {
			return fmt.Errorf("tasks: inpaint: %s tells no missing values, want square, half, pixels or mask", mask.Corrupt.how)
		}
	case len(mask.Missing) == shape.Size():
		channels = 1
	case len(mask.Missing) == shape[0]*shape[1]:
		channels = shape[2]
	default:
		return fmt.Errorf("tasks: inpaint: a mask of %d elements, want %d×%d or one for each of %v", len(mask.Missing), shape[0], shape[1], shape)
	}
	return Each(ctx, src, r.Batch(), func(from int, samples []float32) error {
		given, missing := []float32(nil), []float32(nil)
		var err error
		if mask.Corrupt != nil {
			given, missing, err = mask.Corrupt.Apply(samples, from/r.Batch())
		} else {
			given, missing = masked(samples, mask.Missing, channels)
		}
		if err != nil {
			return err
		}
		made, err := r.Reconstruct(given)
		if err != nil {
			return err
		}
		for i, m := range missing {
			if m == 0 {
				made[i] = samples[i]
			}
		}
		return use(Restored{From: from, Given: given, Made: made, Clean: samples})
	})
}

// masked takes the missing values out of samples, and returns which those are.
func masked(samples, mask []float32, channels int) (given, missing []float32) {
	given, missing = make([]float32, len(samples)), make([]float32, len(samples))
	for i, v := range samples {
		if mask[i/channels%len(mask)] >= 0.5 {
			missing[i] = 1
		} else {
			given[i] = v
		}
	}
	return given, missing
}

// Colorize hands coloured images to use. The source's are coloured too, and then
// shown to the model in grey, or are grey, of one channel or of three that are
// alike in all of the first batch. The brightness is the grey image's, which is
// known to the pixel; of the model's result the colour alone is taken, as Zhang et
// al., Colorful Image Colorization, 2016, have it.
func Colorize(ctx context.Context, r *train.Runner, src data.Source, use func(Restored) error) error {
	if c := r.Config(); !c.Colorize {
		return fmt.Errorf("tasks: the model %s was not trained to colour grey images; train one with colorize", c.Name)
	}
	info, shape := src.Info(), r.Shape()
	if info.N < 1 || info.H != shape[0] || info.W != shape[1] || info.C != 1 && info.C != 3 {
		return fmt.Errorf("tasks: %d images of %s of [%d %d %d], the model takes [%d %d 3] and in grey [%d %d 1]", info.N, info.Name, info.H, info.W, info.C, shape[0], shape[1], shape[0], shape[1])
	}
	coloured := false
	return Each(ctx, src, r.Batch(), func(from int, images []float32) error {
		out := Restored{From: from}
		if from == 0 {
			coloured = info.C == 3 && hasColour(images)
		}
		if coloured {
			out.Clean = images
		}
		out.Given = greyOf(images, info.C)
		var err error
		if out.Made, err = r.Reconstruct(out.Given); err != nil {
			return err
		}
		keepLuma(out.Made, out.Given)
		return use(out)
	})
}

// keepLuma shifts each pixel of images to the luma that it has in grey, as far as
// values from 0 to 1 allow.
func keepLuma(images, grey []float32) {
	own := greyOf(images, 3)
	for i := range images {
		images[i] = min(max(images[i]+grey[i]-own[i], 0), 1)
	}
}

// greyOf returns images of three equal channels: the luma of Rec. ITU-R BT.601,
// which is what models are shown.
func greyOf(images []float32, channels int) []float32 {
	grey := make([]float32, len(images)/channels*3)
	for i := range len(images) / channels {
		v := images[i*channels]
		if channels == 3 {
			v = 0.299*v + 0.587*images[3*i+1] + 0.114*images[3*i+2]
		}
		grey[3*i], grey[3*i+1], grey[3*i+2] = v, v, v
	}
	return grey
}

// hasColour reports whether the channels of images [n H W 3] differ anywhere.
func hasColour(images []float32) bool {
	for i := 0; i < len(images); i += 3 {
		if images[i] != images[i+1] || images[i] != images[i+2] {
			return true
		}
	}
	return false
}

// span returns the indices from … from+n-1.
func span(from, n int) []int32 {
	index := make([]int32, n)
	for i := range index {
		index[i] = int32(from + i)
	}
	return index
}
