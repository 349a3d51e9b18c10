package cuda

import (
	"fmt"

	"hourglass/kernels"
)

// conv2DProducts returns the product of a Conv2D: places by (tap, channel).
func conv2DProducts(s kernels.Conv2D, g *kernels.ConvGeometry) []*product {
	a := gemmArgs{
		images: int64(g.N), h: int64(g.H), w: int64(g.W), c: divisorOf(g.Ci),
		placeH: int64(g.SH), placeW: int64(g.SW), tapH: 1, tapW: 1,
		n: int64(g.Co), filterH: int64(g.KW * g.Ci * g.Co), filterW: int64(g.Ci * g.Co), filterC: int64(g.Co), filterN: 1,
		outH: int64(g.OH), outW: int64(g.OW), outStepH: 1, outStepW: 1, phasesW: 1,
	}
	a.rows[0] = phase{places: divisorOf(g.OH), taps: divisorOf(g.KH), origin: -int64(g.Top)}
	a.columns[0] = phase{places: divisorOf(g.OW), taps: divisorOf(g.KW), origin: -int64(g.Left)}
	return []*product{newProduct(a, formNN, s.Epilogue, 1, g.Result().Size(), g.Ci, g.Co)}
}

// conv2DInputGradProducts returns the products of a Conv2DInputGrad: one launch
// for up to mostPhases remainders of the rows and of the columns by the stride.
func conv2DInputGradProducts(s kernels.Conv2DInputGrad, g *kernels.ConvGeometry) []*product {
	tap := g.Ci * g.Co
	a := gemmArgs{
		images: int64(g.N), h: int64(g.OH), w: int64(g.OW), c: divisorOf(g.Co),
		placeH: 1, placeW: 1, tapH: -1, tapW: -1,
		n: int64(g.Ci), filterH: int64(g.SH * g.KW * tap), filterW: int64(g.SW * tap), filterC: 1, filterN: int64(g.Co),
		outH: int64(g.H), outW: int64(g.W), outStepH: int64(g.SH), outStepW: int64(g.SW),
	}
	rows := remainders(g.H, g.KH, g.SH, g.Top, g.KW*tap)
	columns := remainders(g.W, g.KW, g.SW, g.Left, tap)
	var all []*product
	for r := 0; r < len(rows); r += mostPhases {
		for c := 0; c < len(columns); c += mostPhases {
			phasesH := copy(a.rows[:], rows[r:])
			a.phasesW = int64(copy(a.columns[:], columns[c:]))
			all = append(all, newProduct(a, formNT, s.Epilogue, phasesH, g.Image().Size(), g.Co, g.Co))
		}
	}
	return all
}

// remainders returns the phases of an axis of an image of that size. Image
// element r+i·stride meets tap k of place i+(r+before−k)/stride, for those k
// that make it whole: every stride-th from (r+before)%stride on.
func remainders(size, kernel, stride, before, tap int) []phase {
	all := make([]phase, min(stride, size))
	for r := range all {
		first := (r + before) % stride
		taps := max(0, ceil(kernel-first, stride))
		all[r] = phase{
			places: divisorOf(ceil(size-r, stride)), taps: divisorOf(taps),
			origin: int64((r + before - first) / stride), filter: int64(first * tap), out: int64(r),
		}
	}
	return all
}

// conv2DFilterGradProduct returns the product of a Conv2DFilterGrad: (tap,
// channel) by channels of the result, summed over places.
func conv2DFilterGradProduct(g *kernels.ConvGeometry) *product {
	a := gemmArgs{
		images: int64(g.N), h: int64(g.H), w: int64(g.W), c: divisorOf(g.Ci),
		placeH: int64(g.SH), placeW: int64(g.SW), tapH: 1, tapW: 1, n: int64(g.Co),
		outH: 1, outW: 1, outStepH: 1, outStepW: 1, phasesW: 1,
	}
	a.rows[0] = phase{places: divisorOf(g.OH), taps: divisorOf(g.KH), origin: -int64(g.Top)}
	a.columns[0] = phase{places: divisorOf(g.OW), taps: divisorOf(g.KW), origin: -int64(g.Left)}
	return newProduct(a, formTN, kernels.Epilogue{}, 1, g.Filter().Size(), g.Ci, g.Co)
}

// matMulProduct returns the product of a MatMul: a's rows, or columns under
// TransA, are images of one pixel.
func matMulProduct(s kernels.MatMul, m, n, k int) *product {
	one := phase{places: divisorOf(1), taps: divisorOf(1)}
	a := gemmArgs{
		images: int64(m), h: 1, w: 1, c: divisorOf(k), placeH: 1, placeW: 1, tapH: 1, tapW: 1,
		n: int64(n), filterC: int64(n), filterN: 1,
		outH: 1, outW: 1, outStepH: 1, outStepW: 1, phasesW: 1,
	}
	a.rows[0], a.columns[0] = one, one
	f, runA, runB := formNN, k, n
	if s.TransB {
		f, runB = formNT, k
		a.filterC, a.filterN = 1, int64(k)
	}
	if s.TransA {
		f, runA = formTN, m
		if s.TransB {
			f = formTT
		}
		a.images, a.c = int64(k), divisorOf(m)
	}
	return newProduct(a, f, s.Epilogue, 1, m*n, runA, runB)
}

// conv2D returns the launch of a Conv2D.
func (d *Device) conv2D(s kernels.Conv2D, out kernels.Operand, in []kernels.Operand) (kernels.Launch, error) {
	g, err := s.Geometry(shapes(in)...)
	if err != nil {
		return kernels.Launch{}, err
	}
	return d.correlation(s, out, in, conv2DProducts(s, g))
}

// conv2DInputGrad returns the launch of a Conv2DInputGrad.
func (d *Device) conv2DInputGrad(s kernels.Conv2DInputGrad, out kernels.Operand, in []kernels.Operand) (kernels.Launch, error) {
	g, err := s.Geometry(shapes(in)...)
	if err != nil {
		return kernels.Launch{}, err
	}
	return d.correlation(s, out, in, conv2DInputGradProducts(s, g))
}

// correlation returns the launch of the products that a result is made of.
func (d *Device) correlation(s kernels.Spec, out kernels.Operand, in []kernels.Operand, products []*product) (kernels.Launch, error) {
	if err := d.checkProduct(s, out, in); err != nil {
		return kernels.Launch{}, err
	}
	if len(products) == 1 && out.Shape.Size() > 0 {
		if l, ok, err := d.direct(products[0]); ok || err != nil {
			return l, err
		}
	}
	return d.launch(products...)
}

// conv2DFilterGrad returns the launch of a Conv2DFilterGrad.
func (d *Device) conv2DFilterGrad(s kernels.Conv2DFilterGrad, out kernels.Operand, in []kernels.Operand) (kernels.Launch, error) {
	g, err := s.Geometry(shapes(in)...)
	if err != nil {
		return kernels.Launch{}, err
	}
	if err := d.checkProduct(s, out, in); err != nil {
		return kernels.Launch{}, err
	}
	if l, ok, err := d.directFilter(g); ok || err != nil {
		return l, err
	}
	return d.launch(conv2DFilterGradProduct(g))
}

// matMul returns the launch of a MatMul.
func (d *Device) matMul(s kernels.MatMul, out kernels.Operand, in []kernels.Operand) (kernels.Launch, error) {
	m, n, k, err := s.Sizes(shapes(in)...)
	if err != nil {
		return kernels.Launch{}, err
	}
	if err := d.checkProduct(s, out, in); err != nil {
		return kernels.Launch{}, err
	}
	return d.launch(matMulProduct(s, m, n, k))
}

// checkProduct refuses what the kernels of products do not take.
func (d *Device) checkProduct(s kernels.Spec, out kernels.Operand, in []kernels.Operand) error {
	for _, o := range append([]kernels.Operand{out}, in...) {
		switch {
		case o.DType != kernels.Float32:
			return fmt.Errorf("%s: %s of %v: %w (products are of float32)", d.name, s.Name(), o, kernels.ErrUnsupported)
		case o.Shape.Size() > mostElements:
			return fmt.Errorf("%s: %s: operand %v has more than 2³¹−1 elements: %w", d.name, s.Name(), o, kernels.ErrUnsupported)
		}
	}
	return nil
}

func shapes(in []kernels.Operand) []kernels.Shape {
	all := make([]kernels.Shape, len(in))
	for i, o := range in {
		all[i] = o.Shape
	}
	return all
}
