#include <cuda.h>

// hourglass_load opens the driver's library and starts the driver. It returns
// NULL, or the reason why there is none.
const char *hourglass_load(const char *path);

// hourglass_launch makes ctx current and launches a kernel, all in one call
// from Go. size is grid, block and dynamic shared memory; the parameters are n
// slots of eight bytes, or the one struct that they make up.
CUresult hourglass_launch(CUcontext ctx, CUstream stream, CUfunction f, unsigned *size, uint64_t *slots, int n, int whole);

// hourglass_copy_in makes ctx current and copies from pinned memory to the device.
CUresult hourglass_copy_in(CUcontext ctx, CUstream stream, CUdeviceptr to, const void *from, size_t bytes);

// hourglass_replay makes ctx current and launches a graph.
CUresult hourglass_replay(CUcontext ctx, CUstream stream, CUgraphExec graph);
