// Products of bfloat16 by warpgroups, for Hopper alone; gemm_bf16.cu has those
// of other cards and of operands that these do not take.
//
// As in gemm_wgmma_tf32.cu, with half the bytes in shared memory, twice the speed
// of tensor cores and the same float32 from the second-level cache. So that is
// the limit: 48 bytes a clock feed 256×128 tiles at half of the peak, which is a
// third more than 128×128 of either kind get. Taps that find their pixels in the
// first level take less. Dynamic shared memory is that of the sums on their way
// to the result, as three stages of 64 bytes along K are 72 and 48 KB.
//
// compute_90a
#include "gemm_tile.cuh"

typedef Tile<256, 128, 32, 128, 3, false> Tile256x128; // dynamic shared: 139264 B
typedef Tile<128, 128, 16, 128, 3, false> Tile128x128; // dynamic shared: 69632 B

extern "C" __global__ void __launch_bounds__(Tile256x128::THREADS, 1) gemm_wgmma_bf16_nn_256x128(GemmArgs g) { GEMM_WARPGROUPS_NN(BF16Warpgroups, Tile256x128); }
extern "C" __global__ void __launch_bounds__(Tile256x128::THREADS, 1) gemm_wgmma_bf16_nt_256x128(GemmArgs g) { GEMM_WARPGROUPS_NT(BF16Warpgroups, Tile256x128); }
extern "C" __global__ void __launch_bounds__(Tile256x128::THREADS, 1) gemm_wgmma_bf16_tn_256x128(GemmArgs g) { GEMM_WARPGROUPS_TN(BF16Warpgroups, Tile256x128); }

extern "C" __global__ void __launch_bounds__(Tile128x128::THREADS, 2) gemm_wgmma_bf16_nn_128x128(GemmArgs g) { GEMM_WARPGROUPS_NN(BF16Warpgroups, Tile128x128); }
extern "C" __global__ void __launch_bounds__(Tile128x128::THREADS, 2) gemm_wgmma_bf16_nt_128x128(GemmArgs g) { GEMM_WARPGROUPS_NT(BF16Warpgroups, Tile128x128); }
extern "C" __global__ void __launch_bounds__(Tile128x128::THREADS, 2) gemm_wgmma_bf16_tn_128x128(GemmArgs g) { GEMM_WARPGROUPS_TN(BF16Warpgroups, Tile128x128); }
