package train

import (
	"context"
	"fmt"
	"slices"

	"hourglass/data"
	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
)

// labelsName is the variable that holds the labels of the training images.
const labelsName = "labels"

// checkLabels returns an error unless a set has the labels that m learns, if it
// is a classifier.
func checkLabels(m models.Model, name string, labels []uint8) error {
	classes := m.Config().Classes
	if classes == 0 {
		return nil
	}
	if len(labels) == 0 {
		return fmt.Errorf("train: %s has no labels for a classifier to learn from or to be measured by", name)
	}
	if most := int(slices.Max(labels)); most >= classes {
		return fmt.Errorf("train: %s has labels up to %d, want at most %d for %d classes", name, most, classes-1, classes)
	}
	return nil
}

// putLabels gives the labels of the training images a place on the device.
func putLabels(vars *graph.Variables, labels []uint8) error {
	operand := kernels.Operand{DType: kernels.Uint8, Shape: kernels.Shape{len(labels), 1}}
	return vars.Put(labelsName, operand, labels)
}

// gatherLabels returns the labels [B 1] of the n training images in index.
func gatherLabels(b *graph.Builder, n int, index *graph.Node) *graph.Node {
	return b.Apply(kernels.Gather{}, b.InputOf(kernels.Uint8, labelsName, n, 1), index)
}

// feedLabels gives a program the labels of its images.
func (p *pass) feedLabels(labels []uint8) error {
	if p.labels == nil {
		return nil
	}
	values := make([]float32, len(labels))
	for i, v := range labels {
		values[i] = float32(v)
	}
	return p.program.FeedFloats(p.labels, values)
}

// Classify returns the probabilities [n K] of the classes of images [n H W C].
// A model that is no classifier is an error.
func (r *Runner) Classify(images []float32) ([]float32, error) {
	if c := r.model.Config(); c.Classes == 0 {
		return nil, fmt.Errorf("train: the model %s knows no classes: it was not trained on labels", c.Name)
	}
	return r.apply(toClasses, images)
}

// Confusion counts, for each class of the labels of a set, how many of its
// images the model puts into which class: [K][K], the label first.
func (r *Runner) Confusion(ctx context.Context, s data.Source) ([][]int, error) {
	info, classes := s.Info(), r.model.Config().Classes
	if err := checkLabels(r.model, info.Name, info.Labels); err != nil {
		return nil, err
	}
	counts := make([][]int, classes)
	for k := range counts {
		counts[k] = make([]int, classes)
	}
	for from := 0; from < info.N; from += r.batch {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("train: evaluation %w", ErrStopped)
		}
		var index []int32
		for i := from; i < min(from+r.batch, info.N); i++ {
			index = append(index, int32(i))
		}
		images := make([]float32, len(index)*info.SampleSize())
		if err := s.Read(images, index); err != nil {
			return nil, err
		}
		p, err := r.Classify(images)
		if err != nil {
			return nil, err
		}
		for k, i := range index {
			counts[info.Labels[i]][Likeliest(p[k*classes:][:classes])]++
		}
	}
	return counts, nil
}

// Likeliest returns the class of the largest probability, the first of several.
func Likeliest(probabilities []float32) int {
	best := 0
	for k, p := range probabilities {
		if p > probabilities[best] {
			best = k
		}
	}
	return best
}

// BeginWith gives the variables of the model the values that arrays of their
// names have, before the first step: those of another run whose encoder is to be
// trained on. All arrays must belong to the model; variables without one keep
// their initial values.
func (t *Trainer) BeginWith(weights []graph.Array) error {
	if t.at.Step > 0 {
		return fmt.Errorf("train: weights to begin with come after step %d, want them before the first", t.at.Step)
	}
	shapes := map[string]kernels.Shape{}
	for _, p := range t.vars.Params() {
		shapes[p.Name] = p.Shape
	}
	for _, w := range weights {
		shape, ok := shapes[w.Name]
		if !ok {
			return fmt.Errorf("train: weights to begin with: the model %s has no %s", t.model.Config().Name, w.Name)
		}
		if !shape.Equal(w.Shape) {
			return fmt.Errorf("train: weights to begin with: %s is %v, want %v", w.Name, w.Shape, shape)
		}
	}
	for _, w := range weights {
		if err := t.vars.Begin(w.Name, w.Data); err != nil {
			return err
		}
	}
	return nil
}
