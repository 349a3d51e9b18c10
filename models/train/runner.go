package train

import (
	"cmp"
	"context"
	"fmt"

	"hourglass/data"
	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
)

// A Runner applies a model with fixed weights to any number of images or codes,
// in batches. Its methods are called from one goroutine at a time.
type Runner struct {
	model   models.Model
	dev     kernels.Device
	vars    *graph.Variables
	average bool // read the averages of the weights
	shape   kernels.Shape
	latent  int
	batch   int
	seed    uint64
	samples int

	passes [goals][]*pass
	logs   [goals]*graph.Log // of the goals whose results are means over a set
	floats []float32         // a batch of images of a data set
	step   [1]int32
}

// RunnerOptions sizes a Runner.
type RunnerOptions struct {
	// Batch is how many images go through the model at once; 0 stands for 128.
	// A larger number costs memory. Only metrics that draw random numbers
	// depend on it, as each batch draws its own.
	Batch int
	// Seed decides the random numbers of metrics that draw some.
	Seed uint64
	// Samples is how many codes of each image the metric nll_is of variational
	// models is estimated by, 200 or 5000 in the literature; 0 leaves it out. The
	// codes go through the decoder one by one, which takes its time.
	Samples int
}

// goal is what a program of a Runner computes.
type goal int

const (
	toCode      goal = iota // images → codes
	toImage                 // codes → images
	roundTrip               // images → reconstructions
	toLoss                  // images → what training minimises, and a classifier's error
	toMetrics               // images → the model's metrics
	toCorrupted             // images → what a denoising model is given
	toRestored              // images → what it makes of that
	toClasses               // images → probabilities of classes
	goals
)

// pass is the program for one goal and batch size.
type pass struct {
	n        int
	program  *graph.Program
	in, step *graph.Node
	row      *graph.Node // of the log, if there is one
	labels   *graph.Node // of losses and metrics of classifiers, else nil
	out      []*graph.Node
	names    []string
}

// NewRunner returns a runner of a model with the given weights: one array for
// each of its variables, in any order.
func NewRunner(m models.Model, dev kernels.Device, weights []graph.Array, o RunnerOptions) (*Runner, error) {
	b := graph.NewBuilder()
	m.On(b)
	if b.Err() != nil {
		return nil, b.Err()
	}
	vars, err := graph.NewVariables(dev, b.Params(), graph.VariableOptions{})
	if err != nil {
		return nil, err
	}
	if err := vars.SetState(weights); err != nil {
		return nil, err
	}
	return newRunner(m, dev, vars, o)
}

func newRunner(m models.Model, dev kernels.Device, vars *graph.Variables, o RunnerOptions) (*Runner, error) {
	setDefault(&o.Batch, defaultBatch)
	if err := cmp.Or(atLeast("runner batch", o.Batch, 1), atLeast("runner samples", o.Samples, 0)); err != nil {
		return nil, err
	}
	if c := m.Config(); o.Samples > 0 && !c.HasLikelihood() {
		return nil, fmt.Errorf("train: %d samples, but the model %s gives no likelihood of images to estimate by them; vae and iwae do", o.Samples, c.Name)
	}
	image := m.Config().Image
	r := &Runner{model: m, dev: dev, vars: vars, shape: image[:], batch: o.Batch,
		// The complement keeps evaluation's noise apart from training's.
		seed: ^o.Seed, samples: o.Samples}
	b := graph.NewBuilder()
	code := b.ShapeOf(m.On(b).Encode(b.Input("input", r.inputShape(toCode, 1)...)))
	if b.Err() != nil {
		return nil, b.Err()
	}
	r.latent = code[1:].Size()
	return r, nil
}

// Shape returns the images' [H W C].
func (r *Runner) Shape() kernels.Shape { return r.shape.Clone() }

// Latent returns the number of elements of a code.
func (r *Runner) Latent() int { return r.latent }

// Encode returns the codes [n z] of images [n H W C] in [0, 1].
func (r *Runner) Encode(images []float32) ([]float32, error) { return r.apply(toCode, images) }

// Decode returns the images [n H W C] of codes [n z].
func (r *Runner) Decode(codes []float32) ([]float32, error) { return r.apply(toImage, codes) }

// Reconstruct returns what the model makes of images [n H W C].
func (r *Runner) Reconstruct(images []float32) ([]float32, error) { return r.apply(roundTrip, images) }

// Restore corrupts images [n H W C] as the model was trained to undo and returns
// the corrupted images, and what the model makes of them. The same images in the
// same batches are always corrupted alike. A model without Denoise is an error.
func (r *Runner) Restore(images []float32) (corrupted, restored []float32, err error) {
	if c := r.model.Config(); c.Denoise == "" {
		return nil, nil, fmt.Errorf("train: the model %s was not trained to restore images; train one with denoise", c.Name)
	}
	if corrupted, err = r.apply(toCorrupted, images); err != nil {
		return nil, nil, err
	}
	restored, err = r.apply(toRestored, images)
	return corrupted, restored, err
}

// Sample decodes n codes drawn from the model's prior, N(0, 1) for each unit.
// Image i depends on the seed and i alone. A model without a prior is an error.
func (r *Runner) Sample(n int, seed uint64) ([]float32, error) {
	if n < 0 {
		return nil, fmt.Errorf("train: %d samples, want 0 or more", n)
	}
	if c := r.model.Config(); !c.HasPrior() {
		return nil, fmt.Errorf("train: the model %s has no distribution of codes to sample from; train a vae", c.Name)
	}
	codes := make([]float32, n*r.latent)
	noise := kernels.Noise{Dist: kernels.Normal, Seed: seed}
	for i := 0; i < len(codes); i += 4 {
		for j, v := range noise.Four(0, uint64(i/4)) {
			if i+j < len(codes) {
				codes[i+j] = float32(v)
			}
		}
	}
	return r.Decode(codes)
}

// Scale returns pixels 0 … 255 as numbers from 0 to 1.
func Scale(pixels []byte) []float32 {
	out := make([]float32, len(pixels))
	scaleInto(out, pixels)
	return out
}

func scaleInto(dst []float32, pixels []byte) {
	for i, v := range pixels {
		dst[i] = float32(v) * (1.0 / 255)
	}
}

// apply sends a whole array through the programs of a goal.
func (r *Runner) apply(g goal, in []float32) ([]float32, error) {
	size := r.inputShape(g, 1).Size()
	if len(in)%size != 0 {
		return nil, fmt.Errorf("train: input of %d numbers, want a multiple of %d for %v", len(in), size, r.inputShape(g, 1)[1:])
	}
	n := len(in) / size
	var out []float32
	for from := 0; from < n; from += r.batch {
		to := min(from+r.batch, n)
		p, err := r.run(g, in[from*size:to*size], nil, to-from, from/r.batch)
		if err != nil {
			return nil, err
		}
		each := r.outputShape(g).Size()
		if out == nil {
			out = make([]float32, n*each)
		}
		if err := p.program.FetchInto(out[from*each:to*each], p.out[0]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// A Value is a named number.
type Value struct {
	Name  string
	Value float64
}

// Evaluate returns the model's metrics over a source: for each the mean of its
// value for every image, summed in double precision. What is not in memory is
// read ahead while the model computes.
func (r *Runner) Evaluate(ctx context.Context, s data.Source) ([]Value, error) {
	return r.mean(ctx, toMetrics, s)
}

// mean returns the mean of a goal's scalars over all images. The device is
// waited for when its log of them is full.
func (r *Runner) mean(ctx context.Context, g goal, s data.Source) ([]Value, error) {
	if err := checkSet(r.model, s); err != nil {
		return nil, err
	}
	info := s.Info()
	next, stop := r.read(ctx, s)
	defer stop()
	order := r.order(info.N)
	var total means
	for from := 0; from < info.N; from += r.batch {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("train: evaluation %w", ErrStopped)
		}
		n := min(r.batch, info.N-from)
		values, err := next()
		if err != nil && ctx.Err() != nil {
			return nil, fmt.Errorf("train: evaluation %w", ErrStopped)
		}
		if err != nil {
			return nil, &sourceError{err}
		}
		var labels []uint8
		if index := order(); info.Labels != nil {
			labels = make([]uint8, n)
			for i, k := range index {
				labels[i] = info.Labels[k]
			}
		}
		p, err := r.feed(g, values, labels, n, from/r.batch)
		if err != nil {
			return nil, err
		}
		if err := p.program.Run(); err != nil {
			return nil, err
		}
		if err := total.add(r.logs[g], p); err != nil {
			return nil, err
		}
	}
	return total.finish(info.N)
}

// order returns a function that tells the samples of batch after batch: in their
// order, unless the model judges batches as a whole. Then they are drawn at
// random, as those of a set that is sorted by class are like no training batch.
func (r *Runner) order(n int) func() []int32 {
	if !r.model.Config().Batchwise() {
		return data.InOrder(n, r.batch)
	}
	order := data.Order(n, r.seed, 0)
	return func() []int32 {
		batch := order[:min(r.batch, len(order))]
		order = order[len(batch):]
		return batch
	}
}

// read returns a function that reads the samples of batch after batch, and one
// that ends the reading.
func (r *Runner) read(ctx context.Context, s data.Source) (next func() ([]float32, error), stop func()) {
	info := s.Info()
	order := r.order(info.N)
	if d, ok := s.(*data.Dataset); ok {
		r.floats = make([]float32, min(r.batch, info.N)*info.SampleSize())
		return func() ([]float32, error) {
			index := order()
			values := r.floats[:len(index)*info.SampleSize()]
			return values, d.Read(values, index)
		}, func() {}
	}
	stream := data.NewStream(ctx, s, order, data.StreamOptions{Floats: true})
	return func() ([]float32, error) {
		b, err := stream.Next()
		if err != nil {
			return nil, err
		}
		return b.Values, nil
	}, stream.Close
}

// run sends one batch through the program of a goal.
func (r *Runner) run(g goal, in []float32, labels []uint8, n, number int) (*pass, error) {
	p, err := r.feed(g, in, labels, n, number)
	if err != nil {
		return nil, err
	}
	return p, p.program.Compute()
}

// feed gives one batch to the program of a goal. The number of the batch is the
// step that noise is drawn by, and its row in the log.
func (r *Runner) feed(g goal, in []float32, labels []uint8, n, number int) (*pass, error) {
	p, err := r.pass(g, n)
	if err != nil {
		return nil, err
	}
	r.step[0] = int32(number)
	if err := p.program.FeedFloats(p.in, in); err != nil {
		return nil, err
	}
	if err := p.program.FeedInts(p.step, r.step[:]); err != nil {
		return nil, err
	}
	if p.row != nil {
		r.step[0] = int32(number % r.logs[g].Rows())
		if err := p.program.FeedInts(p.row, r.step[:]); err != nil {
			return nil, err
		}
	}
	return p, p.feedLabels(labels)
}

// pass returns the program of a goal for n images. Of each goal it keeps two,
// that of the full batch and the one last used of another size.
func (r *Runner) pass(g goal, n int) (*pass, error) {
	kept := r.passes[g][:0:0]
	for _, p := range r.passes[g] {
		if p.n == n {
			return p, nil
		}
		if p.n == r.batch {
			kept = append(kept, p)
		}
	}
	p, err := r.compile(g, n)
	if err != nil {
		return nil, err
	}
	r.passes[g] = append(kept, p)
	return p, nil
}

// compile builds the program of a goal.
func (r *Runner) compile(g goal, n int) (*pass, error) {
	b := graph.NewBuilder()
	net := r.model.On(b)
	p := &pass{n: n, in: b.Input("input", r.inputShape(g, n)...), step: b.InputOf(kernels.Int32, "step", 1)}
	phase := models.Phase{Step: p.step, Seed: r.seed, Samples: r.samples}
	var terms []models.Term
	if (g == toLoss || g == toMetrics) && r.model.Config().Classes > 0 {
		p.labels = b.Input("class", n, 1)
		phase.Labels = p.labels
	}
	switch g {
	case toCode:
		terms = []models.Term{{Name: "code", Node: net.Encode(p.in)}}
	case toImage:
		terms = []models.Term{{Name: "image", Node: net.Decode(p.in)}}
	case roundTrip:
		terms = []models.Term{{Name: "image", Node: net.Decode(net.Encode(p.in))}}
	case toLoss:
		terms = []models.Term{{Name: "loss", Node: net.Loss(p.in, phase).Total}}
		if c, ok := net.(models.Classifier); ok {
			terms = append(terms, models.Term{Name: "error", Node: c.Error(p.in, phase)})
		}
	case toClasses:
		terms = []models.Term{{Name: "classes", Node: net.(models.Classifier).Classify(p.in)}}
	case toMetrics:
		terms = net.Metrics(p.in, phase)
	case toCorrupted, toRestored:
		corrupted, restored := net.(models.Restorer).Restore(p.in, phase)
		terms = []models.Term{{Name: "corrupted", Node: corrupted}}
		if g == toRestored {
			terms = []models.Term{{Name: "restored", Node: restored}}
		}
	}
	for _, t := range terms {
		p.out, p.names = append(p.out, t.Node), append(p.names, t.Name)
	}
	if b.Err() != nil {
		return nil, b.Err()
	}
	options := graph.Options{Variables: r.vars, UseAverage: r.average}
	var err error
	if g == toLoss || g == toMetrics {
		if options.Log, err = r.logOf(g, b, p); err != nil {
			return nil, err
		}
	}
	// The counter is an output too, so that it can be fed whether or not
	// anything draws random numbers.
	outs := append([]*graph.Node{p.step}, p.out...)
	p.program, err = graph.CompileWith(b.Graph(), r.dev, options, outs...)
	return p, err
}

// inputShape is that of n inputs of a goal.
func (r *Runner) inputShape(g goal, n int) kernels.Shape {
	if g == toImage {
		return kernels.Shape{n, r.latent}
	}
	return append(kernels.Shape{n}, r.shape...)
}

// outputShape is that of the result for one input of a goal.
func (r *Runner) outputShape(g goal) kernels.Shape {
	switch g {
	case toCode:
		return kernels.Shape{r.latent}
	case toClasses:
		return kernels.Shape{r.model.Config().Classes}
	}
	return r.shape
}
