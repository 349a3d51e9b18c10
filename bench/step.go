package bench

import (
	"fmt"
	"math"
	"math/rand/v2"

	"hourglass/graph"
	"hourglass/kernels"
)

// What both sides of a comparison work with.
const (
	seed       = 1
	batches    = 4  // of different images, taken in turn
	noiseSteps = 20 // for which peers get the noise that we draw
	checkSteps = 20 // after which losses are compared
)

// A subject is what is timed: one step of it after another.
type subject interface {
	step() error
	// value returns the number that peers are held to: the loss of the last
	// step, or a digest of the last codes.
	value() (float64, error)
	flops() int64
}

// adam is PyTorch's and Keras's default.
var adam = kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}

// newSubject compiles a workload, with its variables at the values that the
// seed gives them.
func (w workload) newSubject(dev kernels.Device) (subject, error) {
	if w.kind == encoding {
		return w.newEncoder(dev)
	}
	return w.newTrainStep(dev)
}

// trainStep is a training step on images that lie on the device as bytes.
type trainStep struct {
	program          *graph.Program
	index, count, lr *graph.Node
	loss             *graph.Node
	order            []int32 // of all images
	batch, done      int
	rate             [1]float32
	number           [1]int32
}

func (w workload) newTrainStep(dev kernels.Device) (*trainStep, error) {
	b := graph.NewBuilder()
	net := w.on(b)
	s := &trainStep{
		index: b.InputOf(kernels.Int32, "index", w.batch),
		count: b.InputOf(kernels.Int32, "step", 1),
		lr:    b.Input("lr", 1),
		batch: w.batch, rate: [1]float32{w.rate},
	}
	images := w.images()
	x := b.Apply(kernels.Gather{Scale: 1.0 / 255}, b.InputOf(kernels.Uint8, "data", images.shape...), s.index)
	s.loss = net.loss(x, s.count)
	params := b.Trainable()
	grads := b.Gradients(s.loss, params...)
	if b.Err() != nil {
		return nil, fmt.Errorf("bench: %s: %w", w.name, b.Err())
	}
	vars, err := newVariables(dev, b, adam.StateRows())
	if err != nil {
		return nil, err
	}
	if err := vars.Put("data", kernels.Operand{DType: kernels.Uint8, Shape: images.shape}, images.pixels); err != nil {
		return nil, err
	}
	s.program, err = graph.CompileWith(b.Graph(), dev, graph.Options{Variables: vars, Update: &graph.Update{
		Params: params, Grads: grads, Optimizer: adam,
		LearningRate: s.lr, Step: s.count, Assign: b.Assignments(),
	}}, s.loss)
	for i := range images.shape[0] {
		s.order = append(s.order, int32(i))
	}
	return s, err
}

// newVariables declares a builder's variables and gives them their start.
func newVariables(dev kernels.Device, b *graph.Builder, rows int) (*graph.Variables, error) {
	vars, err := graph.NewVariables(dev, b.Params(), graph.VariableOptions{Rows: rows})
	if err != nil {
		return nil, err
	}
	return vars, vars.Init(seed)
}

func (s *trainStep) step() error {
	at := s.done % batches * s.batch
	s.number[0] = int32(s.done)
	s.done++
	if err := s.program.FeedInts(s.index, s.order[at:at+s.batch]); err != nil {
		return err
	}
	if err := s.program.FeedInts(s.count, s.number[:]); err != nil {
		return err
	}
	if err := s.program.FeedFloats(s.lr, s.rate[:]); err != nil {
		return err
	}
	return s.program.Run()
}

func (s *trainStep) value() (float64, error) { return s.program.Scalar(s.loss) }

func (s *trainStep) flops() int64 { return s.program.Flops() }

// encoder computes codes of images in host memory.
type encoder struct {
	program *graph.Program
	x, code *graph.Node
	images  []float32
	codes   []float32
	size    int // of a batch, in numbers
	done    int
}

func (w workload) newEncoder(dev kernels.Device) (*encoder, error) {
	b := graph.NewBuilder()
	net := w.on(b)
	e := &encoder{x: b.Input("x", w.batch, w.image[0], w.image[1], w.image[2])}
	e.code = net.encode(e.x)
	if b.Err() != nil {
		return nil, fmt.Errorf("bench: %s: %w", w.name, b.Err())
	}
	vars, err := newVariables(dev, b, 1)
	if err != nil {
		return nil, err
	}
	images := w.images()
	e.images = make([]float32, len(images.pixels))
	for i, p := range images.pixels {
		e.images[i] = float32(p) / 255
	}
	e.size = len(e.images) / batches
	e.codes = make([]float32, b.ShapeOf(e.code).Size())
	e.program, err = graph.CompileWith(b.Graph(), dev, graph.Options{Variables: vars}, e.code)
	return e, err
}

func (e *encoder) step() error {
	at := e.done % batches * e.size
	e.done++
	if err := e.program.FeedFloats(e.x, e.images[at:at+e.size]); err != nil {
		return err
	}
	if err := e.program.Compute(); err != nil {
		return err
	}
	return e.program.FetchInto(e.codes, e.code)
}

// value returns the root of the mean of (code·(1 + i mod 7))², where i counts
// the numbers of the batch's codes: positive, and different if they change
// places.
func (e *encoder) value() (float64, error) {
	sum := 0.0
	for i, c := range e.codes {
		v := float64(c) * float64(1+i%7)
		sum += v * v
	}
	return math.Sqrt(sum / float64(len(e.codes))), nil
}

func (e *encoder) flops() int64 { return e.program.Flops() }

// pictures are images as bytes, shape [N H W C].
type pictures struct {
	shape  kernels.Shape
	pixels []byte
}

// images returns all batches of a workload: waves of random directions in each
// channel, which are the same for everybody.
func (w workload) images() pictures {
	h, width, c := w.image[0], w.image[1], w.image[2]
	p := pictures{shape: kernels.Shape{batches * w.batch, h, width, c}}
	p.pixels = make([]byte, p.shape.Size())
	random := rand.New(rand.NewPCG(seed, 0))
	rows, columns := make([]float64, h), make([]float64, width)
	for n := range p.shape[0] {
		for ch := range c {
			wave(rows, random)
			wave(columns, random)
			for y := range h {
				for x := range width {
					p.pixels[((n*h+y)*width+x)*c+ch] = byte(127.5 * (1 + rows[y]*columns[x]))
				}
			}
		}
	}
	return p
}

// wave fills v with one to three periods of a sine of random phase.
func wave(v []float64, random *rand.Rand) {
	periods, phase := 1+2*random.Float64(), random.Float64()
	for i := range v {
		v[i] = math.Sin(2 * math.Pi * (phase + periods*float64(i)/float64(len(v))))
	}
}

// noise returns the random numbers of the first steps, [noiseSteps batch z], or
// an empty array if the workload draws none.
func (w workload) noise() (kernels.Shape, []float32) {
	if w.name != "vae64" {
		return nil, nil
	}
	shape := kernels.Shape{noiseSteps, w.batch, vae64Latent}
	values := make([]float32, 0, shape.Size())
	one := kernels.NewArray(shape[1:])
	for t := range noiseSteps {
		step := kernels.Array{Shape: kernels.Shape{1}, Data: []float64{float64(t)}}
		kernels.Noise{Dist: kernels.Normal}.Ref(one, one, step)
		for _, v := range one.Data {
			values = append(values, float32(v))
		}
	}
	return shape, values
}
