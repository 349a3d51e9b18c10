// Enlargement of images [N H W C] by whole factors, and its adjoint.
#include "kernel.cuh"

struct UpsampleArgs {
	const float *x;
	float *out;
	long long n;          // elements of the result
	long long h, w, c;    // the small image
	long long scaleH, scaleW, bilinear;
};

// A Pair is the one or two places along an axis of the small image that an
// element of the large one is a sum of.
struct Pair { long long at; float first, second; };

// pairOf follows kernels.UpsampleMode.Taps: pixels are squares whose centres
// have the values, and the image is constant beyond the outermost.
__device__ inline Pair pairOf(long long o, long long size, long long scale, bool bilinear) {
	if (!bilinear) return {o / scale, 1, 0};
	long long unit = 2 * scale, centre = max(2 * o + 1 - scale, 0ll), at = centre / unit, past = centre % unit;
	if (past == 0 || at == size - 1) return {at, 1, 0};
	return {at, float(unit - past) / float(unit), float(past) / float(unit)};
}

extern "C" __global__ void __launch_bounds__(256) upsample(UpsampleArgs g) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i >= g.n) return;
	long long c = i % g.c, column = i / g.c, row = column / (g.w * g.scaleW);
	Pair q = pairOf(column % (g.w * g.scaleW), g.w, g.scaleW, g.bilinear);
	Pair r = pairOf(row % (g.h * g.scaleH), g.h, g.scaleH, g.bilinear);
	const float *x = g.x + ((row / (g.h * g.scaleH) * g.h + r.at) * g.w + q.at) * g.c + c;
	float v = q.first * x[0];
	if (q.second != 0) v += q.second * x[g.c];
	v *= r.first;
	if (r.second != 0) {
		x += g.w * g.c;
		float below = q.first * x[0];
		if (q.second != 0) below += q.second * x[g.c];
		v += r.second * below;
	}
	g.out[i] = v;
}

// weight is what an element of the large image takes of one of the small one.
__device__ inline float weight(Pair p, long long at) { return at == p.at ? p.first : at == p.at + 1 ? p.second : 0; }

extern "C" __global__ void __launch_bounds__(256) upsample_grad(UpsampleArgs g) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i >= g.n) return;
	long long c = i % g.c, column = i / g.c % g.w, row = i / g.c / g.w % g.h, image = i / g.c / g.w / g.h;
	long long large = g.h * g.scaleH, wide = g.w * g.scaleW, reach = g.bilinear ? 1 : 0;
	long long bottom = min((row + 1 + reach) * g.scaleH, large), right = min((column + 1 + reach) * g.scaleW, wide);
	float sum = 0;
	for (long long r = max((row - reach) * g.scaleH, 0ll); r < bottom; r++) {
		float u = weight(pairOf(r, g.h, g.scaleH, g.bilinear), row);
		if (u == 0) continue;
		for (long long q = max((column - reach) * g.scaleW, 0ll); q < right; q++) {
			float v = weight(pairOf(q, g.w, g.scaleW, g.bilinear), column);
			if (v != 0) sum += u * v * g.x[((image * large + r) * wide + q) * g.c + c];
		}
	}
	g.out[i] = sum;
}
