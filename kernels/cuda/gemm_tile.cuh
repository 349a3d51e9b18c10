// The product of one tile: a pipeline of stages of K, fragments, epilogue.
#pragma once
#include "gemm.cuh"
#include "wgmma.cuh"

// Tile is the cut of a product: a block computes M×N elements, each of its warps
// WM×WN of them, with STAGES tiles of K under way. ANY tiles also read and write
// operands whose rows are no multiple of 16 bytes.
template <int M_, int N_, int WM_, int WN_, int STAGES_, bool ANY_>
struct Tile {
	static constexpr int M = M_, N = N_, WM = WM_, WN = WN_, STAGES = STAGES_;
	static constexpr bool ANY = ANY_;
	static constexpr int WARPS_M = M / WM, THREADS = WARPS_M * (N / WN) * 32;
};

// Words of dynamic shared memory. The epilogue lays the sums out in rows of
// N+8, or N+4 where single lanes write: their 8 rows then meet 32 banks.
template <class P, class T>
struct Shared {
	static constexpr int WORDS = P::DEPTH / P::PER_WORD;
	static constexpr int LEFT = T::M * WORDS, RIGHT = T::N * WORDS;
	static constexpr int STAGES = P::ASYNC || P::WARPGROUPS ? T::STAGES : 2;
	static constexpr int ROW = T::N + (P::TENSOR ? 8 : 4);
	static constexpr int PIPELINE = STAGES * (LEFT + RIGHT), SUMS = T::M * ROW;
	static constexpr int BYTES = 4 * (PIPELINE > SUMS ? PIPELINE : SUMS);
};

// TensorSums is a warp's sums in the fragments of mma.sync: 16×8 tiles, of which
// a lane holds columns 2t, 2t+1 of rows g and g+8, g = lane/4, t = lane%4.
// Eight words of K are m16n8k8 of TF32 or m16n8k16 of bfloat16: as words the
// fragments are the same.
template <class P, class T, bool A_ALONG, bool B_ALONG>
struct TensorSums {
	static constexpr int WORDS = Shared<P, T>::WORDS, MI = T::WM / 16, NI = T::WN / 8;
	float sum[MI][NI][4];

	// Fragments is where a lane's words of the first fragment lie in both tiles.
	// Others are a constant apart, but for the permutation: along K it tells
	// apart the steps of a stage, across K the columns of 32.
	struct Fragments {
		int a[A_ALONG ? WORDS / 8 : 4], b[B_ALONG ? WORDS / 8 : 4];

		__device__ Fragments(int m, int n, int lane) {
			int g = lane / 4, t = lane % 4;
#pragma unroll
			for (int i = 0; i < (A_ALONG ? WORDS / 8 : 4); i++)
				a[i] = A_ALONG ? alongK<WORDS>(m + lane % 16, 8 * i + lane / 16 * 4) : acrossK<T::M>(t, m + 8 * i + g);
#pragma unroll
			for (int i = 0; i < (B_ALONG ? WORDS / 8 : 4); i++)
				b[i] = B_ALONG ? alongK<WORDS>(n + lane / 16 * 8 + lane % 8, 8 * i + lane / 8 % 2 * 4) : acrossK<T::N>(t, n + 8 * i + g);
		}
	};

	__device__ void clear() {
#pragma unroll
		for (int i = 0; i < MI; i++)
#pragma unroll
			for (int j = 0; j < NI; j++)
#pragma unroll
				for (int e = 0; e < 4; e++) sum[i][j][e] = 0;
	}

	__device__ static unsigned operand(unsigned word) {
		if constexpr (P::PER_WORD == 1) return __float_as_uint(nearTF32(__uint_as_float(word)));
		return word;
	}

	__device__ void add(const Fragments& f, const unsigned* left, const unsigned* right) {
#pragma unroll
		for (int word = 0; word < WORDS; word += 8) {
			unsigned a[MI][4], b[NI][2];
#pragma unroll
			for (int i = 0; i < MI; i++) {
				if constexpr (A_ALONG) {
					ldmatrix_x4(a[i], left + f.a[word / 8] + 16 * i * WORDS);
				} else {
#pragma unroll
					for (int e = 0; e < 4; e++) a[i][e] = left[f.a[i % 2 * 2 + e % 2] + (word + e / 2 * 4) * T::M + i / 2 * 32];
				}
#pragma unroll
				for (int e = 0; e < 4; e++) a[i][e] = operand(a[i][e]);
			}
#pragma unroll
			for (int j = 0; j < NI; j++) {
				if constexpr (B_ALONG) {
					unsigned pair[4]; // of this column of fragments and the next
					if (j % 2) continue;
					ldmatrix_x4(pair, right + f.b[word / 8] + 8 * j * WORDS);
#pragma unroll
					for (int e = 0; e < 4; e++) b[j + e / 2][e % 2] = operand(pair[e]);
				} else {
#pragma unroll
					for (int e = 0; e < 2; e++) b[j][e] = operand(right[f.b[j % 4] + (word + e * 4) * T::N + j / 4 * 32]);
				}
			}
#pragma unroll
			for (int i = 0; i < MI; i++)
#pragma unroll
				for (int j = 0; j < NI; j++) {
					if constexpr (P::PER_WORD == 1)
						mma_tf32_16x8x8(sum[i][j], a[i], b[j]);
					else
						mma_bf16_16x8x16(sum[i][j], a[i], b[j]);
				}
		}
	}

	__device__ void store(float* to, int m, int n, int lane) const {
#pragma unroll
		for (int i = 0; i < MI; i++)
#pragma unroll
			for (int j = 0; j < NI; j++)
#pragma unroll
				for (int half = 0; half < 2; half++) {
					float2* at = (float2*)(to + (m + 16 * i + lane / 4 + 8 * half) * Shared<P, T>::ROW + n + 8 * j + lane % 4 * 2);
					*at = make_float2(sum[i][j][2 * half], sum[i][j][2 * half + 1]);
				}
	}
};

// PlainSums is a warp's sums by fused multiply-adds: lanes are 8 rows of 4, and
// a lane has every 8th row. A warp reads 8 rows or 4 columns at a time, the same
// word for the lanes that share one.
template <class P, class T, bool A_ALONG, bool B_ALONG>
struct PlainSums {
	static constexpr int WORDS = Shared<P, T>::WORDS, MI = T::WM / 8, NI = T::WN / 4;
	float sum[MI][NI];

	__device__ void clear() {
#pragma unroll
		for (int i = 0; i < MI; i++)
#pragma unroll
			for (int j = 0; j < NI; j++) sum[i][j] = 0;
	}

	// column returns the j-th column of a lane: groups of four where they lie
	// together in shared memory.
	__device__ static int column(int j, int lane) {
		return B_ALONG ? lane % 4 + 4 * j : lane % 4 * 4 + j / 4 * 16 + j % 4;
	}

	struct Fragments {
		int m, n, lane;
		__device__ Fragments(int m, int n, int lane) : m(m), n(n), lane(lane) {}
	};

	__device__ void add(const Fragments& f, const unsigned* left, const unsigned* right) {
		int m = f.m, n = f.n, lane = f.lane;
		const float* l = (const float*)left;
		const float* r = (const float*)right;
		// Two words of K at a time keep both operands in registers.
#pragma unroll 2
		for (int word = 0; word < WORDS; word += 2) {
			float a[MI][2], b[NI][2];
#pragma unroll
			for (int i = 0; i < MI; i++) {
				int row = m + lane / 4 + 8 * i;
				if constexpr (A_ALONG) {
					float2 v = *(const float2*)(l + alongK<WORDS>(row, word));
					a[i][0] = v.x, a[i][1] = v.y;
				} else {
					a[i][0] = l[acrossK<T::M>(word, row)], a[i][1] = l[acrossK<T::M>(word + 1, row)];
				}
			}
			if constexpr (B_ALONG) {
#pragma unroll
				for (int j = 0; j < NI; j++) {
					float2 v = *(const float2*)(r + alongK<WORDS>(n + column(j, lane), word));
					b[j][0] = v.x, b[j][1] = v.y;
				}
			} else {
#pragma unroll
				for (int j = 0; j < NI; j += 4)
#pragma unroll
					for (int e = 0; e < 2; e++) {
						float4 v = *(const float4*)(r + acrossK<T::N>(word + e, n + column(j, lane)));
						b[j][e] = v.x, b[j + 1][e] = v.y, b[j + 2][e] = v.z, b[j + 3][e] = v.w;
					}
			}
#pragma unroll
			for (int e = 0; e < 2; e++)
#pragma unroll
				for (int i = 0; i < MI; i++)
#pragma unroll
					for (int j = 0; j < NI; j++) sum[i][j] += a[i][e] * b[j][e];
		}
	}

	__device__ void store(float* to, int m, int n, int lane) const {
#pragma unroll
		for (int i = 0; i < MI; i++)
#pragma unroll
			for (int j = 0; j < NI; j++) to[(m + lane / 4 + 8 * i) * Shared<P, T>::ROW + n + column(j, lane)] = sum[i][j];
	}
};

// WarpgroupSums is a warp's share of its warpgroup's sums, which are MI tiles of
// 64×128: a warp has 16 rows of each.
template <class P, class T>
struct WarpgroupSums {
	static constexpr int WORDS = Shared<P, T>::WORDS, MI = T::WM / 16, ROWS = 64 * MI;
	static_assert(T::N == 128 && T::WN == 128, "warpgroups have all columns");
	float sum[MI][64];

	// Fragments is the word of the left tile where the warpgroup's rows begin.
	struct Fragments {
		int a;
		__device__ Fragments(int m, int, int) : a(m / ROWS * ROWS * WORDS) {}
	};

	__device__ void clear() {
#pragma unroll
		for (int i = 0; i < MI; i++)
#pragma unroll
			for (int e = 0; e < 64; e++) sum[i][e] = 0;
		settle();
	}

	__device__ void settle() {
#pragma unroll
		for (int i = 0; i < MI; i++) wgmma_sums(sum[i]);
	}

	// add begins the products of a stage, of 32 bytes along K each.
	__device__ void add(const Fragments& f, const float* left, const float* right) {
		unsigned long long a = wgmma_tile(shared_address(left + f.a), 4 * WORDS), b = wgmma_tile(shared_address(right), 4 * WORDS);
		wgmma_fence();
#pragma unroll
		for (int word = 0; word < WORDS; word += 8)
#pragma unroll
			for (int i = 0; i < MI; i++) {
				unsigned long long rows = a + (word + i * 64 * WORDS) / 4, columns = b + word / 4;
				if constexpr (P::PER_WORD == 1)
					wgmma_tf32_64x128x8(sum[i], rows, columns);
				else
					wgmma_bf16_64x128x16(sum[i], rows, columns);
			}
		wgmma_commit();
	}

	__device__ void store(float* to, int m, int, int lane) const {
#pragma unroll
		for (int i = 0; i < MI; i++)
#pragma unroll
			for (int j = 0; j < 16; j++)
#pragma unroll
				for (int half = 0; half < 2; half++) {
					int row = m / ROWS * ROWS + 64 * i + m / T::WM % 4 * 16 + lane / 4 + 8 * half;
					float2* at = (float2*)(to + row * Shared<P, T>::ROW + 8 * j + lane % 4 * 2);
					*at = make_float2(sum[i][4 * j + 2 * half], sum[i][4 * j + 2 * half + 1]);
				}
	}
};

// SumsOf is the sums of a warp by what computes them.
template <class P, class T, bool A_ALONG, bool B_ALONG>
using SumsOf = typename Choose<P::WARPGROUPS, WarpgroupSums<P, T>,
	typename Choose<P::TENSOR, TensorSums<P, T, A_ALONG, B_ALONG>, PlainSums<P, T, A_ALONG, B_ALONG>>::type>::type;

// Product is the two operands of a tile on their way to shared memory.
template <class P, class T, bool A_ALONG, bool B_ALONG>
struct Product {
	typedef Shared<P, T> S;
	const GemmArgs& g;
	const Phase &rows, &columns;
	float* memory;
	int depth, thread;
	typename Choose<A_ALONG, LeftAlong<P, T::M, T::THREADS, T::ANY>, LeftAcross<P, T::M, T::THREADS, T::ANY>>::type left;
	typename Choose<B_ALONG, RightAlong<P, T::N, T::THREADS, T::ANY, !A_ALONG>, RightAcross<P, T::N, T::THREADS, T::ANY>>::type right;

	__device__ Product(const GemmArgs& g, const Phase& rows, const Phase& columns, float* memory, int m, int n, int depth, int thread)
		: g(g), rows(rows), columns(columns), memory(memory), depth(depth), thread(thread), left(g, rows, columns, m, thread), right(n, thread) {}

	__device__ float* tile(int stage) const { return memory + stage * (S::LEFT + S::RIGHT); }

	__device__ void load(int stage, int k) {
		right.load(g, rows, columns, tile(stage) + S::LEFT, k, depth, thread);
		left.load(g, rows, columns, tile(stage), k, thread);
	}

	__device__ void store(int stage) {
		left.store(tile(stage), thread);
		right.store(tile(stage) + S::LEFT, thread);
	}
};

// finish applies the epilogue to the sums that lie in shared memory and stores
// them. They passed through it so that a warp writes whole lines, and so that
// the functions' code and registers appear once, when the sums need none. A
// thread has one group of columns, and every STEP-th row of it.
template <class P, class T, bool PLACES>
struct Finish {
	static constexpr int GROUPS = T::N / 4, STEP = T::THREADS / GROUPS;
	static_assert(T::M % (STEP * 4) == 0, "rows divide among threads");
	const GemmArgs& g;
	const Phase &rows, &columns;
	const float* sums;
	float* out;
	int fn, m, height, column, group;
	float constant;

	__device__ Finish(const GemmArgs& g, const Phase& rows, const Phase& columns, const float* sums, int m, int n, int height)
		: g(g), rows(rows), columns(columns), sums(sums), out(g.out + slot(blockIdx.y) * g.splitSize),
		  fn(int(g.fn)), m(m), height(height), group(threadIdx.x % GROUPS * 4), constant(float(g.constant)) {
		column = n + group;
	}

	__device__ slot elementAt(int row) const {
		slot at = m + row;
		if constexpr (PLACES) at = pixelAt(g, rows, columns, m + row);
		return at * g.n + column;
	}

	// vectors stores groups. It reads TOGETHER rows of y before it needs the
	// first, as each comes from memory; functions that take many instructions
	// go one by one.
	template <int TOGETHER>
	__device__ void vectors() const {
		float4 bias = g.bias ? *(const float4*)(g.bias + column) : make_float4(0, 0, 0, 0);
#pragma unroll 1
		for (int first = threadIdx.x / GROUPS; first < T::M && m + first < height; first += STEP * TOGETHER) {
			slot at[TOGETHER];
			float4 y[TOGETHER];
#pragma unroll
			for (int i = 0; i < TOGETHER; i++) {
				int row = first + i * STEP;
				if (m + row >= height) row = first; // read again, not stored
				at[i] = elementAt(row);
				y[i] = g.y ? *(const float4*)(g.y + at[i]) : make_float4(0, 0, 0, 0);
			}
#pragma unroll
			for (int i = 0; i < TOGETHER; i++) {
				int row = first + i * STEP;
				if (m + row >= height) continue;
				float4 v = *(const float4*)(sums + row * Shared<P, T>::ROW + group);
				v = make_float4(v.x + bias.x, v.y + bias.y, v.z + bias.z, v.w + bias.w);
				*(float4*)(out + at[i]) = TOGETHER > 1 ? shortEpilogue(fn, v, y[i], constant) : epilogue4(fn, v, y[i], g.y != 0, constant);
			}
		}
	}

	// singles stores any number of columns, by any function.
	__device__ void singles() const {
#pragma unroll 1
		for (int row = threadIdx.x / GROUPS; row < T::M && m + row < height; row += STEP) {
			slot at = elementAt(row);
#pragma unroll 1
			for (int e = 0; e < 4 && column + e < int(g.n); e++) {
				float v = sums[row * Shared<P, T>::ROW + group + e];
				if (g.bias) v += g.bias[column + e];
				out[at + e] = epilogue1(fn, v, g.y ? g.y[at + e] : 0, g.y != 0, constant);
			}
		}
	}

	__device__ void run() const {
		if (column >= int(g.n)) return;
		if (!(g.vectors & 4))
			singles();
		else if (isShort(fn))
			vectors<4>();
		else
			vectors<1>();
	}
};

// Order is the order in which a block goes through K. Where all channels of a
// tap are whole stages, it takes some channels of all taps, then the next: taps
// meet the same pixels, which the first-level cache then still has. A 128×128
// tile of 3×3 taps otherwise reads them nine times through the second-level
// cache, whose bandwidth is what limits it.
struct Order {
	int taps, tap, k, perTap, perGroup;

	__device__ Order(int taps_, int channels, int depth, int stage) {
		bool together = channels % depth == 0 && taps_ != 0;
		taps = together ? taps_ : 1;
		perTap = together ? channels : 0, perGroup = depth - (taps - 1) * perTap;
		tap = stage % taps, k = tap * perTap + stage / taps * depth;
	}

	// next returns the first element of K of the next stage.
	__device__ int next() {
		int at = k;
		if (++tap == taps) tap = 0, k += perGroup;
		else k += perTap;
		return at;
	}
};

// gemm is the kernel: blocks are tiles (columns fastest, so that neighbours
// share the rows of A in the second-level cache) × splits of K × phases.
template <class P, class T, bool A_ALONG, bool B_ALONG>
__device__ inline void gemm(const GemmArgs& g, float* memory) {
	typedef Shared<P, T> S;
	int phase = blockIdx.z, across = int(g.phasesW);
	const Phase &rows = g.rows[phase / across], &columns = g.columns[phase % across];
	int places = int(g.images * rows.places.d * columns.places.d), taps = int(rows.taps.d * columns.taps.d), terms = taps * int(g.c.d);
	int height = A_ALONG ? places : terms, depth = A_ALONG ? terms : places;
	int m = blockIdx.x / int(g.tilesN) * T::M, n = blockIdx.x % int(g.tilesN) * T::N;
	if (m >= height) return; // phases of fewer places
	int thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
	int wm = warp % T::WARPS_M * T::WM, wn = warp / T::WARPS_M * T::WN;

	int from = int(g.splitTiles) * blockIdx.y, to = min(from + int(g.splitTiles), (depth + P::DEPTH - 1) / P::DEPTH);
	Product<P, T, A_ALONG, B_ALONG> p(g, rows, columns, memory, m, n, depth, thread);
	typedef SumsOf<P, T, A_ALONG, B_ALONG> Sums;
	typename Sums::Fragments fragments(wm, wn, lane);
	Sums sums;
	sums.clear();
	Order order(A_ALONG ? taps : 1, A_ALONG ? int(g.c.d) : 1, P::DEPTH, from);
	if constexpr (P::ASYNC) {
#pragma unroll
		for (int s = 0; s < S::STAGES - 1; s++) {
			if (from + s < to) p.load(s, order.next());
			cp_async_commit();
		}
		int stage = 0, next = S::STAGES - 1;
#pragma unroll 1
		for (int k = from; k < to; k++) {
			cp_async_wait<S::STAGES - 2>();
			__syncthreads(); // everybody's part has arrived, and stage next is read
			if (k + S::STAGES - 1 < to) p.load(next, order.next());
			cp_async_commit();
			const unsigned* tile = (const unsigned*)p.tile(stage);
			sums.add(fragments, tile, tile + S::LEFT);
			stage = stage + 1 == S::STAGES ? 0 : stage + 1;
			next = next + 1 == S::STAGES ? 0 : next + 1;
		}
		cp_async_wait<0>();
	} else if constexpr (P::WARPGROUPS) {
		// The stage that is stored was read two stages ago, by products for which
		// all waited before the last barrier. So those of one stage are under way
		// all the time, and those of the next are behind them before they are done.
		static_assert(S::STAGES == 3, "one that is stored and two that are read");
		int left = to - from;
		if (left > 0) p.load(0, order.next()), p.store(0);
		if (left > 1) p.load(0, order.next());
		int stage = 0;
#pragma unroll 1
		for (; left > 0; left--) {
			wgmma_publish();
			__syncthreads();
			sums.add(fragments, p.tile(stage), p.tile(stage) + S::LEFT);
			stage = stage + 1 == S::STAGES ? 0 : stage + 1;
			if (left > 1) p.store(stage);
			if (left > 2) p.load(0, order.next());
			wgmma_wait<1>();
		}
		wgmma_wait<0>();
		sums.settle();
	} else {
		if (from < to) p.load(0, order.next()), p.store(0);
		if (from + 1 < to) p.load(0, order.next());
#pragma unroll 1
		for (int k = from; k < to; k++) {
			__syncthreads();
			int stage = (k - from) % 2;
			const unsigned* tile = (const unsigned*)p.tile(stage);
			sums.add(fragments, tile, tile + S::LEFT);
			if (k + 1 < to) p.store(1 - stage);
			if (k + 2 < to) p.load(0, order.next());
		}
	}
	__syncthreads();
	sums.store(memory, wm, wn, lane);
	__syncthreads();
	Finish<P, T, A_ALONG>(g, rows, columns, memory, m, n, height).run();
}

// A precision's file lists its kernels with these, by the letters of a form.
#define GEMM_NN(P, T) DYNAMIC_SHARED(float, memory); gemm<P, T, true, false>(g, memory)
#define GEMM_NT(P, T) DYNAMIC_SHARED(float, memory); gemm<P, T, true, true>(g, memory)
#define GEMM_TN(P, T) DYNAMIC_SHARED(float, memory); gemm<P, T, false, false>(g, memory)
#define GEMM_TT(P, T) DYNAMIC_SHARED(float, memory); gemm<P, T, false, true>(g, memory)

// The same by warpgroups.
#define GEMM_WARPGROUPS_NN(P, T) DYNAMIC_SHARED_TILES(float, memory); gemm<P, T, true, false>(g, memory)
#define GEMM_WARPGROUPS_NT(P, T) DYNAMIC_SHARED_TILES(float, memory); gemm<P, T, true, true>(g, memory)
#define GEMM_WARPGROUPS_TN(P, T) DYNAMIC_SHARED_TILES(float, memory); gemm<P, T, false, false>(g, memory)
