//go:build !purego

package simd

import "unsafe"

// tile is the argument of a tile kernel; the generator knows its layout.
// Strides are in bytes, but for the taps' offsets, which are in elements.
type tile struct {
	a, b, c  unsafe.Pointer
	from     unsafe.Pointer // initial values of the first row, or nil for zero
	taps     *Tap
	nTaps    int
	k        int // at least 1 if there are taps
	rs, ks   int
	ldb, ldc int
	fromStep int // from row to row of the initial values
	relu     int // 0 or 1
	tiles    int // how many tiles to run
	aStep    int // from tile to tile of A, of C and of the initial values
	cStep    int
	fromNext int
	maskBits uint64
	flush    uint64 // the control word under which products are summed, or 0 for the usual one
	_        uint64 // where a kernel keeps the usual one meanwhile
	gate     unsafe.Pointer
	mask     [8]int32 // the same for AVX2: -1 for the lanes of the last vector that exist
}

// A plan says how to cut C into tiles. widths[m][v] is the width, in vectors,
// of the next column of tiles when v vectors are left and there are m rows;
// rows[w] is the greatest height of a tile w vectors wide.
type plan struct {
	lanes  int
	pairs  bool // kernels of pairs
	rows   *[9]int
	widths [planRows + 1][planVectors + 1]uint8
}

// Beyond these sizes the remainders that the plan is about no longer matter.
const (
	planRows    = 56
	planVectors = 24
)

var (
	planAVX512 = makePlan(16, 32, &gemmRowsAVX512)
	planAVX2   = makePlan(8, 16, &gemmRowsAVX2)
	planPairs  = makePairsPlan()
)

// makePlan finds for every small C the cut of least cost, by the cycles that
// one step of k takes: two multiply-adds or loads a cycle, and four cycles
// from one multiply-add to the next on the same sum.
func makePlan(lanes, registers int, rows *[9]int) plan {
	p := plan{lanes: lanes, rows: rows}
	step := func(mr, nv int) float64 {
		loads := mr + nv
		if over := mr*nv + nv + 1 - registers; over > 0 && mr > 1 {
			loads += over * (mr - 1)
		}
		// Starting and storing a tile, spread over some 64 steps.
		overhead := float64(mr*nv+16) / 64
		return max(4, float64(mr*nv)/2, float64(loads)/2) + overhead
	}
	for m := 1; m <= planRows; m++ {
		var column [9]float64 // the cost of all tiles of one width
		for w, most := range rows {
			if most > 0 {
				n := (m + most - 1) / most
				column[w] = float64(m%n)*step(m/n+1, w) + float64(n-m%n)*step(m/n, w)
			}
		}
		var cost [planVectors + 1]float64
		for v := 1; v <= planVectors; v++ {
			for w := 1; w <= min(v, 8); w++ {
				if rows[w] == 0 {
					continue
				}
				if c := column[w] + cost[v-w]; cost[v] == 0 || c < cost[v] {
					cost[v], p.widths[m][v] = c, uint8(w)
				}
			}
		}
	}
	return p
}

func makePairsPlan() plan {
	p := makePlan(16, 32, &pairsRowsAVX512)
	p.pairs = true
	return p
}

// A large product is computed in passes that keep what the tiles reuse in the
// nearer caches: passK rows of one column of tiles of B, and passM rows of A,
// passK deep. Between passes every element of C goes through memory, its sum
// unchanged, so that passes do not show in the result.
const (
	passK = 256
	passM = 252
)

// gemmTiled runs the product by the tiles of pl.
func gemmTiled(pl *plan, p *Product, c, a, b, bias []float32, taps []Tap) {
	// Where tiles lie side by side only, nothing of B is used twice.
	if p.K*len(taps) <= passK || p.M*(p.lastBlock()+1) <= pl.rows[1] {
		gemmPass(pl, p, c, a, b, bias, taps)
		return
	}
	q := *p
	for m := 0; m < p.M; m += passM {
		q.M = min(passM, p.M-m)
		if p.Gate != nil {
			q.Gate = p.Gate[m*p.LDC:]
		}
		gemmDeep(pl, &q, c[m*p.LDC:], a[m*p.RS:], b, bias, taps)
	}
}

// gemmDeep cuts the sum over taps and k into passes: several taps, or part of
// a long one.
func gemmDeep(pl *plan, p *Product, c, a, b, bias []float32, taps []Tap) {
	q := *p
	q.Act, q.Gate = Linear, nil
	group, step := max(1, passK/p.K), min(passK, p.K)
	for t := 0; t < len(taps); t += group {
		end := min(t+group, len(taps))
		for k := 0; k < p.K; k += step {
			q.K = min(step, p.K-k)
			if end == len(taps) && k+step >= p.K {
				q.Act, q.Gate = p.Act, p.Gate
			}
			gemmPass(pl, &q, c, a[k*p.KS:], b[k*p.LDB:], bias, taps[t:end])
			q.Init = Accumulate
		}
	}
}

func gemmPass(pl *plan, p *Product, c, a, b, bias []float32, taps []Tap) {
	t := p.tile(b, taps)
	t.maskBits, t.mask = firstLanes(pl.lanes)
	n, left := 0, (p.N+pl.lanes-1)/pl.lanes
	for {
		w := int(pl.widths[min(p.M, planRows)][min(left, planVectors)])
		left -= w
		if left == 0 {
			t.maskBits, t.mask = firstLanes(p.N - n - (w-1)*pl.lanes)
		}
		t.columns(pl, w, p, n, c, a, bias)
		if left == 0 {
			return
		}
		n += w * pl.lanes
		if t.nTaps > 0 {
			t.b = unsafe.Pointer(&b[n])
		}
	}
}

// tile returns what all tiles of the product have in common.
func (p *Product) tile(b []float32, taps []Tap) tile {
	t := tile{
		b: unsafe.Pointer(unsafe.SliceData(b)), taps: unsafe.SliceData(taps), nTaps: len(taps),
		k: p.K, rs: 4 * p.RS, ks: 4 * p.KS, ldb: 4 * p.LDB, ldc: 4 * p.LDC,
	}
	if p.Act == ReLU {
		t.relu = 1
	}
	if p.flush {
		t.flush = flushSubnormals
	}
	return t
}

// flushSubnormals is the control word of vector arithmetic that rounds to
// nearest even, masks all exceptions, takes subnormal operands for zero and
// returns zero for subnormal results.
const flushSubnormals = 0x9FC0

// firstLanes returns the masks of the first n lanes, of AVX-512 and of AVX2.
func firstLanes(n int) (bits uint64, mask [8]int32) {
	for i := range mask {
		if i < n {
			mask[i] = -1
		}
	}
	return 1<<n - 1, mask
}

// columns runs one column of tiles, w vectors wide, from column n of C on, in
// all blocks. The heights of its tiles differ by one at most.
func (t *tile) columns(pl *plan, w int, p *Product, n int, c, a, bias []float32) {
	r := runs{Product: p, n: n, most: pl.rows[w]}
	for r.next() {
		t.place(&r, c, a, bias)
		if pl.pairs {
			pairsAVX512(r.mr, w, t)
		} else if pl.lanes == 16 {
			gemmAVX512(r.mr, w, t)
		} else {
			gemmAVX2(r.mr, w, t)
		}
	}
}

// runs goes through one column of tiles of all blocks, from column n of C on.
// Each run is tiles of equal height that lie at equal distances: those of one
// block, or those at the same place of all blocks, whichever makes fewer runs.
type runs struct {
	*Product
	n, most   int // the column, and the greatest height of a tile
	m, mr     int // the first row of the run and the height of its tiles
	block     int
	tiles     int
	down      bool // the run is tiles of one block
	low, high int  // the height of a tile, and how many have one row more
	count     int  // tiles of a block, 0 before the first run
}

// next moves to the next run and reports whether there is one.
func (r *runs) next() bool {
	if r.count == 0 {
		r.count = (r.M + r.most - 1) / r.most
		r.low, r.high = r.M/r.count, r.M%r.count
		r.down = r.Blocks <= 1 || 2*r.Blocks < r.count
	} else if r.down {
		r.m += r.tiles * r.mr
	} else {
		r.m += r.mr
	}
	if r.m == r.M && r.down && r.block < r.lastBlock() {
		r.block, r.m = r.block+1, 0
	}
	if r.m == r.M {
		return false
	}
	done := r.m / (r.low + 1) // exact among the high tiles, which come first
	r.mr, r.tiles = r.low, r.count-r.high
	if done < r.high {
		r.mr, r.tiles = r.low+1, r.high
	}
	if !r.down {
		r.tiles = r.Blocks
	}
	return true
}

// place moves t to a run.
func (t *tile) place(r *runs, c, a, bias []float32) {
	t.tiles = r.tiles
	t.aStep, t.cStep = 4*r.BlockA, 4*r.BlockC
	if r.down {
		t.aStep, t.cStep = r.mr*t.rs, r.mr*t.ldc
	}
	at := r.block*r.BlockC + r.m*r.LDC + r.n
	t.c = unsafe.Pointer(&c[at])
	if r.Gate != nil {
		t.gate = unsafe.Pointer(&r.Gate[at])
	}
	switch r.Init {
	case Accumulate:
		t.from, t.fromStep, t.fromNext = t.c, t.ldc, t.cStep
	case Bias:
		t.from = unsafe.Pointer(&bias[r.n])
	}
	if t.nTaps > 0 {
		t.a = unsafe.Pointer(&a[r.block*r.BlockA+r.m*r.RS])
	}
}
