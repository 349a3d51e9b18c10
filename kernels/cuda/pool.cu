// Pooling of images [N H W C], a thread for each element of the result. The
// gradients gather: each image element looks at the windows over it, so that
// nothing is added in an order that could change.
#include "kernel.cuh"

struct PoolArgs {
	const float *x, *other; // other: the second operand of max pooling's gradients
	float *out;
	long long n; // elements of the result
	long long h, w, c, oh, ow, kh, kw, sh, sw, top, left;
	long long countPad;
};

// A Span is some neighbouring rows or columns. Along an axis all is below 2³⁰, as
// the launcher sees to: divisions of 64 bits take registers that the gradients
// do not have.
struct Span { int from, to; };

// under returns what a window covers along an axis, over the windows that cover
// a place.
__device__ inline Span under(int window, long long stride, long long before, long long kernel, long long size) {
	int from = window * int(stride) - int(before);
	return {max(from, 0), min(from + int(kernel), int(size))};
}
__device__ inline Span over(int place, long long stride, long long kernel, long long windows) {
	return {max((place - int(kernel) + int(stride)) / int(stride), 0), min(place / int(stride) + 1, int(windows))};
}

struct Place { long long n; int i, j, c; };

__device__ inline Place placeOf(long long at, long long h, long long w, long long c) {
	long long pixel = at / c, row = pixel / w, n = row / h;
	return {n, int(row - n * h), int(pixel - row * w), int(at - pixel * c)};
}

// maximum returns the offset of a window's maximum in the image: the first of
// the largest, or the last NaN.
__device__ inline long long maximum(const PoolArgs &g, const Place &p) {
	Span rows = under(p.i, g.sh, g.top, g.kh, g.h), columns = under(p.j, g.sw, g.left, g.kw, g.w);
	long long best = -1;
	float most = 0;
	for (int r = rows.from; r < rows.to; r++)
		for (int q = columns.from; q < columns.to; q++) {
			long long at = ((p.n * g.h + r) * g.w + q) * g.c + p.c;
			float v = g.x[at];
			if (best < 0 || v > most || v != v) {
				best = at;
				most = v;
			}
		}
	return best;
}

extern "C" __global__ void __launch_bounds__(256) pool_max(PoolArgs g) {
	long long at = blockIdx.x * 256ll + threadIdx.x;
	if (at < g.n) g.out[at] = g.x[maximum(g, placeOf(at, g.oh, g.ow, g.c))];
}

extern "C" __global__ void __launch_bounds__(256) pool_max_select(PoolArgs g) {
	long long at = blockIdx.x * 256ll + threadIdx.x;
	if (at < g.n) g.out[at] = g.other[maximum(g, placeOf(at, g.oh, g.ow, g.c))];
}

extern "C" __global__ void __launch_bounds__(256) pool_max_grad(PoolArgs g) {
	long long at = blockIdx.x * 256ll + threadIdx.x;
	if (at >= g.n) return;
	Place p = placeOf(at, g.h, g.w, g.c);
	Span rows = over(p.i + int(g.top), g.sh, g.kh, g.oh), columns = over(p.j + int(g.left), g.sw, g.kw, g.ow);
	float sum = 0;
	for (int r = rows.from; r < rows.to; r++)
		for (int q = columns.from; q < columns.to; q++)
			if (maximum(g, {p.n, r, q, p.c}) == at) sum += g.other[((p.n * g.oh + r) * g.ow + q) * g.c + p.c];
	g.out[at] = sum;
}

// count is the divisor of a window's mean.
__device__ inline float count(const PoolArgs &g, int i, int j) {
	if (g.countPad) return float(int(g.kh)) * float(int(g.kw));
	Span rows = under(i, g.sh, g.top, g.kh, g.h), columns = under(j, g.sw, g.left, g.kw, g.w);
	return float(rows.to - rows.from) * float(columns.to - columns.from);
}

extern "C" __global__ void __launch_bounds__(256) pool_avg(PoolArgs g) {
	long long at = blockIdx.x * 256ll + threadIdx.x;
	if (at >= g.n) return;
	Place p = placeOf(at, g.oh, g.ow, g.c);
	Span rows = under(p.i, g.sh, g.top, g.kh, g.h), columns = under(p.j, g.sw, g.left, g.kw, g.w);
	float sum = 0;
	for (int r = rows.from; r < rows.to; r++)
		for (int q = columns.from; q < columns.to; q++) sum += g.x[((p.n * g.h + r) * g.w + q) * g.c + p.c];
	g.out[at] = sum / count(g, p.i, p.j);
}

extern "C" __global__ void __launch_bounds__(256) pool_avg_grad(PoolArgs g) {
	long long at = blockIdx.x * 256ll + threadIdx.x;
	if (at >= g.n) return;
	Place p = placeOf(at, g.h, g.w, g.c);
	Span rows = over(p.i + int(g.top), g.sh, g.kh, g.oh), columns = over(p.j + int(g.left), g.sw, g.kw, g.ow);
	float sum = 0;
	for (int r = rows.from; r < rows.to; r++)
		for (int q = columns.from; q < columns.to; q++)
			sum += g.x[((p.n * g.oh + r) * g.ow + q) * g.c + p.c] / count(g, r, q);
	g.out[at] = sum;
}
