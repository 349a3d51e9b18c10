// Products by warpgroups as the emulated device wants them, and with each of the
// mistakes that it has to notice: a GPU would give wrong numbers, now and then.
#include "../../wgmma.cuh"

// compute_90a

enum Mistake { NONE, UNPUBLISHED, ONE_PUBLISHES, PUBLISHED_EARLY, NO_BARRIER, UNFENCED, TOUCHED_FENCED, TOUCHED_MEANWHILE, UNSETTLED, OVERWRITTEN, UNCOMMITTED, ONE_WARP_LESS };

// Compiled for a GPU the mistaken kernels are empty: ptxas would see some of the
// mistakes, and make kernels refuse the file.
#ifdef __CUDACC__
constexpr bool EMULATED = false;
#else
constexpr bool EMULATED = true;
#endif

constexpr int ROWS = 64, COLUMNS = 128, WORDS = 16; // of K: rows of 64 bytes

__device__ __forceinline__ int placeOf(int row, int word) { return row * WORDS + ((word >> 2 ^ row >> 1 & 3) << 2) + (word & 3); }

// product is out [64 128] = a [64 16] · bᵀ, b [128 16], by 128 threads.
template <Mistake M> __device__ __forceinline__ void product(float *out, const float *a, const float *b) {
	if (M != NONE && !EMULATED) return;
	DYNAMIC_SHARED_TILES(float, left);
	float *right = left + ROWS * WORDS;
	int thread = threadIdx.x, warp = thread / 32, lane = thread % 32;
	float sums[64];
	for (int i = 0; i < 64; i++) sums[i] = 0;
	if (M != UNSETTLED) wgmma_sums(sums);
	for (int i = thread; i < ROWS * WORDS; i += 128) left[placeOf(i / WORDS, i % WORDS)] = a[i];
	if (M == PUBLISHED_EARLY) wgmma_publish();
	for (int i = thread; i < COLUMNS * WORDS; i += 128) right[placeOf(i / WORDS, i % WORDS)] = b[i];
	if (M != UNPUBLISHED && M != PUBLISHED_EARLY && (M != ONE_PUBLISHES || thread == 0)) wgmma_publish();
	if (M != NO_BARRIER) {
		__syncthreads();
	}
	if (M != ONE_WARP_LESS || warp < 3) {
		if (M != UNFENCED) {
			wgmma_fence();
		}
		if (M == TOUCHED_FENCED) sums[5] += 1;
		for (int k = 0; k < 2; k++) {
			unsigned long long rows = wgmma_tile(shared_address(left), 4 * WORDS) + 2 * k, columns = wgmma_tile(shared_address(right), 4 * WORDS) + 2 * k;
			wgmma_tf32_64x128x8(sums, rows, columns);
		}
		if (M != UNCOMMITTED) {
			wgmma_commit();
		}
		if (M == TOUCHED_MEANWHILE) sums[7] = 0;
		if (M == OVERWRITTEN && thread == 0) left[0] += 1;
		wgmma_wait<0>();
	}
	wgmma_sums(sums);
	for (int i = 0; i < 64; i++) {
		int row = warp * 16 + lane / 4 + i / 2 % 2 * 8, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
		out[row * COLUMNS + column] = sums[i];
	}
}

extern "C" __global__ void __launch_bounds__(128) warpgroup_product(float *out, const float *a, const float *b) { product<NONE>(out, a, b); }
extern "C" __global__ void __launch_bounds__(128) warpgroup_unpublished(float *out, const float *a, const float *b) { product<UNPUBLISHED>(out, a, b); }
extern "C" __global__ void __launch_bounds__(128) warpgroup_one_publishes(float *out, const float *a, const float *b) { product<ONE_PUBLISHES>(out, a, b); }
extern "C" __global__ void __launch_bounds__(128) warpgroup_published_early(float *out, const float *a, const float *b) { product<PUBLISHED_EARLY>(out, a, b); }
extern "C" __global__ void __launch_bounds__(128) warpgroup_no_barrier(float *out, const float *a, const float *b) { product<NO_BARRIER>(out, a, b); }
extern "C" __global__ void __launch_bounds__(128) warpgroup_unfenced(float *out, const float *a, const float *b) { product<UNFENCED>(out, a, b); }
extern "C" __global__ void __launch_bounds__(128) warpgroup_touched_fenced(float *out, const float *a, const float *b) { product<TOUCHED_FENCED>(out, a, b); }
extern "C" __global__ void __launch_bounds__(128) warpgroup_touched_meanwhile(float *out, const float *a, const float *b) { product<TOUCHED_MEANWHILE>(out, a, b); }
extern "C" __global__ void __launch_bounds__(128) warpgroup_unsettled(float *out, const float *a, const float *b) { product<UNSETTLED>(out, a, b); }
extern "C" __global__ void __launch_bounds__(128) warpgroup_overwritten(float *out, const float *a, const float *b) { product<OVERWRITTEN>(out, a, b); }
extern "C" __global__ void __launch_bounds__(128) warpgroup_uncommitted(float *out, const float *a, const float *b) { product<UNCOMMITTED>(out, a, b); }
extern "C" __global__ void __launch_bounds__(128) warpgroup_one_warp_less(float *out, const float *a, const float *b) { product<ONE_WARP_LESS>(out, a, b); }
