package data

import "fmt"

// A Source is a set of samples that can be read in any order: a *Dataset in
// memory, files on disk, or what a program of your own draws.
type Source interface {
	// Info describes the samples. It never changes.
	Info() Info
	// Read writes the samples index[0], index[1], … to dst, one after the other,
	// each H·W·C numbers in the order row, column, channel; images lie in [0, 1].
	// Several goroutines may call it at once. An index outside 0 … N-1 is an
	// error, as is a sample that cannot be read.
	Read(dst []float32, index []int32) error
}

// A ByteSource holds its samples as bytes, of which 0 stands for 0.0 and 255 for
// 1.0. Training keeps them so on the device, in a quarter of the memory.
type ByteSource interface {
	Source
	// ReadBytes is Read without the conversion.
	ReadBytes(dst []byte, index []int32) error
}

// Info is what is known of a Source's samples.
type Info struct {
	// Name says where they come from, e.g. "builtin:seed=1 train".
	Name string
	// N samples of height H, width W and C channels. A row of a table is an
	// image of one row and one column, a time series one of one row.
	N, H, W, C int
	// Labels holds N classes, or is nil where there are none.
	Labels []uint8
	// Classes holds the names of the classes, or is nil where they have none.
	Classes []string
	// Low and High hold, for each channel, what the values 0 and 1 stand for in
	// the unit of the files: v stands for Low[c] + v·(High[c] − Low[c]). They are
	// nil for images, and for numbers that stand for themselves.
	Low, High []float32
	// Sound tells how windows of sound follow one another; zero of all else.
	Sound Sound
}

// Sound is what makes a recording of windows, one after the other.
type Sound struct {
	Rate   int // frames a second
	Stride int // frames from the beginning of a window to that of the next, 0 where the next is of elsewhere
}

// SampleSize is the number of elements of a sample, H·W·C.
func (i Info) SampleSize() int { return i.H * i.W * i.C }

// Info describes the samples.
func (d *Dataset) Info() Info {
	return Info{Name: d.Name, N: d.N, H: d.H, W: d.W, C: d.C, Labels: d.Labels, Classes: d.Classes, Low: d.Low, High: d.High, Sound: d.Sound}
}

// unit is the number that a byte is multiplied with, by devices too: what is
// read and what a device makes of the same bytes are the same bits.
const unit = float32(1.0 / 255)

// Read writes samples as numbers; see [Source].
func (d *Dataset) Read(dst []float32, index []int32) error {
	if err := d.want(index, len(dst)); err != nil {
		return err
	}
	size := d.SampleSize()
	for k, i := range index {
		to := dst[k*size:][:size]
		if d.Values != nil {
			copy(to, d.row(int(i)))
			continue
		}
		for j, v := range d.Image(int(i)) {
			to[j] = float32(v) * unit
		}
	}
	return nil
}

// ReadBytes writes images as bytes; see [ByteSource]. A data set of Values has
// none.
func (d *Dataset) ReadBytes(dst []byte, index []int32) error {
	if d.Values != nil {
		return fmt.Errorf("data: %s: want samples that are bytes, these are numbers", d.Name)
	}
	if err := d.want(index, len(dst)); err != nil {
		return err
	}
	size := d.SampleSize()
	for k, i := range index {
		copy(dst[k*size:], d.Image(int(i)))
	}
	return nil
}

// want checks what Read is asked for, and makes it there.
func (d *Dataset) want(index []int32, elements int) error {
	if err := wantRead(d.Info(), index, elements); err != nil {
		return err
	}
	return d.Need(index)
}

// wantRead returns an error unless the samples of an index exist and fill as
// many elements of memory as there are.
func wantRead(info Info, index []int32, elements int) error {
	if want := len(index) * info.SampleSize(); elements != want {
		return fmt.Errorf("data: %s: %d samples of %d elements want %d elements of memory, got %d", info.Name, len(index), info.SampleSize(), want, elements)
	}
	return checkIndex(info, index)
}
