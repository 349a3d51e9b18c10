// The CUDA language for g++: a .cu file that includes kernel.cuh compiles, and
// runs on the emulated device. A block's threads run one after the other on one
// thread of the host, each until it comes to a barrier.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <type_traits>
#include <utility>

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x = 1, y = 1, z = 1; };
struct alignas(8) float2 { float x, y; };
struct float3 { float x, y, z; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) double2 { double x, y; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(4) uchar4 { unsigned char x, y, z, w; };
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline double2 make_double2(double x, double y) { return {x, y}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

#pragma GCC visibility push(hidden)

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace emulated {

// What the lanes of a warp do together. Each leaves its operands where the
// scheduler finds them, which does it for all lanes at once.
enum class Together {
	sync, shuffle, ballot, mma_tf32, mma_bf16, ldmatrix, ldmatrix_trans,
	wgmma_tf32, wgmma_bf16, wgmma_fence, wgmma_commit, wgmma_wait
};
struct Shuffle { uint64_t bits; int from; };
struct Ballot { bool vote; unsigned votes; };
struct Mma { float *d; const unsigned *a, *b; };
struct Rows { unsigned *r; const void *row; };
struct Wgmma { float *d; uint64_t a, b; };

void barrier(int line);
void together(Together what, unsigned mask, void *operands, int line);
void copy_later(void *to, const void *from, int size, int bytes);
void commit_copies();
void wait_copies(int but);
void publish();
void settle(float *sums);
unsigned shared_address(const void *p);
extern unsigned char *dynamic_shared;

template <class T> T shuffle(unsigned mask, T v, int from, int line) {
	static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
	Shuffle s{0, from};
	memcpy(&s.bits, &v, sizeof v);
	together(Together::shuffle, mask, &s, line);
	memcpy(&v, &s.bits, sizeof v);
	return v;
}

inline int lane() { return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32; }

inline unsigned ballot(unsigned mask, bool vote, int line) {
	Ballot b{vote, 0};
	together(Together::ballot, mask, &b, line);
	return b.votes;
}

// A kernel as the driver finds it by its name, with its parameters' sizes.
struct Kernel {
	const char *name;
	void (*run)(void **params);
	int params;
	const size_t *sizes;
	Kernel *next;
};
void add(Kernel *k);

template <auto F> struct Entry;
template <class... A, void (*F)(A...)> struct Entry<F> {
	static constexpr size_t sizes[] = {sizeof(A)..., 0};
	template <size_t... I> static void call(void **params, std::index_sequence<I...>) {
		F(*static_cast<std::remove_const_t<A> *>(params[I])...);
	}
	static void run(void **params) { call(params, std::index_sequence_for<A...>()); }
	static_assert(((sizeof(A) % 8 == 0) && ...) && (sizeof...(A) == 1 || ((sizeof(A) == 8) && ...)),
		"a kernel's parameters are of eight bytes each, or one struct of such");
	Kernel k;
	Entry(const char *name) : k{name, run, sizeof...(A), sizes, nullptr} { add(&k); }
};

} // namespace emulated

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __shared__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define DYNAMIC_SHARED(type, name) type *name = reinterpret_cast<type *>(emulated::dynamic_shared)

#define __syncthreads() emulated::barrier(__LINE__)
#define __syncwarp(...) emulated::together(emulated::Together::sync, 0xffffffffu, nullptr, __LINE__)
#define __ballot_sync(mask, vote) emulated::ballot(mask, vote, __LINE__)
#define __any_sync(mask, vote) (emulated::ballot(mask, vote, __LINE__) != 0)
#define __all_sync(mask, vote) (emulated::ballot(mask, vote, __LINE__) == (mask))

template <class T> T __shfl_sync(unsigned mask, T v, int from, int width = 32) {
	int l = emulated::lane();
	return emulated::shuffle(mask, v, (l & ~(width - 1)) + (from & (width - 1)), 1);
}
template <class T> T __shfl_xor_sync(unsigned mask, T v, int bits, int width = 32) {
	int l = emulated::lane(), from = l ^ bits;
	return emulated::shuffle(mask, v, from < (l & ~(width - 1)) + width ? from : l, 2);
}
template <class T> T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32) {
	int l = emulated::lane(), from = l + int(delta);
	return emulated::shuffle(mask, v, from < (l & ~(width - 1)) + width ? from : l, 3);
}
template <class T> T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32) {
	int l = emulated::lane(), from = l - int(delta);
	return emulated::shuffle(mask, v, from >= (l & ~(width - 1)) ? from : l, 4);
}

inline void __threadfence() {}
inline void __threadfence_block() {}
template <class T> T __ldg(const T *p) { return *p; }
inline unsigned atomicAdd(unsigned *p, unsigned v) { return (*p += v) - v; }
inline int atomicAdd(int *p, int v) { return (*p += v) - v; }
inline unsigned atomicInc(unsigned *p, unsigned most) { unsigned old = *p; *p = old >= most ? 0 : old + 1; return old; }

inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
inline long long min(long long a, long long b) { return a < b ? a : b; }
inline long long max(long long a, long long b) { return a > b ? a : b; }
using std::isfinite;
using std::isinf;
using std::isnan;

template <class To, class From> To bits_as(From x) {
	static_assert(sizeof(To) == sizeof(From));
	To y;
	memcpy(&y, &x, sizeof y);
	return y;
}
inline unsigned __float_as_uint(float x) { return bits_as<unsigned>(x); }
inline int __float_as_int(float x) { return bits_as<int>(x); }
inline float __uint_as_float(unsigned x) { return bits_as<float>(x); }
inline float __int_as_float(int x) { return bits_as<float>(x); }
inline long long __double_as_longlong(double x) { return bits_as<long long>(x); }
inline double __longlong_as_double(long long x) { return bits_as<double>(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (uint64_t(a) * b) >> 32; }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) { return ((unsigned __int128)a * b) >> 64; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1 / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline float __fadd_rn(float x, float y) { volatile float s = x + y; return s; }
inline float __fmul_rn(float x, float y) { volatile float p = x * y; return p; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __saturatef(float x) { return x >= 1 ? 1 : x > 0 ? x : 0; }
inline float __int2float_rn(int x) { return float(x); }
inline int __float2int_rn(float x) { return int(rintf(x)); }
inline int __float2int_rz(float x) {
	return x != x ? 0 : x >= 2147483648.0f ? 2147483647 : x < -2147483648.0f ? -2147483647 - 1 : int(x);
}

inline unsigned tf32(float x) {
	unsigned u = __float_as_uint(x);
	return x - x == 0 ? (u + 0x1000) & ~0x1fffu : x == x ? u : 0x7fffffffu;
}
inline unsigned bf16(float x) {
	unsigned u = __float_as_uint(x);
	return x == x ? (u + 0x7fff + (u >> 16 & 1)) >> 16 : 0x7fffu;
}
inline unsigned bf16x2(float low, float high) { return bf16(low) | bf16(high) << 16; }

#define mma_tf32_16x8x8(d, a, b) emulated::mma(emulated::Together::mma_tf32, d, a, b, __LINE__)
#define mma_bf16_16x8x16(d, a, b) emulated::mma(emulated::Together::mma_bf16, d, a, b, __LINE__)
#define ldmatrix_x4(r, row) emulated::rows(emulated::Together::ldmatrix, r, row, __LINE__)
#define ldmatrix_x4_trans(r, row) emulated::rows(emulated::Together::ldmatrix_trans, r, row, __LINE__)

namespace emulated {
inline void mma(Together what, float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], int line) {
	Mma m{d, a, b};
	together(what, 0xffffffffu, &m, line);
}
inline void rows(Together what, unsigned (&r)[4], const void *row, int line) {
	Rows m{r, row};
	together(what, 0xffffffffu, &m, line);
}
inline void wgmma(Together what, float (&d)[64], uint64_t a, uint64_t b, int line) {
	Wgmma m{d, a, b};
	together(what, 0xffffffffu, &m, line);
}
} // namespace emulated

#define DYNAMIC_SHARED_TILES DYNAMIC_SHARED
#define wgmma_tf32_64x128x8(d, a, b) emulated::wgmma(emulated::Together::wgmma_tf32, d, a, b, __LINE__)
#define wgmma_bf16_64x128x16(d, a, b) emulated::wgmma(emulated::Together::wgmma_bf16, d, a, b, __LINE__)
#define wgmma_fence() emulated::together(emulated::Together::wgmma_fence, 0xffffffffu, nullptr, __LINE__)
#define wgmma_commit() emulated::together(emulated::Together::wgmma_commit, 0xffffffffu, nullptr, __LINE__)
template <int N> void wgmma_wait() {
	int but = N;
	emulated::together(emulated::Together::wgmma_wait, 0xffffffffu, &but, N);
}
inline void wgmma_publish() { emulated::publish(); }
inline void wgmma_sums(float (&d)[64]) { emulated::settle(d); }
inline unsigned shared_address(const void *p) { return emulated::shared_address(p); }

#pragma GCC visibility pop

inline void cp_async_16(void *to, const void *from, int bytes = 16) { emulated::copy_later(to, from, 16, bytes); }
inline void cp_async_16_again(void *to, const void *from, int bytes = 16) { cp_async_16(to, from, bytes); }
inline void cp_async_4(void *to, const void *from, int bytes = 4) { emulated::copy_later(to, from, 4, bytes); }
inline void cp_async_commit() { emulated::commit_copies(); }
template <int N> void cp_async_wait() { emulated::wait_copies(N); }
