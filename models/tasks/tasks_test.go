package tasks

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"hourglass/data"
	"hourglass/kernels/cpu"
	"hourglass/models"
	"hourglass/models/train"
)

// runnerOf returns a runner of a small model with initial weights, in batches of
// four.
func runnerOf(t testing.TB, c models.Config) *train.Runner {
	t.Helper()
	dev, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	m, err := models.New(c)
	if err != nil {
		t.Fatal(err)
	}
	shape := m.Config().Image
	black := &data.Dataset{Name: "black", N: 8, H: shape[0], W: shape[1], C: shape[2], Pixels: make([]byte, 8*shape[0]*shape[1]*shape[2])}
	trainer, err := train.New(m, dev, black, nil, train.Config{Epochs: 1, Batch: 4, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	return trainer.Runner()
}

var small = models.Config{Name: "dense", Image: [3]int{8, 8, 1}, Hidden: []int{12}, Latent: 3, CodeActivation: "identity"}

// samplesOf returns n samples that all differ.
func samplesOf(n, h, w, c int) *data.Dataset {
	d := &data.Dataset{Name: "samples", N: n, H: h, W: w, C: c, Values: make([]float32, n*h*w*c)}
	for i := range d.Values {
		d.Values[i] = float32(i*i%97) / 96
	}
	return d
}

// broken is a source that cannot read one of its samples.
type broken struct {
	*data.Dataset
	at int32
}

var errBroken = errors.New("broken sample")

func (b broken) Read(dst []float32, index []int32) error {
	if slices.Contains(index, b.at) {
		return errBroken
	}
	return b.Dataset.Read(dst, index)
}

func TestEach(t *testing.T) {
	d := samplesOf(10, 2, 3, 1)
	for _, size := range []int{1, 3, 5, 10, 64} {
		var got []float32
		next := 0
		err := Each(context.Background(), d, size, func(from int, values []float32) error {
			if from != next || len(values) != 6*min(size, 10-from) {
				t.Errorf("size %d: %d values from sample %d, want those from %d", size, len(values), from, next)
			}
			next += size
			got = append(got, values...)
			return nil
		})
		if err != nil || !slices.Equal(got, d.Values) {
			t.Errorf("size %d: %d values, %v", size, len(got), err)
		}
	}
	if err := Each(context.Background(), d, 0, nil); err == nil {
		t.Error("batches of 0: no error")
	}
}

// TestEachEnds: a broken sample, a caller who has enough and a context end it.
func TestEachEnds(t *testing.T) {
	d := samplesOf(10, 2, 3, 1)
	seen := 0
	err := Each(context.Background(), broken{d, 7}, 2, func(from int, _ []float32) error { seen = from; return nil })
	if !errors.Is(err, errBroken) || seen != 4 {
		t.Errorf("a broken sample 7: %v after the batch from %d", err, seen)
	}
	enough := errors.New("enough")
	if err := Each(context.Background(), d, 2, func(int, []float32) error { return enough }); err != enough {
		t.Errorf("the caller's error becomes %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	batches := 0
	err = Each(ctx, d, 1, func(int, []float32) error { batches++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || batches > 3 {
		t.Errorf("a cancelled context: %v after %d batches", err, batches)
	}
}

// TestStreams: what goes through in batches is what goes through at once.
func TestStreams(t *testing.T) {
	r, d := runnerOf(t, small), samplesOf(11, 8, 8, 1)
	want, err := r.Encode(d.Values)
	if err != nil {
		t.Fatal(err)
	}
	codes, err := Codes(context.Background(), r, d)
	if err != nil || !slices.Equal(codes, want) {
		t.Fatalf("codes: %v", err)
	}
	images, err := r.Decode(codes)
	if err != nil {
		t.Fatal(err)
	}
	var decoded, copies, originals []float32
	src, err := CodeSource("codes", codes, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := Decode(context.Background(), r, src, func(_ int, x []float32) error { decoded = append(decoded, x...); return nil }); err != nil || !slices.Equal(decoded, images) {
		t.Errorf("decoded: %v", err)
	}
	err = Reconstruct(context.Background(), r, d, func(_ int, x, y []float32) error {
		originals, copies = append(originals, x...), append(copies, y...)
		return nil
	})
	if err != nil || !slices.Equal(originals, d.Values) || len(copies) != len(images) {
		t.Errorf("reconstructed: %v", err)
	}
}

// TestDecodeUnits: codes that a reader has scaled are decoded as they were.
func TestDecodeUnits(t *testing.T) {
	r := runnerOf(t, small)
	codes := []float32{-2, 0, 4, 1, 5, -6}
	want, err := r.Decode(codes)
	if err != nil {
		t.Fatal(err)
	}
	scaled := &data.Dataset{Name: "scaled", N: 2, H: 1, W: 1, C: 3, Low: []float32{-2, 0, -6}, High: []float32{6, 8, 4}, Values: []float32{0, 0, 1, 0.375, 0.625, 0}}
	err = Decode(context.Background(), r, scaled, func(_ int, got []float32) error {
		if !slices.Equal(got, want) {
			t.Error("scaled codes decode to something else")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestWrongSources names what does not fit.
func TestWrongSources(t *testing.T) {
	r := runnerOf(t, small)
	ctx := context.Background()
	none := func(int, []float32) error { return nil }
	for _, c := range []struct {
		err    error
		pieces string
	}{
		{Encode(ctx, r, samplesOf(3, 7, 8, 1), none), "[7 8 1], the model takes [8 8 1]"},
		{Encode(ctx, r, samplesOf(0, 8, 8, 1), none), "empty"},
		{Decode(ctx, r, samplesOf(3, 1, 1, 4), none), "of 4 numbers, those of the model of 3"},
		{Colorize(ctx, r, samplesOf(3, 8, 8, 1), nil), "train one with colorize"},
		{Sample(ctx, r, 3, 0, none), "train a vae"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.pieces) {
			t.Errorf("error %v, want one with %q", c.err, c.pieces)
		}
	}
	if _, err := CodeSource("codes", make([]float32, 7), 3); err == nil {
		t.Error("7 numbers as codes of 3: no error")
	}
}
