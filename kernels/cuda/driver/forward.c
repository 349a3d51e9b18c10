//go:build gpu

// Every function of the driver, defined here and forwarded to the library that
// hourglass_load opens: a program that is linked with them starts where there
// is no driver. Until then all but cuInit fail; cuInit does nothing, since
// gorgonia.org/cu calls it when the program starts and ends the process if that
// fails.

#include "forward.h"

#include <dlfcn.h>
#include <stdio.h>

#define HIDDEN __attribute__((visibility("hidden")))

static struct {
	int loaded;
#define CALL(name, symbol, params, args) CUresult(*name) params;
#include "calls.h"
#undef CALL
} driver;

HIDDEN CUresult cuInit(unsigned int flags) { return CUDA_SUCCESS; }

#define CALL(name, symbol, params, args)                                              \
	HIDDEN CUresult name params {                                                     \
		if (!driver.name)                                                             \
			return driver.loaded ? CUDA_ERROR_NOT_FOUND : CUDA_ERROR_NOT_INITIALIZED; \
		return driver.name args;                                                      \
	}
#include "calls.h"
#undef CALL

HIDDEN const char *hourglass_load(const char *path) {
	static char reason[512];
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return dlerror();
	CUresult (*init)(unsigned int) = dlsym(library, "cuInit");
	if (!init) {
		snprintf(reason, sizeof reason, "%s is not a CUDA driver: it has no cuInit", path);
		return reason;
	}
#define CALL(name, symbol, params, args) driver.name = dlsym(library, #symbol);
#include "calls.h"
#undef CALL
	driver.loaded = 1;
	CUresult result = init(0);
	if (result == CUDA_SUCCESS)
		return NULL;
	const char *text = NULL;
	if (cuGetErrorString(result, &text) != CUDA_SUCCESS || !text)
		text = "unknown error";
	snprintf(reason, sizeof reason, "the driver cannot start: %s (error %d)", text, result);
	return reason;
}

HIDDEN CUresult hourglass_launch(CUcontext ctx, CUstream stream, CUfunction f, unsigned *size, uint64_t *slots, int n, int whole) {
	void *params[512];
	if (n > 512)
		return CUDA_ERROR_INVALID_VALUE;
	for (int i = 0; i < (whole ? 1 : n); i++)
		params[i] = &slots[i];
	CUresult result = cuCtxSetCurrent(ctx);
	if (result != CUDA_SUCCESS)
		return result;
	return cuLaunchKernel(f, size[0], size[1], size[2], size[3], size[4], size[5], size[6], stream, params, NULL);
}

HIDDEN CUresult hourglass_copy_in(CUcontext ctx, CUstream stream, CUdeviceptr to, const void *from, size_t bytes) {
	CUresult result = cuCtxSetCurrent(ctx);
	return result == CUDA_SUCCESS ? cuMemcpyHtoDAsync(to, from, bytes, stream) : result;
}

HIDDEN CUresult hourglass_replay(CUcontext ctx, CUstream stream, CUgraphExec graph) {
	CUresult result = cuCtxSetCurrent(ctx);
	return result == CUDA_SUCCESS ? cuGraphLaunch(graph, stream) : result;
}
