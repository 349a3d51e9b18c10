// Element-wise operations: one kernel for functions of one instruction, one that
// interprets the code of chains.
#include "kernel.cuh"
#include "functions.cuh"

// How an operand is read, as in map.go.
enum Reading : int { SAME, ONE, REPEATED, STRIDED };

struct MapOperand {
	const float *x;
	long long reading;
	long long period; // REPEATED: the operand's elements, again and again
	long long strides[6];
};

struct MapInstr {
	long long fn, x, y;
	double a;
};

struct MapArgs {
	float *out;
	long long n, operands, len, rank;
	long long dims[6];
	MapOperand in[8];
	MapInstr code[24];
};

// offset returns the element of a strided operand for element i of the result.
__device__ inline long long offset(const MapArgs &g, const MapOperand &o, long long i) {
	long long at = 0;
	for (int axis = int(g.rank) - 1; axis > 0; axis--) {
		long long next = i / g.dims[axis];
		at += (i - next * g.dims[axis]) * o.strides[axis];
		i = next;
	}
	return at + i * o.strides[0];
}

__device__ inline float load(const MapArgs &g, const MapOperand &o, long long i) {
	switch (o.reading) {
	case SAME: return o.x[i];
	case ONE: return o.x[0];
	case REPEATED: return o.x[g.n < 1ll << 31 ? unsigned(i) % unsigned(o.period) : i % o.period];
	}
	return o.x[offset(g, o, i)];
}

// load4 reads the operand for elements i to i+3, of which the first count exist.
__device__ inline float4 load4(const MapArgs &g, const MapOperand &o, long long i, int count) {
	if (count == 4 && o.reading == SAME) return *reinterpret_cast<const float4 *>(o.x + i);
	if (count == 4 && o.reading == REPEATED && o.period % 4 == 0)
		return *reinterpret_cast<const float4 *>(o.x + (g.n < 1ll << 31 ? unsigned(i) % unsigned(o.period) : i % o.period));
	float v[4];
#pragma unroll
	for (int k = 0; k < 4; k++) v[k] = load(g, o, k < count ? i + k : i);
	return make_float4(v[0], v[1], v[2], v[3]);
}

__device__ inline void store4(float *out, float4 v, int count) {
	if (count == 4) {
		*reinterpret_cast<float4 *>(out) = v;
		return;
	}
	out[0] = v.x;
	if (count > 1) out[1] = v.y;
	if (count > 2) out[2] = v.z;
}

// evaluate4 is evaluate of four elements; the usual functions are worth a branch
// before the call.
__device__ inline float4 evaluate4(int fn, float4 x, float4 y, float a) {
	switch (fn) {
	case COPY: case DETACH: return x;
	case ADD: return make_float4(x.x + y.x, x.y + y.y, x.z + y.z, x.w + y.w);
	case SUB: return make_float4(x.x - y.x, x.y - y.y, x.z - y.z, x.w - y.w);
	case MUL: return make_float4(x.x * y.x, x.y * y.y, x.z * y.z, x.w * y.w);
	case SCALE: return make_float4(a * x.x, a * x.y, a * x.z, a * x.w);
	case OFFSET: return make_float4(x.x + a, x.y + a, x.z + a, x.w + a);
	}
	return make_float4(evaluate(fn, x.x, y.x, a), evaluate(fn, x.y, y.y, a), evaluate(fn, x.z, y.z, a), evaluate(fn, x.w, y.w, a));
}

// map_one applies a code of one instruction to four elements a thread.
extern "C" __global__ void __launch_bounds__(256) map_one(MapArgs g) {
	long long i = (blockIdx.x * 256ll + threadIdx.x) * 4;
	if (i >= g.n) return;
	int count = int(min(4ll, g.n - i));
	const MapInstr &c = g.code[0];
	float4 x = load4(g, g.in[c.x], i, count), y = x;
	if (g.operands > 1) y = load4(g, g.in[c.y], i, count);
	store4(g.out + i, evaluate4(int(c.fn), x, y, float(c.a)), count);
}

// map_chain interprets a code for four elements a thread. The results of the
// instructions lie in local memory, which stays in the first-level cache; each
// instruction is decoded once for the four.
extern "C" __global__ void __launch_bounds__(256) map_chain(MapArgs g) {
	long long i = (blockIdx.x * 256ll + threadIdx.x) * 4;
	if (i >= g.n) return;
	int count = int(min(4ll, g.n - i)), operands = int(g.operands);
	float4 r[32];
	for (int k = 0; k < operands; k++) r[k] = load4(g, g.in[k], i, count);
	for (int k = 0; k < int(g.len); k++) {
		const MapInstr &c = g.code[k];
		r[operands + k] = evaluate4(int(c.fn), r[c.x], r[c.y], float(c.a));
	}
	store4(g.out + i, r[operands + int(g.len) - 1], count);
}
