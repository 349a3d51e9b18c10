// Running a kernel's blocks: what block.cpp offers to driver.cpp.
#pragma once

#include <string>

#include "device.h"

#pragma GCC visibility push(hidden)
namespace emulated {

// run computes a launch, block after block. It returns what went wrong, or an
// empty string. An access outside all allocations is reported by its address.
struct Wrong {
	std::string what;
	const void *address = nullptr;
};
Wrong run(const Kernel &k, dim3 grid, dim3 block, unsigned shared, void **params);

constexpr unsigned most_shared = 227 << 10;

// seed chooses the order in which blocks and threads take turns.
void seed(uint64_t s);

} // namespace emulated
#pragma GCC visibility pop
