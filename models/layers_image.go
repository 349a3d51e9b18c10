package models

import (
	"hourglass/graph"
	"hourglass/kernels"
)

// Conv2D is a convolution: [H W C] → [OH OW Filters], with weight
// [KH KW C Filters] and bias [Filters]. Under kernels.Same OH = ⌈H/stride⌉;
// explicit padding is PyTorch's.
type Conv2D struct {
	Filters int
	Kernel  [2]int
	Stride  [2]int // 0 means 1
	Pad     kernels.Padding
	NoBias  bool
	Init    Initializer // nil means PyTorch
}

// On declares weight and bias.
func (l Conv2D) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	if len(in) != 3 {
		return fail(b, "conv2d: input %v, want [H W C]", in)
	}
	filter := kernels.Shape{l.Kernel[0], l.Kernel[1], in[2], l.Filters}
	spec := kernels.Conv2D{Stride: l.Stride, Pad: l.Pad}
	out, err := spec.Infer(batched(in), filter)
	if err != nil {
		return fail(b, "%w", err)
	}
	taps := l.Kernel[0] * l.Kernel[1]
	weight, addBias := weights(b, l.Init, !l.NoBias, fans{in: taps * in[2], out: taps * l.Filters}, l.Filters, filter...)
	return checked(b, "conv2d", in, func(x *graph.Node, _ Phase) *graph.Node {
		return addBias(b.Apply(spec, x, weight))
	}), out[1:]
}

// ConvTranspose2D is a transposed convolution: [H W C] → [OH OW Filters], with
// bias [Filters]. Its weight [KH KW Filters C] is the filter of the convolution
// of [OH OW Filters] whose gradient by the input this is.
type ConvTranspose2D struct {
	Filters int
	Kernel  [2]int
	Stride  [2]int // 0 means 1
	Pad     kernels.Padding
	// OutputPad makes the result larger at the end, as in PyTorch: OH =
	// (H−1)·stride − padding + kernel + OutputPad. It is 0 under kernels.Same.
	OutputPad [2]int
	// Size is OH and OW under kernels.Same, for images that the stride does not
	// divide: any size of which the convolution makes H and W. 0 means
	// H·stride.
	Size   [2]int
	NoBias bool
	Init   Initializer // nil means PyTorch
}

// On declares weight and bias.
func (l ConvTranspose2D) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	if len(in) != 3 {
		return fail(b, "transposed convolution: input %v, want [H W C]", in)
	}
	h, w, err := kernels.TransposedSize([2]int(in[:2]), l.Kernel, l.Stride, l.Pad, l.OutputPad)
	if err != nil {
		return fail(b, "%w", err)
	}
	if l.Size != [2]int{} {
		if l.Pad != kernels.Same {
			return fail(b, "transposed convolution: size %d×%d under %v padding, want same padding or OutputPad", l.Size[0], l.Size[1], l.Pad)
		}
		h, w = l.Size[0], l.Size[1]
	}
	filter := kernels.Shape{l.Kernel[0], l.Kernel[1], l.Filters, in[2]}
	spec := kernels.Conv2DInputGrad{Stride: l.Stride, Pad: l.Pad, H: h, W: w}
	out, err := spec.Infer(batched(in), filter)
	if err != nil {
		return fail(b, "transposed convolution: %w", err)
	}
	taps := l.Kernel[0] * l.Kernel[1]
	weight, addBias := weights(b, l.Init, !l.NoBias, fans{in: taps * l.Filters, out: taps * in[2]}, l.Filters, filter...)
	return checked(b, "transposed convolution", in, func(x *graph.Node, _ Phase) *graph.Node {
		return addBias(b.Apply(spec, x, weight))
	}), out[1:]
}

// Crop2D cuts an image to Size rows and columns, from its top left corner.
type Crop2D struct{ Size [2]int }

// On declares nothing. The input must be [H W C] and no smaller than Size.
func (l Crop2D) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	if len(in) != 3 || in[0] < l.Size[0] || in[1] < l.Size[1] || l.Size[0] < 1 || l.Size[1] < 1 {
		return fail(b, "crop: input %v, want [H W C] of at least %d×%d, and that at least 1×1", in, l.Size[0], l.Size[1])
	}
	return checked(b, "crop", in, func(x *graph.Node, _ Phase) *graph.Node {
		for i, size := range l.Size {
			if size < in[i] {
				x = b.Apply(kernels.Slice{Axis: i + 1, To: size}, x)
			}
		}
		return x
	}), kernels.Shape{l.Size[0], l.Size[1], in[2]}
}

// MaxPool2D takes each channel's maximum in each window: [H W C] → [OH OW C].
// The stride of 0 means the kernel's size.
type MaxPool2D kernels.MaxPool2D

// On declares nothing.
func (l MaxPool2D) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	return ofSpec(b, kernels.MaxPool2D(l), in)
}

// AvgPool2D takes each channel's mean in each window: [H W C] → [OH OW C]. The
// stride of 0 means the kernel's size.
type AvgPool2D kernels.AvgPool2D

// On declares nothing.
func (l AvgPool2D) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	return ofSpec(b, kernels.AvgPool2D(l), in)
}

// Upsample2D enlarges an image by whole factors, repeating pixels or
// interpolating between them: [H W C] → [H·factor W·factor C].
type Upsample2D kernels.Upsample2D

// On declares nothing.
func (l Upsample2D) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	return ofSpec(b, kernels.Upsample2D(l), in)
}

// Luma makes one grey channel of red, green and blue: [H W 3] → [H W 1], by the
// weights 0.299, 0.587 and 0.114 of Rec. ITU-R BT.601.
type Luma struct{}

// On declares nothing.
func (Luma) On(b *graph.Builder, in kernels.Shape) (Apply, kernels.Shape) {
	if len(in) != 3 || in[2] != 3 {
		return fail(b, "luma: input %v, want [H W 3]", in)
	}
	return checked(b, "luma", in, func(x *graph.Node, _ Phase) *graph.Node {
		channel := func(i int, weight float64) *graph.Node {
			return b.Scale(weight, b.Apply(kernels.Slice{Axis: 3, From: i, To: i + 1}, x))
		}
		return b.Add(b.Add(channel(0, 0.299), channel(1, 0.587)), channel(2, 0.114))
	}), kernels.Shape{in[0], in[1], 1}
}
