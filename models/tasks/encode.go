package tasks

import (
	"context"

	"hourglass/data"
	"hourglass/models/train"
)

// Encode hands the codes [n z] of the samples of src to use, n of them from
// number from on.
func Encode(ctx context.Context, r *train.Runner, src data.Source, use func(from int, codes []float32) error) error {
	if err := checkSamples(r, src); err != nil {
		return err
	}
	return Each(ctx, src, r.Batch(), func(from int, samples []float32) error {
		codes, err := r.Encode(samples)
		if err != nil {
			return err
		}
		return use(from, codes)
	})
}

// Reconstruct hands the samples [n H W C] of src to use, with what the model
// makes of them.
func Reconstruct(ctx context.Context, r *train.Runner, src data.Source, use func(from int, samples, copies []float32) error) error {
	if err := checkSamples(r, src); err != nil {
		return err
	}
	return Each(ctx, src, r.Batch(), func(from int, samples []float32) error {
		copies, err := r.Reconstruct(samples)
		if err != nil {
			return err
		}
		return use(from, samples, copies)
	})
}

// Codes returns the codes [N z] of all samples of src at once.
func Codes(ctx context.Context, r *train.Runner, src data.Source) ([]float32, error) {
	all := make([]float32, 0, src.Info().N*r.Latent())
	err := Encode(ctx, r, src, func(_ int, codes []float32) error {
		all = append(all, codes...)
		return nil
	})
	return all, err
}
