package models

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hourglass/graph"
	"hourglass/kernels"
)

// A corruption makes an image worse, for a model to restore it. Pixels stay in
// [0, 1]; missing ones become 0.
type corruption struct {
	kind   string
	amount float64 // σ, a fraction, or the side of a square
	mean   float64 // of the noise
	side   string  // of half, "" for any
}

// corruptions lists the kinds as Config.Denoise writes them. A kind with a mask
// tells which pixels are missing.
var corruptions = []struct {
	kind, form, example string
	mask                bool
}{
	{"gaussian", "gaussian:SIGMA or gaussian:SIGMA:MEAN", "gaussian:0.3", false},
	{"mask", "mask:FRACTION", "mask:0.25", true},
	{"saltpepper", "saltpepper:FRACTION", "saltpepper:0.1", false},
	{"square", "square:SIDE", "square:10", true},
	{"half", "half or half:SIDE", "half:left", true},
	{"pixels", "pixels:FRACTION", "pixels:0.5", true},
}

var sides = []string{"left", "right", "top", "bottom"}

// parseCorruption reads a Config's Denoise.
func parseCorruption(text string) (k corruption, err error) {
	parts := strings.Split(text, ":")
	var kinds []string
	for _, c := range corruptions {
		kinds = append(kinds, c.kind)
	}
	if err := choose("denoise", parts[0], kinds...); err != nil {
		return k, err
	}
	k.kind = parts[0]
	entry := corruptions[slices.Index(kinds, k.kind)]
	most, least := 2, 2
	switch k.kind {
	case "gaussian":
		most = 3
	case "half":
		least = 1
	}
	if len(parts) < least || len(parts) > most {
		return k, fmt.Errorf("denoise %q: want %s, such as %s", text, entry.form, entry.example)
	}
	if k.kind == "half" {
		if len(parts) == 2 {
			k.side = parts[1]
			err = choose("denoise half: side", k.side, sides...)
		}
		return k, err
	}
	numbers := []*float64{&k.amount, &k.mean}
	for i, part := range parts[1:] {
		if *numbers[i], err = strconv.ParseFloat(part, 64); err != nil {
			return k, fmt.Errorf("denoise %q: %q is not a number; want %s, such as %s", text, part, entry.form, entry.example)
		}
	}
	return k, nil
}

// masks reports whether the corruption tells which pixels are missing.
func (k corruption) masks() bool {
	for _, c := range corruptions {
		if c.kind == k.kind {
			return c.mask
		}
	}
	return false
}

// check returns an error for amounts that mean nothing for the images.
func (k corruption) check(image [3]int) error {
	switch k.kind {
	case "gaussian":
		if !(k.amount > 0 && k.amount <= 100) {
			return fmt.Errorf("denoise gaussian: sigma %g, want above 0 and at most 100", k.amount)
		}
		if !(k.mean >= -1 && k.mean <= 1) {
			return fmt.Errorf("denoise gaussian: mean %g, want -1 to 1", k.mean)
		}
	case "mask", "saltpepper", "pixels":
		if !(k.amount > 0 && k.amount <= 1) {
			return fmt.Errorf("denoise %s: fraction %g, want above 0 and at most 1", k.kind, k.amount)
		}
	case "square":
		if k.amount != float64(int(k.amount)) || k.amount < 1 {
			return fmt.Errorf("denoise square: side %g, want a whole number of pixels, at least 1", k.amount)
		}
		if least := min(image[0], image[1]); int(k.amount) > least {
			return fmt.Errorf("denoise square: side %g is larger than the %d×%d image, want at most %d", k.amount, image[0], image[1], least)
		}
	case "half":
		rows, columns := k.side != "left" && k.side != "right", k.side != "top" && k.side != "bottom"
		if rows && image[0] < 2 || columns && image[1] < 2 {
			return fmt.Errorf("denoise half: the image is %d×%d and has no %s half", image[0], image[1], cmp.Or(k.side, "top or left"))
		}
	}
	return nil
}

// apply returns the corrupted images of x [N H W C], and what is missing of
// them: 1 where a value is, else 0, of a shape that broadcasts to x's; nil of a
// corruption without mask.
func (k corruption) apply(b *graph.Builder, x *graph.Node, p Phase) (corrupted, missing *graph.Node) {
	switch k.kind {
	case "gaussian":
		y := b.Add(x, b.Scale(k.amount, p.noise(b, kernels.Noise{Dist: kernels.Normal}, "denoise", x)))
		if k.mean != 0 {
			y = b.Offset(y, k.mean)
		}
		return b.Fn(kernels.ClampMax, 1, b.Fn(kernels.ClampMin, 0, y)), nil
	case "saltpepper": // one uniform number tells pepper, kept and salt apart
		u := p.noise(b, kernels.Noise{Dist: kernels.Uniform}, "denoise", x)
		bright := b.Fn(kernels.Step, 0, b.Offset(u, k.amount/2-1))
		kept := b.Mul(b.Fn(kernels.Step, 0, b.Offset(u, -k.amount/2)), complement(b, bright))
		return b.Add(b.Mul(x, kept), bright), nil
	case "mask":
		missing = p.noise(b, kernels.Noise{Dist: kernels.Bernoulli, P: k.amount}, "denoise", x)
	case "pixels":
		missing = p.noise(b, kernels.Noise{Dist: kernels.Bernoulli, P: k.amount}, "denoise", firstOf(b, x, 3))
	case "square":
		missing = k.square(b, x, p)
	case "half":
		missing = k.half(b, x, p)
	}
	return b.Mul(x, complement(b, missing)), missing
}

// Corrupt returns images x [N H W C] made worse as how says, which is written as
// Config.Denoise is, by p.Step and p.Seed. Of a corruption that tells which
// values are missing, missing is 1 there and 0 elsewhere, [N H W C]; of another it
// is nil. Nothing else of the phase counts. What is wrong with how is an error of
// b.
func Corrupt(b *graph.Builder, how string, x *graph.Node, p Phase) (corrupted, missing *graph.Node) {
	if b.Err() != nil {
		return nil, nil
	}
	shape := b.ShapeOf(x)
	if len(shape) != 4 {
		b.Fail("corrupt: images %v, want [N H W C]", shape)
		return nil, nil
	}
	k, err := parseCorruption(how)
	if err == nil {
		err = k.check([3]int{shape[1], shape[2], shape[3]})
	}
	if err != nil {
		b.Fail("%w", err)
		return nil, nil
	}
	if corrupted, missing = k.apply(b, x, p); missing != nil {
		missing = b.Add(missing, b.Scale(0, x)) // of the images' shape
	}
	return corrupted, missing
}

// square returns a square of ones at a random place, [N H W 1].
func (k corruption) square(b *graph.Builder, x *graph.Node, p Phase) *graph.Node {
	if b.Err() != nil {
		return nil
	}
	shape, side := b.ShapeOf(x), int(k.amount)
	// strip returns which of n rows are in [⌊v⌋, ⌊v⌋+side) for a v drawn from
	// [0, n−side+1): r is if r+1 > v and r−side+1 ≤ v. The factor keeps v from
	// being rounded to the bound.
	strip := func(axis int) *graph.Node {
		n := shape[axis]
		u := p.noise(b, kernels.Noise{Dist: kernels.Uniform}, fmt.Sprintf("denoise.%d", axis), firstOf(b, x, 1, 2, 3))
		v := b.Scale(float64(n-side+1)*(1-1.0/(1<<20)), u)
		r := alongAxis(b, ramp(b, n), axis)
		return b.Mul(
			b.Fn2(kernels.Greater, 0, b.Offset(r, 1), v),
			b.Fn2(kernels.LessEqual, 0, b.Offset(r, float64(1-side)), v))
	}
	return b.Mul(strip(1), strip(2))
}

// half returns ones on one side of each image, which one being drawn unless the
// corruption names it.
func (k corruption) half(b *graph.Builder, x *graph.Node, p Phase) *graph.Node {
	if b.Err() != nil {
		return nil
	}
	shape := b.ShapeOf(x)
	within := func(side string) *graph.Node {
		axis := 1
		if side == "left" || side == "right" {
			axis = 2
		}
		n := shape[axis]
		before := b.Fn(kernels.Step, 0, b.Offset(b.Fn(kernels.Neg, 0, alongAxis(b, ramp(b, n), axis)), float64(n/2)))
		if side == "right" || side == "bottom" {
			return complement(b, before)
		}
		return before
	}
	one := firstOf(b, x, 1, 2, 3)
	if k.side != "" {
		// The images' own values times 0 make one mask for each of them.
		return b.Add(within(k.side), b.Scale(0, one))
	}
	u := p.noise(b, kernels.Noise{Dist: kernels.Uniform}, "denoise", one)
	var mask *graph.Node
	for i, side := range sides {
		part := b.Fn2(kernels.Less, 0, u, b.Constant(float64(i+1)/4))
		if i > 0 {
			part = b.Sub(part, b.Fn2(kernels.Less, 0, u, b.Constant(float64(i)/4)))
		}
		part = b.Mul(part, within(side))
		if mask == nil {
			mask = part
		} else {
			mask = b.Add(mask, part)
		}
	}
	return mask
}

// complement returns 1 − x.
func complement(b *graph.Builder, x *graph.Node) *graph.Node {
	return b.Offset(b.Fn(kernels.Neg, 0, x), 1)
}

// firstOf cuts the axes of x to their first element.
func firstOf(b *graph.Builder, x *graph.Node, axes ...int) *graph.Node {
	for _, axis := range axes {
		x = b.Apply(kernels.Slice{Axis: axis, To: 1}, x)
	}
	return x
}

// ramp returns the numbers 0 to n−1, [n], by doubling.
func ramp(b *graph.Builder, n int) *graph.Node {
	r := b.Reshape(b.Constant(0), 1)
	for length := 1; length < n; length *= 2 {
		r = b.Apply(kernels.Concat{Axis: 0}, r, b.Offset(r, float64(length)))
	}
	return b.Apply(kernels.Slice{Axis: 0, To: n}, r)
}

// alongAxis gives numbers [n] the shape of an image batch of which they fill one
// axis.
func alongAxis(b *graph.Builder, v *graph.Node, axis int) *graph.Node {
	shape := []int{1, 1, 1, 1}
	if b.Err() == nil {
		shape[axis] = b.ShapeOf(v).Size()
	}
	return b.Reshape(v, shape...)
}
