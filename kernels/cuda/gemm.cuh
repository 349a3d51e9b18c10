// One matrix product for the three convolutions and for MatMul: C[M×N] =
// A[M×K]·B[K×N], where A is read where it lies (implicit GEMM, Chetlur et al.,
// cuDNN, 2014).
//
// A is either [M][K]: a row is a place of the result and its columns are (tap,
// channel), gathered from an image; or [K][M]: a row is a place of the sum, as
// in a filter gradient. A matrix is an image of one row and column under one
// tap. B is a dense [K][N], or [N][K] for each tap. So the letters of a form, n
// for [M][K] and [K][N] and t for the transposed, stand for
//
//	nn  Conv2D, a·b          nt  Conv2DInputGrad, a·bᵀ
//	tn  Conv2DFilterGrad, aᵀ·b   tt  aᵀ·bᵀ
//
// A Conv2DInputGrad of stride s is s² products, one for each remainder of the
// row and column by s, each with those taps that meet it: no zero of a dilated
// image is multiplied. Blocks find their phase in blockIdx.z.
#pragma once
#include "kernel.cuh"
#include "functions.cuh"

typedef long long slot;

// MOST_PHASES is the largest stride with phases; launchers know it.
constexpr int MOST_PHASES = 8;

// Divisor is a number d to divide by: quotient = n·multiplier >> shift, exact
// for n below 2³¹ (Granlund & Montgomery 1994).
struct Divisor {
	slot d, multiplier, shift;
};

struct Quotient {
	int q, r;
};

__device__ inline Quotient divide(int n, const Divisor& by) {
	int q = int((unsigned long long)(unsigned)n * (unsigned)by.multiplier >> by.shift);
	return {q, n - q * int(by.d)};
}

// Phase is one axis of the result in one phase: how many places it has, how many
// taps meet it, the source of place 0 under tap 0, the filter element of tap 0,
// and the place of the whole result that place 0 is.
struct Phase {
	Divisor places, taps;
	slot origin, filter, out;
};

struct GemmArgs {
	const float *a, *b, *bias, *y; // bias and y may be null
	float* out;                    // the result, or partial sums of each split
	slot images, h, w;             // the image that A is gathered from
	Divisor c;                     // its channels
	slot placeH, placeW;           // source rows and columns from place to place
	slot tapH, tapW;               // and from tap to tap
	slot n;                        // columns of B
	slot filterH, filterW;         // elements of B from tap to tap,
	slot filterC, filterN;         // from channel to channel and column to column
	slot outH, outW;               // the result's rows and columns,
	slot outStepH, outStepW;       // and how many of them from place to place
	slot tilesN;                   // tiles along N
	slot splitTiles;               // tiles of K that a split sums up
	slot splitSize;                // elements of the result
	slot vectors;                  // 1: A is read by 16 bytes, 2: B, 4: the result
	slot fn;                       // kernels.Fn of the epilogue: of sum+bias, or of y and that
	double constant;               // of fn
	slot phasesW;
	Phase rows[MOST_PHASES], columns[MOST_PHASES];
};

// Precisions: what a word of shared memory holds, and how many elements of K a
// stage does.
struct F32 {
	static constexpr int PER_WORD = 1, DEPTH = 16;
	static constexpr bool TENSOR = false, ASYNC = true, WARPGROUPS = false;
};
struct TF32 {
	static constexpr int PER_WORD = 1, DEPTH = 32;
	static constexpr bool TENSOR = true, ASYNC = true, WARPGROUPS = false;
};
struct TF32Shallow : TF32 { // for the largest tiles: half the shared memory
	static constexpr int DEPTH = 16;
};
// Pairs of bfloat16, neighbours along K. They are rounded on their way from
// global to shared memory, so they pass through registers; half the bytes in
// shared memory then are what doubles the speed over TF32, as fragments are
// read at 128 bytes a clock.
struct BF16 {
	static constexpr int PER_WORD = 2, DEPTH = 32;
	static constexpr bool TENSOR = true, ASYNC = false, WARPGROUPS = false;
};

// For wgmma, which reads both tiles from shared memory, along K. So what lies
// across it is turned, and TF32 is made, on the way there: through registers,
// once an element, where the fragments of mma.sync are made by each warp that
// reads them.
struct TF32Warpgroups : TF32 {
	static constexpr bool ASYNC = false, WARPGROUPS = true;
};
struct BF16Warpgroups : BF16 {
	static constexpr bool WARPGROUPS = true;
};

// nearTF32 returns a number of which tensor cores, which leave out all but ten
// bits of the fraction, make about the nearest of TF32. It grows by ln 2 half
// units of the last of those bits times the fraction, 1 to 2, half a unit on
// the average over magnitudes: so numbers of TF32 stay, others are off by up to
// 0.7 units but by none on the average. One multiplication keeps NaN and
// infinities, where rounding takes a comparison and an addition, for each of
// the operands that a product waits for.
__device__ inline float nearTF32(float x) { return x * 1.00033844f; }

// storeAlong stores four elements along K as words of shared memory.
template <class P>
__device__ inline void storeAlong(float* to, float4 v) {
	if constexpr (P::PER_WORD == 1)
		*(float4*)to = make_float4(nearTF32(v.x), nearTF32(v.y), nearTF32(v.z), nearTF32(v.w));
	else
		*(uint2*)to = make_uint2(bf16x2(v.x, v.y), bf16x2(v.z, v.w));
}

// Where words lie in shared memory. Both orders keep groups of four words, which
// cp.async writes at once, and permute the groups of a row so that the 32 lanes
// of a fragment meet 32 banks.

// alongK is a tile [row of M or N][word of K]. A fragment is 8 rows of 4 words:
// without the permutation rows would meet every 2nd (16 words a row) or the same
// (32) four banks. It is that of wgmma_tile.
template <int WORDS>
__device__ inline int alongK(int row, int word) {
	int swap = WORDS == 32 ? row & 7 : row >> 1 & 3;
	return row * WORDS + ((word >> 2 ^ swap) << 2) + (word & 3);
}

// acrossK is a tile [word of K][column of M or N]. A fragment is 4 words of 8
// columns, two groups: the permutation moves each word by two groups.
template <int SIZE>
__device__ inline int acrossK(int word, int column) {
	return word * SIZE + ((column >> 2 ^ (word & 3) << 1) << 2) + (column & 3);
}

// Tap is where an element of K lies, seen from a place: rows and columns of the
// image, its element, and the element of B. It is outside if there is none.
struct Tap {
	int h, w, element, filter;
	bool inside;
};

__device__ inline Tap tapAt(const GemmArgs& g, const Phase& rows, const Phase& columns, int k) {
	Quotient c = divide(k, g.c), tap = divide(c.q, columns.taps);
	Tap t;
	t.inside = tap.q < int(rows.taps.d);
	t.h = tap.q * int(g.tapH), t.w = tap.r * int(g.tapW);
	t.element = (t.h * int(g.w) + t.w) * int(g.c.d) + c.r;
	t.filter = int(rows.filter + columns.filter) + tap.q * int(g.filterH) + tap.r * int(g.filterW) + c.r;
	return t;
}

// Place is the source of a place under tap 0: row, column and element.
struct Place {
	int h, w, element;
};

__device__ inline Place placeAt(const GemmArgs& g, const Phase& rows, const Phase& columns, int m) {
	Quotient j = divide(m, columns.places), i = divide(j.q, rows.places);
	Place p;
	p.h = i.r * int(g.placeH) + int(rows.origin);
	p.w = j.r * int(g.placeW) + int(columns.origin);
	p.element = ((i.q * int(g.h) + p.h) * int(g.w) + p.w) * int(g.c.d);
	if (i.q >= int(g.images)) p.h = -(1 << 30);
	return p;
}

// pixelAt returns which pixel of the result a place is.
__device__ inline slot pixelAt(const GemmArgs& g, const Phase& rows, const Phase& columns, int m) {
	Quotient j = divide(m, columns.places), i = divide(j.q, rows.places);
	return (i.q * g.outH + rows.out + i.r * g.outStepH) * g.outW + columns.out + j.r * g.outStepW;
}

__device__ inline bool onImage(const GemmArgs& g, const Place& p, const Tap& t) {
	return t.inside && unsigned(p.h + t.h) < unsigned(g.h) && unsigned(p.w + t.w) < unsigned(g.w);
}

// Stage moves groups of four elements of one tile from global to shared memory,
// ITEMS for each thread: at once by cp.async, or in two steps through registers
// and then rounded. AGAIN are elements that other taps of the block read, too.
template <class P, int ITEMS, bool AGAIN>
struct Stage {
	float4 held[P::ASYNC ? 1 : ITEMS];

	__device__ void whole(int item, float* to, const float* from, bool inside) {
		if constexpr (P::ASYNC && AGAIN)
			cp_async_16_again(to, from, inside ? 16 : 0);
		else if constexpr (P::ASYNC)
			cp_async_16(to, from, inside ? 16 : 0);
		else
			held[item] = inside ? *(const float4*)from : make_float4(0, 0, 0, 0);
	}

	__device__ void single(int item, int e, float* to, const float* from, bool inside) {
		if constexpr (P::ASYNC)
			cp_async_4(to + e, from, inside ? 4 : 0);
		else
			(&held[item].x)[e] = inside ? *from : 0;
	}
};

// Threads of a tile that is contiguous along K: a thread has one group of K and
// every STEP-th row, so one tapAt serves all its rows.
template <class P, int SIZE, int THREADS, bool AGAIN>
struct AlongK {
	static constexpr int WORDS = P::DEPTH / P::PER_WORD, GROUPS = P::DEPTH / 4;
	static constexpr int STEP = THREADS / GROUPS, ITEMS = SIZE / STEP;
	static_assert(SIZE % STEP == 0, "rows divide among threads");
	Stage<P, ITEMS, AGAIN> stage;

	__device__ static int group(int thread) { return thread % GROUPS * 4; }
	__device__ static int row(int thread, int item) { return thread / GROUPS + item * STEP; }
	__device__ static float* at(float* tile, int thread, int item) {
		return tile + alongK<WORDS>(row(thread, item), group(thread) / P::PER_WORD);
	}

	__device__ void store(float* tile, int thread) {
		if constexpr (!P::ASYNC)
#pragma unroll
			for (int i = 0; i < ITEMS; i++) storeAlong<P>(at(tile, thread, i), stage.held[i]);
	}
};

// Threads of a tile that is contiguous across K: LANES threads have a row of K,
// or a pair of rows where words hold two, and each of them CHUNKS groups of
// columns, so that what is worked out for a row serves all its groups. Eight
// lanes read, and write to as many banks, 128 bytes.
template <class P, int SIZE, int THREADS, bool AGAIN>
struct AcrossK {
	static constexpr int WORDS = P::DEPTH / P::PER_WORD;
	static constexpr int LANES = THREADS / WORDS > 8 ? THREADS / WORDS : 8, CHUNKS = SIZE / 4 / LANES;
	static constexpr int STEP = THREADS / LANES, ROWS = P::DEPTH / STEP, ITEMS = ROWS * CHUNKS;
	static_assert(SIZE % (4 * LANES) == 0 && WORDS % STEP == 0, "rows divide among threads");
	Stage<P, ITEMS, AGAIN> stage;

	__device__ static int group(int thread, int chunk) { return (thread % LANES + chunk * LANES) * 4; }
	__device__ static int row(int thread, int i) {
		return (thread / LANES + i / P::PER_WORD * STEP) * P::PER_WORD + i % P::PER_WORD;
	}
	__device__ static float* at(float* tile, int thread, int i, int chunk) {
		return tile + acrossK<SIZE>(row(thread, i) / P::PER_WORD, group(thread, chunk));
	}

	__device__ void store(float* tile, int thread) {
		if constexpr (!P::ASYNC)
#pragma unroll
			for (int i = 0; i < ROWS; i += 2)
#pragma unroll
				for (int c = 0; c < CHUNKS; c++) {
					float4 v = stage.held[i * CHUNKS + c], w = stage.held[(i + 1) * CHUNKS + c];
					*(uint4*)at(tile, thread, i, c) = make_uint4(bf16x2(v.x, w.x), bf16x2(v.y, w.y), bf16x2(v.z, w.z), bf16x2(v.w, w.w));
				}
	}
};

// Threads of a tile that is contiguous across K and is turned: a thread has
// squares of four rows of K by four columns, CHUNKS of them. Two neighbours read
// a sector of 32 bytes of a row. Stores of 16 bytes (TF32) meet all banks in
// eight lanes: two groups of columns by four of K are the eight groups of a row's
// permutation. Stores of 8 bytes (bfloat16) would meet half of them in sixteen
// lanes, every second row being in the same half: so neighbours take the columns
// of a pair in turns.
template <class P, int SIZE, int THREADS, bool AGAIN>
struct TurnedK {
	static constexpr int WORDS = P::DEPTH / P::PER_WORD, SQUARES = P::DEPTH / 4;
	static constexpr int LANES = THREADS / SQUARES, CHUNKS = SIZE / 4 / LANES, ROWS = 4, ITEMS = ROWS * CHUNKS;
	static_assert(SIZE % (4 * LANES) == 0 && SQUARES == 8, "squares divide among threads");
	Stage<P, ITEMS, AGAIN> stage;

	__device__ static int group(int thread, int chunk) { return (thread % 2 + thread / 16 * 2 + chunk * LANES) * 4; }
	__device__ static int row(int thread, int i) { return thread / 2 % SQUARES * 4 + i; }
	__device__ static float* at(float* tile, int thread, int column, int chunk) {
		return tile + alongK<WORDS>(group(thread, chunk) + column, row(thread, 0) / P::PER_WORD);
	}

	__device__ float4 column(int chunk, int e) const {
		const float4* rows = stage.held + chunk;
		return make_float4((&rows[0].x)[e], (&rows[CHUNKS].x)[e], (&rows[2 * CHUNKS].x)[e], (&rows[3 * CHUNKS].x)[e]);
	}

	__device__ void store(float* tile, int thread) {
		bool other = P::PER_WORD == 2 && thread % 2;
#pragma unroll
		for (int c = 0; c < CHUNKS; c++)
#pragma unroll
			for (int e = 0; e < 4; e++) storeAlong<P>(at(tile, thread, other ? e ^ 1 : e, c), other ? column(c, e ^ 1) : column(c, e));
	}
};

template <bool C, class A, class B> struct Choose { typedef A type; };
template <class A, class B> struct Choose<false, A, B> { typedef B type; };

template <class P, int SIZE, int THREADS, bool AGAIN>
using Across = typename Choose<P::WARPGROUPS, TurnedK<P, SIZE, THREADS, AGAIN>, AcrossK<P, SIZE, THREADS, AGAIN>>::type;

// LeftAlong loads A of forms nn and nt: rows are places.
template <class P, int SIZE, int THREADS, bool ANY>
struct LeftAlong : AlongK<P, SIZE, THREADS, true> {
	using Base = AlongK<P, SIZE, THREADS, true>;
	Place place[Base::ITEMS];

	__device__ LeftAlong(const GemmArgs& g, const Phase& rows, const Phase& columns, int m, int thread) {
#pragma unroll
		for (int i = 0; i < Base::ITEMS; i++) place[i] = placeAt(g, rows, columns, m + Base::row(thread, i));
	}

	__device__ void load(const GemmArgs& g, const Phase& rows, const Phase& columns, float* tile, int k, int thread) {
		k += Base::group(thread);
#pragma unroll
		for (int e = 0; e < (ANY ? 4 : 1); e++) {
			Tap t = tapAt(g, rows, columns, k + e);
#pragma unroll
			for (int i = 0; i < Base::ITEMS; i++) {
				bool inside = onImage(g, place[i], t);
				const float* from = g.a + (place[i].element + t.element);
				float* to = Base::at(tile, thread, i);
				if (!ANY || g.vectors & 1) {
					if (e == 0) this->stage.whole(i, to, from, inside);
				} else
					this->stage.single(i, e, to, from, inside);
			}
		}
	}
};

// LeftAcross loads A of forms tn and tt: rows are places of the sum, columns
// (tap, channel).
template <class P, int SIZE, int THREADS, bool ANY>
struct LeftAcross : Across<P, SIZE, THREADS, true> {
	using Base = Across<P, SIZE, THREADS, true>;
	static constexpr int EACH = ANY ? 4 : 1;
	Tap tap[Base::CHUNKS][EACH];

	__device__ LeftAcross(const GemmArgs& g, const Phase& rows, const Phase& columns, int m, int thread) {
#pragma unroll
		for (int c = 0; c < Base::CHUNKS; c++)
#pragma unroll
			for (int e = 0; e < EACH; e++) tap[c][e] = tapAt(g, rows, columns, m + Base::group(thread, c) + e);
	}

	__device__ void load(const GemmArgs& g, const Phase& rows, const Phase& columns, float* tile, int k, int thread) {
#pragma unroll
		for (int i = 0; i < Base::ROWS; i++) {
			Place p = placeAt(g, rows, columns, k + Base::row(thread, i));
#pragma unroll
			for (int c = 0; c < Base::CHUNKS; c++) {
				float* to = Base::at(tile, thread, i, c);
#pragma unroll
				for (int e = 0; e < EACH; e++) {
					bool inside = onImage(g, p, tap[c][e]);
					const float* from = g.a + (p.element + tap[c][e].element);
					if (!ANY || g.vectors & 1) {
						if (e == 0) this->stage.whole(i * Base::CHUNKS + c, to, from, inside);
					} else
						this->stage.single(i * Base::CHUNKS + c, e, to, from, inside);
				}
			}
		}
	}
};

// RightAlong loads B of forms nt, [N][K] for each tap, and tt, one matrix.
template <class P, int SIZE, int THREADS, bool ANY, bool MATRIX>
struct RightAlong : AlongK<P, SIZE, THREADS, false> {
	using Base = AlongK<P, SIZE, THREADS, false>;
	int n;

	__device__ RightAlong(int n, int thread) : n(n + Base::row(thread, 0)) {}

	__device__ static Tap tap(const GemmArgs& g, const Phase& rows, const Phase& columns, int k, int depth) {
		if (MATRIX) return {0, 0, 0, k, k < depth};
		return tapAt(g, rows, columns, k);
	}

	__device__ void load(const GemmArgs& g, const Phase& rows, const Phase& columns, float* tile, int k, int depth, int thread) {
		k += Base::group(thread);
#pragma unroll
		for (int e = 0; e < (ANY ? 4 : 1); e++) {
			Tap t = tap(g, rows, columns, k + e, depth);
#pragma unroll
			for (int i = 0; i < Base::ITEMS; i++) {
				int column = n + i * Base::STEP;
				bool inside = t.inside && column < int(g.n);
				const float* from = g.b + (t.filter + column * int(g.filterN));
				float* to = Base::at(tile, thread, i);
				if (!ANY || g.vectors & 2) {
					if (e == 0) this->stage.whole(i, to, from, inside);
				} else
					this->stage.single(i, e, to, from, inside);
			}
		}
	}
};

// RightAcross loads B of forms nn and tn: a dense [K][N].
template <class P, int SIZE, int THREADS, bool ANY>
struct RightAcross : Across<P, SIZE, THREADS, false> {
	using Base = Across<P, SIZE, THREADS, false>;
	int n;

	__device__ RightAcross(int n, int thread) : n(n) {}

	__device__ void load(const GemmArgs& g, const Phase&, const Phase&, float* tile, int k, int depth, int thread) {
#pragma unroll
		for (int i = 0; i < Base::ROWS; i++) {
			int row = k + Base::row(thread, i);
#pragma unroll
			for (int c = 0; c < Base::CHUNKS; c++) {
				int column = n + Base::group(thread, c);
				float* to = Base::at(tile, thread, i, c);
#pragma unroll
				for (int e = 0; e < (ANY ? 4 : 1); e++) {
					bool inside = row < depth && column + e < int(g.n);
					const float* from = g.b + (row * int(g.n) + column + e);
					if (!ANY || g.vectors & 2) {
						if (e == 0) this->stage.whole(i * Base::CHUNKS + c, to, from, inside);
					} else
						this->stage.single(i * Base::CHUNKS + c, e, to, from, inside);
				}
			}
		}
	}
};
