package kernels

import "fmt"

// PadMode is a rule for the zeros around an image.
type PadMode uint8

// The rules.
const (
	// PadExplicit adds the rows and columns of Padding.H and Padding.W; its
	// zero value adds none.
	PadExplicit PadMode = iota
	// PadSame is TensorFlow's rule: a window of k elements that moves by s
	// over n elements is placed ⌈n/s⌉ times, for which
	// max((⌈n/s⌉−1)·s + k − n, 0) zeros are added, the smaller half before.
	PadSame
)

// Padding is how many zeros surround an image. H holds the rows above and
// below, W the columns to the left and right; both are 0 under PadSame.
type Padding struct {
	Mode PadMode
	H, W [2]int
}

// The usual paddings.
var (
	Valid = Padding{}              // no zeros
	Same  = Padding{Mode: PadSame} // out = ⌈in/stride⌉
)

// Explicit returns a padding of the given rows and columns.
func Explicit(top, bottom, left, right int) Padding {
	return Padding{H: [2]int{top, bottom}, W: [2]int{left, right}}
}

// String returns "same", "valid" or a form such as "pad 1 1 2 2": the rows
// above and below, the columns left and right.
func (p Padding) String() string {
	switch {
	case p == Valid:
		return "valid"
	case p == Same:
		return "same"
	}
	return fmt.Sprintf("pad %d %d %d %d", p.H[0], p.H[1], p.W[0], p.W[1])
}

// explicit returns the zeros before and after along axis 0 (rows) or 1.
func (p Padding) explicit(axis int) [2]int {
	if axis == 0 {
		return p.H
	}
	return p.W
}

var axisNames = [2]string{"rows", "columns"}

// Place returns how often a window of kernel elements that moves by stride fits
// along an axis of in elements (0 for rows, 1 for columns), and how many zeros
// come before the first element. The error, which lacks the operation's name,
// tells that a size is not positive, or that the window is larger than the
// padded axis.
func (p Padding) Place(axis, in, kernel, stride int) (out, before int, err error) {
	name := axisNames[axis]
	switch {
	case in < 1:
		return 0, 0, fmt.Errorf("input has %d %s, want at least 1", in, name)
	case kernel < 1:
		return 0, 0, fmt.Errorf("kernel has %d %s, want at least 1", kernel, name)
	case stride < 1:
		return 0, 0, fmt.Errorf("stride is %d %s, want at least 1", stride, name)
	case p.Mode > PadSame:
		return 0, 0, fmt.Errorf("padding mode %d is neither PadExplicit (%d) nor PadSame (%d)", p.Mode, PadExplicit, PadSame)
	}
	zeros := p.explicit(axis)
	if p.Mode == PadSame {
		if zeros != [2]int{} {
			return 0, 0, fmt.Errorf("padding is same and %d+%d %s, want one of them", zeros[0], zeros[1], name)
		}
		out = (in + stride - 1) / stride
		return out, max((out-1)*stride+kernel-in, 0) / 2, nil
	}
	if zeros[0] < 0 || zeros[1] < 0 {
		return 0, 0, fmt.Errorf("padding of %d+%d %s, want none below 0", zeros[0], zeros[1], name)
	}
	padded := in + zeros[0] + zeros[1]
	if kernel > padded {
		return 0, 0, fmt.Errorf("kernel of %d %s is larger than the input's %d, %d with its padding", kernel, name, in, padded)
	}
	return (padded-kernel)/stride + 1, zeros[0], nil
}

// TransposedSize returns the rows and columns h, w of the image that a
// transposed convolution makes of one of in rows and columns: the H and W of
// its Conv2DInputGrad. Along each axis it is in·stride under Same, else, as in
// PyTorch,
//
//	(in−1)·stride − before − after + kernel + outputPad
//
// where outputPad, which is below the stride, chooses among the sizes that a
// convolution would reduce to in. The error names the impossible combination.
func TransposedSize(in, kernel, stride [2]int, pad Padding, outputPad [2]int) (h, w int, err error) {
	var size [2]int
	stride = oneIfZero(stride)
	for axis, name := range axisNames {
		s, o := stride[axis], outputPad[axis]
		switch {
		case in[axis] < 1 || kernel[axis] < 1 || s < 1:
			return 0, 0, fmt.Errorf("transposed convolution: input of %d %s, kernel %d, stride %d, want all at least 1", in[axis], name, kernel[axis], s)
		case o < 0 || o >= s:
			return 0, 0, fmt.Errorf("transposed convolution: output padding of %d %s, want 0 to %d, below the stride", o, name, s-1)
		case pad.Mode == PadSame && o != 0:
			return 0, 0, fmt.Errorf("transposed convolution: output padding of %d %s, want 0 under same padding, which fixes the size", o, name)
		case pad.Mode == PadSame:
			size[axis] = in[axis] * s
		default:
			zeros := pad.explicit(axis)
			size[axis] = (in[axis]-1)*s - zeros[0] - zeros[1] + kernel[axis] + o
		}
		if size[axis] < 1 {
			return 0, 0, fmt.Errorf("transposed convolution: makes %d %s of %d with kernel %d, stride %d and %v, want at least 1", size[axis], name, in[axis], kernel[axis], s, pad)
		}
		out, _, err := pad.Place(axis, size[axis], kernel[axis], s)
		if err != nil {
			return 0, 0, fmt.Errorf("transposed convolution: %w", err)
		}
		if out != in[axis] {
			return 0, 0, fmt.Errorf("transposed convolution: makes %d %s of %d, but a convolution of those gives %d", size[axis], name, in[axis], out)
		}
	}
	return size[0], size[1], nil
}

// oneIfZero returns the strides with 1 for those left out.
func oneIfZero(stride [2]int) [2]int {
	for i := range stride {
		if stride[i] == 0 {
			stride[i] = 1
		}
	}
	return stride
}
