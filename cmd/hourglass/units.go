package main

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"hourglass/data"
)

// addRawFlag declares --raw of a command that writes samples.
func (a *applied) addRawFlag(f *pflag.FlagSet) {
	f.BoolVar(&a.Raw, "raw", false, "write series and tables as the model has them, from 0 to 1, not in the unit of the data")
}

// samplesOf is the array of n samples, which are in the unit of a source.
func (a *applied) samplesOf(info data.Info, n int) array {
	as := array{name: "samples", n: n, shape: a.runner.Shape(), columns: "x", sound: info.Sound}
	if !a.Raw {
		as.low, as.high = info.Low, info.High
	}
	return as
}

// samples is the array of n samples in the unit of the run's data. That is asked
// only where it can be another than 0 to 1: of series and of rows of tables.
func (a *applied) samples(o output, n int) (array, error) {
	if o.form != asWAV && (a.Raw || !o.numbers()) || !isSeries(a.runner.Shape()) {
		return a.samplesOf(data.Info{}, n), nil
	}
	src, err := a.ownData()
	if err != nil {
		return array{}, fmt.Errorf("the unit of the samples is told by the run's data, which cannot be opened; --raw writes numbers from 0 to 1: %w", err)
	}
	info := src.Info()
	info.Sound.Stride = info.W // one after the other
	return a.samplesOf(info, n), nil
}

// checkSound returns an error if sound is to be written of what is none.
func (o output) checkSound(as array) error {
	switch {
	case o.form != asWAV:
		return nil
	case as.sound.Rate == 0:
		return usagef("--out %s: the samples are no sound, as those of wav:FILE are; want another ending", o.path)
	case as.sound.Stride < 1 || as.sound.Stride > as.shape[1]:
		return usagef("--out %s: the samples do not follow one another; want those of one WAV file, its windows no further apart than they are long", o.path)
	}
	return nil
}

// ownData opens what the run was trained on.
func (a *applied) ownData() (data.Source, error) {
	return a.reading.open(a.settings.Data, data.Train, &warner{to: a.err})
}

// asTrained scales numbers of other data as the run's were: 0 and 1 stand for
// the same as in training.
func (a *applied) asTrained(src data.Source) (data.Source, error) {
	own, err := a.ownData()
	if err != nil {
		return nil, fmt.Errorf("how to scale %s is told by the run's data, which cannot be opened: %w", src.Info().Name, err)
	}
	to, from := own.Info(), src.Info()
	if to.Sound.Rate != 0 && from.Sound.Rate != 0 && to.Sound.Rate != from.Sound.Rate {
		return nil, usagef("%s has %d frames a second, the run was trained on sound of %d; give the specification with rate=%[3]d", from.Name, from.Sound.Rate, to.Sound.Rate)
	}
	if to.Low == nil || slices.Equal(to.Low, from.Low) && slices.Equal(to.High, from.High) {
		return src, nil
	}
	return rescaled{src, to.Low, to.High}, nil
}

// rescaled is a source whose 0 and 1 stand for other numbers than it says.
type rescaled struct {
	data.Source
	low, high []float32
}

// Info describes the samples.
func (r rescaled) Info() data.Info {
	info := r.Source.Info()
	info.Low, info.High = r.low, r.high
	return info
}

// Read reads samples; see [data.Source].
func (r rescaled) Read(dst []float32, index []int32) error {
	if err := r.Source.Read(dst, index); err != nil {
		return err
	}
	from := r.Source.Info()
	for i, v := range dst {
		c := i % len(r.low)
		number := from.Low[c] + v*(from.High[c]-from.Low[c])
		dst[i] = (number - r.low[c]) / (r.high[c] - r.low[c])
	}
	return nil
}
