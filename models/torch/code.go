package torch

import (
	"fmt"
	"strings"

	"hourglass/kernels"
	"hourglass/models"
)

// Code returns model.py: a PyTorch module of the model's architecture, which
// loads a StateDict strictly and gives the same codes and images. A layer that
// PyTorch has no counterpart of is an error.
func Code(m models.Model) (string, error) {
	a, err := open(m)
	if err != nil {
		return "", err
	}
	w := &writer{config: m.Config(), uses: map[string]bool{}}
	class, err := w.class(a)
	if err != nil {
		return "", fmt.Errorf("torch: %s: %w", w.config.Name, err)
	}
	var b strings.Builder
	b.WriteString(w.header())
	if w.uses["F"] {
		b.WriteString("from torch.nn import functional as F\n")
	}
	for _, h := range supports {
		if w.uses[h.name] {
			b.WriteString("\n\n" + h.code)
		}
	}
	b.WriteString("\n\n" + class)
	b.WriteString("\n\n" + strings.ReplaceAll(loading, "CLASS", className(w.config.Name)))
	return b.String(), nil
}

// writer writes the code of a model.
type writer struct {
	config models.Config
	uses   map[string]bool // names of supports, and F
}

// use notes what the code needs.
func (w *writer) use(names ...string) {
	for _, name := range names {
		w.uses[name] = true
	}
}

// className returns a model's name as Python writes classes.
func className(name string) string {
	switch name {
	case "vae", "iwae", "vqvae", "wae":
		return strings.ToUpper(name)
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// header returns the top of the file.
func (w *writer) header() string {
	i := w.config.Image
	return fmt.Sprintf(`"""%s: %s. Written by Hourglass.

    import model
    net = model.load("model.safetensors")
    code = net.encode(images)     # float32 [N, %d, %d, %d] in [0, 1] to codes [N, z]
    images = net.decode(code)     # and back

Names and values of the weights are those of Hourglass, layouts PyTorch's.
"""

import torch
from torch import nn
`, w.config.Name, models.About(w.config.Name), i[2], i[0], i[1])
}

// class returns the class of the model.
func (w *writer) class(a *architecture) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "class %s(nn.Module):\n    \"\"\"An autoencoder: %s.\"\"\"\n\n    def __init__(self):\n        super().__init__()\n",
		className(w.config.Name), models.About(w.config.Name))
	for _, part := range a.parts {
		if err := w.part(&b, part, a.modules[part]); err != nil {
			return "", fmt.Errorf("%s: %w", part, err)
		}
	}
	if w.config.Name == "vqvae" {
		w.use("Codebook")
		fmt.Fprintf(&b, "        self.codebook = Codebook(%d, %d)\n", w.config.Codebook, w.config.Latent)
	}
	if w.config.LearnSigma {
		fmt.Fprintf(&b, "        self.logsigma = nn.Parameter(torch.zeros(1))  # ln of the likelihood's standard deviation\n")
	}
	b.WriteString(w.methods(a))
	return b.String(), nil
}

// part writes the assignment of a part.
func (w *writer) part(b *strings.Builder, name string, modules []module) error {
	var lines []string
	for _, m := range modules {
		expression, err := w.expression(m)
		if err != nil {
			return fmt.Errorf("layer %d: %w", max(m.index, 0), err)
		}
		lines = append(lines, expression)
	}
	if modules[0].index < 0 {
		fmt.Fprintf(b, "        self.%s = %s\n", name, lines[0])
		return nil
	}
	fmt.Fprintf(b, "        self.%s = nn.Sequential(\n", name)
	for i, line := range lines {
		fmt.Fprintf(b, "            %-60s # %d: %s\n", line+",", i, channelsFirst(modules[i].out))
	}
	b.WriteString("        )\n")
	return nil
}

// channelsFirst writes a shape [H W C] as PyTorch has it.
func channelsFirst(s kernels.Shape) string {
	if len(s) == 3 {
		return fmt.Sprintf("[%d, %d, %d]", s[2], s[0], s[1])
	}
	return fmt.Sprintf("[%d]", s[0])
}

// methods returns what the class does with its parts.
func (w *writer) methods(a *architecture) string {
	var b strings.Builder
	output := "self.decoder(z)"
	switch {
	case w.config.Name == "vqvae":
		h := a.modules["encoder"]
		grid := h[len(h)-1].out
		b.WriteString(fmt.Sprintf(quantizing, grid[2], grid[0], grid[1], grid[0], grid[1], grid[2]))
		output = "self.decoder(self.grid(z))"
	case w.config.HasLikelihood():
		b.WriteString(variational)
	default:
		b.WriteString(deterministic)
	}
	if w.config.Output == "sigmoid" {
		output = "torch.sigmoid(" + output + ")"
	}
	fmt.Fprintf(&b, decoding, output)
	if w.config.Classes > 0 {
		b.WriteString(classifying)
	}
	return b.String()
}

// expression returns the module of a layer as it is constructed in Python.
func (w *writer) expression(m module) (string, error) {
	switch l := m.layer.(type) {
	case models.Dense:
		return fmt.Sprintf("nn.Linear(%d, %d%s)", m.in[0], m.out[0], noBias(l.NoBias)), nil
	case models.Conv2D:
		return w.conv(m, l)
	case models.ConvTranspose2D:
		return w.convTranspose(m, l)
	case models.MaxPool2D:
		return w.pool(m, "MaxPool2d", l.Kernel, l.Stride, l.Pad)
	case models.AvgPool2D:
		return w.pool(m, "AvgPool2d", l.Kernel, l.Stride, l.Pad)
	case models.Upsample2D:
		if l.Mode == kernels.Bilinear {
			return fmt.Sprintf(`nn.Upsample(scale_factor=%s, mode="bilinear", align_corners=False)`, pair(l.Scale)), nil
		}
		return fmt.Sprintf(`nn.Upsample(scale_factor=%s, mode="nearest")`, pair(l.Scale)), nil
	case models.Crop2D:
		w.use("Crop")
		return fmt.Sprintf("Crop(%d, %d)", l.Size[0], l.Size[1]), nil
	case models.Luma:
		w.use("Luma")
		return "Luma()", nil
	case models.Flatten:
		return "nn.Flatten()", nil
	case models.Reshape:
		if len(m.out) == 1 {
			return "nn.Flatten()", nil
		}
		return fmt.Sprintf("nn.Unflatten(1, (%d, %d, %d))", m.out[2], m.out[0], m.out[1]), nil
	case models.BatchNorm:
		dims, momentum := "1d", l.Momentum
		if len(m.in) == 3 {
			dims = "2d"
		}
		if momentum == 0 {
			momentum = 0.1
		}
		return fmt.Sprintf("nn.BatchNorm%s(%d, eps=%g, momentum=%g)", dims, m.in[len(m.in)-1], epsilon(l.Epsilon), momentum), nil
	case models.GroupNorm:
		return fmt.Sprintf("nn.GroupNorm(%d, %d, eps=%g)", max(l.Groups, 1), m.in[len(m.in)-1], epsilon(l.Epsilon)), nil
	case models.Dropout:
		return fmt.Sprintf("nn.Dropout(%g)", l.P), nil
	case models.Activation:
		return activation(l)
	}
	return "", fmt.Errorf("%T has no counterpart in PyTorch", m.layer)
}

// conv returns a convolution.
func (w *writer) conv(m module, l models.Conv2D) (string, error) {
	stride := oneIfZero(l.Stride)
	arguments := fmt.Sprintf("%d, %d, %s", m.in[2], m.out[2], pair(l.Kernel))
	if stride != [2]int{1, 1} {
		arguments += ", stride=" + pair(stride)
	}
	var before, after [2]int
	for axis := range before {
		out, first, err := l.Pad.Place(axis, m.in[axis], l.Kernel[axis], stride[axis])
		if err != nil {
			return "", err
		}
		before[axis], after[axis] = first, max((out-1)*stride[axis]+l.Kernel[axis]-first-m.in[axis], 0)
	}
	switch {
	case l.Pad == kernels.Same && before != after:
		w.use("F", "same", "Conv2dSame")
		return fmt.Sprintf("Conv2dSame(%s%s)", arguments, noBias(l.NoBias)), nil
	case l.Pad != kernels.Same:
		before, after = [2]int{l.Pad.H[0], l.Pad.W[0]}, [2]int{l.Pad.H[1], l.Pad.W[1]}
		if before != after {
			return "", fmt.Errorf("a convolution with %v has no counterpart in PyTorch, which pads both sides alike", l.Pad)
		}
	}
	if before != [2]int{} {
		arguments += ", padding=" + pair(before)
	}
	return fmt.Sprintf("nn.Conv2d(%s%s)", arguments, noBias(l.NoBias)), nil
}

// convTranspose returns a transposed convolution.
func (w *writer) convTranspose(m module, l models.ConvTranspose2D) (string, error) {
	stride := oneIfZero(l.Stride)
	arguments := fmt.Sprintf("%d, %d, %s", m.in[2], m.out[2], pair(l.Kernel))
	if stride != [2]int{1, 1} {
		arguments += ", stride=" + pair(stride)
	}
	if l.Pad != kernels.Same {
		if l.Pad.H[0] != l.Pad.H[1] || l.Pad.W[0] != l.Pad.W[1] {
			return "", fmt.Errorf("a transposed convolution with %v has no counterpart in PyTorch, which pads both sides alike", l.Pad)
		}
		return fmt.Sprintf("nn.ConvTranspose2d(%s, padding=(%d, %d), output_padding=(%d, %d)%s)", arguments,
			l.Pad.H[0], l.Pad.W[0], l.OutputPad[0], l.OutputPad[1], noBias(l.NoBias)), nil
	}
	var padding [2]int
	for axis := range padding {
		total := (m.in[axis]-1)*stride[axis] + l.Kernel[axis] - m.out[axis]
		if total < 0 || total%2 != 0 {
			w.use("F", "ConvTranspose2dSame")
			return fmt.Sprintf("ConvTranspose2dSame(%s, size=(%d, %d)%s)", arguments, m.out[0], m.out[1], noBias(l.NoBias)), nil
		}
		padding[axis] = total / 2
	}
	if padding != [2]int{} {
		arguments += ", padding=" + pair(padding)
	}
	return fmt.Sprintf("nn.ConvTranspose2d(%s%s)", arguments, noBias(l.NoBias)), nil
}

// pool returns a pooling.
func (w *writer) pool(m module, kind string, kernel, stride [2]int, pad kernels.Padding) (string, error) {
	arguments := pair(kernel)
	if stride != [2]int{} && stride != kernel {
		arguments += ", stride=" + pair(stride)
	}
	if stride == [2]int{} {
		stride = kernel
	}
	padded := false
	for axis := range stride {
		out, _, err := pad.Place(axis, m.in[axis], kernel[axis], stride[axis])
		if err != nil {
			return "", err
		}
		padded = padded || (out-1)*stride[axis]+kernel[axis] > m.in[axis]
	}
	switch {
	case !padded && (pad == kernels.Same || pad == kernels.Valid):
		return fmt.Sprintf("nn.%s(%s)", kind, arguments), nil
	case pad == kernels.Same:
		w.use("F", "same", kind+"Same")
		return fmt.Sprintf("%sSame(%s)", kind, arguments), nil
	}
	return "", fmt.Errorf("a pooling with %v has no counterpart here: want same or valid padding", pad)
}

// activation returns the module of an activation.
func activation(a models.Activation) (string, error) {
	switch a.Fn {
	case kernels.Copy:
		return "nn.Identity()", nil
	case kernels.ReLU:
		return "nn.ReLU()", nil
	case kernels.LeakyReLU:
		return fmt.Sprintf("nn.LeakyReLU(%g)", a.A), nil
	case kernels.ELU:
		return fmt.Sprintf("nn.ELU(%g)", a.A), nil
	case kernels.SiLU:
		return "nn.SiLU()", nil
	case kernels.GELU:
		return "nn.GELU()", nil
	case kernels.Sigmoid:
		return "nn.Sigmoid()", nil
	case kernels.Tanh:
		return "nn.Tanh()", nil
	case kernels.Softplus:
		return "nn.Softplus()", nil
	}
	return "", fmt.Errorf("the activation %v has no counterpart in PyTorch", a.Fn)
}

// epsilon returns what the 0 of a normalisation means.
func epsilon(e float64) float64 {
	if e == 0 {
		return 1e-5
	}
	return e
}

func noBias(without bool) string {
	if without {
		return ", bias=False"
	}
	return ""
}

// pair writes rows and columns, as one number if they are the same.
func pair(v [2]int) string {
	if v[0] == v[1] {
		return fmt.Sprint(v[0])
	}
	return fmt.Sprintf("(%d, %d)", v[0], v[1])
}

func oneIfZero(v [2]int) [2]int { return [2]int{max(v[0], 1), max(v[1], 1)} }
