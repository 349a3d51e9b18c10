// Kernels that use what the emulated device has to offer, and misuse it.
#include "../../kernel.cuh"

// compute_80

extern "C" __global__ void __launch_bounds__(256) trial_add(float *out, const float *a, const float *b, long long n) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i < n)
		out[i] = a[i] + b[i];
}

// trial_sum adds the elements of each block: with as few as one barrier too few
// it is wrong, as the threads' order is shuffled.
template <bool Waits> __device__ __forceinline__ void sum(float *out, const float *in) {
	__shared__ float part[8];
	float x = in[blockIdx.x * 256 + threadIdx.x];
	for (int d = 16; d > 0; d /= 2)
		x += __shfl_xor_sync(0xffffffff, x, d);
	if (threadIdx.x % 32 == 0)
		part[threadIdx.x / 32] = x;
	if (Waits) {
		__syncthreads();
	}
	if (threadIdx.x == 0) {
		float total = 0;
		for (int w = 0; w < 8; w++)
			total += part[w];
		out[blockIdx.x] = total;
	}
}

extern "C" __global__ void __launch_bounds__(256) trial_sum(float *out, const float *in) { sum<true>(out, in); }
extern "C" __global__ void __launch_bounds__(256) trial_race(float *out, const float *in) { sum<false>(out, in); }

struct TrialProduct {
	float *out;
	const float *a, *b;
	long long k;
	double scale;
};

// trial_product is out [16 8] = scale · a [16 k] · b [k 8], in TF32, with
// operands that come by cp.async.
extern "C" __global__ void __launch_bounds__(32) trial_product(TrialProduct p) {
	DYNAMIC_SHARED(float, tile);
	float *a = tile, *b = tile + 16 * 8;
	const int l = threadIdx.x, g = l / 4, t = l % 4;
	float d[4] = {0, 0, 0, 0};
	for (int k = 0; k < p.k; k += 8) {
		cp_async_16(a + 4 * l, p.a + l / 2 * p.k + k + l % 2 * 4);
		if (l < 16)
			cp_async_16(b + 4 * l, p.b + k * 8 + 4 * l);
		cp_async_commit();
		cp_async_wait<0>();
		__syncthreads();
		unsigned x[4] = {tf32(a[g * 8 + t]), tf32(a[(g + 8) * 8 + t]), tf32(a[g * 8 + t + 4]), tf32(a[(g + 8) * 8 + t + 4])};
		unsigned y[2] = {tf32(b[t * 8 + g]), tf32(b[(t + 4) * 8 + g])};
		mma_tf32_16x8x8(d, x, y);
		__syncthreads();
	}
	for (int i = 0; i < 4; i++)
		p.out[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = d[i] * float(p.scale);
}

// trial_halves is the same of bfloat16 with k = 16, by ldmatrix.
extern "C" __global__ void __launch_bounds__(32) trial_halves(float *out, const float *a, const float *b) {
	__shared__ __align__(16) unsigned short x[16][16], y[16][8];
	const int l = threadIdx.x;
	for (int i = l; i < 256; i += 32)
		x[i / 16][i % 16] = bf16x2(a[i], 0) & 0xffff;
	for (int i = l; i < 128; i += 32)
		y[i / 8][i % 8] = bf16x2(b[i], 0) & 0xffff;
	__syncwarp();
	unsigned p[4], q[4];
	ldmatrix_x4(p, &x[l % 16][l / 16 * 8]);
	ldmatrix_x4_trans(q, &y[l % 16][0]);
	unsigned r[2] = {q[0], q[1]};
	float d[4] = {0, 0, 0, 0};
	mma_bf16_16x8x16(d, p, r);
	for (int i = 0; i < 4; i++)
		out[(l / 4 + i / 2 * 8) * 8 + l % 4 * 2 + i % 2] = d[i];
}

// trial_askew loads matrices from addresses that are multiples of 8 alone.
extern "C" __global__ void __launch_bounds__(32) trial_askew(float *out) {
	__shared__ __align__(16) unsigned short rows[33][8];
	for (int i = threadIdx.x; i < 33 * 8; i += 32)
		rows[i / 8][i % 8] = i;
	__syncwarp();
	unsigned r[4];
	ldmatrix_x4(r, &rows[threadIdx.x][4]);
	out[threadIdx.x] = r[0];
}

extern "C" __global__ void trial_past(float *out, long long n) { out[n + threadIdx.x] = 1; }

extern "C" __global__ void trial_divergent(float *out) {
	if (threadIdx.x < 16) {
		__syncthreads();
	}
	out[threadIdx.x] = 1;
}

extern "C" __global__ void trial_lanes(float *out) {
	float x = 1;
	if (threadIdx.x % 2) {
		x = __shfl_down_sync(0xffffffff, x, 1);
	}
	out[threadIdx.x] = x;
}

extern "C" __global__ void __launch_bounds__(64) trial_votes(unsigned *out) {
	unsigned v = __ballot_sync(0xffffffff, threadIdx.x % 3 == 0);
	out[threadIdx.x] = v;
}

// trial_late reads what it copied before it is there.
extern "C" __global__ void __launch_bounds__(32) trial_late(float *out, const float *in) {
	DYNAMIC_SHARED(float, tile);
	cp_async_16(tile + 4 * threadIdx.x, in + 4 * threadIdx.x);
	cp_async_commit();
	cp_async_wait<1>();
	__syncwarp();
	out[threadIdx.x] = tile[4 * threadIdx.x];
}
