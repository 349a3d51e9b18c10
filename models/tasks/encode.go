package tasks

import (
	"context"
	"fmt"

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

// Decode hands the samples [n H W C] of codes to use. The codes are a source of
// rows of z numbers, as [CodeSource] or an array in a file.
func Decode(ctx context.Context, r *train.Runner, codes data.Source, use func(from int, samples []float32) error) error {
	info := codes.Info()
	if info.N < 1 {
		return fmt.Errorf("tasks: %s holds no codes, want at least 1", info.Name)
	}
	if info.SampleSize() != r.Latent() {
		return fmt.Errorf("tasks: the codes of %s are of %d numbers, those of the model of %d", info.Name, info.SampleSize(), r.Latent())
	}
	return Each(ctx, codes, r.Batch(), func(from int, z []float32) error {
		inUnits(z, info)
		samples, err := r.Decode(z)
		if err != nil {
			return err
		}
		return use(from, samples)
	})
}

// ReadCodes returns all codes of a source at once, [N z].
func ReadCodes(ctx context.Context, codes data.Source) ([]float32, error) {
	const some = 1024
	info := codes.Info()
	all := make([]float32, 0, info.N*info.SampleSize())
	err := Each(ctx, codes, some, func(_ int, z []float32) error {
		inUnits(z, info)
		all = append(all, z...)
		return nil
	})
	return all, err
}

// inUnits turns values that a source has scaled to [0, 1] back into those of its
// file.
func inUnits(values []float32, info data.Info) {
	if info.Low == nil {
		return
	}
	for i := range values {
		c := i % info.C
		values[i] = info.Low[c] + values[i]*(info.High[c]-info.Low[c])
	}
}

// CodeSource returns codes [n z] in memory as a source. It keeps them.
func CodeSource(name string, codes []float32, z int) (data.Source, error) {
	if z < 1 || len(codes)%z != 0 {
		return nil, fmt.Errorf("tasks: %s: %d numbers, want codes of %d", name, len(codes), z)
	}
	return &data.Dataset{Name: name, N: len(codes) / z, H: 1, W: 1, C: z, Values: codes}, nil
}
