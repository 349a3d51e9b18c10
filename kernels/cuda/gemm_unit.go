package cuda

import (
	"fmt"

	"hourglass/kernels"
	"hourglass/kernels/cuda/driver"
)

// Unit is what of a multiprocessor multiplies.
type Unit uint8

const (
	// CUDACores multiply float32.
	CUDACores Unit = iota
	// TensorCores are told to by single warps (mma.sync), which on Hopper
	// reaches but part of their speed.
	TensorCores
	// Warpgroups tell them, by wgmma.
	Warpgroups
)

// UnitOf returns what multiplies in a convolution, in a gradient of one or in a
// MatMul of such operands on a card with a driver of today; other operations are
// an error. It needs no card, and so tells what an estimate should assume.
func UnitOf(s kernels.Spec, in []kernels.Shape, p Precision, of driver.Info) (Unit, error) {
	products, direct, err := productsOf(s, in)
	if err != nil {
		return 0, err
	}
	precision := multiplies(of, p)
	if direct || precision == Float32 || len(products) == 0 || products[0].out == 0 {
		return CUDACores, nil
	}
	on := cardOf(of, precision, of.Capability == wgmmaCapability)
	for _, p := range products {
		if !p.choose(on, len(products) > 1, "").tile.wgmma {
			return TensorCores, nil
		}
	}
	return Warpgroups, nil
}

// productsOf returns the products of an operation, and whether it has a direct
// kernel in place of them.
func productsOf(s kernels.Spec, in []kernels.Shape) (products []*product, direct bool, err error) {
	switch s := s.(type) {
	case kernels.Conv2D:
		g, err := s.Geometry(in...)
		if err != nil {
			return nil, false, err
		}
		products = conv2DProducts(s, g)
	case kernels.Conv2DInputGrad:
		g, err := s.Geometry(in...)
		if err != nil {
			return nil, false, err
		}
		products = conv2DInputGradProducts(s, g)
	case kernels.Conv2DFilterGrad:
		g, err := s.Geometry(in...)
		if err != nil {
			return nil, false, err
		}
		_, _, _, _, direct = directFilterOf(g)
		return []*product{conv2DFilterGradProduct(g)}, direct, nil
	case kernels.MatMul:
		m, n, k, err := s.Sizes(in...)
		if err != nil {
			return nil, false, err
		}
		return []*product{matMulProduct(s, m, n, k)}, false, nil
	default:
		return nil, false, fmt.Errorf("cuda: %s multiplies no matrices: %w", s.Name(), kernels.ErrUnsupported)
	}
	if len(products) == 1 {
		name, _ := directKernel(products[0])
		direct = name != ""
	}
	return products, direct, nil
}

// multiplies returns the precision of products on a card that is asked for one.
func multiplies(on driver.Info, asked Precision) Precision {
	if on.Capability < tensorCapability {
		return Float32
	}
	return asked
}

func cardOf(of driver.Info, p Precision, wgmma bool) card {
	return card{p, max(1, of.Multiprocessors), max(staticShared, of.SharedPerBlock), wgmma}
}
