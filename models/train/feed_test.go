package train

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hourglass/data"
	"hourglass/models"
)

// fromFiles is a set that is not in memory as far as a Trainer can tell: as
// bytes, or as numbers.
type fromFiles struct {
	data.ByteSource
	fail func(index []int32) error // or nil
}

func (f fromFiles) ReadBytes(dst []byte, index []int32) error {
	if f.fail != nil {
		if err := f.fail(index); err != nil {
			return err
		}
	}
	return f.ByteSource.ReadBytes(dst, index)
}

// numbersFromFiles is the same of numbers.
type numbersFromFiles struct{ data.Source }

// broken is a set of which nothing can be read.
type broken struct{ data.Source }

func (broken) Read([]float32, []int32) error { return errors.New("no such cloud") }

// asValues is a set as float32 in memory.
func asValues(d *data.Dataset) *data.Dataset {
	v := *d
	v.Pixels, v.Values = nil, Scale(d.Pixels)
	return &v
}

// streamedTrainer is newTrainer with its sets from files.
func streamedTrainer(t testing.TB, name string, cfg Config, fail func([]int32) error) *Trainer {
	t.Helper()
	tr, err := New(smallModel(t, name), device(t, 1), fromFiles{blobs(smallImages), fail}, fromFiles{blobs(13), nil}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// leaves fails the test if there are more goroutines than before, when those
// that are about to end have had time to.
func leaves(t testing.TB) func() {
	before := runtime.NumGoroutine()
	return func() {
		t.Helper()
		for range 100 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%d goroutines are left, there were %d", runtime.NumGoroutine(), before)
	}
}

// TestEveryFeedIsTheSame trains on one set as bytes and as numbers, in memory
// and streamed.
func TestEveryFeedIsTheSame(t *testing.T) {
	for _, name := range []string{"conv", "vae"} {
		want, _ := uninterrupted(t, name, small)
		d, held := blobs(smallImages), blobs(13)
		for what, sets := range map[string][2]data.Source{
			"numbers in memory": {asValues(d), asValues(held)},
			"streamed bytes":    {fromFiles{d, nil}, fromFiles{held, nil}},
			"streamed numbers":  {numbersFromFiles{d}, numbersFromFiles{asValues(held)}},
		} {
			tr, err := New(smallModel(t, name), device(t, 2), sets[0], sets[1], small)
			if err != nil {
				t.Fatal(err)
			}
			left := leaves(t)
			mustRun(t, tr, RunOptions{})
			left()
			checkSameRun(t, name+", "+what, tr, want)
		}
	}
}

// TestSetThatDoesNotFit has a set in memory streamed to a device that has no
// room for it.
func TestSetThatDoesNotFit(t *testing.T) {
	run := func(left int64) *Trainer {
		tr, err := New(smallModel(t, "dense"), tight{device(t, 1), left}, blobs(2000), blobs(13), small)
		if err != nil {
			t.Fatal(err)
		}
		mustRun(t, tr, RunOptions{})
		return tr
	}
	whole, parts := run(256000), run(255999)
	if whole.Streams() || !parts.Streams() {
		t.Errorf("128000 bytes are streamed to twice as many: %v; to fewer: %v", whole.Streams(), parts.Streams())
	}
	checkSameRun(t, "streamed", parts, whole)
}

// TestStreamedClassifier streams labels too.
func TestStreamedClassifier(t *testing.T) {
	m, err := models.New(models.Config{Name: "stacked", Classes: 3, Hidden: []int{6}, Latent: 4, Image: [3]int{8, 8, 1}})
	if err != nil {
		t.Fatal(err)
	}
	d := blobs(smallImages)
	d.Labels = make([]uint8, d.N)
	for i := range d.Labels {
		d.Labels[i] = uint8(i % 3)
	}
	run := func(s data.Source) *Trainer {
		tr, err := New(m, device(t, 1), s, s, small)
		if err != nil {
			t.Fatal(err)
		}
		mustRun(t, tr, RunOptions{})
		return tr
	}
	folder := t.TempDir()
	whole := run(d)
	checkSameRun(t, "classifier", run(fromFiles{d, nil}), whole)
	if err := whole.Save(folder); err != nil {
		t.Fatal(err)
	}
	other := *d
	other.Labels = slices.Repeat([]uint8{2}, d.N)
	tr, err := New(m, device(t, 1), &other, &other, small)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Resume(folder); err == nil || !strings.Contains(err.Error(), "the training set is") {
		t.Errorf("resumed with other labels: %v", err)
	}
}

// TestStreamedRunResumes stops a run at random steps, and goes on with the set
// in memory and streamed by turns.
func TestStreamedRunResumes(t *testing.T) {
	want, _ := uninterrupted(t, "vae", small)
	random, folder := rand.New(rand.NewPCG(3, 4)), t.TempDir()
	for turn := 0; ; turn++ {
		tr := newTrainer(t, smallModel(t, "vae"), small)
		if turn%3 != 1 {
			tr = streamedTrainer(t, "vae", small, nil)
		}
		if turn > 0 {
			if _, err := tr.Resume(folder); err != nil {
				t.Fatal(err)
			}
		}
		runFor(t, tr, 1+random.IntN(5), RunOptions{Folder: folder})
		if !tr.Done() && turn%2 == 0 { // another Run, with another stream
			runFor(t, tr, 1+random.IntN(3), RunOptions{Folder: folder})
		}
		if tr.Done() {
			checkSameRun(t, "vae", tr, want)
			return
		}
	}
}

// TestReadError meets a sample that cannot be read in the second epoch: one
// error, a checkpoint of the step before, and the run goes on when it can.
func TestReadError(t *testing.T) {
	want, _ := uninterrupted(t, "dense", small)
	bad := data.Order(smallImages, small.Seed, 1)[8*3+2] // of the fourth step of epoch 2
	var reads atomic.Int64
	tr := streamedTrainer(t, "dense", small, func(index []int32) error {
		for _, i := range index {
			if i == bad && reads.Add(1) > 1 { // the first time is that of epoch 1
				return fmt.Errorf("disk on fire at %d", i)
			}
		}
		return nil
	})
	left, folder := leaves(t), t.TempDir()
	reads.Store(0)
	err := tr.Run(context.Background(), RunOptions{Folder: folder})
	left()
	var unread *ReadError
	if !errors.As(err, &unread) || unread.Epoch != 2 || unread.Step != 7+3 {
		t.Fatalf("got %v, want a ReadError in epoch 2 after step 10", err)
	}
	if text := fmt.Sprintf("train: after step 10, in epoch 2: disk on fire at %d", bad); err.Error() != text {
		t.Errorf("error %q, want %q", err, text)
	}
	tr = streamedTrainer(t, "dense", small, nil)
	r, err := tr.Resume(folder)
	if err != nil || r.Step != 10 || filepath.Base(r.Path) != CheckpointName {
		t.Fatalf("resumed to %+v, %v; want step 10", r, err)
	}
	mustRun(t, tr, RunOptions{Folder: folder})
	checkSameRun(t, "dense", tr, want)
}

// TestValidationReadError is the same for a validation set.
func TestValidationReadError(t *testing.T) {
	held := broken{blobs(13)}
	tr, err := New(smallModel(t, "dense"), device(t, 1), blobs(smallImages), held, small)
	if err != nil {
		t.Fatal(err)
	}
	left := leaves(t)
	err = tr.Run(context.Background(), RunOptions{})
	left()
	var unread *ReadError
	if !errors.As(err, &unread) || !strings.Contains(err.Error(), "after step 7, in epoch 1: no such cloud") {
		t.Errorf("got %v, want a ReadError", err)
	}
	if _, err := tr.Runner().Evaluate(context.Background(), held); err == nil || err.Error() != "no such cloud" {
		t.Errorf("evaluation: %v", err)
	}
}

// TestCancelledWhileReading cancels a run that waits for its samples.
func TestCancelledWhileReading(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var reads atomic.Int64
	tr := streamedTrainer(t, "dense", small, func(index []int32) error {
		if reads.Add(int64(len(index))) > 60 {
			cancel()
			<-ctx.Done() // a slow disk
		}
		return nil
	})
	left, folder := leaves(t), t.TempDir()
	reads.Store(0)
	err := tr.Run(ctx, RunOptions{Folder: folder})
	left()
	if !errors.Is(err, ErrStopped) {
		t.Fatalf("got %v, want ErrStopped", err)
	}
	want, _ := uninterrupted(t, "dense", small)
	tr = newTrainer(t, smallModel(t, "dense"), small)
	if _, err := tr.Resume(folder); err != nil {
		t.Fatal(err)
	}
	mustRun(t, tr, RunOptions{})
	checkSameRun(t, "dense", tr, want)
}
