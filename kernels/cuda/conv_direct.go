package cuda

import "hourglass/kernels"

// Sizes of conv_direct.cu.
const (
	directThreads  = 256
	directChannels = 32 // that a row of lanes has
	directRows     = directThreads / (directChannels / 4)
	directPlaces   = 4
	directTaps     = 9
	fewChannels    = 4 // of the narrow operand, at most
	manyChannels   = 8 // of the wide one, at least, and a multiple of four
)

// directKernel returns the kernel, and its size, of a correlation of few channels
// into many, or of many into few, or "" if it is neither or its filter is too
// large for shared memory.
func directKernel(p *product) (name string, s size) {
	a := &p.args
	_, k := p.sizes()
	c, n := int(a.c.d), int(a.n)
	places, runs := 0, 0
	for r := range p.phasesH {
		for q := range int(a.phasesW) {
			rows := int(a.images * a.rows[r].places.d)
			places = max(places, rows*int(a.columns[q].places.d))
			runs = max(runs, rows*ceil(int(a.columns[q].places.d), directPlaces))
		}
	}
	phases := p.phasesH * int(a.phasesW)
	switch {
	case c <= fewChannels && n >= manyChannels && n%4 == 0:
		name = "conv_direct_in"
		s = sizeOf(ceil(places, directRows*directPlaces), ceil(n, directChannels), phases, directThreads, 4*k*directChannels)
	case n <= fewChannels && c >= manyChannels && c%4 == 0 && a.placeW == 1:
		name = "conv_direct_out" + string('0'+rune(n))
		s = sizeOf(ceil(runs, directRows), 1, phases, directThreads, 4*k*n)
	}
	if s.shared > staticShared {
		name = ""
	}
	return name, s
}

// direct returns the launch of a correlation that has a direct kernel, or false.
func (d *Device) direct(p *product) (kernels.Launch, bool, error) {
	name, s := directKernel(p)
	if name == "" {
		return kernels.Launch{}, false, nil
	}
	kernel, err := d.kernel(name, s)
	if err != nil {
		return kernels.Launch{}, false, err
	}
	m := &multiplication{kernel: kernel, args: p.args}
	m.bias, m.y = operands(p.epilogue)
	return kernels.Launch{Run: m.run}, true, nil
}

// directFilterArgs is DirectFilterArgs of conv_direct.cu.
type directFilterArgs struct {
	wide, narrow, out                                          uint64
	places, channels                                           int64
	h, w                                                       divisor
	narrowH, narrowW, narrowC                                  int64
	kh, kw                                                     int64
	perRow, perColumn, tap, originH, originW, divideH, divideW int64
	share                                                      int64
	outTap, outNarrow, outWide, outSize                        int64
}

// directFilterOf returns the arguments, the wide operand and the blocks along the
// second and third axis of a filter gradient of which the image or the result
// has few channels and the other many, or false.
func directFilterOf(g *kernels.ConvGeometry) (a directFilterArgs, wide, across, deep int, ok bool) {
	a = directFilterArgs{kh: int64(g.KH), kw: int64(g.KW), outTap: int64(g.Ci * g.Co), outSize: int64(g.Filter().Size())}
	switch {
	case g.Ci <= fewChannels && g.Co >= manyChannels && g.Co%4 == 0:
		wide = 1
		a.places, a.channels, a.h, a.w = int64(g.N*g.OH*g.OW), int64(g.Co), divisorOf(g.OH), divisorOf(g.OW)
		a.narrowH, a.narrowW, a.narrowC = int64(g.H), int64(g.W), int64(g.Ci)
		a.perRow, a.perColumn, a.tap = int64(g.SH), int64(g.SW), 1
		a.originH, a.originW, a.divideH, a.divideW = -int64(g.Top), -int64(g.Left), 1, 1
		a.outNarrow, a.outWide = int64(g.Co), 1
	case g.Co <= fewChannels && g.Ci >= manyChannels && g.Ci%4 == 0:
		a.places, a.channels, a.h, a.w = int64(g.N*g.H*g.W), int64(g.Ci), divisorOf(g.H), divisorOf(g.W)
		a.narrowH, a.narrowW, a.narrowC = int64(g.OH), int64(g.OW), int64(g.Co)
		a.perRow, a.perColumn, a.tap = 1, 1, -1
		a.originH, a.originW, a.divideH, a.divideW = int64(g.Top), int64(g.Left), int64(g.SH), int64(g.SW)
		a.outNarrow, a.outWide = 1, int64(g.Co)
	default:
		return a, 0, 0, 0, false
	}
	across, deep = ceil(int(a.channels), directChannels), ceil(g.KH*g.KW, directTaps)*int(a.narrowC)
	return a, wide, across, deep, deep <= mostGrid
}

// directFilter returns the launch of a filter gradient that has a direct kernel,
// or false.
func (d *Device) directFilter(g *kernels.ConvGeometry) (kernels.Launch, bool, error) {
	a, wide, across, deep, ok := directFilterOf(g)
	if !ok {
		return kernels.Launch{}, false, nil
	}
	// Two blocks of a multiprocessor hide each other's waiting; a share is at
	// least what adding it up again costs.
	const shortestShare = 16 * directRows
	blocks := max(1, min(ceil(2*max(1, d.info.Multiprocessors), across*deep), ceil(int(a.places), shortestShare)))
	a.share = int64(max(1, ceil(int(a.places), blocks)))
	blocks = max(1, ceil(int(a.places), int(a.share)))
	kernel, err := d.kernel("conv_direct_filter", sizeOf(blocks, across, deep, directThreads, 4*directRows*directTaps*directChannels))
	if err != nil {
		return kernels.Launch{}, false, err
	}
	if blocks == 1 {
		return kernels.Launch{Run: func(out kernels.Buffer, in []kernels.Buffer, work kernels.Buffer) {
			a.wide, a.narrow, a.out = addr(in[wide]), addr(in[1-wide]), addr(out)
			kernel.run(slots(&a)...)
		}}, true, nil
	}
	sum, err := newSum(d, int(a.outSize), blocks, g.Co, kernels.Epilogue{})
	if err != nil {
		return kernels.Launch{}, false, err
	}
	return kernels.Launch{Workspace: 4 * blocks * int(a.outSize), Run: func(out kernels.Buffer, in []kernels.Buffer, work kernels.Buffer) {
		a.wide, a.narrow, a.out = addr(in[wide]), addr(in[1-wide]), addr(work)
		kernel.run(slots(&a)...)
		sum.run(out, in, work)
	}}, true, nil
}
