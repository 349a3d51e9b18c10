package main

import (
	"fmt"

	"github.com/gomlx/gomlx/backends/simplego"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

const batch = 128

// names of the parameters, in the order in which the graph takes them.
var names = []string{
	"encoder.0.weight", "encoder.0.bias", "encoder.2.weight", "encoder.2.bias", "encoder.5.weight", "encoder.5.bias",
	"decoder.0.weight", "decoder.0.bias", "decoder.3.weight", "decoder.3.bias", "decoder.5.weight", "decoder.5.bias",
	"decoder.7.weight", "decoder.7.bias",
}

// stepper takes training steps. Its state is the parameters and Adam's two
// moments of each, one list behind the other.
type stepper struct {
	exec    *Exec
	batches []*tensors.Tensor
	state   []*tensors.Tensor
	done    int
	loss    float32
}

func newStepper(folder string, threads int) (*stepper, error) {
	weights, err := open(folder, "weights.safetensors")
	if err != nil {
		return nil, err
	}
	inputs, err := open(folder, "images.safetensors")
	if err != nil {
		return nil, err
	}
	images, ok := inputs["images"]
	if !ok || len(images.Shape) != 4 {
		return nil, fmt.Errorf("there are no images of four axes")
	}
	s := &stepper{batches: images.batches()}
	for _, name := range names {
		if _, ok := weights[name]; !ok {
			return nil, fmt.Errorf("there is no weight %s", name)
		}
		s.state = append(s.state, weights[name].tensor())
	}
	for range 2 {
		for _, name := range names {
			s.state = append(s.state, tensors.FromScalarAndDimensions(float32(0), weights[name].Shape...))
		}
	}
	backend, err := simplego.New(fmt.Sprintf("parallelism=%d", threads))
	if err != nil {
		return nil, err
	}
	s.exec, err = NewExec(backend, trainingStep)
	return s, err
}

func (s *stepper) step() error {
	args := []any{s.batches[s.done%len(s.batches)], tensors.FromScalar(float32(s.done + 1))}
	for _, t := range s.state {
		args = append(args, t)
	}
	out, err := s.exec.Exec(args...)
	if err != nil {
		return err
	}
	s.done++
	s.loss = tensors.ToScalar[float32](out[0])
	for _, t := range s.state {
		if err := t.FinalizeAll(); err != nil {
			return err
		}
	}
	s.state = out[1:]
	return nil
}

// trainingStep takes the images, the number of the step from 1, and the state.
// It returns the loss and the new state.
func trainingStep(in []*Node) []*Node {
	x, t, state := in[0], in[1], in[2:]
	n := len(names)
	loss, grads := lossAndGradients(x, state[:n])
	moments := make([]*Node, 0, 2*n)
	var params, means, squares []*Node
	for i, g := range grads {
		mean := Add(MulScalar(state[n+i], 0.9), MulScalar(g, 0.1))
		square := Add(MulScalar(state[2*n+i], 0.999), MulScalar(Square(g), 0.001))
		correct := func(m *Node, beta float64) *Node {
			return Div(m, OneMinus(Pow(Scalar(t.Graph(), dtypes.Float32, beta), t)))
		}
		step := Div(correct(mean, 0.9), AddScalar(Sqrt(correct(square, 0.999)), 1e-8))
		params = append(params, Sub(state[i], MulScalar(step, 1e-3)))
		means, squares = append(means, mean), append(squares, square)
	}
	moments = append(append(moments, means...), squares...)
	return append(append([]*Node{loss}, params...), moments...)
}

// lossAndGradients is seed-conv with its gradients written out, as the
// backend cannot run those that gomlx derives.
func lossAndGradients(x *Node, p []*Node) (loss *Node, grads []*Node) {
	// Forward.
	e1 := relu(biased(conv(x, p[0], 2), p[1]))
	e2 := relu(biased(conv(e1, p[2], 2), p[3]))
	flat := Reshape(e2, batch, 7*7*64)
	code := biased(Dot(flat, p[4]), p[5])
	d0 := relu(biased(Dot(code, p[6]), p[7]))
	image := Reshape(d0, batch, 7, 7, 64)
	d1 := relu(biased(transposed(image, p[8], 2), p[9]))
	d2 := relu(biased(transposed(d1, p[10], 2), p[11]))
	y := Sigmoid(biased(transposed(d2, p[12], 1), p[13]))
	difference := Sub(y, x)
	loss = ReduceAllMean(Square(difference))

	// Backward.
	g := Mul(MulScalar(difference, 2/float64(x.Shape().Size())), Mul(y, OneMinus(y)))
	w7, b7 := filterGrad(g, d2, 1), channelSum(g)
	g = behindReLU(conv(g, p[12], 1), d2)
	w5, b5 := filterGrad(g, d1, 2), channelSum(g)
	g = behindReLU(conv(g, p[10], 2), d1)
	w3, b3 := filterGrad(g, image, 2), channelSum(g)
	g = behindReLU(Reshape(conv(g, p[8], 2), batch, 7*7*64), d0)
	w0, b0 := DotGeneral(code, []int{0}, nil, g, []int{0}, nil), channelSum(g)
	g = DotGeneral(g, []int{1}, nil, p[6], []int{1}, nil)
	wc, bc := DotGeneral(flat, []int{0}, nil, g, []int{0}, nil), channelSum(g)
	g = behindReLU(Reshape(DotGeneral(g, []int{1}, nil, p[4], []int{1}, nil), batch, 7, 7, 64), e2)
	we2, be2 := filterGrad(e1, g, 2), channelSum(g)
	g = behindReLU(transposed(g, p[2], 2), e1)
	we0, be0 := filterGrad(x, g, 2), channelSum(g)
	return loss, []*Node{we0, be0, we2, be2, wc, bc, w0, b0, w3, b3, w5, b5, w7, b7}
}

func relu(x *Node) *Node { return Max(x, ZerosLike(x)) }

// behindReLU returns the gradient in front of a ReLU whose result is y.
func behindReLU(g, y *Node) *Node { return Where(GreaterThan(y, ZerosLike(y)), g, ZerosLike(g)) }

// biased adds a bias to the last axis.
func biased(x, bias *Node) *Node { return Add(x, ExpandLeftToRank(bias, x.Rank())) }

// channelSum adds over all axes but the last.
func channelSum(g *Node) *Node {
	axes := make([]int, g.Rank()-1)
	for i := range axes {
		axes[i] = i
	}
	return ReduceSum(g, axes...)
}

// nhwc is images [N H W C], filters [KH KW in out].
func nhwc(in, out int) ConvolveAxesConfig {
	return ConvolveAxesConfig{
		InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3,
		KernelSpatial: []int{0, 1}, KernelInputChannels: in, KernelOutputChannels: out,
		OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3,
	}
}

// ones are strides and dilations that do nothing.
var ones = []int{1, 1}

// before is the "same" padding of a kernel of 3 on even images: a stride of 2
// pads the end alone.
func before(stride int) int { return 2 - stride }

// conv is a convolution of 3×3 with "same" padding.
func conv(x, w *Node, stride int) *Node {
	pad := [2]int{before(stride), 1}
	return ConvGeneral(x, w, nhwc(2, 3), []int{stride, stride}, [][2]int{pad, pad}, ones, ones, 1, 1)
}

// transposed is the gradient of conv by its images, from that of its result.
func transposed(dy, w *Node, stride int) *Node {
	size := dy.Shape().Dimensions[1]
	low := 2 - before(stride)
	pad := [2]int{low, size*stride + 2 - ((size-1)*stride + 1) - low}
	return ConvGeneral(dy, flipped(w), nhwc(3, 2), ones, [][2]int{pad, pad}, []int{stride, stride}, ones, 1, 1)
}

// flipped turns a filter round both ways.
func flipped(w *Node) *Node {
	for axis := range 2 {
		w = Concatenate([]*Node{
			SliceAxis(w, axis, AxisRange(2, 3)), SliceAxis(w, axis, AxisRange(1, 2)), SliceAxis(w, axis, AxisRange(0, 1)),
		}, axis)
	}
	return w
}

// filterGrad is the gradient of conv by its filter: a convolution of the images
// by the gradient of the result, with the batch as channels and the channels as
// batch.
func filterGrad(x, dy *Node, stride int) *Node {
	axes := ConvolveAxesConfig{
		InputBatch: 3, InputSpatial: []int{1, 2}, InputChannels: 0,
		KernelSpatial: []int{1, 2}, KernelInputChannels: 0, KernelOutputChannels: 3,
		OutputBatch: 2, OutputSpatial: []int{0, 1}, OutputChannels: 3,
	}
	spread := (dy.Shape().Dimensions[1]-1)*stride + 1
	low := before(stride)
	pad := [2]int{low, 2 - x.Shape().Dimensions[1] - low + spread}
	return ConvGeneral(x, dy, axes, ones, [][2]int{pad, pad}, ones, []int{stride, stride}, 1, 1)
}
