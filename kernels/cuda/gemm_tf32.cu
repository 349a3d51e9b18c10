// Products of TF32: 11 significant bits, float32 sums.
//
// Registers and shared memory allow the blocks that __launch_bounds__ names on
// sm_80 (164 KB of shared memory a multiprocessor, of which a block takes 1 KB
// more than it asks for) and on sm_90 (228 KB).
// A warp reads (WM+WN)·32 bytes of shared memory for WM·WN/128 products of
// 16×8×8, at 128 bytes and half a product (sm_80) a clock: 64×64 and 64×32 keep
// the tensor cores busy, 32×32 is even, 32×16 waits for shared memory and serves
// results too small to fill the multiprocessors otherwise.
//
// compute_80
#include "gemm_tile.cuh"

typedef Tile<128, 128, 64, 64, 4, false> Tile128x128; // dynamic shared: 69632 B
typedef Tile<128, 64, 64, 32, 3, false> Tile128x64; // dynamic shared: 73728 B
typedef Tile<128, 32, 32, 32, 4, false> Tile128x32; // dynamic shared: 81920 B
typedef Tile<64, 64, 32, 32, 3, true> Tile64x64; // dynamic shared: 49152 B
typedef Tile<64, 32, 32, 16, 4, true> Tile64x32; // dynamic shared: 49152 B

extern "C" __global__ void __launch_bounds__(Tile128x128::THREADS, 2) gemm_tf32_nn_128x128(GemmArgs g) { GEMM_NN(TF32Shallow, Tile128x128); }
extern "C" __global__ void __launch_bounds__(Tile128x128::THREADS, 2) gemm_tf32_nt_128x128(GemmArgs g) { GEMM_NT(TF32Shallow, Tile128x128); }
extern "C" __global__ void __launch_bounds__(Tile128x128::THREADS, 2) gemm_tf32_tn_128x128(GemmArgs g) { GEMM_TN(TF32Shallow, Tile128x128); }

extern "C" __global__ void __launch_bounds__(Tile128x64::THREADS, 2) gemm_tf32_nn_128x64(GemmArgs g) { GEMM_NN(TF32, Tile128x64); }
extern "C" __global__ void __launch_bounds__(Tile128x64::THREADS, 2) gemm_tf32_nt_128x64(GemmArgs g) { GEMM_NT(TF32, Tile128x64); }
extern "C" __global__ void __launch_bounds__(Tile128x64::THREADS, 2) gemm_tf32_tn_128x64(GemmArgs g) { GEMM_TN(TF32, Tile128x64); }

extern "C" __global__ void __launch_bounds__(Tile128x32::THREADS, 2) gemm_tf32_nn_128x32(GemmArgs g) { GEMM_NN(TF32, Tile128x32); }
extern "C" __global__ void __launch_bounds__(Tile128x32::THREADS, 2) gemm_tf32_nt_128x32(GemmArgs g) { GEMM_NT(TF32, Tile128x32); }

extern "C" __global__ void __launch_bounds__(Tile64x64::THREADS, 3) gemm_tf32_nn_64x64(GemmArgs g) { GEMM_NN(TF32, Tile64x64); }
extern "C" __global__ void __launch_bounds__(Tile64x64::THREADS, 3) gemm_tf32_nt_64x64(GemmArgs g) { GEMM_NT(TF32, Tile64x64); }
extern "C" __global__ void __launch_bounds__(Tile64x64::THREADS, 3) gemm_tf32_tn_64x64(GemmArgs g) { GEMM_TN(TF32, Tile64x64); }

extern "C" __global__ void __launch_bounds__(Tile64x32::THREADS, 3) gemm_tf32_nn_64x32(GemmArgs g) { GEMM_NN(TF32, Tile64x32); }
extern "C" __global__ void __launch_bounds__(Tile64x32::THREADS, 3) gemm_tf32_nt_64x32(GemmArgs g) { GEMM_NT(TF32, Tile64x32); }
extern "C" __global__ void __launch_bounds__(Tile64x32::THREADS, 3) gemm_tf32_tn_64x32(GemmArgs g) { GEMM_TN(TF32, Tile64x32); }
extern "C" __global__ void __launch_bounds__(Tile64x32::THREADS, 3) gemm_tf32_tt_64x32(GemmArgs g) { GEMM_TT(TF32, Tile64x32); }
