// What every kernel file includes, first and alone: under nvcc it adds a few
// inline functions to the language; under g++ it makes the same file compile
// against the emulated device in emulated/src. The package's documentation
// (doc.go) says what a kernel must keep to.
#pragma once

#ifdef __CUDACC__

// DYNAMIC_SHARED(float, tile) declares float *tile: the launch's dynamic shared
// memory, at a multiple of 16 bytes.
#define DYNAMIC_SHARED(type, name)                                  \
	extern __shared__ __align__(16) unsigned char hourglass_shared[]; \
	type *name = reinterpret_cast<type *>(hourglass_shared)

// tf32 rounds to the nearest number of 11 significant bits, as the tensor cores
// want their operands. compute_80.
__device__ __forceinline__ unsigned tf32(float x) {
	unsigned r;
	asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(x));
	return r;
}

// bf16x2 rounds two numbers to bfloat16, the first in the lower half.
// compute_80.
__device__ __forceinline__ unsigned bf16x2(float low, float high) {
	unsigned r;
	asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
	return r;
}

// mma_tf32_16x8x8 adds the product of a [16 8] and b [8 8] to d [16 8] over the
// 32 lanes of a warp. With g = lane/4 and t = lane%4 a lane holds
//   a: [g][t] [g+8][t] [g][t+4] [g+8][t+4]   b: [t][g] [t+4][g]
//   d: [g][2t] [g][2t+1] [g+8][2t] [g+8][2t+1]
// compute_80.
__device__ __forceinline__ void mma_tf32_16x8x8(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
	asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
		: "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
		: "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// mma_bf16_16x8x16 adds the product of a [16 16] and b [16 8] to d [16 8]; every
// word of a and b is two bfloat16 that follow each other along the summed axis:
//   a: [g][2t] [g+8][2t] [g][2t+8] [g+8][2t+8]   b: [2t][g] [2t+8][g]   d as above
// compute_80.
__device__ __forceinline__ void mma_bf16_16x8x16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
	asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
		: "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
		: "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ __forceinline__ unsigned shared_address(const void *p) {
	return static_cast<unsigned>(__cvta_generic_to_shared(p));
}

// ldmatrix_x4 loads four matrices of eight rows of 16 bytes. Lane l gives the
// address of row l%8 of matrix l/8, and gets from each matrix the word l%4 of
// row l/4. With trans (elements of two bytes alone) it gets the elements 2(l%4)
// and 2(l%4)+1 of column l/4.
__device__ __forceinline__ void ldmatrix_x4(unsigned (&r)[4], const void *row) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
		: "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}
__device__ __forceinline__ void ldmatrix_x4_trans(unsigned (&r)[4], const void *row) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
		: "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

// cp_async_16 begins to copy 16 bytes to shared memory, of which those from
// bytes on are zeros: with bytes 0 nothing is read, wherever from is, but that
// is a multiple of the size. cp_async_16_again is the same of what the block
// will read again, and keeps it in the first-level cache; cp_async_4 is the same
// of 4 bytes. The copies up to a cp_async_commit are a group; cp_async_wait<N>
// returns when all of this thread's groups but the last N are there, and other
// threads see them after a barrier. Before compute_80 the copies are done at
// once.
#if __CUDA_ARCH__ >= 800
__device__ __forceinline__ void cp_async_16(void *to, const void *from, int bytes = 16) {
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes) : "memory");
}
__device__ __forceinline__ void cp_async_16_again(void *to, const void *from, int bytes = 16) {
	asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes) : "memory");
}
__device__ __forceinline__ void cp_async_4(void *to, const void *from, int bytes = 4) {
	asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes) : "memory");
}
__device__ __forceinline__ void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N> __device__ __forceinline__ void cp_async_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }
#else
__device__ __forceinline__ void cp_async_16(void *to, const void *from, int bytes = 16) {
	const float *f = static_cast<const float *>(from);
	float4 v = bytes == 16 ? *reinterpret_cast<const float4 *>(f)
		: make_float4(bytes > 0 ? f[0] : 0, bytes > 4 ? f[1] : 0, bytes > 8 ? f[2] : 0, 0);
	*static_cast<float4 *>(to) = v;
}
__device__ __forceinline__ void cp_async_16_again(void *to, const void *from, int bytes = 16) { cp_async_16(to, from, bytes); }
__device__ __forceinline__ void cp_async_4(void *to, const void *from, int bytes = 4) {
	*static_cast<float *>(to) = bytes ? *static_cast<const float *>(from) : 0;
}
__device__ __forceinline__ void cp_async_commit() {}
template <int N> __device__ __forceinline__ void cp_async_wait() {}
#endif

#else
#include "emulated/src/device.h"
#endif
