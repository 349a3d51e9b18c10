package tasks

import (
	"context"

	"hourglass/data"
	"hourglass/models/metrics"
	"hourglass/models/train"
)

// A SearchIndex finds samples by their codes.
type SearchIndex struct {
	index  *metrics.Index
	labels []uint8
}

// NewSearchIndex encodes all samples of src. The index keeps their codes, of
// which all must fit into memory, and no samples.
func NewSearchIndex(ctx context.Context, r *train.Runner, src data.Source, d metrics.Distance) (*SearchIndex, error) {
	codes, err := Codes(ctx, r, src)
	if err != nil {
		return nil, err
	}
	index, err := metrics.NewIndex(codes, r.Latent(), d)
	return &SearchIndex{index, src.Info().Labels}, err
}

// Search hands the k nearest samples of the index of each of queries to use, from
// number from on, the nearest first.
func (x *SearchIndex) Search(ctx context.Context, r *train.Runner, queries data.Source, k int, use func(from int, near [][]metrics.Neighbour) error) error {
	return Encode(ctx, r, queries, func(from int, codes []float32) error {
		near, err := x.index.Nearest(codes, k)
		if err != nil {
			return err
		}
		return use(from, near)
	})
}

// Precision returns the share of found samples that have the class of their
// query, of queries with labels in an index of samples with labels.
func (x *SearchIndex) Precision(near [][]metrics.Neighbour, queries []uint8) (float64, error) {
	return metrics.PrecisionAtK(near, queries, x.labels)
}
