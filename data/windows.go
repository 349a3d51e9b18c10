package data

import (
	"fmt"
	"math"
)

// windows are samples cut from time series: [1 length C] each. They overlap, so
// they are cut as they are read.
type windows struct {
	info   Info
	values []float32 // step, channel
	stride int
}

// newWindows cuts the steps in values, of c channels, into windows that start
// stride steps apart; steps that fill no window are left out.
func newWindows(info Info, values []float32, length, stride int) (*windows, error) {
	steps := len(values) / info.C
	if length > steps {
		return nil, fmt.Errorf("data: %s: windows of %d steps, want at most the series' %d; use shorter ones by the option window", info.Name, length, steps)
	}
	info.N, info.H, info.W = (steps-length)/stride+1, 1, length
	return &windows{info, values, stride}, nil
}

// Info describes the windows.
func (w *windows) Info() Info { return w.info }

// Read copies windows; see [Source].
func (w *windows) Read(dst []float32, index []int32) error {
	if err := wantRead(w.info, index, len(dst)); err != nil {
		return err
	}
	size := w.info.SampleSize()
	for k, i := range index {
		copy(dst[k*size:][:size], w.values[int(i)*w.stride*w.info.C:])
	}
	return nil
}

// label gives each window a class by those of its steps: where these are flags,
// 0 or 1, that of a window is 1 if one of its steps has it; of other classes it
// is the most frequent, of equally frequent ones the first.
func (w *windows) label(steps []uint8) {
	flags := true
	for _, l := range steps {
		flags = flags && l <= 1
	}
	w.info.Labels = make([]uint8, w.info.N)
	for i := range w.info.Labels {
		var count [maxClasses]int
		best := 0
		for _, l := range steps[i*w.stride:][:w.info.W] {
			count[l]++
		}
		for l, n := range count {
			if n > count[best] {
				best = l
			}
		}
		if flags {
			best = min(count[1], 1)
		}
		w.info.Labels[i] = uint8(best)
	}
}

// scaling maps numbers to [0, 1], channel by channel.
type scaling struct{ low, high []float64 }

// scalingOf returns the range of each channel. One that never changes is mapped
// to 0, and 1 above it to 1.
func scalingOf(values []float64, names []string) (scaling, error) {
	c := len(names)
	s := scaling{make([]float64, c), make([]float64, c)}
	for k := range c {
		s.low[k], s.high[k] = math.Inf(1), math.Inf(-1)
	}
	for i, v := range values {
		k := i % c
		s.low[k], s.high[k] = min(s.low[k], v), max(s.high[k], v)
	}
	for k := range c {
		if s.low[k] == s.high[k] {
			s.high[k]++
		}
		if !(float32(s.low[k]) < float32(s.high[k])) || math.IsInf(float64(float32(s.high[k]-s.low[k])), 0) {
			return s, fmt.Errorf("column %s runs from %v to %v, which float32 cannot tell apart; subtract its mean, or leave it out by the option skip", names[k], s.low[k], s.high[k])
		}
	}
	return s, nil
}

// apply maps values. Those beyond the range land beyond [0, 1].
func (s scaling) apply(values []float64) []float32 {
	c := len(s.low)
	scaled := make([]float32, len(values))
	for i, v := range values {
		k := i % c
		scaled[i] = float32((v - s.low[k]) / (s.high[k] - s.low[k]))
	}
	return scaled
}

// bounds returns the range as Info.Low and Info.High.
func (s scaling) bounds() (low, high []float32) {
	for k := range s.low {
		low, high = append(low, float32(s.low[k])), append(high, float32(s.high[k]))
	}
	return low, high
}
