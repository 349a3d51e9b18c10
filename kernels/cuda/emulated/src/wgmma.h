// Products by warpgroups: what wgmma.cpp offers to block.cpp.
#pragma once

#include <string>

#include "device.h"

#pragma GCC visibility push(hidden)
namespace emulated {

// wgmma_begin starts a block with that dynamic shared memory.
void wgmma_begin(const unsigned char *shared, size_t bytes);

// wgmma_visible makes shared memory what products read that begin from now on.
void wgmma_visible();

// wgmma_settle notes that a thread, of one of its block's warps, is done with
// its sums: it returns what is wrong, or an empty string.
std::string wgmma_settle(int thread, float *sums);

// What the lanes of a warp ask for together, one of its block's: it returns what
// is wrong, or an empty string.
std::string wgmma_together(int warp, Together what, void *const *lanes);

// wgmma_end returns what is wrong at the end of a block of so many threads.
std::string wgmma_end(int threads);

} // namespace emulated
#pragma GCC visibility pop
