package models

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
)

// goldenOp is one operation with PyTorch's results in float64; the README of
// testdata says what is recorded of each.
type goldenOp struct {
	Name, Op string
	Options  struct {
		Kernel, Stride int
		Padding        string
		Pads           [4]int
		OutputPadding  int  `json:"output_padding"`
		CountPad       bool `json:"count_include_pad"`
		Scale, Groups  int
		Training       bool
		Momentum       float64
		Epsilon        float64 `json:"eps"`
		Slope, Alpha   float64
		Delta          float64
	}
	tensors golden
}

// elsewhere lists the operations that other packages hold to their goldens:
// kernels the optimizers' arithmetic, train the schedules.
var elsewhere = map[string]bool{"optimizer": true, "clip_grad_norm": true, "schedule": true}

func goldenOps(t *testing.T) []goldenOp {
	t.Helper()
	table, err := os.ReadFile(filepath.Join("testdata", "golden_ops.json"))
	if err != nil {
		t.Fatal(err)
	}
	var raw []struct {
		Name, Op string
		Options  json.RawMessage
	}
	if err := json.Unmarshal(table, &raw); err != nil {
		t.Fatal(err)
	}
	tensors := openGolden(t, "golden_ops")
	var ops []goldenOp
	for _, r := range raw {
		op := goldenOp{Name: r.Name, Op: r.Op, tensors: tensors}
		if elsewhere[r.Op] {
			continue
		}
		if err := json.Unmarshal(r.Options, &op.Options); err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		ops = append(ops, op)
	}
	return ops
}

func (o goldenOp) padding() kernels.Padding {
	switch o.Options.Padding {
	case "same":
		return kernels.Same
	case "explicit":
		p := o.Options.Pads
		return kernels.Explicit(p[0], p[1], p[2], p[3])
	}
	return kernels.Valid
}

// layer returns the layer under test, or nil for a loss.
func (o goldenOp) layer(t *testing.T) Layer {
	opt := o.Options
	kernel, stride := square(opt.Kernel), square(opt.Stride)
	switch o.Op {
	case "conv2d":
		return Conv2D{Filters: 3, Kernel: kernel, Stride: stride, Pad: o.padding(), NoBias: true}
	case "conv_transpose2d":
		return ConvTranspose2D{Filters: 2, Kernel: kernel, Stride: stride, Pad: o.padding(), OutputPad: square(opt.OutputPadding), NoBias: true}
	case "dense":
		return Dense{Units: 4}
	case "max_pool2d":
		return MaxPool2D{Kernel: kernel, Stride: stride, Pad: o.padding()}
	case "avg_pool2d":
		return AvgPool2D{Kernel: kernel, Stride: stride, Pad: o.padding(), CountPad: opt.CountPad}
	case "upsample_nearest":
		return Upsample2D{Scale: square(opt.Scale), Mode: kernels.Nearest}
	case "upsample_bilinear":
		return Upsample2D{Scale: square(opt.Scale), Mode: kernels.Bilinear}
	case "batch_norm":
		return BatchNorm{Momentum: opt.Momentum, Epsilon: opt.Epsilon}
	case "group_norm":
		return GroupNorm{Groups: opt.Groups, Epsilon: opt.Epsilon}
	case "leaky_relu":
		return LeakyReLU(opt.Slope)
	case "elu":
		return ELU(opt.Alpha)
	case "relu", "silu", "gelu", "softplus", "tanh", "sigmoid":
		return activation(o.Op)
	case "mse", "l1", "huber", "bce_with_logits", "gaussian_kl":
		return nil
	}
	t.Fatalf("no layer or loss for %s", o.Op)
	return nil
}

// built is the operation on a builder: nodes to compute, by the golden keys of
// their results, and the values of the inputs.
type built struct {
	outs map[string]*graph.Node
	in   feeds
}

func (o goldenOp) build(t *testing.T, b *graph.Builder) built {
	t.Helper()
	if o.layer(t) == nil {
		return o.buildLoss(t, b)
	}
	x := b.Input("x", o.tensors[o.Name+"/x"].Shape...)
	apply, out := o.layer(t).On(b, b.ShapeOf(x)[1:])
	y := apply(x, Phase{Training: o.Options.Training})
	if b.Err() == nil && !b.ShapeOf(y)[1:].Equal(out) {
		t.Errorf("declared the shape %v, applied it gives %v", out, b.ShapeOf(y))
	}
	dy := b.Input("dy", b.ShapeOf(y)...)
	r := built{outs: map[string]*graph.Node{"y": y}, in: feeds{x: o.values(t, "x"), dy: o.values(t, "dy")}}
	keys, by := []string{"x"}, []*graph.Node{x}
	for _, p := range b.Params() {
		if p.Fixed {
			r.in[p.Node] = append(o.values(t, "running_mean"), o.values(t, "running_var")...)
			continue
		}
		key := map[string]string{"weight": "w", "bias": "b"}[p.Name]
		if o.Op == "batch_norm" || o.Op == "group_norm" {
			key = map[string]string{"weight": "gamma", "bias": "beta"}[p.Name]
		}
		r.in[p.Node] = o.values(t, key)
		keys, by = append(keys, key), append(by, p.Node)
	}
	for i, g := range b.Gradients(b.Sum(b.Mul(y, dy)), by...) {
		r.outs["d"+keys[i]] = g
	}
	for _, a := range b.Assignments() {
		r.outs["running_mean_after"] = row(b, a.Value, 0, 4)
		r.outs["running_var_after"] = row(b, a.Value, 1, 4)
	}
	return r
}

func (o goldenOp) buildLoss(t *testing.T, b *graph.Builder) built {
	keys := []string{"x", "target"}
	if o.Op == "gaussian_kl" {
		keys = []string{"mean", "logvar"}
	}
	r := built{outs: map[string]*graph.Node{}, in: feeds{}}
	var nodes []*graph.Node
	for _, key := range keys {
		n := b.Input(key, o.tensors[o.Name+"/"+key].Shape...)
		r.in[n] = o.values(t, key)
		nodes = append(nodes, n)
	}
	var loss *graph.Node
	switch x, target := nodes[0], nodes[1]; o.Op {
	case "mse":
		loss = MSE(b, MeanOverAll, x, target)
	case "l1":
		loss = L1(b, MeanOverAll, x, target)
	case "huber":
		loss = Huber(b, MeanOverAll, o.Options.Delta, x, target)
	case "bce_with_logits":
		loss = BCE(b, MeanOverAll, x, target)
	case "gaussian_kl":
		loss = KL(b, x, target)
	}
	if o.Op != "gaussian_kl" {
		nodes = nodes[:1] // the target has no recorded gradient
	}
	r.outs["y"] = loss
	for i, g := range b.Gradients(loss, nodes...) {
		r.outs["d"+keys[i]] = g
	}
	return r
}

func (o goldenOp) values(t *testing.T, key string) []float64 {
	return o.tensors.values(t, o.Name+"/"+key)
}

// TestGoldenOps holds every layer, its gradients and the losses to PyTorch: the
// references to its float64 results (sums of a convolution are exact there, in
// any order), the CPU device to float32.
func TestGoldenOps(t *testing.T) {
	for _, o := range goldenOps(t) {
		t.Run(o.Name, func(t *testing.T) {
			tolerance := 1e-13
			if o.Op == "conv2d" || o.Op == "conv_transpose2d" {
				tolerance = 0
			}
			o.holds(t, graph.NewBuilderOf(kernels.Float64), onTape, tolerance)
			o.holds(t, graph.NewBuilder(), onCPU, 2e-6)
		})
	}
}

// holds builds the operation, runs it and compares each result, to a tolerance
// relative to its elements and their root mean square.
func (o goldenOp) holds(t *testing.T, b *graph.Builder, run func(*testing.T, *graph.Builder, feeds, ...*graph.Node) [][]float64, tolerance float64) {
	t.Helper()
	built := o.build(t, b)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	var keys []string
	var outs []*graph.Node
	for key, n := range built.outs {
		keys, outs = append(keys, key), append(outs, n)
	}
	for i, got := range run(t, b, built.in, outs...) {
		want := o.values(t, keys[i])
		if len(got) != len(want) {
			t.Fatalf("%s has %d elements, want %d", keys[i], len(got), len(want))
		}
		scale := norm(want) / math.Sqrt(float64(len(want)))
		for k := range want {
			if !(math.Abs(got[k]-want[k]) <= tolerance*(math.Abs(want[k])+scale)) {
				t.Errorf("%v %s[%d] is %v, want %v", b.DType(), keys[i], k, got[k], want[k])
				break
			}
		}
	}
}
