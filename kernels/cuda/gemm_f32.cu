// Products of float32 on CUDA cores: --precision f32, and cards before sm_80.
//
// A lane of a 64×32 warp has 8×8 sums and reads 16 words of shared memory for 64
// multiply-adds, lanes in a row or column the same. Stages fit the 64 KB of a
// multiprocessor of compute_75.
#include "gemm_tile.cuh"

typedef Tile<128, 64, 64, 32, 3, false> Tile128x64; // dynamic shared: 36864 B
typedef Tile<64, 64, 32, 32, 3, true> Tile64x64; // dynamic shared: 24576 B
typedef Tile<64, 32, 32, 16, 3, true> Tile64x32; // dynamic shared: 18432 B

extern "C" __global__ void __launch_bounds__(Tile128x64::THREADS, 2) gemm_f32_nn_128x64(GemmArgs g) { GEMM_NN(F32, Tile128x64); }
extern "C" __global__ void __launch_bounds__(Tile128x64::THREADS, 2) gemm_f32_nt_128x64(GemmArgs g) { GEMM_NT(F32, Tile128x64); }
extern "C" __global__ void __launch_bounds__(Tile128x64::THREADS, 2) gemm_f32_tn_128x64(GemmArgs g) { GEMM_TN(F32, Tile128x64); }

extern "C" __global__ void __launch_bounds__(Tile64x64::THREADS, 3) gemm_f32_nn_64x64(GemmArgs g) { GEMM_NN(F32, Tile64x64); }
extern "C" __global__ void __launch_bounds__(Tile64x64::THREADS, 3) gemm_f32_nt_64x64(GemmArgs g) { GEMM_NT(F32, Tile64x64); }
extern "C" __global__ void __launch_bounds__(Tile64x64::THREADS, 3) gemm_f32_tn_64x64(GemmArgs g) { GEMM_TN(F32, Tile64x64); }

extern "C" __global__ void __launch_bounds__(Tile64x32::THREADS, 4) gemm_f32_nn_64x32(GemmArgs g) { GEMM_NN(F32, Tile64x32); }
extern "C" __global__ void __launch_bounds__(Tile64x32::THREADS, 4) gemm_f32_nt_64x32(GemmArgs g) { GEMM_NT(F32, Tile64x32); }
extern "C" __global__ void __launch_bounds__(Tile64x32::THREADS, 4) gemm_f32_tn_64x32(GemmArgs g) { GEMM_TN(F32, Tile64x32); }
extern "C" __global__ void __launch_bounds__(Tile64x32::THREADS, 4) gemm_f32_tt_64x32(GemmArgs g) { GEMM_TT(F32, Tile64x32); }
