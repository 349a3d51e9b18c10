package tasks

import (
	"context"
	"fmt"
	"math"

	"hourglass/data"
	"hourglass/models/metrics"
	"hourglass/models/train"
)

// CompressOptions decides how finely codes are rounded; coarser ones take fewer
// bytes. A VQ-VAE's codes are entries of its codebook, which need no rounding: it
// takes neither option.
type CompressOptions struct {
	// Bits from 1 to 8 cuts the range that each unit has in the data into 2^Bits
	// equal parts, and rounds to their middles. Default 6, unless Step is given.
	Bits int
	// Step rounds all units to multiples of one number instead.
	Step float64
}

const defaultBits = 6

// mostLevels is how many values a unit may take at most.
const mostLevels = 256

// level is how one unit of a code is rounded: to low + i·step, i < count.
type level struct {
	low, step float32
	count     uint16
}

// quantizer turns codes into small numbers and back: each unit by its level, or,
// of a VQ-VAE, each place by its entry of the codebook.
type quantizer struct {
	levels []level

	codebook []float32 // [K width], nil for levels
	width    int
	entries  *metrics.Index
}

// perCode returns how many numbers a code of z units becomes.
func (q *quantizer) perCode(z int) int {
	if q.codebook != nil {
		return z / q.width
	}
	return z
}

// codebookOf returns a quantizer by the codebook of a model, nil if that has none.
func codebookOf(r *train.Runner) (*quantizer, error) {
	if r.Config().Codebook == 0 {
		return nil, nil
	}
	weights, err := r.Weights()
	if err != nil {
		return nil, err
	}
	for _, a := range weights {
		if a.Name == "codebook.weight" {
			index, err := metrics.NewIndex(a.Data, a.Shape[1], metrics.Euclidean)
			return &quantizer{codebook: a.Data, width: a.Shape[1], entries: index}, err
		}
	}
	return nil, fmt.Errorf("tasks: compress: the model %s has a codebook of %d entries, but no variable codebook.weight", r.Config().Name, r.Config().Codebook)
}

// unitRanges is the smallest and largest value of each unit.
type unitRanges struct{ low, high []float32 }

// add takes codes [n z].
func (u *unitRanges) add(codes []float32, z int) error {
	if u.low == nil {
		u.low, u.high = make([]float32, z), make([]float32, z)
		for i := range z {
			u.low[i], u.high[i] = float32(math.Inf(1)), float32(math.Inf(-1))
		}
	}
	for i, v := range codes {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("tasks: compress: unit %d of a code is %v: the model's weights are not finite", i%z, v)
		}
		u.low[i%z], u.high[i%z] = min(u.low[i%z], v), max(u.high[i%z], v)
	}
	return nil
}

// rangesOf reads all samples once.
func rangesOf(ctx context.Context, r *train.Runner, src data.Source) (unitRanges, error) {
	var u unitRanges
	err := Encode(ctx, r, src, func(_ int, codes []float32) error { return u.add(codes, r.Latent()) })
	return u, err
}

// quantizer returns what rounds units of these ranges.
func (u unitRanges) quantizer(o CompressOptions) (*quantizer, error) {
	if o.Bits == 0 && o.Step == 0 {
		o.Bits = defaultBits
	}
	switch {
	case o.Bits != 0 && o.Step != 0:
		return nil, fmt.Errorf("tasks: compress: %d bits and a step of %g, want one of the two", o.Bits, o.Step)
	case o.Step == 0 && (o.Bits < 1 || o.Bits > 8):
		return nil, fmt.Errorf("tasks: compress: %d bits a unit, want 1 to 8", o.Bits)
	case o.Step != 0 && !(o.Step >= 1e-6 && o.Step <= 1e6):
		return nil, fmt.Errorf("tasks: compress: a step of %g, want 1e-6 to 1e6", o.Step)
	}
	q := &quantizer{}
	for i := range u.low {
		low, high := float64(u.low[i]), float64(u.high[i])
		l := level{low: u.low[i], count: 1}
		if o.Step > 0 {
			first, last := math.Round(low/o.Step), math.Round(high/o.Step)
			if last-first >= mostLevels {
				return nil, fmt.Errorf("tasks: compress: a step of %g makes %.0f levels of unit %d, which goes from %g to %g; want at most %d: use %.2g or more",
					o.Step, last-first+1, i, low, high, mostLevels, 1.05*(high-low)/(mostLevels-1))
			}
			l = level{float32(first * o.Step), float32(o.Step), uint16(last - first + 1)}
		} else if high > low {
			// A value stands in the middle of its part of the range.
			count := 1 << o.Bits
			step := (high - low) / float64(count)
			l = level{float32(low + step/2), float32(step), uint16(count)}
		}
		q.levels = append(q.levels, l)
	}
	return q, nil
}

// symbols appends the numbers that codes [n z] become.
func (q *quantizer) symbols(dst []uint32, codes []float32) ([]uint32, error) {
	if q.codebook != nil {
		near, err := q.entries.Nearest(codes, 1)
		for _, n := range near {
			dst = append(dst, uint32(n[0].Index))
		}
		return dst, err
	}
	for i, v := range codes {
		l := q.levels[i%len(q.levels)]
		n := 0.0
		if l.step > 0 {
			n = math.Round((float64(v) - float64(l.low)) / float64(l.step))
		}
		dst = append(dst, uint32(min(max(n, 0), float64(l.count-1))))
	}
	return dst, nil
}

// codes appends the codes that numbers stand for.
func (q *quantizer) codes(dst []float32, symbols []uint32) []float32 {
	for i, s := range symbols {
		if q.codebook != nil {
			dst = append(dst, q.codebook[int(s)*q.width:(int(s)+1)*q.width]...)
			continue
		}
		l := q.levels[i%len(q.levels)]
		dst = append(dst, l.low+l.step*float32(s))
	}
	return dst
}

// models returns a fresh model for each number of a code.
func (q *quantizer) models(z int) []*symbols {
	all := make([]*symbols, q.perCode(z))
	for i := range all {
		if q.codebook != nil {
			all[i] = newSymbols(len(q.codebook) / q.width)
			continue
		}
		all[i] = newSymbols(int(q.levels[i].count))
	}
	return all
}
