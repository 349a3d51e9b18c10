package train

import (
	"context"
	"fmt"
	"unsafe"

	"hourglass/data"
	"hourglass/graph"
	"hourglass/kernels"
)

// dataName is the name under which programs find the training images.
const dataName = "data"

// feed brings the training samples to the device. A step's program gathers its
// batch from rows of what lies there, whichever feed it is.
type feed interface {
	// images is what lies on the device, as an operand [rows H W C].
	images() kernels.Operand
	// place gives images, and with labels these too, their place there.
	place(vars *graph.Variables, labels bool) error
	// open prepares for a run, which ends with ctx.
	open(ctx context.Context)
	// batch makes sure that a batch of an epoch lies on the device, and returns
	// its rows there.
	batch(vars *graph.Variables, epoch, number int) ([]int32, error)
	// stop ends all that open and batch have begun.
	stop()
}

// newFeed returns the feed of a source: a data set in memory goes to the device
// as a whole, unless it would take more than half of what memory that has left;
// any other is streamed.
func newFeed(s data.Source, dev kernels.Device, cfg Config) (feed, error) {
	order := newEpochOrder(s.Info().N, cfg)
	d, resides := s.(*data.Dataset)
	if bounded, ok := dev.(kernels.Bounded); ok && resides {
		free, err := bounded.Free()
		if err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
		resides = int64(imagesOf(d, d.N).Bytes()) <= free/2
	}
	if resides {
		return &resident{set: d, order: order}, nil
	}
	return &streamed{source: s, info: s.Info(), order: order, epochs: cfg.Epochs}, nil
}

// Streams reports whether the training samples go to the device batch by batch,
// rather than lying there.
func (t *Trainer) Streams() bool {
	_, streams := t.feed.(*streamed)
	return streams
}

// epochOrder is the order of the samples in one epoch after the other.
type epochOrder struct {
	seed  uint64
	size  int // of a batch
	ids   []int32
	epoch int // that ids are of
}

func newEpochOrder(n int, cfg Config) epochOrder {
	return epochOrder{seed: cfg.Seed, size: cfg.Batch, ids: make([]int32, n), epoch: -1}
}

// batch returns the samples of a batch, as a view.
func (o *epochOrder) batch(epoch, number int) []int32 {
	if o.epoch != epoch {
		data.OrderInto(o.ids, o.seed, epoch)
		o.epoch = epoch
	}
	return data.Batch(o.ids, o.size, number)
}

// imagesOf is rows of a source's samples as they lie on a device.
func imagesOf(s data.Source, rows int) kernels.Operand {
	info := s.Info()
	t := kernels.Float32
	if _, ok := data.Bytes(s); ok {
		t = kernels.Uint8
	}
	return kernels.Operand{DType: t, Shape: kernels.Shape{rows, info.H, info.W, info.C}}
}

// resident is a data set that lies on the device as a whole.
type resident struct {
	set   *data.Dataset
	order epochOrder
	// absent marks images of a lazy data set that are not yet on the device:
	// the first step need not wait until all of them are drawn. Nil without.
	absent []bool
}

func (r *resident) images() kernels.Operand  { return imagesOf(r.set, r.set.N) }
func (r *resident) open(ctx context.Context) {}
func (r *resident) stop()                    {}

func (r *resident) place(vars *graph.Variables, labels bool) error {
	elements := r.set.Pixels
	if r.set.Values != nil {
		elements = bytesOf(r.set.Values)
	}
	if err := vars.Put(dataName, r.images(), elements); err != nil {
		return err
	}
	if !r.set.Drawn() {
		r.absent = make([]bool, r.set.N)
		for i := range r.absent {
			r.absent[i] = true
		}
	}
	if labels {
		return putLabels(vars, r.set.Labels)
	}
	return nil
}

func (r *resident) batch(vars *graph.Variables, epoch, number int) ([]int32, error) {
	index := r.order.batch(epoch, number)
	if r.absent == nil {
		return index, nil
	}
	return index, r.fetch(vars, index)
}

// fetch draws the images of a batch that were not needed before, and copies them
// to the device.
func (r *resident) fetch(vars *graph.Variables, index []int32) error {
	if err := r.set.Need(index); err != nil {
		return &sourceError{err}
	}
	for _, i := range index {
		if !r.absent[i] {
			continue
		}
		if err := vars.PutPart(dataName, int(i)*r.set.SampleSize(), r.set.Image(int(i))); err != nil {
			return err
		}
		r.absent[i] = false
	}
	return nil
}

// streamedBatches is for how many batches of a streamed set there is room on the
// device: the one that a step reads, and the one that comes next.
const streamedBatches = 2

// streamed is a source whose batches are read ahead and go to the device one by
// one.
type streamed struct {
	source data.Source
	info   data.Info
	order  epochOrder // used by the stream's workers while there is a stream
	epochs int
	labels bool

	ctx    context.Context
	stream *data.Stream
	next   int     // the batch, counted from the run's first, that the stream returns next
	rows   []int32 // 0, 1, 2, …
	class  []byte  // the labels of a batch
}

func (s *streamed) images() kernels.Operand {
	return imagesOf(s.source, streamedBatches*min(s.order.size, s.info.N))
}

func (s *streamed) place(vars *graph.Variables, labels bool) error {
	images := s.images()
	s.rows = make([]int32, images.Shape[0])
	for i := range s.rows {
		s.rows[i] = int32(i)
	}
	if err := vars.Put(dataName, images, make([]byte, images.Bytes())); err != nil {
		return err
	}
	if s.labels = labels; labels {
		s.class = make([]byte, len(s.rows))
		return putLabels(vars, s.class)
	}
	return nil
}

func (s *streamed) open(ctx context.Context) {
	s.stop()
	s.ctx = ctx
}

func (s *streamed) stop() {
	if s.stream != nil {
		s.stream.Close()
		s.stream = nil
	}
	s.ctx = nil
}

func (s *streamed) batch(vars *graph.Variables, epoch, number int) ([]int32, error) {
	at := epoch*data.BatchCount(s.info.N, s.order.size) + number
	if s.stream == nil || s.next != at {
		s.begin(at)
	}
	b, err := s.stream.Next()
	if err != nil {
		return nil, &sourceError{err}
	}
	half := at % streamedBatches * len(s.rows) / streamedBatches
	elements := b.Bytes
	if elements == nil {
		elements = bytesOf(b.Values)
	}
	if err := vars.PutPart(dataName, half*(len(elements)/len(b.Index)), elements); err != nil {
		return nil, err
	}
	if s.labels {
		for k, i := range b.Index {
			s.class[k] = s.info.Labels[i]
		}
		if err := vars.PutPart(labelsName, half, s.class[:len(b.Index)]); err != nil {
			return nil, err
		}
	}
	s.next = at + 1
	return s.rows[half:][:len(b.Index)], nil
}

// begin reads from a batch on, to the end of the run.
func (s *streamed) begin(at int) {
	ctx := s.ctx
	s.stop()
	if s.ctx = ctx; ctx == nil {
		s.ctx = context.Background()
	}
	each, next := data.BatchCount(s.info.N, s.order.size), at
	s.stream = data.NewStream(s.ctx, s.source, func() []int32 {
		if next == s.epochs*each {
			return nil
		}
		next++
		return s.order.batch((next-1)/each, (next-1)%each)
	}, data.StreamOptions{})
}

// bytesOf returns the memory of numbers, in which devices hold them too.
func bytesOf(values []float32) []byte {
	if len(values) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), 4*len(values))
}
