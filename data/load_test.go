package data

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// numberedSource is n samples of two numbers, i and −i, of which some are
// broken.
type numberedSource struct {
	n      int
	broken []int // those that Read finds
	bad    []int // those that Check finds too
	fail   error // of every Read, if not nil
	reads  atomic.Int64
}

func (s *numberedSource) Info() Info {
	labels := make([]uint8, s.n)
	for i := range labels {
		labels[i] = uint8(i)
	}
	return Info{Name: "numbered", N: s.n, H: 1, W: 2, C: 1, Labels: labels}
}

func (s *numberedSource) Read(dst []float32, index []int32) error {
	s.reads.Add(1)
	if s.fail != nil {
		return s.fail
	}
	if err := wantRead(s.Info(), index, len(dst)); err != nil {
		return err
	}
	for k, i := range index {
		if slices.Contains(s.broken, int(i)) || slices.Contains(s.bad, int(i)) {
			return fmt.Errorf("reading: %w", &BrokenError{fmt.Sprintf("sample %d", i), errors.New("torn")})
		}
		dst[2*k], dst[2*k+1] = float32(i), -float32(i)
	}
	return nil
}

func (s *numberedSource) Check(i int) error {
	if slices.Contains(s.bad, i) {
		return &BrokenError{fmt.Sprintf("sample %d", i), errors.New("no header")}
	}
	return nil
}

// TestBrokenSamples has samples left out of a set in memory, and replaced in one
// that is streamed; strictly either is an error.
func TestBrokenSamples(t *testing.T) {
	set := func() Source { return &numberedSource{n: 100, broken: []int{7, 40, 41}, bad: []int{3, 99}} }
	var warned []string
	o := Options{Warn: func(s string) { warned = append(warned, s) }}
	s, err := o.settle(set())
	if err != nil {
		t.Fatal(err)
	}
	d := s.(*Dataset)
	if d.N != 95 || d.Values[2*7] != 9 || d.Labels[7] != 9 || d.Values[2*94] != 98 || d.Labels[94] != 98 {
		t.Errorf("%d samples, number 7 is %v with label %d, want 95 and 9", d.N, d.Values[14], d.Labels[7])
	}
	if len(warned) != 5 || !strings.Contains(warned[2], "sample 7: torn; left out") {
		t.Errorf("warnings %q", warned)
	}

	warned = nil
	o.MemoryLimit = 1
	if s, err = o.settle(set()); err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 8)
	for range 2 { // the second time without a warning
		if err := s.Read(got, []int32{5, 6, 39, 0}); err != nil {
			t.Fatal(err)
		}
	}
	// Without 3 and 99, number 6 is 7, which is broken, and 39 is 40.
	if want := []float32{6, -6, 8, -8, 42, -42, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	if len(warned) != 5 || !strings.Contains(strings.Join(warned, "\n"), "sample 40: torn; the next one stands in") {
		t.Errorf("warnings %q", warned)
	}

	o.Strict = true
	if _, err := o.settle(set()); err == nil || !strings.Contains(err.Error(), "sample 3: no header") {
		t.Errorf("strictly, checked: %v", err)
	}
	if _, err := Load(&numberedSource{n: 100, broken: []int{7, 40}}, o); err == nil || !strings.Contains(err.Error(), "sample 7: torn") {
		t.Errorf("strictly, in memory: %v", err)
	}
	if s, err = o.settle(&numberedSource{n: 100, broken: []int{7}}); err != nil {
		t.Fatal(err)
	}
	var broken *BrokenError
	if err := s.Read(got[:2], []int32{7}); !errors.As(err, &broken) {
		t.Errorf("strictly, streamed: %v", err)
	}
	all := make([]int, 100)
	for i := range all {
		all[i] = i
	}
	if _, err := Load(&numberedSource{n: 100, broken: all}, Options{}); err == nil || !strings.Contains(err.Error(), "none of its 100") {
		t.Errorf("nothing can be read: %v", err)
	}
	if err := newLenient(&numberedSource{n: 100, broken: all}, nil).Read(got[:2], []int32{1}); err == nil || !strings.Contains(err.Error(), "none of its 100") {
		t.Errorf("nothing can be read, streamed: %v", err)
	}
	if _, err := Load(&numberedSource{n: 100, fail: errors.New("no disk")}, Options{}); err == nil || err.Error() != "no disk" {
		t.Errorf("a fault of the whole: %v", err)
	}
}

// TestViews holds the views of a source against those of the same set in memory.
func TestViews(t *testing.T) {
	source := &numberedSource{n: 50}
	d, err := Load(source, Options{})
	if err != nil {
		t.Fatal(err)
	}
	part := func(s Source) []Source {
		t.Helper()
		s, err := Limit(s, 41)
		if err != nil {
			t.Fatal(err)
		}
		if s, err = Slice(s, 1, 40); err != nil {
			t.Fatal(err)
		}
		train, held, err := Divide(s, 0.3, 5)
		if err != nil {
			t.Fatal(err)
		}
		some, err := Subset(train, []int32{4, 4, 0})
		if err != nil {
			t.Fatal(err)
		}
		return []Source{s, train, held, some}
	}
	here, there := part(d), part(source)
	for i := range here {
		a, b := here[i].Info(), there[i].Info()
		if a.N != b.N || !slices.Equal(a.Labels, b.Labels) {
			t.Fatalf("view %d: %d samples %v, in memory %d %v", i, b.N, b.Labels, a.N, a.Labels)
		}
		x, y := make([]float32, 2*a.N), make([]float32, 2*a.N)
		if err := errors.Join(here[i].Read(x, numbers(0, a.N)), there[i].Read(y, numbers(0, a.N))); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(x, y) || x[0] != float32(a.Labels[0]) {
			t.Errorf("view %d: %v, in memory %v", i, y, x)
		}
		if err := there[i].Read(y[:2], []int32{int32(a.N)}); err == nil {
			t.Errorf("view %d: sample %d of %d was read", i, a.N, a.N)
		}
	}
	for _, s := range []Source{d, source} {
		if _, err := Slice(s, 3, 51); err == nil {
			t.Error("51 of 50 samples")
		}
		if _, err := Limit(s, 0); err == nil {
			t.Error("a limit of 0")
		}
		if _, err := Subset(s, []int32{50}); err == nil {
			t.Error("sample 50 of 50")
		}
		if _, _, err := Divide(s, 1, 0); err == nil {
			t.Error("all for validation")
		}
	}
}

// TestIDXStream reads images from their file, with the same result as from
// memory.
func TestIDXStream(t *testing.T) {
	folder := t.TempDir()
	header := []byte{0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 3}
	for i := range 9 * 6 {
		header = append(header, byte(7*i))
	}
	path := filepath.Join(folder, "train-images-idx3-ubyte")
	write := func(b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(header)
	d, err := readMNIST(folder, Train)
	if err != nil {
		t.Fatal(err)
	}
	open := func() (*idxImages, error) { return openLargePair(folder, "train", Options{MemoryLimit: 53}) }
	s, err := open()
	if err != nil || s == nil {
		t.Fatal(s, err)
	}
	defer s.file.Close()
	index := []int32{8, 0, 3, 3}
	for _, floats := range []bool{false, true} {
		a, b := make([]byte, 24), make([]byte, 24)
		x, y := make([]float32, 24), make([]float32, 24)
		if floats {
			err = errors.Join(d.Read(x, index), s.Read(y, index))
		} else {
			err = errors.Join(d.ReadBytes(a, index), s.ReadBytes(b, index))
		}
		if err != nil || !slices.Equal(a, b) || !slices.Equal(x, y) {
			t.Errorf("streamed %v %v, in memory %v %v: %v", b, y, a, x, err)
		}
	}
	if s, err := openLargePair(folder, "train", Options{MemoryLimit: 54}); s != nil || err != nil {
		t.Errorf("a set as large as the limit: %v, %v", s, err)
	}
	write(header[:len(header)-1])
	if _, err := open(); err == nil || !strings.Contains(err.Error(), "holds 53 bytes") {
		t.Errorf("a file cut short: %v", err)
	}
	write(zipped(t, header))
	if _, err := open(); err == nil || !strings.Contains(err.Error(), "limit of 53 bytes") || !strings.Contains(err.Error(), "gunzip it, or raise the limit (--memory)") {
		t.Errorf("a compressed file: %v", err)
	}
}

// TestStream reads batches with every number of batches ahead.
func TestStream(t *testing.T) {
	for _, ahead := range []int{0, 1, 2, 30} {
		s := NewStream(context.Background(), &numberedSource{n: 50}, InOrder(50, 8), StreamOptions{Ahead: ahead})
		at := 0
		for {
			b, err := s.Next()
			if err != nil {
				t.Fatal(err)
			}
			if b == nil {
				break
			}
			for k := range b.Index {
				if int(b.Index[k]) != at || b.Values[2*k] != float32(at) {
					t.Fatalf("sample %d is number %d, %v", at, b.Index[k], b.Values[2*k])
				}
				at++
			}
		}
		if at != 50 {
			t.Errorf("%d samples, want 50", at)
		}
		s.Close()
	}
}

// TestStreamBounds sees that no more is read ahead than was asked for, and that
// a stream can be left at any time.
func TestStreamBounds(t *testing.T) {
	source := &numberedSource{n: 1000}
	for o, most := range map[StreamOptions]int64{{Ahead: 3}: 4, {Ahead: 30, Memory: 8}: 2, {Ahead: 30, Memory: 40}: 5} {
		var begun atomic.Int64
		inner := InOrder(1000, 1)
		s := NewStream(context.Background(), source, func() []int32 { begun.Add(1); return inner() }, o)
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if n := begun.Load(); n > most { // one of them in use
			t.Errorf("%+v: %d batches begun, want at most %d", o, n, most)
		}
	}

	ctx, cancel := context.WithCancel(context.Background())
	s := NewStream(ctx, source, InOrder(1000, 10), StreamOptions{})
	cancel()
	if _, err := s.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	s.Close()
}

// TestStreamFailure meets an error in the third batch, and panics of a source.
func TestStreamFailure(t *testing.T) {
	s := NewStream(context.Background(), &numberedSource{n: 50, broken: []int{21, 23}}, InOrder(50, 10), StreamOptions{})
	defer s.Close()
	for range 2 {
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Next(); err == nil || !strings.Contains(err.Error(), "sample 21") {
		t.Errorf("got %v, want the error of sample 21", err)
	}
	p := NewStream(context.Background(), panicking{&numberedSource{n: 50}}, InOrder(50, 10), StreamOptions{})
	defer p.Close()
	if _, err := p.Next(); err == nil || !strings.Contains(err.Error(), "beyond all") {
		t.Errorf("a source that panics: %v", err)
	}
	if _, err := Load(panicking{&numberedSource{n: 50}}, Options{}); err == nil || !strings.Contains(err.Error(), "beyond all") {
		t.Errorf("loading a source that panics: %v", err)
	}
	calls := 0
	o := NewStream(context.Background(), &numberedSource{n: 50}, func() []int32 {
		if calls++; calls == 3 {
			panic("no order")
		}
		return []int32{int32(calls)}
	}, StreamOptions{})
	defer o.Close()
	for range 2 {
		if b, err := o.Next(); err != nil || len(b.Index) != 1 {
			t.Fatalf("a batch before an order that panics: %v, %v", b, err)
		}
	}
	for range 2 {
		if b, err := o.Next(); b != nil || err == nil || !strings.Contains(err.Error(), "no order") {
			t.Errorf("an order that panics: %v, %v", b, err)
		}
	}
}

// TestDrawingPanics has a drawing panic on whatever goroutine it is on: the
// caller sees it.
func TestDrawingPanics(t *testing.T) {
	for _, bad := range []int{0, 500, 999} {
		func() {
			defer func() {
				if fault := recover(); fault != "out of ink" {
					t.Errorf("drawing %d: the caller sees %v", bad, fault)
				}
			}()
			parallel(1000, func(_ *pen, k int) {
				if k == bad {
					panic("out of ink")
				}
			})
		}()
	}
}

type panicking struct{ Source }

func (panicking) Read([]float32, []int32) error { panic("beyond all") }
