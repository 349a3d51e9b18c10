package data

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"
)

// numbered is a data set of n images 1×2 with one channel whose pixels and
// label tell the image's number.
func numbered(n int) *Dataset {
	d := &Dataset{Name: "numbered", N: n, H: 1, W: 2, C: 1}
	for i := range n {
		d.Pixels = append(d.Pixels, byte(i), byte(i+1))
		d.Labels = append(d.Labels, uint8(i))
	}
	return d
}

// wantError checks that err is one line that holds all the pieces.
func wantError(t *testing.T, err error, pieces ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("got no error, want one with %q", pieces)
		return
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error has several lines: %v", err)
	}
	for _, piece := range pieces {
		if !strings.Contains(err.Error(), piece) {
			t.Errorf("error %q lacks %q", err, piece)
		}
	}
}

func TestSliceAndLimit(t *testing.T) {
	d := numbered(10)
	s, err := d.Slice(3, 7)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if s.N != 4 || s.Image(0)[0] != 3 || s.Labels[3] != 6 || &s.Pixels[0] != &d.Pixels[6] {
		t.Errorf("Slice(3, 7): N %d, pixels %v, labels %v", s.N, s.Pixels, s.Labels)
	}
	for _, bad := range [][2]int{{-1, 3}, {4, 3}, {0, 11}} {
		_, err := d.Slice(bad[0], bad[1])
		wantError(t, err, "numbered", "10 images")
	}
	for n, want := range map[int]int{1: 1, 10: 10, 99: 10} {
		if l, err := d.Limit(n); err != nil || l.N != want {
			t.Errorf("Limit(%d) has %d images, error %v; want %d", n, l.N, err, want)
		}
	}
	_, err = d.Limit(0)
	wantError(t, err, "at least 1", "got 0")
}

func TestSplit(t *testing.T) {
	d := numbered(100)
	train, validation, err := d.Split(0.2, 1)
	if err != nil {
		t.Fatal(err)
	}
	if train.N != 80 || validation.N != 20 {
		t.Fatalf("got %d and %d images, want 80 and 20", train.N, validation.N)
	}
	for _, part := range []*Dataset{train, validation} {
		if err := part.Validate(); err != nil {
			t.Error(err)
		}
		for i := range part.N {
			if part.Image(i)[0] != part.Labels[i] || part.Image(i)[1] != part.Labels[i]+1 {
				t.Errorf("image %d does not fit its label", i)
			}
		}
		if !slices.IsSorted(part.Labels) {
			t.Error("the original order is lost")
		}
	}
	all := slices.Concat(train.Labels, validation.Labels)
	slices.Sort(all)
	if !slices.Equal(all, d.Labels) {
		t.Error("the parts are not a division of the whole")
	}
	if _, again, _ := d.Split(0.2, 1); !slices.Equal(again.Labels, validation.Labels) {
		t.Error("the same seed gave another division")
	}
	if _, other, _ := d.Split(0.2, 2); slices.Equal(other.Labels, validation.Labels) {
		t.Error("another seed gave the same division")
	}
	if _, none, err := d.Split(0, 1); err != nil || none.N != 0 {
		t.Errorf("fraction 0: %d validation images, error %v", none.N, err)
	}
	d.Labels = nil
	if a, b, err := d.Split(0.5, 1); err != nil || a.Labels != nil || b.Labels != nil {
		t.Errorf("without labels: labels %v and %v, error %v", a.Labels, b.Labels, err)
	}
}

func TestSplitErrors(t *testing.T) {
	d := numbered(3)
	nan := 0.0
	nan /= nan
	for _, fraction := range []float64{-0.1, 1, 2, nan} {
		_, _, err := d.Split(fraction, 1)
		wantError(t, err, "fraction in [0, 1)")
	}
	_, _, err := d.Split(0.9, 1)
	wantError(t, err, "none of 3 samples for training")
}

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*Dataset){
		"shape":        func(d *Dataset) { d.H = 0 },
		"12 bytes":     func(d *Dataset) { d.W = 3 },
		"labels":       func(d *Dataset) { d.Labels = d.Labels[:2] },
		"[-4 1 2 1]":   func(d *Dataset) { d.N = -4 },
		"pixels, got ": func(d *Dataset) { d.Pixels = nil },
	} {
		d := numbered(4)
		if err := d.Validate(); err != nil {
			t.Fatal(err)
		}
		change(d)
		wantError(t, d.Validate(), want)
	}
}

func TestLazyNeed(t *testing.T) {
	whole := small(t, 300)
	lazy, err := OpenLazy("builtin", Train)
	if err != nil {
		t.Fatal(err)
	}
	part, err := lazy.Slice(100, 300)
	if err != nil {
		t.Fatal(err)
	}
	index := []int32{5, 199, 0, 5}
	if err := part.Need(index); err != nil {
		t.Fatal(err)
	}
	for i := range int32(200) {
		want := whole.Image(100 + int(i))
		if !slices.Contains(index, i) {
			want = make([]byte, len(want))
		}
		if !bytes.Equal(part.Image(int(i)), want) {
			t.Fatalf("image %d is not as wanted", i)
		}
	}
	wantError(t, part.Need([]int32{3, 200}), "index in 0 to 199, got 200")
	wantError(t, part.Need([]int32{-1}), "got -1")
	part.Load()
	if !bytes.Equal(part.Pixels, whole.Pixels[100*784:]) {
		t.Error("the loaded slice differs from the whole")
	}
}

func TestLazySplit(t *testing.T) {
	lazy, err := OpenLazy("builtin", Test)
	if err != nil {
		t.Fatal(err)
	}
	part, err := lazy.Slice(50, 350)
	if err != nil {
		t.Fatal(err)
	}
	early, earlyHeld, err := part.Split(0.3, 4)
	if err != nil {
		t.Fatal(err)
	}
	early.Load()
	earlyHeld.Load()
	// Only this part is drawn; its own parts must need nothing more.
	part.Load()
	late, lateHeld, err := part.Split(0.3, 4)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(early.Pixels, late.Pixels) || !bytes.Equal(earlyHeld.Pixels, lateHeld.Pixels) ||
		!bytes.Equal(early.Labels, late.Labels) {
		t.Error("splitting before drawing and after it give different parts")
	}
}

func TestNeedAllocatesNothingOnceLoaded(t *testing.T) {
	d := small(t, 64)
	d, _, err := d.Split(0.5, 1)
	if err != nil {
		t.Fatal(err)
	}
	d.Load()
	index := []int32{0, 1, 31}
	if allocs := testing.AllocsPerRun(10, func() {
		if err := d.Need(index); err != nil {
			t.Fatal(err)
		}
	}); allocs != 0 {
		t.Errorf("got %v allocations, want 0", allocs)
	}
}

// Under the race detector this shows that a batch may be read while the rest
// is being drawn.
func TestNeedBesideLoad(t *testing.T) {
	whole := small(t, 2000)
	lazy, err := OpenLazy("builtin", Train)
	if err != nil {
		t.Fatal(err)
	}
	part, err := lazy.Limit(2000)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(part.Load)
	for _, batch := range Batches(Order(2000, 1, 0), 100) {
		if err := part.Need(batch); err != nil {
			t.Fatal(err)
		}
		for _, i := range batch {
			if !bytes.Equal(part.Image(int(i)), whole.Image(int(i))) {
				t.Fatalf("image %d is wrong after Need", i)
			}
		}
	}
	group.Wait()
}
