// Sums, means, moments and log-sum-exps along axes. Everything is added in
// double, in which the result is exact but for its own rounding; memory, not
// arithmetic, is what a reduction waits for.
#include "kernel.cuh"

// What is reduced to, as in reduce.go.
enum Reduction : int { SUM, MOMENTS, LOG_SUM_EXP, SQUARES };

struct ReduceArgs {
	const float *x;
	double *parts; // [parts][places][2]
	float *out;
	long long what, places, positions, inner; // inner: neighbouring places, 1 if the last axis is reduced
	long long keepRank, skipRank;
	long long keepDims[6], keepStrides[6], skipDims[6], skipStrides[6];
	long long parts_; // pieces of the positions
	double divisor;   // SUM
	double most;      // SQUARES: the largest norm
};

// A tally is two running numbers: a sum; a sum and a sum of squares, both of the
// differences from a shift; or the largest exponent and the sum of powers
// relative to it.
struct Tally { double a, b; };

__device__ inline Tally nothing(int what) { return {what == LOG_SUM_EXP ? -1.0 / 0.0 : 0.0, 0.0}; }

__device__ inline void add(int what, Tally &t, double x, double shift) {
	switch (what) {
	case SUM:
		t.a += x;
		break;
	case SQUARES:
		t.a += x * x;
		break;
	case MOMENTS:
		x -= shift;
		t.a += x;
		t.b += x * x;
		break;
	case LOG_SUM_EXP:
		if (x > t.a) {
			t.b = t.b * exp(t.a - x) + 1;
			t.a = x;
		} else {
			t.b += x == t.a ? 1.0 : exp(x - t.a);
		}
	}
}

__device__ inline void merge(int what, Tally &t, Tally o) {
	if (what != LOG_SUM_EXP) {
		t.a += o.a;
		t.b += o.b;
	} else if (o.a > t.a) {
		t.b = t.b * exp(t.a - o.a) + o.b;
		t.a = o.a;
	} else {
		t.b += o.a == t.a ? o.b : o.b * exp(o.a - t.a);
	}
}

__device__ inline long long placed(long long i, long long rank, const long long *dims, const long long *strides) {
	long long at = 0;
	for (int axis = int(rank) - 1; axis > 0; axis--) {
		long long next = i / dims[axis];
		at += (i - next * dims[axis]) * strides[axis];
		i = next;
	}
	return rank ? at + i * strides[0] : 0;
}

__device__ inline long long placeOffset(const ReduceArgs &g, long long place) {
	if (g.keepRank == 0) return place;
	return placed(place / g.inner, g.keepRank, g.keepDims, g.keepStrides) + place % g.inner;
}

// shiftOf is the place's first element, or 0 where that is infinite or NaN.
__device__ inline double shiftOf(const ReduceArgs &g, long long at) {
	double s = g.x[at];
	return s - s == 0 ? s : 0;
}

// finish writes the result of one place.
__device__ inline void finish(const ReduceArgs &g, long long place, Tally t) {
	switch (g.what) {
	case SUM:
		g.out[place] = float(t.a / g.divisor);
		break;
	case MOMENTS: {
		// As one difference is 0, the variance does not cancel to less than 0.
		double mean = t.a / double(g.positions), shift = shiftOf(g, placeOffset(g, place));
		g.out[place] = float(shift + mean);
		g.out[g.places + place] = float(t.b / double(g.positions) - mean * mean);
		break;
	}
	case LOG_SUM_EXP:
		g.out[place] = float(t.a + log(t.b));
		break;
	case SQUARES: {
		double factor = g.most / (sqrt(t.a) + 1e-6);
		g.out[place] = float(factor > 1 ? 1 : factor);
	}
	}
}

__device__ inline void keep(const ReduceArgs &g, long long place, long long part, Tally t) {
	if (g.parts_ == 1) {
		finish(g, place, t);
		return;
	}
	double *to = g.parts + (part * g.places + place) * 2;
	to[0] = t.a;
	to[1] = t.b;
}

// reduce_columns has one place for each lane of a block's 32 columns, and a
// warp for every 8th position of the block's part.
extern "C" __global__ void __launch_bounds__(256) reduce_columns(ReduceArgs g) {
	__shared__ double memory[8][32][2];
	int lane = threadIdx.x % 32, warp = threadIdx.x / 32, what = int(g.what);
	long long place = blockIdx.x * 32ll + lane, part = blockIdx.y;
	Tally t = nothing(what);
	if (place < g.places) {
		long long at = placeOffset(g, place), end = g.positions * (part + 1) / g.parts_;
		double shift = what == MOMENTS ? shiftOf(g, at) : 0;
		for (long long p = g.positions * part / g.parts_ + warp; p < end; p += 8)
			add(what, t, g.x[at + placed(p, g.skipRank, g.skipDims, g.skipStrides)], shift);
	}
	memory[warp][lane][0] = t.a;
	memory[warp][lane][1] = t.b;
	__syncthreads();
	if (warp != 0 || place >= g.places) return;
	for (int w = 1; w < 8; w++) merge(what, t, {memory[w][lane][0], memory[w][lane][1]});
	keep(g, place, part, t);
}

// reduce_few has a thread for each place, of which there are many and whose
// positions are few and lie side by side.
extern "C" __global__ void __launch_bounds__(256) reduce_few(ReduceArgs g) {
	int what = int(g.what);
	long long place = blockIdx.x * 256ll + threadIdx.x;
	if (place >= g.places) return;
	long long at = placeOffset(g, place);
	double shift = what == MOMENTS ? shiftOf(g, at) : 0;
	Tally t = nothing(what);
	for (long long p = 0; p < g.positions; p++)
		add(what, t, g.x[at + placed(p, g.skipRank, g.skipDims, g.skipStrides)], shift);
	finish(g, place, t);
}

// reduce_rows has one place a block, whose threads go through the positions of
// the block's part side by side.
extern "C" __global__ void __launch_bounds__(256) reduce_rows(ReduceArgs g) {
	__shared__ double memory[256][2];
	int what = int(g.what);
	long long place = blockIdx.x, part = blockIdx.y;
	long long at = placeOffset(g, place), end = g.positions * (part + 1) / g.parts_;
	double shift = what == MOMENTS ? shiftOf(g, at) : 0;
	Tally t = nothing(what);
	for (long long p = g.positions * part / g.parts_ + threadIdx.x; p < end; p += 256)
		add(what, t, g.x[at + placed(p, g.skipRank, g.skipDims, g.skipStrides)], shift);
	memory[threadIdx.x][0] = t.a;
	memory[threadIdx.x][1] = t.b;
	for (int half = 128; half > 0; half /= 2) {
		__syncthreads();
		if (threadIdx.x < half) {
			merge(what, t, {memory[threadIdx.x + half][0], memory[threadIdx.x + half][1]});
			memory[threadIdx.x][0] = t.a;
			memory[threadIdx.x][1] = t.b;
		}
	}
	if (threadIdx.x == 0) keep(g, place, part, t);
}

// reduce_parts adds the parts of each place in their order.
extern "C" __global__ void __launch_bounds__(256) reduce_parts(ReduceArgs g) {
	long long place = blockIdx.x * 256ll + threadIdx.x;
	if (place >= g.places) return;
	Tally t = nothing(int(g.what));
	for (long long part = 0; part < g.parts_; part++) {
		const double *from = g.parts + (part * g.places + place) * 2;
		merge(int(g.what), t, {from[0], from[1]});
	}
	finish(g, place, t);
}

// reduce_scale multiplies n elements with a number of the device.
extern "C" __global__ void __launch_bounds__(256) reduce_scale(const float *x, const float *factor, float *out, long long n) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i < n) out[i] = factor[0] * x[i];
}

// reduce_one_hot has a warp for each row of k elements: 1 at the first of the
// largest, 0 elsewhere, or NaN throughout where one is NaN.
extern "C" __global__ void __launch_bounds__(256) reduce_one_hot(const float *x, float *out, long long rows, long long k) {
	long long row = blockIdx.x * 8ll + threadIdx.x / 32;
	int lane = threadIdx.x % 32;
	bool real = row < rows;
	const float *from = x + (real ? row * k : 0);
	float best = -1.0f / 0.0f;
	long long at = k; // none yet
	bool nan = false;
	for (long long i = lane; real && i < k; i += 32) {
		float v = from[i];
		nan = nan || v != v;
		if (v > best || at == k) {
			best = v;
			at = i;
		}
	}
	for (int step = 16; step > 0; step /= 2) {
		float other = __shfl_xor_sync(0xffffffffu, best, step);
		long long otherAt = __shfl_xor_sync(0xffffffffu, at, step);
		if (otherAt < k && (at == k || other > best || (other == best && otherAt < at))) {
			best = other;
			at = otherAt;
		}
	}
	nan = __any_sync(0xffffffffu, nan);
	float filler = nan ? 0.0f / 0.0f : 0.0f;
	for (long long i = lane; real && i < k; i += 32) out[row * k + i] = i == at && !nan ? 1.0f : filler;
}
