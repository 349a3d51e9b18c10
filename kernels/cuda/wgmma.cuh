// Products by warpgroups, for files of compute_90a: four warps, the first of
// them a multiple of four, multiply two tiles that lie in shared memory and go
// on meanwhile.
#pragma once
#include "kernel.cuh"

// A tile as wgmma reads it: rows of M or N, 64 or 128 bytes of K each, one after
// the other, in which the groups of 16 bytes are permuted as the hardware does
// by the bits of an address: bits 4 and 5 are exclusive-ored with bits 7 and 8
// (rows of 64 bytes), 4 to 6 with 7 to 9 (128). So a tile begins at a multiple
// of 1024. wgmma_tile encodes the address and the bytes of eight rows in units
// of 16 bytes (PTX ISA, Asynchronous Warpgroup Level Matrix Shared Memory
// Layout); 16 bytes further along K is 1 more.
__device__ __forceinline__ unsigned long long wgmma_tile(unsigned address, int rowBytes) {
	unsigned long long swizzle = rowBytes == 128 ? 1 : 2;
	return (address & 0x3ffff) >> 4 | 1ull << 16 | (unsigned long long)(8 * rowBytes >> 4) << 32 | swizzle << 62;
}

#ifdef __CUDACC__

// DYNAMIC_SHARED_TILES is DYNAMIC_SHARED at a multiple of 1024.
#define DYNAMIC_SHARED_TILES(type, name)                                    \
	extern __shared__ __align__(1024) unsigned char hourglass_shared_tiles[]; \
	type *name = reinterpret_cast<type *>(hourglass_shared_tiles)

// wgmma_publish lets products that begin after the next barrier read what this
// thread wrote to shared memory. All threads call it, and up to that barrier
// write no more there.
__device__ __forceinline__ void wgmma_publish() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// wgmma_fence stands between other uses of sums and the first of the products
// that follow. Those up to a wgmma_commit are a group; wgmma_wait<N> returns when
// all of this warpgroup's groups but the last N are done, and have read their
// tiles. Sums are not touched meanwhile, and wgmma_sums keeps the compiler from
// it: it stands before the fence and after the last wait.
__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int N> __device__ __forceinline__ void wgmma_wait() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory"); }
__device__ __forceinline__ void wgmma_sums(float (&d)[64]) {
#pragma unroll
	for (int i = 0; i < 64; i++) asm volatile("" : "+f"(d[i])::"memory");
}

#define WGMMA_8(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define WGMMA_64(d) WGMMA_8(d, 0), WGMMA_8(d, 8), WGMMA_8(d, 16), WGMMA_8(d, 24), WGMMA_8(d, 32), WGMMA_8(d, 40), WGMMA_8(d, 48), WGMMA_8(d, 56)
#define WGMMA_REGISTERS                                                    \
	"{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"                \
	"%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"       \
	"%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,"       \
	"%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}"

// wgmma_tf32_64x128x8 begins to add the product of a [64 8] and b [8 128], rows
// of K, to d [64 128] over the 128 lanes of a warpgroup. Warp w has rows 16w to
// 16w+15 of d, and of every eight columns, with g = lane/4 and t = lane%4,
//   [g][2t] [g][2t+1] [g+8][2t] [g+8][2t+1].
__device__ __forceinline__ void wgmma_tf32_64x128x8(float (&d)[64], unsigned long long a, unsigned long long b) {
	asm volatile("{ .reg .pred add; setp.eq.u32 add, 0, 0;\n"
		"wgmma.mma_async.sync.aligned.m64n128k8.f32.tf32.tf32 " WGMMA_REGISTERS ", %64, %65, add, 1, 1; }"
		: WGMMA_64(d) : "l"(a), "l"(b));
}

// wgmma_bf16_64x128x16 is the same of 16 bfloat16 along K.
__device__ __forceinline__ void wgmma_bf16_64x128x16(float (&d)[64], unsigned long long a, unsigned long long b) {
	asm volatile("{ .reg .pred add; setp.eq.u32 add, 0, 0;\n"
		"wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " WGMMA_REGISTERS ", %64, %65, add, 1, 1, 0, 0; }"
		: WGMMA_64(d) : "l"(a), "l"(b));
}

#endif
