// Products of TF32 by warpgroups, for Hopper alone; gemm_tf32.cu has those of
// other cards and of operands that these do not take.
//
// Two warpgroups have 64 or 128 rows each and all columns. A 64×128 product of 8
// of K takes 64 clocks and reads 64+128 rows of 32 bytes, 96 bytes a clock of 128;
// 256×128 tiles are stored meanwhile at 48 bytes a clock, 128×128 at 64: nine
// and eight tenths of the peak, where mma.sync reaches half. Before that comes
// the second-level cache: 48 bytes a clock feed 256×128 at the peak, 128×128 at
// three quarters, if taps find nothing in the first level; at 32 it is two thirds
// and a half. An H200 that gave 0.67·494 TFLOP/s would take 29 µs for the 9.7
// GFLOP of a 3×3 convolution of 128 channels on 128 images of 16×16, mma.sync
// at half of its peak 39. It has 128 tiles of 256×128 for 132 multiprocessors.
// Tiles of 64 columns would read 128 bytes a clock and be stored at 80 more: no
// faster than those of mma.sync, which has them.
//
// Registers: 128 or 64 sums, 48 or 32 operands on their way, and places: up to 249 of
// 255 for one block a multiprocessor, 128 of 128 for two. Three stages of 32 of K
// are 144 KB, and twice 96 KB, of 227; at least 60 KB remain as first-level
// cache, for the pixels that taps share.
//
// compute_90a
#include "gemm_tile.cuh"

typedef Tile<256, 128, 32, 128, 3, false> Tile256x128; // dynamic shared: 147456 B
typedef Tile<128, 128, 16, 128, 3, false> Tile128x128; // dynamic shared: 98304 B

extern "C" __global__ void __launch_bounds__(Tile256x128::THREADS, 1) gemm_wgmma_tf32_nn_256x128(GemmArgs g) { GEMM_WARPGROUPS_NN(TF32Warpgroups, Tile256x128); }
extern "C" __global__ void __launch_bounds__(Tile256x128::THREADS, 1) gemm_wgmma_tf32_nt_256x128(GemmArgs g) { GEMM_WARPGROUPS_NT(TF32Warpgroups, Tile256x128); }
extern "C" __global__ void __launch_bounds__(Tile256x128::THREADS, 1) gemm_wgmma_tf32_tn_256x128(GemmArgs g) { GEMM_WARPGROUPS_TN(TF32Warpgroups, Tile256x128); }

extern "C" __global__ void __launch_bounds__(Tile128x128::THREADS, 2) gemm_wgmma_tf32_nn_128x128(GemmArgs g) { GEMM_WARPGROUPS_NN(TF32Warpgroups, Tile128x128); }
extern "C" __global__ void __launch_bounds__(Tile128x128::THREADS, 2) gemm_wgmma_tf32_nt_128x128(GemmArgs g) { GEMM_WARPGROUPS_NT(TF32Warpgroups, Tile128x128); }
extern "C" __global__ void __launch_bounds__(Tile128x128::THREADS, 2) gemm_wgmma_tf32_tn_128x128(GemmArgs g) { GEMM_WARPGROUPS_TN(TF32Warpgroups, Tile128x128); }
