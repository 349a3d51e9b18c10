// Products of bfloat16: 8 significant bits, float32 sums. Operands and results
// in global memory are float32.
//
// Two stages of 32 elements of K take 4·(M+N) KB at M and N in units of 32, half
// of TF32's; registers limit the blocks of a multiprocessor, as the next stage
// but one waits in them.
//
// compute_80
#include "gemm_tile.cuh"

typedef Tile<128, 128, 64, 32, 2, false> Tile128x128; // dynamic shared: 69632 B
typedef Tile<128, 64, 64, 32, 2, false> Tile128x64; // dynamic shared: 36864 B
typedef Tile<128, 32, 32, 32, 2, false> Tile128x32; // dynamic shared: 20480 B
typedef Tile<64, 64, 32, 32, 2, true> Tile64x64; // dynamic shared: 18432 B
typedef Tile<64, 32, 32, 16, 2, true> Tile64x32; // dynamic shared: 12288 B

extern "C" __global__ void __launch_bounds__(Tile128x128::THREADS, 1) gemm_bf16_nn_128x128(GemmArgs g) { GEMM_NN(BF16, Tile128x128); }
extern "C" __global__ void __launch_bounds__(Tile128x128::THREADS, 1) gemm_bf16_nt_128x128(GemmArgs g) { GEMM_NT(BF16, Tile128x128); }
extern "C" __global__ void __launch_bounds__(Tile128x128::THREADS, 1) gemm_bf16_tn_128x128(GemmArgs g) { GEMM_TN(BF16, Tile128x128); }

extern "C" __global__ void __launch_bounds__(Tile128x64::THREADS, 2) gemm_bf16_nn_128x64(GemmArgs g) { GEMM_NN(BF16, Tile128x64); }
extern "C" __global__ void __launch_bounds__(Tile128x64::THREADS, 2) gemm_bf16_nt_128x64(GemmArgs g) { GEMM_NT(BF16, Tile128x64); }
extern "C" __global__ void __launch_bounds__(Tile128x64::THREADS, 2) gemm_bf16_tn_128x64(GemmArgs g) { GEMM_TN(BF16, Tile128x64); }

extern "C" __global__ void __launch_bounds__(Tile128x32::THREADS, 2) gemm_bf16_nn_128x32(GemmArgs g) { GEMM_NN(BF16, Tile128x32); }
extern "C" __global__ void __launch_bounds__(Tile128x32::THREADS, 2) gemm_bf16_nt_128x32(GemmArgs g) { GEMM_NT(BF16, Tile128x32); }

extern "C" __global__ void __launch_bounds__(Tile64x64::THREADS, 3) gemm_bf16_nn_64x64(GemmArgs g) { GEMM_NN(BF16, Tile64x64); }
extern "C" __global__ void __launch_bounds__(Tile64x64::THREADS, 3) gemm_bf16_nt_64x64(GemmArgs g) { GEMM_NT(BF16, Tile64x64); }
extern "C" __global__ void __launch_bounds__(Tile64x64::THREADS, 3) gemm_bf16_tn_64x64(GemmArgs g) { GEMM_TN(BF16, Tile64x64); }

extern "C" __global__ void __launch_bounds__(Tile64x32::THREADS, 3) gemm_bf16_nn_64x32(GemmArgs g) { GEMM_NN(BF16, Tile64x32); }
extern "C" __global__ void __launch_bounds__(Tile64x32::THREADS, 3) gemm_bf16_nt_64x32(GemmArgs g) { GEMM_NT(BF16, Tile64x32); }
extern "C" __global__ void __launch_bounds__(Tile64x32::THREADS, 3) gemm_bf16_tn_64x32(GemmArgs g) { GEMM_TN(BF16, Tile64x32); }
extern "C" __global__ void __launch_bounds__(Tile64x32::THREADS, 3) gemm_bf16_tt_64x32(GemmArgs g) { GEMM_TT(BF16, Tile64x32); }
