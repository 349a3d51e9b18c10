package cuda

// tile is a Tile of gemm_tile.cuh, in the kernels of one precision.
type tile struct {
	name   string
	m, n   int // elements of the result that a block computes
	wm, wn int // and a warp
	stages int
	depth  int  // elements of K in a stage
	any    bool // takes operands that are not vectors
	forms  int  // of form, so many from the first
	blocks int  // of a multiprocessor, as registers and shared memory allow
	wgmma  bool // a kernel of warpgroups
}

// file returns the name of the file that has the tile's kernels.
func (t *tile) file(p Precision) string {
	if t.wgmma {
		return "gemm_wgmma_" + p.String()
	}
	return "gemm_" + p.String()
}

// kernel returns the name of the tile's kernel of a form.
func (t *tile) kernel(p Precision, f form) string {
	return t.file(p) + "_" + formNames[f] + "_" + t.name
}

// String returns a name that no other tile of a precision has.
func (t *tile) String() string {
	if t.wgmma {
		return "wgmma " + t.name
	}
	return t.name
}

func (t *tile) threads() int { return t.m / t.wm * (t.n / t.wn) * 32 }

// tiles are the kernels of gemm_f32.cu, gemm_tf32.cu, gemm_bf16.cu and those of
// wgmma in gemm_wgmma_tf32.cu and gemm_wgmma_bf16.cu.
var tiles = map[Precision][]tile{
	Float32: {
		{"128x64", 128, 64, 64, 32, 3, 16, false, 3, 2, false},
		{"64x64", 64, 64, 32, 32, 3, 16, true, 3, 3, false},
		{"64x32", 64, 32, 32, 16, 3, 16, true, 4, 4, false},
	},
	TF32: {
		{"256x128", 256, 128, 32, 128, 3, 32, false, 3, 1, true},
		{"128x128", 128, 128, 16, 128, 3, 32, false, 3, 2, true},
		{"128x128", 128, 128, 64, 64, 4, 16, false, 3, 2, false},
		{"128x64", 128, 64, 64, 32, 3, 32, false, 3, 2, false},
		{"128x32", 128, 32, 32, 32, 4, 32, false, 2, 2, false},
		{"64x64", 64, 64, 32, 32, 3, 32, true, 3, 3, false},
		{"64x32", 64, 32, 32, 16, 4, 32, true, 4, 3, false},
	},
	BF16: {
		{"256x128", 256, 128, 32, 128, 3, 32, false, 3, 1, true},
		{"128x128", 128, 128, 16, 128, 3, 32, false, 3, 2, true},
		{"128x128", 128, 128, 64, 32, 2, 32, false, 3, 1, false},
		{"128x64", 128, 64, 64, 32, 2, 32, false, 3, 2, false},
		{"128x32", 128, 32, 32, 32, 2, 32, false, 2, 2, false},
		{"64x64", 64, 64, 32, 32, 2, 32, true, 3, 3, false},
		{"64x32", 64, 32, 32, 16, 2, 32, true, 4, 3, false},
	},
}

// shared returns the bytes of shared memory: Shared of gemm_tile.cuh.
func (t *tile) shared(p Precision) int {
	words, pad := t.depth, 8
	switch p {
	case BF16:
		words /= 2
	case Float32:
		pad = 4
	}
	return 4 * max(t.stages*(t.m+t.n)*words, t.m*(t.n+pad))
}

// Rough figures of a multiprocessor, in clocks and in operations or bytes a
// clock: enough to rank tiles.
const (
	blockClocks   = 1000 // to fill a pipeline
	storeBytes    = 64   // of a tile that is done
	launchClocks  = 2500 // a second kernel
	cacheBytes    = 48   // read from the second-level cache
	memoryBytes   = 16   // read and written in memory
	enoughWarps   = 8    // that keep a multiprocessor busy
	sharedWords   = 32   // read from shared memory, or written
	mostSplits    = 128
	shortestSplit = 2 // stages
)

// rate returns the multiply-adds a clock that a tile can reach: those of the
// arithmetic units or, if that is less, of the operands that they read. A warp
// reads its own, a warpgroup 64 rows and all columns for every 64 rows of its
// sums. Half of Hopper's tensor cores is what mma.sync reaches.
func (t *tile) rate(p Precision) float64 {
	peak := map[Precision]float64{Float32: 110, TF32: 512, BF16: 1024}[p]
	words := float64(t.wm+t.wn) / float64(t.wm*t.wn)
	if t.wgmma {
		peak *= 2
		// The tiles are written through registers at the same time.
		words = float64(t.m/64*(64+t.n)+t.m+t.n) / float64(t.m*t.n)
	}
	if p == BF16 {
		words /= 2
	}
	return min(peak, sharedWords/words)
}

// cut is a choice of tile, and into how many parts sums are cut.
type cut struct {
	tile       *tile
	splits     int
	splitTiles int // stages of a part
}

// parts returns how many blocks there are without splits.
func (p *product) parts(t *tile) (tilesM, blocks int) {
	m, _ := p.sizes()
	tilesM = ceil(m, t.m)
	if !p.form.aAlongK() {
		return tilesM, tilesM * ceil(int(p.args.n), t.n)
	}
	for r := range p.phasesH {
		for c := range int(p.args.phasesW) {
			places := int(p.args.images * p.args.rows[r].places.d * p.args.columns[c].places.d)
			blocks += ceil(places, t.m) * ceil(int(p.args.n), t.n)
		}
	}
	return tilesM, blocks
}

// card is what a choice depends on besides shapes.
type card struct {
	precision       Precision
	multiprocessors int
	shared          int  // bytes that one block may have
	wgmma           bool // has it
}

// fits returns how many blocks of a tile a multiprocessor holds, each with the
// kilobyte that the system takes. One block may have all but that of its shared
// memory.
func (t *tile) fits(on card) int {
	const system = 1 << 10
	return min(t.blocks, (on.shared+system)/(t.shared(on.precision)+system))
}

// clocks estimates the time of a product by a cut of so many blocks a split.
func (p *product) clocks(c cut, blocks int, on card) float64 {
	t, multiprocessors := c.tile, on.multiprocessors
	blocks *= c.splits
	resident := min(t.fits(on), ceil(blocks, multiprocessors))
	waves := ceil(blocks, multiprocessors*resident)
	k := float64(c.splitTiles * t.depth)
	busy := min(1, float64(resident*t.threads()/32)/enoughWarps)
	work := max(float64(t.m*t.n)*k/(t.rate(on.precision)*busy), float64(t.m+t.n)*k*4/cacheBytes) * float64(resident)
	clocks := float64(waves) * (work + blockClocks + float64(t.m*t.n)*4/storeBytes)
	if c.splits > 1 {
		clocks += launchClocks + float64(2*c.splits*p.out)*4/float64(memoryBytes*multiprocessors)
	}
	return clocks
}

// choose returns the fastest cut by the estimate. It depends on shapes and the
// card alone, so that a card always gives the same bits. A whole product has
// uncut sums. Tests name the only tile to choose where they can, "" for any.
func (p *product) choose(on card, whole bool, only string) cut {
	_, k := p.sizes()
	var best cut
	least := 0.0
	all := tiles[on.precision]
	for i := range all {
		t := &all[i]
		_, blocks := p.parts(t)
		if int(p.form) >= t.forms || !t.any && p.args.vectors&(vectorA|vectorB) != vectorA|vectorB {
			continue
		}
		if only != "" && only != t.String() || t.fits(on) == 0 || t.wgmma && !on.wgmma {
			continue
		}
		stages := ceil(k, t.depth)
		for splits := 1; splits <= mostSplits && !(whole && splits > 1); splits++ {
			per := ceil(stages, splits)
			if splits > 1 && per < shortestSplit {
				break
			}
			c := cut{t, max(1, ceil(stages, max(per, 1))), max(per, 1)}
			if clocks := p.clocks(c, blocks, on); best.tile == nil || clocks < least {
				best, least = c, clocks
			}
		}
	}
	if best.tile == nil && only != "" {
		return p.choose(on, whole, "")
	}
	return best
}

func ceil(n, by int) int { return (n + by - 1) / by }
