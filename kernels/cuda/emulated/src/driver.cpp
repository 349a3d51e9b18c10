// The functions of the CUDA driver that Hourglass calls, over memory of the
// host: a libcuda for tests. What a stream is told to do is done as late as it
// may be, so that work which somebody forgot to wait for is seen to be missing.
// Mistakes that a GPU would not tell are errors here, and their texts, which
// cuGetErrorString returns, say what happened where.
//
// The environment variable HOURGLASS_EMULATED holds words:
//   devices=N capability=87 memory=BYTES seed=N
//   fail=KIND:N   the N-th of a kind of calls fails: alloc, copy, load (of a
//                 module), launch (asynchronously), refuse (a launch, at once),
//                 or lost (any call: the device is gone)

#include <cuda.h>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sys/mman.h>
#include <vector>

#include "block.h"

#define API extern "C" __attribute__((visibility("default"))) CUresult

namespace {

using emulated::Kernel;

std::recursive_mutex everything;
#define LOCK std::lock_guard<std::recursive_mutex> lock(everything)

constexpr CUresult lost = CUDA_ERROR_UNKNOWN;

using Work = std::function<void()>;

struct Allocation { size_t size; unsigned char *map; size_t mapped; };

} // namespace

struct CUgraph_st { std::vector<Work> work; };
struct CUgraphExec_st { std::shared_ptr<std::vector<Work>> work; };
struct CUstream_st {
	CUcontext ctx;
	std::deque<Work> queue;
	CUgraph capture = nullptr;
	bool invalid = false; // the capture
};
struct CUevent_st {
	CUstream stream = nullptr;
	bool done = true;
	std::chrono::steady_clock::time_point when;
};
struct CUctx_st {
	int device = 0, users = 0;
	CUresult error = CUDA_SUCCESS; // of asynchronous work; it stays
	std::map<CUdeviceptr, Allocation> memory;
	std::set<CUstream> streams;
	size_t used = 0;
};
struct CUfunc_st { const Kernel *kernel; int shared = 48 << 10; };
struct CUmod_st { std::string image; std::map<std::string, std::unique_ptr<CUfunc_st>> functions; };

namespace {

Kernel *kernels;
CUctx_st contexts[8];
thread_local CUcontext current;
std::map<CUresult, std::string> details;
std::map<void *, size_t> pinned;

// option returns the number behind a word of the environment variable.
long option(const char *name, long otherwise) {
	const char *all = getenv("HOURGLASS_EMULATED");
	const std::string word = std::string(name) + "=";
	const char *at = all ? strstr(all, word.c_str()) : nullptr;
	return at ? atol(at + word.size()) : otherwise;
}

CUresult complain(CUresult code, const std::string &text) {
	details[code] = text;
	return code;
}

// due reports whether this call is the one that is to fail.
bool due(const char *kind) {
	static std::string seen;
	static std::map<std::string, long> calls;
	const char *all = getenv("HOURGLASS_EMULATED");
	if (seen != (all ? all : "")) {
		seen = all ? all : "";
		calls.clear();
	}
	const std::string word = std::string("fail=") + kind + ":";
	const size_t at = seen.find(word);
	return at != std::string::npos && ++calls[kind] == atol(seen.c_str() + at + word.size());
}

std::map<std::string, long> calls; // of the driver, by their names

CUresult enter(const char *call) {
	calls[call]++;
	if (!current)
		return complain(CUDA_ERROR_INVALID_CONTEXT, "a call on a thread that has no current context");
	if (current->error == CUDA_SUCCESS && due("lost"))
		current->error = complain(lost, "emulated: the device was lost");
	return current->error;
}
#define ENTER                                                      \
	LOCK;                                                          \
	if (CUresult failed = enter(__func__); failed != CUDA_SUCCESS) \
		return failed;

void drain(CUstream s) {
	while (!s->queue.empty()) {
		Work w = std::move(s->queue.front());
		s->queue.pop_front();
		if (s->ctx->error == CUDA_SUCCESS)
			w();
	}
}

void drain(CUcontext c) {
	for (CUstream s : c->streams)
		drain(s);
}

CUresult capturing(const char *call) {
	for (CUstream s : current->streams)
		if (s->capture) {
			s->invalid = true;
			return complain(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, std::string(call) + " while a stream is recorded");
		}
	return CUDA_SUCCESS;
}
#define NOT_CAPTURED(call)                                      \
	if (CUresult busy = capturing(call); busy != CUDA_SUCCESS) \
		return busy;

CUresult enqueue(CUstream s, Work w) {
	if (!s || !current->streams.count(s))
		return complain(CUDA_ERROR_INVALID_HANDLE, "work for a stream that is not one of the current context");
	if (s->capture)
		s->capture->work.push_back(std::move(w));
	else
		s->queue.push_back(std::move(w));
	return CUDA_SUCCESS;
}

std::string describe(CUcontext c, const void *address) {
	char text[256];
	const CUdeviceptr p = reinterpret_cast<CUdeviceptr>(address);
	auto after = c->memory.upper_bound(p);
	if (after != c->memory.begin()) {
		auto a = std::prev(after);
		const long past = p - a->first - a->second.size;
		if (past < 1 << 20) {
			snprintf(text, sizeof text, ": %ld bytes past the end of one of %zu bytes", past, a->second.size);
			return text;
		}
	}
	if (after != c->memory.end() && after->first - p < 1 << 20) {
		snprintf(text, sizeof text, ": %llu bytes before one of %zu bytes", after->first - p, after->second.size);
		return text;
	}
	snprintf(text, sizeof text, ": address %p", address);
	return text;
}

bool inside(CUcontext c, CUdeviceptr p, size_t n) {
	auto after = c->memory.upper_bound(p);
	if (after == c->memory.begin())
		return false;
	auto a = std::prev(after);
	return p + n <= a->first + a->second.size;
}

bool is_pinned(const void *p, size_t n) {
	auto after = pinned.upper_bound(const_cast<void *>(p));
	if (after == pinned.begin())
		return false;
	auto a = std::prev(after);
	return static_cast<const char *>(p) + n <= static_cast<char *>(a->first) + a->second;
}

CUresult copy(const char *call, CUstream s, void *to, const void *from, size_t n, bool in, bool out) {
	if (in && !inside(current, reinterpret_cast<CUdeviceptr>(to), n) || out && !inside(current, reinterpret_cast<CUdeviceptr>(from), n))
		return complain(CUDA_ERROR_INVALID_VALUE, std::string(call) + " of " + std::to_string(n) + " bytes outside an allocation");
	if (!in && !is_pinned(to, n) || !out && !is_pinned(from, n))
		return complain(CUDA_ERROR_INVALID_VALUE, std::string(call) + " of memory of the host that is not pinned");
	CUcontext c = current;
	return enqueue(s, [=] {
		if (due("copy"))
			c->error = complain(CUDA_ERROR_LAUNCH_FAILED, "emulated: a copy failed");
		else
			memcpy(to, from, n);
	});
}

// A kernel as a module lists it.
struct Declared { std::string name; std::vector<size_t> sizes; };

// declared reads the kernels that PTX defines.
std::vector<Declared> declared(const std::string &ptx) {
	std::vector<Declared> all;
	for (size_t at = 0; (at = ptx.find(".entry ", at)) != std::string::npos;) {
		at += 7;
		const size_t end = ptx.find_first_of("( \n", at), last = ptx.find_first_of("){", end);
		Declared d{ptx.substr(at, end - at), {}};
		for (size_t p = end; (p = ptx.find(".param", p)) < last; p++) {
			const size_t stop = std::min(ptx.find_first_of(",)", p), last);
			const std::string one = ptx.substr(p, stop - p);
			const size_t open = one.find('[');
			d.sizes.push_back(open == std::string::npos ? one.find("64") != std::string::npos ? 8 : 4 : atol(one.c_str() + open + 1));
		}
		all.push_back(d);
	}
	return all;
}

const Kernel *find(const std::string &name) {
	for (const Kernel *k = kernels; k; k = k->next)
		if (name == k->name)
			return k;
	return nullptr;
}

} // namespace

void emulated::add(Kernel *k) {
	k->next = kernels;
	kernels = k;
}

// hourglass_calls returns a line for each function of the driver that was
// called: its name and how often. Those that need no context are left out.
extern "C" __attribute__((visibility("default"))) const char *hourglass_calls() {
	LOCK;
	static std::string text;
	text.clear();
	for (const auto &c : calls)
		text += c.first + " " + std::to_string(c.second) + "\n";
	return text.c_str();
}

API cuInit(unsigned) {
	LOCK;
	emulated::seed(option("seed", 1));
	return option("devices", 1) > 0 ? CUDA_SUCCESS : complain(CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected");
}

API cuDriverGetVersion(int *v) {
	*v = 12040;
	return CUDA_SUCCESS;
}

API cuGetErrorString(CUresult code, const char **text) {
	LOCK;
	auto d = details.find(code);
	*text = d != details.end() ? d->second.c_str() : code == CUDA_ERROR_OUT_OF_MEMORY ? "out of memory" : "an error of the emulated driver";
	return CUDA_SUCCESS;
}

API cuDeviceGetCount(int *n) {
	*n = option("devices", 1);
	return CUDA_SUCCESS;
}

API cuDeviceGetName(char *name, int n, CUdevice d) {
	snprintf(name, n, "Emulated device");
	return CUDA_SUCCESS;
}

API cuDeviceTotalMem_v2(size_t *n, CUdevice) {
	*n = option("memory", 4L << 30);
	return CUDA_SUCCESS;
}

API cuDeviceGetAttribute(int *v, CUdevice_attribute a, CUdevice) {
	const int capability = option("capability", 87);
	switch (a) {
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *v = capability / 10; break;
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *v = capability % 10; break;
	case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *v = 4; break;
	case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *v = capability >= 80 ? capability >= 90 ? 227 << 10 : 99 << 10 : 64 << 10; break;
	default: *v = 1;
	}
	return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxRetain(CUcontext *c, CUdevice d) {
	LOCK;
	if (d < 0 || d >= option("devices", 1))
		return complain(CUDA_ERROR_INVALID_DEVICE, "there is no such device");
	*c = &contexts[d];
	if ((*c)->users++ == 0)
		(*c)->error = CUDA_SUCCESS;
	(*c)->device = d;
	return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxRelease_v2(CUdevice d) {
	LOCK;
	CUcontext c = &contexts[d];
	if (--c->users > 0)
		return CUDA_SUCCESS;
	drain(c);
	for (auto &a : c->memory)
		munmap(a.second.map, a.second.mapped);
	c->memory.clear();
	c->used = 0;
	for (CUstream s : c->streams)
		delete s;
	c->streams.clear();
	return CUDA_SUCCESS;
}

API cuCtxSetCurrent(CUcontext c) {
	LOCK;
	calls[__func__]++;
	current = c;
	return CUDA_SUCCESS;
}

API cuStreamCreate(CUstream *s, unsigned) {
	ENTER;
	*s = new CUstream_st{current, {}};
	current->streams.insert(*s);
	return CUDA_SUCCESS;
}

API cuStreamDestroy_v2(CUstream s) {
	LOCK;
	if (!current || !current->streams.erase(s))
		return CUDA_ERROR_INVALID_HANDLE;
	drain(s);
	delete s;
	return CUDA_SUCCESS;
}

API cuStreamSynchronize(CUstream s) {
	ENTER;
	NOT_CAPTURED("cuStreamSynchronize");
	drain(s);
	return current->error;
}

// Memory lies between two pages that cannot be touched, and ends where the
// second begins, up to 15 bytes. It is all NaN.
API cuMemAlloc_v2(CUdeviceptr *p, size_t n) {
	ENTER;
	NOT_CAPTURED("cuMemAlloc");
	if (n == 0)
		return complain(CUDA_ERROR_INVALID_VALUE, "cuMemAlloc of 0 bytes");
	if (due("alloc") || current->used + n > size_t(option("memory", 4L << 30)))
		return complain(CUDA_ERROR_OUT_OF_MEMORY, "out of memory");
	const size_t page = 4096, up = (n + 15) / 16 * 16, body = (up + page - 1) / page * page;
	unsigned char *m = static_cast<unsigned char *>(mmap(nullptr, body + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	if (m == MAP_FAILED || mprotect(m + page, body, PROT_READ | PROT_WRITE))
		return complain(CUDA_ERROR_OUT_OF_MEMORY, "the host is out of memory");
	*p = reinterpret_cast<CUdeviceptr>(m + page + body - up);
	memset(reinterpret_cast<void *>(*p), 0xff, up);
	current->memory[*p] = {n, m, body + 2 * page};
	current->used += n;
	return CUDA_SUCCESS;
}

API cuMemFree_v2(CUdeviceptr p) {
	ENTER;
	NOT_CAPTURED("cuMemFree");
	auto a = current->memory.find(p);
	if (a == current->memory.end())
		return complain(CUDA_ERROR_INVALID_VALUE, "cuMemFree of what is not allocated");
	drain(current);
	munmap(a->second.map, a->second.mapped);
	current->used -= a->second.size;
	current->memory.erase(a);
	return CUDA_SUCCESS;
}

API cuMemGetInfo_v2(size_t *free, size_t *total) {
	ENTER;
	*total = option("memory", 4L << 30);
	*free = *total - current->used;
	return CUDA_SUCCESS;
}

API cuMemHostAlloc(void **p, size_t n, unsigned) {
	ENTER;
	NOT_CAPTURED("cuMemHostAlloc");
	*p = malloc(n);
	pinned[*p] = n;
	return CUDA_SUCCESS;
}

API cuMemFreeHost(void *p) {
	LOCK;
	if (!pinned.erase(p))
		return complain(CUDA_ERROR_INVALID_VALUE, "cuMemFreeHost of what is not pinned");
	if (current)
		drain(current);
	free(p);
	return CUDA_SUCCESS;
}

API cuMemsetD8Async(CUdeviceptr p, unsigned char v, size_t n, CUstream s) {
	ENTER;
	if (!inside(current, p, n))
		return complain(CUDA_ERROR_INVALID_VALUE, "cuMemsetD8Async outside an allocation");
	return enqueue(s, [=] { memset(reinterpret_cast<void *>(p), v, n); });
}

API cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t n, CUstream s) {
	ENTER;
	return copy("cuMemcpyHtoDAsync", s, reinterpret_cast<void *>(to), from, n, true, false);
}

API cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t n, CUstream s) {
	ENTER;
	return copy("cuMemcpyDtoHAsync", s, to, reinterpret_cast<void *>(from), n, false, true);
}

API cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream s) {
	ENTER;
	return copy("cuMemcpyDtoDAsync", s, reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), n, true, true);
}

// A module is refused unless every kernel that it declares has its twin here,
// of the same parameters.
API cuModuleLoadData(CUmodule *m, const void *image) {
	ENTER;
	NOT_CAPTURED("cuModuleLoadData");
	if (due("load"))
		return complain(CUDA_ERROR_INVALID_PTX, "emulated: the PTX does not assemble");
	const std::string text = static_cast<const char *>(image);
	const std::vector<Declared> all = declared(text);
	if (all.empty())
		return complain(CUDA_ERROR_INVALID_IMAGE, "the module declares no kernels");
	std::unique_ptr<CUmod_st> module(new CUmod_st);
	for (const Declared &d : all) {
		const Kernel *k = find(d.name);
		if (!k)
			return complain(CUDA_ERROR_INVALID_IMAGE, "kernel " + d.name + " of the PTX has no twin in the emulated device");
		if (d.sizes != std::vector<size_t>(k->sizes, k->sizes + k->params))
			return complain(CUDA_ERROR_INVALID_IMAGE, "kernel " + d.name + " has other parameters in the PTX than in its source");
		module->functions[d.name].reset(new CUfunc_st{k});
	}
	*m = module.release();
	return CUDA_SUCCESS;
}

API cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name) {
	ENTER;
	auto found = m->functions.find(name);
	if (found == m->functions.end())
		return complain(CUDA_ERROR_NOT_FOUND, std::string("the module has no kernel ") + name);
	*f = found->second.get();
	return CUDA_SUCCESS;
}

API cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int v) {
	ENTER;
	int most;
	cuDeviceGetAttribute(&most, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, current->device);
	if (a != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || v > most)
		return complain(CUDA_ERROR_INVALID_VALUE, std::string(f->kernel->name) + " wants more shared memory than a block can have");
	f->shared = v;
	return CUDA_SUCCESS;
}

API cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream s, void **params, void **) {
	ENTER;
	const Kernel *k = f->kernel;
	const std::string name = k->name;
	const uint64_t threads = uint64_t(bx) * by * bz;
	if (gx == 0 || gy == 0 || gz == 0 || gx > 0x7fffffff || gy > 65535 || gz > 65535 || threads == 0 || threads > 1024 || bz > 64)
		return complain(CUDA_ERROR_INVALID_VALUE, name + " launched with a grid or block of a size that cannot be");
	if (int(shared) > f->shared)
		return complain(CUDA_ERROR_INVALID_VALUE, name + " launched with " + std::to_string(shared) + " bytes of shared memory, " + std::to_string(f->shared) + " are allowed");
	if (due("refuse"))
		return complain(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "emulated: too many resources requested for launch");
	auto values = std::make_shared<std::vector<std::vector<uint64_t>>>();
	for (int i = 0; i < k->params; i++) {
		const uint64_t *from = static_cast<uint64_t *>(params[i]);
		values->emplace_back(from, from + k->sizes[i] / 8);
	}
	CUcontext c = current;
	const dim3 grid{gx, gy, gz}, block{bx, by, bz};
	return enqueue(s, [=] {
		std::vector<void *> p;
		for (auto &v : *values)
			p.push_back(v.data());
		emulated::Wrong w;
		if (due("launch"))
			w.what = "emulated: a launch failed";
		else
			w = emulated::run(*k, grid, block, shared, p.data());
		if (w.what.empty())
			return;
		if (w.address)
			w.what += describe(c, w.address);
		c->error = complain(w.address ? CUDA_ERROR_ILLEGAL_ADDRESS : CUDA_ERROR_LAUNCH_FAILED, name + ": " + w.what);
	});
}

API cuStreamBeginCapture_v2(CUstream s, CUstreamCaptureMode) {
	ENTER;
	if (s->capture)
		return complain(CUDA_ERROR_ILLEGAL_STATE, "the stream is being recorded already");
	s->capture = new CUgraph_st;
	s->invalid = false;
	return CUDA_SUCCESS;
}

API cuStreamEndCapture(CUstream s, CUgraph *g) {
	ENTER;
	*g = s->capture;
	s->capture = nullptr;
	if (!*g)
		return complain(CUDA_ERROR_ILLEGAL_STATE, "the stream is not being recorded");
	if (!s->invalid)
		return CUDA_SUCCESS;
	delete *g;
	*g = nullptr;
	return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
}

API cuGraphInstantiateWithFlags(CUgraphExec *e, CUgraph g, unsigned long long) {
	ENTER;
	NOT_CAPTURED("cuGraphInstantiate");
	*e = new CUgraphExec_st{std::make_shared<std::vector<Work>>(g->work)};
	return CUDA_SUCCESS;
}

API cuGraphDestroy(CUgraph g) {
	delete g;
	return CUDA_SUCCESS;
}

API cuGraphLaunch(CUgraphExec e, CUstream s) {
	ENTER;
	NOT_CAPTURED("cuGraphLaunch");
	if (due("refuse"))
		return complain(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "emulated: too many resources requested for launch");
	CUcontext c = current;
	auto work = e->work;
	return enqueue(s, [=] {
		for (const Work &w : *work)
			if (c->error == CUDA_SUCCESS)
				w();
	});
}

API cuGraphExecDestroy(CUgraphExec e) {
	LOCK;
	delete e;
	return CUDA_SUCCESS;
}

API cuEventCreate(CUevent *e, unsigned) {
	ENTER;
	*e = new CUevent_st;
	return CUDA_SUCCESS;
}

API cuEventRecord(CUevent e, CUstream s) {
	ENTER;
	e->stream = s;
	e->done = false;
	return enqueue(s, [=] {
		e->done = true;
		e->when = std::chrono::steady_clock::now();
	});
}

API cuEventSynchronize(CUevent e) {
	ENTER;
	NOT_CAPTURED("cuEventSynchronize");
	while (!e->done && e->stream && !e->stream->queue.empty()) {
		Work w = std::move(e->stream->queue.front());
		e->stream->queue.pop_front();
		if (current->error == CUDA_SUCCESS)
			w();
	}
	return current->error;
}

API cuEventElapsedTime(float *ms, CUevent from, CUevent to) {
	ENTER;
	if (!from->done || !to->done)
		return complain(CUDA_ERROR_NOT_READY, "an event has not been reached");
	*ms = std::chrono::duration<float, std::milli>(to->when - from->when).count();
	return CUDA_SUCCESS;
}

API cuEventDestroy_v2(CUevent e) {
	LOCK;
	if (current)
		drain(current);
	delete e;
	return CUDA_SUCCESS;
}
