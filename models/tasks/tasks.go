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

// Each hands the samples of src to use in order, size at a time, of the last
// batch as many as there are; from is the number of the first. While use works
// on a batch, the next ones are being read on all cores.
func Each(ctx context.Context, src data.Source, size int, use func(from int, values []float32) error) error {
	if size < 1 {
		return fmt.Errorf("tasks: batches of %d samples, want at least 1", size)
	}
	stream := data.NewStream(ctx, src, data.InOrder(src.Info().N, size), data.StreamOptions{Floats: true})
	defer stream.Close()
	for {
		b, err := stream.Next()
		if ctx.Err() != nil {
			return stopped(ctx)
		}
		if err != nil || b == nil {
			return err
		}
		if err := use(int(b.Index[0]), b.Values); err != nil {
			return err
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
