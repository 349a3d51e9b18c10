package data

import (
	"fmt"
	"math"
	"slices"
)

// Bytes returns s as a ByteSource if it holds its samples as bytes. Ask this
// rather than the type: a *Dataset of float32 has the method, but no bytes.
func Bytes(s Source) (ByteSource, bool) {
	if d, ok := s.(*Dataset); ok && d.Values != nil {
		return nil, false
	}
	b, ok := s.(ByteSource)
	return b, ok
}

// Slice returns samples from … to-1 of a source. Those of a *Dataset share its
// memory.
func Slice(s Source, from, to int) (Source, error) {
	if d, ok := s.(*Dataset); ok {
		return asSource(d.Slice(from, to))
	}
	info := s.Info()
	if from < 0 || to < from || to > info.N {
		return nil, fmt.Errorf("data: %s: want a range within its %d samples, got %d to %d", info.Name, info.N, from, to)
	}
	index := make([]int32, to-from)
	for i := range index {
		index[i] = int32(from + i)
	}
	return newView(s, index), nil
}

// Limit returns the first n samples of a source, or all where there are no more
// than n.
func Limit(s Source, n int) (Source, error) {
	info := s.Info()
	if n < 1 {
		return nil, fmt.Errorf("data: %s: want a limit of at least 1 sample, got %d", info.Name, n)
	}
	if n >= info.N {
		return s, nil
	}
	return Slice(s, 0, n)
}

// First returns the first n samples of a source as numbers, or all where there
// are no more than n.
func First(s Source, n int) ([]float32, error) {
	info := s.Info()
	n = min(n, info.N)
	if n < 1 {
		return nil, fmt.Errorf("data: %s: want at least 1 sample, got %d", info.Name, n)
	}
	values := make([]float32, n*info.SampleSize())
	return values, s.Read(values, numbers(0, n))
}

// Subset returns the samples index[0], index[1], … of a source. Those of a
// *Dataset are copied.
func Subset(s Source, index []int32) (Source, error) {
	if err := checkIndex(s.Info(), index); err != nil {
		return nil, err
	}
	if d, ok := s.(*Dataset); ok {
		return d.pick(index), nil
	}
	return newView(s, slices.Clone(index)), nil
}

// Divide divides a source at random into a training and a validation part, as
// [Dataset.Split] does: the same fraction and seed give the same division.
func Divide(s Source, fraction float64, seed uint64) (train, validation Source, err error) {
	info := s.Info()
	kept, held, err := divide(info.Name, info.N, fraction, seed)
	if err != nil {
		return nil, nil, err
	}
	if train, err = Subset(s, kept); err != nil {
		return nil, nil, err
	}
	if validation, err = Subset(s, held); err != nil {
		return nil, nil, err
	}
	return train, validation, nil
}

// divide draws which of n samples a validation part takes, both parts in order.
func divide(name string, n int, fraction float64, seed uint64) (kept, held []int32, err error) {
	if !(fraction >= 0 && fraction < 1) {
		return nil, nil, fmt.Errorf("data: %s: want a validation fraction in [0, 1), got %v", name, fraction)
	}
	m := int(math.Round(fraction * float64(n)))
	if m == n && n > 0 {
		return nil, nil, fmt.Errorf("data: %s: a validation fraction of %v leaves none of %d samples for training; use a smaller one",
			name, fraction, n)
	}
	ids := make([]int32, n)
	permute(ids, newRandom(seed, streamSplit, 0))
	slices.Sort(ids[:m])
	slices.Sort(ids[m:])
	return ids[m:], ids[:m], nil
}

// partOf divides a set that is published in one piece: the test part is the
// share, in [0, 1), drawn with seed 1. A share of 0 makes both parts the whole.
func partOf(s Source, split Split, share float64) (Source, error) {
	if share == 0 {
		return s, nil
	}
	train, test, err := Divide(s, share, 1)
	if err != nil {
		return nil, err
	}
	if split == Test {
		return test, nil
	}
	return train, nil
}

// view is some of the samples of another source.
type view struct {
	source Source
	info   Info
	index  []int32 // in source
}

// byteView is a view of a ByteSource.
type byteView struct {
	view
	bytes ByteSource
}

// newView expects an index that is in range.
func newView(s Source, index []int32) Source {
	v := view{source: s, info: s.Info(), index: index}
	v.info.N = len(index)
	if v.info.Labels != nil {
		v.info.Labels = pickLabels(v.info.Labels, index)
	}
	for i := range index {
		if index[i] != index[0]+int32(i) {
			v.info.Sound.Stride = 0 // windows that do not follow one another
		}
	}
	if b, ok := Bytes(s); ok {
		return &byteView{v, b}
	}
	return &v
}

func pickLabels(labels []uint8, index []int32) []uint8 {
	picked := make([]uint8, len(index))
	for i, id := range index {
		picked[i] = labels[id]
	}
	return picked
}

// Info describes the samples of the view.
func (v *view) Info() Info { return v.info }

// Read reads samples of the view; see [Source].
func (v *view) Read(dst []float32, index []int32) error {
	there, err := v.there(index)
	if err != nil {
		return err
	}
	return v.source.Read(dst, there)
}

// ReadBytes reads samples of the view; see [ByteSource].
func (v *byteView) ReadBytes(dst []byte, index []int32) error {
	there, err := v.there(index)
	if err != nil {
		return err
	}
	return v.bytes.ReadBytes(dst, there)
}

// there returns an index of the view as one of its source.
func (v *view) there(index []int32) ([]int32, error) {
	if err := checkIndex(v.info, index); err != nil {
		return nil, err
	}
	there := make([]int32, len(index))
	for k, i := range index {
		there[k] = v.index[i]
	}
	return there, nil
}

// Check asks the source, if that is a [Checker].
func (v *view) Check(i int) error {
	if c, ok := v.source.(Checker); ok {
		return c.Check(int(v.index[i]))
	}
	return nil
}

// checkIndex returns an error for an index that is out of range.
func checkIndex(info Info, index []int32) error {
	for _, i := range index {
		if i < 0 || int(i) >= info.N {
			return fmt.Errorf("data: %s: want a sample index in 0 to %d, got %d", info.Name, info.N-1, i)
		}
	}
	return nil
}

// asSource keeps a nil *Dataset from becoming a Source that is not nil.
func asSource(d *Dataset, err error) (Source, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}
