package tasks

import (
	"context"
	"fmt"

	"hourglass/data"
	"hourglass/models/train"
)

// A FieldVector is where a model moves a point of the plane.
type FieldVector struct {
	X, Y   float32 // the point
	DX, DY float32 // its reconstruction less itself
}

// Field returns r(x) − x, what the model's reconstruction r moves x by, on a grid
// of side×side points over the samples of src, which are points of the plane
// (samples [1 1 2]) or have two elements otherwise, and the samples themselves
// [n 2]. The grid goes a tenth beyond them. Near the data a denoising or
// contractive autoencoder points to where they are denser: r(x) − x approaches the
// gradient of their log density times a constant (Alain and Bengio, What
// Regularized Auto-Encoders Learn from the Data-Generating Distribution, 2014).
func Field(ctx context.Context, r *train.Runner, src data.Source, side int) ([]FieldVector, []float32, error) {
	if err := checkSamples(r, src); err != nil {
		return nil, nil, err
	}
	if size := r.Shape().Size(); size != 2 {
		return nil, nil, fmt.Errorf("tasks: field: samples of %d numbers, want points of the plane, of 2: train on a table of two columns", size)
	}
	if side < 2 || side > 1000 {
		return nil, nil, fmt.Errorf("tasks: field: a grid of %d×%d points, want 2×2 to 1000×1000", side, side)
	}
	var points []float32
	err := Each(ctx, src, r.Batch(), func(_ int, samples []float32) error {
		points = append(points, samples...)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	low, high := [2]float32{points[0], points[1]}, [2]float32{points[0], points[1]}
	for i, v := range points {
		low[i%2], high[i%2] = min(low[i%2], v), max(high[i%2], v)
	}
	for i := range low {
		margin := 0.1 * (high[i] - low[i])
		if margin == 0 {
			margin = 0.1
		}
		low[i], high[i] = low[i]-margin, high[i]+margin
	}
	grid := make([]float32, 0, 2*side*side)
	for row := range side {
		for column := range side {
			along := [2]int{column, row}
			for i := range 2 {
				grid = append(grid, low[i]+(high[i]-low[i])*float32(along[i])/float32(side-1))
			}
		}
	}
	moved, err := r.Reconstruct(grid)
	if err != nil {
		return nil, nil, err
	}
	field := make([]FieldVector, side*side)
	for i := range field {
		x, y := grid[2*i], grid[2*i+1]
		field[i] = FieldVector{x, y, moved[2*i] - x, moved[2*i+1] - y}
	}
	return field, points, nil
}
