// The second pass of products whose sums are cut into parts.
#include "kernel.cuh"
#include "functions.cuh"

struct SumArgs {
	const float *parts, *bias, *y; // bias and y may be null
	float* out;
	long long size, count; // elements of the result, and parts of that size
	long long n;           // columns of the result
	long long fn;          // as in GemmArgs
	double constant;
};

// gemm_sum adds up the parts, in an order that their number alone decides, and
// applies the epilogue. A warp has 32 elements and every 8th part.
extern "C" __global__ void __launch_bounds__(256) gemm_sum(SumArgs g) {
	__shared__ float memory[8][32];
	int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
	long long at = blockIdx.x * 32ll + lane;
	float sum = 0;
	if (at < g.size)
#pragma unroll 4
		for (int part = warp; part < int(g.count); part += 8) sum += g.parts[part * g.size + at];
	memory[warp][lane] = sum;
	__syncthreads();
	if (warp != 0 || at >= g.size) return;
#pragma unroll
	for (int w = 1; w < 8; w++) sum += memory[w][lane];
	if (g.bias) sum += g.bias[at % g.n];
	g.out[at] = epilogue1(int(g.fn), sum, g.y ? g.y[at] : 0, g.y != 0, float(g.constant));
}
