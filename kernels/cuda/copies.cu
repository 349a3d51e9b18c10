// Operations that move elements, and change their types at most.
#include "kernel.cuh"

struct CopyArgs {
	const void *from;
	void *to;
	long long n, rank;
	long long dims[6], fromStrides[6], toStrides[6];
};

// copy moves element i of an array to its place in another, both with strides.
template <class T> __device__ inline void copy(const CopyArgs &g) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i >= g.n) return;
	long long from = 0, to = 0;
	for (int axis = int(g.rank) - 1; axis > 0; axis--) {
		long long next = i / g.dims[axis], k = i - next * g.dims[axis];
		from += k * g.fromStrides[axis];
		to += k * g.toStrides[axis];
		i = next;
	}
	static_cast<T *>(g.to)[to + i * g.toStrides[0]] = static_cast<const T *>(g.from)[from + i * g.fromStrides[0]];
}

extern "C" __global__ void __launch_bounds__(256) copies_1(CopyArgs g) { copy<unsigned char>(g); }
extern "C" __global__ void __launch_bounds__(256) copies_4(CopyArgs g) { copy<unsigned>(g); }
extern "C" __global__ void __launch_bounds__(256) copies_8(CopyArgs g) { copy<unsigned long long>(g); }

// copies_pad copies [outer size inner] into [outer whole inner], from before on,
// among zeros.
extern "C" __global__ void __launch_bounds__(256) copies_pad(const float *from, float *to, long long n, long long size, long long whole, long long before, long long inner) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i >= n) return;
	long long row = i / inner, at = row % whole - before, outer = row / whole;
	to[i] = at >= 0 && at < size ? from[(outer * size + at) * inner + i % inner] : 0;
}

// copies_gather picks rows of data by their numbers and scales them; a number
// that is not one of a row gives NaN.
template <class T> __device__ inline void gather(const T *data, const int *index, float *out, long long n, long long size, long long rows, float factor) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i >= n) return;
	long long row = index[i / size];
	out[i] = row >= 0 && row < rows ? float(data[row * size + i % size]) * factor : 0.0f / 0.0f;
}

extern "C" __global__ void __launch_bounds__(256) copies_gather_u8(const unsigned char *data, const int *index, float *out, long long n, long long size, long long rows, double factor) {
	gather(data, index, out, n, size, rows, float(factor));
}
extern "C" __global__ void __launch_bounds__(256) copies_gather_f32(const float *data, const int *index, float *out, long long n, long long size, long long rows, double factor) {
	gather(data, index, out, n, size, rows, float(factor));
}

// copies_scatter replaces rows of data by others; of several for one place the
// last counts. Each thread makes one element, so out may be data.
extern "C" __global__ void __launch_bounds__(256) copies_scatter(const float *data, const float *rows, const int *index, float *out, long long n, long long size, long long count) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i >= n) return;
	float v = data[i];
	for (long long b = 0; b < count; b++)
		if (index[b] == i / size) v = rows[b * size + i % size];
	out[i] = v;
}

// copies_cast_FROM_TO changes the type; to int is towards 0, within its bounds,
// and of NaN 0.
extern "C" __global__ void __launch_bounds__(256) copies_cast_i32_f32(const int *from, float *to, long long n) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i < n) to[i] = float(from[i]);
}
extern "C" __global__ void __launch_bounds__(256) copies_cast_u8_f32(const unsigned char *from, float *to, long long n) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i < n) to[i] = float(from[i]);
}
extern "C" __global__ void __launch_bounds__(256) copies_cast_f32_i32(const float *from, int *to, long long n) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i < n) to[i] = __float2int_rz(from[i]);
}
extern "C" __global__ void __launch_bounds__(256) copies_cast_u8_i32(const unsigned char *from, int *to, long long n) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i < n) to[i] = from[i];
}
