// Package tasks puts trained autoencoders to use: it encodes, decodes, restores
// and generates.
//
// A task takes a [train.Runner], which holds the weights, and a [data.Source],
// which it reads in order, a batch at a time, so that sets larger than memory go
// through. What comes out goes to a function of the caller's, batch by batch
// too. The numbers that such a function gets are its own until it returns.
//
// A context ends a task between two batches; its error then wraps the
// context's.
package tasks

import (
	"context"
	"fmt"

	"hourglass/data"
	"hourglass/models/train"
)

// batch is what Each reads ahead.
type batch struct {
	from   int
	values []float32
	err    error
}

// Each hands the samples of src to use in order, size at a time, of the last
// batch as many as there are; from is the number of the first. While use works
// on a batch, the next is being read.
func Each(ctx context.Context, src data.Source, size int, use func(from int, values []float32) error) error {
	info := src.Info()
	if size < 1 {
		return fmt.Errorf("tasks: batches of %d samples, want at least 1", size)
	}
	ctx, cancel := context.WithCancel(ctx)
	free, ready := make(chan []float32, 2), make(chan batch)
	finished := make(chan struct{})
	defer func() { cancel(); <-finished }() // nothing reads src once Each has returned
	go func() {
		defer close(finished)
		defer close(ready)
		readAll(ctx, src, size, free, ready)
	}()
	each := info.SampleSize() * min(size, info.N)
	free <- make([]float32, each)
	free <- make([]float32, each)
	for b := range ready {
		if b.err != nil {
			return b.err
		}
		if err := use(b.from, b.values); err != nil {
			return err
		}
		free <- b.values[:each]
	}
	return stopped(ctx)
}

// readAll reads batches into free memory until the source or the context ends.
func readAll(ctx context.Context, src data.Source, size int, free <-chan []float32, ready chan<- batch) {
	info := src.Info()
	index := make([]int32, 0, min(size, info.N))
	for from := 0; from < info.N; from += size {
		index = index[:0]
		for i := from; i < min(from+size, info.N); i++ {
			index = append(index, int32(i))
		}
		var b batch
		select {
		case memory := <-free:
			b = batch{from: from, values: memory[:len(index)*info.SampleSize()]}
		case <-ctx.Done():
			return
		}
		b.err = src.Read(b.values, index)
		select {
		case ready <- b:
		case <-ctx.Done():
			return
		}
		if b.err != nil {
			return
		}
	}
}

// stopped returns an error that wraps the context's, nil while that has none.
func stopped(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("tasks: stopped: %w", err)
	}
	return nil
}

// checkSamples returns an error unless the model takes what src holds.
func checkSamples(r *train.Runner, src data.Source) error {
	info, want := src.Info(), r.Shape()
	if info.N < 1 {
		return fmt.Errorf("tasks: %s is empty, want at least 1 sample", info.Name)
	}
	if info.H != want[0] || info.W != want[1] || info.C != want[2] {
		return fmt.Errorf("tasks: the samples of %s are [%d %d %d], the model takes %v", info.Name, info.H, info.W, info.C, want)
	}
	return nil
}
