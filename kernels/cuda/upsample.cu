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
// element of the large one is a sum of. Along an axis all is below 2³⁰, as the
// launcher sees to: divisions of 64 bits take registers that the gradient does
// not have.
struct Pair { int at; float first, second; };

// pairOf follows kernels.UpsampleMode.Taps: pixels are squares whose centres
// have the values, and the image is constant beyond the outermost.
__device__ inline Pair pairOf(int o, int size, int scale, bool bilinear) {
	if (!bilinear) return {o / scale, 1, 0};
	int unit = 2 * scale, centre = max(2 * o + 1 - scale, 0), at = centre / unit, past = centre % unit;
	if (past == 0 || at == size - 1) return {at, 1, 0};
	return {at, float(unit - past) / float(unit), float(past) / float(unit)};
}

extern "C" __global__ void __launch_bounds__(256) upsample(UpsampleArgs g) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i >= g.n) return;
	long long large = g.h * g.scaleH, wide = g.w * g.scaleW;
	long long pixel = i / g.c, row = pixel / wide, image = row / large;
	Pair q = pairOf(int(pixel - row * wide), int(g.w), int(g.scaleW), g.bilinear);
	Pair r = pairOf(int(row - image * large), int(g.h), int(g.scaleH), g.bilinear);
	const float *x = g.x + ((image * g.h + r.at) * g.w + q.at) * g.c + (i - pixel * g.c);
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
__device__ inline float weight(Pair p, int at) { return at == p.at ? p.first : at == p.at + 1 ? p.second : 0; }

extern "C" __global__ void __launch_bounds__(256) upsample_grad(UpsampleArgs g) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i >= g.n) return;
	long long pixel = i / g.c, line = pixel / g.w, image = line / g.h;
	int h = int(g.h), w = int(g.w), scaleH = int(g.scaleH), scaleW = int(g.scaleW), reach = g.bilinear ? 1 : 0;
	int row = int(line - image * h), column = int(pixel - line * w), wide = w * scaleW;
	int bottom = min((row + 1 + reach) * scaleH, h * scaleH), left = max((column - reach) * scaleW, 0), right = min((column + 1 + reach) * scaleW, wide);
	const float *x = g.x + image * h * scaleH * wide * g.c + (i - pixel * g.c);
	float sum = 0;
	for (int r = max((row - reach) * scaleH, 0); r < bottom; r++) {
		float u = weight(pairOf(r, h, scaleH, g.bilinear), row);
		if (u == 0) continue;
		// Unrolled, more would be at hand than a division leaves registers for.
#pragma unroll 1
		for (int q = left; q < right; q++) {
			float v = weight(pairOf(q, w, scaleW, g.bilinear), column);
			if (v != 0) sum += u * v * x[((long long)r * wide + q) * g.c];
		}
	}
	g.out[i] = sum;
}
