// Blocks, warps and threads of the emulated device. A thread is a fiber: it
// runs on a stack of its own until it finishes or comes to a barrier, and the
// scheduler then switches to another. Order is shuffled, so that a missing
// barrier shows.

#include "block.h"
#include "wgmma.h"

#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <sys/mman.h>
#include <vector>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulated {

unsigned char *dynamic_shared;

namespace {

constexpr size_t stack_size = 256 << 10;
constexpr int most_threads = 1024, most_warps = most_threads / 32;

enum class State { fresh, ready, at_barrier, in_warp, done };

struct Copy { void *to; const void *from; int size, bytes, group; };

struct Thread {
	void *sp;
	State state;
	int stack, line;
	Together what;
	unsigned mask;
	void *operands;
	uint3 index;
	int group; // of copies, that is open
	bool published;
	std::vector<Copy> copies;
};

Thread threads[most_threads];
Thread *current;
void *scheduler;
void (*body)(void **);
void **arguments;
Wrong wrong;
std::vector<int> free_stacks;
unsigned char *stacks, *shared_end;
int stacks_made;
int watched;                            // a lane of each warp, another after each barrier
std::vector<unsigned char> as_published; // shared memory, while the lane runs on

uint64_t random_state = 0x9E3779B97F4A7C15;
uint64_t random_next() {
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 8;
}

// Shuffled goes through 0..n-1 from a random start in steps of a random width.
struct Shuffled {
	uint64_t n, at, step;
	explicit Shuffled(uint64_t n) : n(n), at(random_next() % n), step(1) {
		if (n < 3)
			return;
		do
			step = 1 + random_next() % (n - 1);
		while (std::__gcd(step, n) != 1);
	}
	uint64_t next() {
		at += step;
		return at >= n ? at -= n : at;
	}
};

void fail(const char *format, ...) {
	if (!wrong.what.empty())
		return;
	char text[512];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	wrong.what = text;
}

std::string place(const Thread *t) {
	char text[128];
	snprintf(text, sizeof text, "block (%u,%u,%u) thread (%u,%u,%u)", blockIdx.x, blockIdx.y, blockIdx.z, t->index.x, t->index.y, t->index.z);
	return text;
}

#if defined(__x86_64__)
extern "C" void hourglass_switch(void **save, void *to);
asm(R"(
.text
.hidden hourglass_switch
.type hourglass_switch, @function
hourglass_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
)");

void to_scheduler() { hourglass_switch(&current->sp, scheduler); }
void to_thread(Thread *t) { hourglass_switch(&scheduler, t->sp); }

void *first_frame(unsigned char *top, void (*start)()) {
	void **sp = reinterpret_cast<void **>(top) - 2;
	*sp = reinterpret_cast<void *>(start);
	for (int i = 0; i < 6; i++)
		*--sp = nullptr;
	return sp;
}
#else
ucontext_t contexts[most_threads], scheduler_context;

void to_scheduler() { swapcontext(static_cast<ucontext_t *>(current->sp), &scheduler_context); }
void to_thread(Thread *t) { swapcontext(&scheduler_context, static_cast<ucontext_t *>(t->sp)); }

void *first_frame(unsigned char *top, void (*start)()) {
	ucontext_t *c = &contexts[current - threads];
	getcontext(c);
	c->uc_stack.ss_sp = top - stack_size + 4096;
	c->uc_stack.ss_size = stack_size - 4096;
	c->uc_link = nullptr;
	makecontext(c, start, 0);
	return c;
}
#endif

void thread_main() {
	body(arguments);
	current->state = State::done;
	to_scheduler();
	abort();
}

// take_stack returns an unused stack: its lowest page is a fence.
int take_stack() {
	if (!free_stacks.empty()) {
		int s = free_stacks.back();
		free_stacks.pop_back();
		return s;
	}
	mprotect(stacks + stacks_made * stack_size + 4096, stack_size - 4096, PROT_READ | PROT_WRITE);
	return stacks_made++;
}

// watch remembers what a thread has published, if its lane is the one. To watch
// all would take longer than the products.
void watch(const Thread *t) {
	if ((t - threads) % 32 == watched)
		as_published.assign(dynamic_shared, shared_end);
}

// resume runs a thread until it waits or is done.
void resume(Thread *t) {
	current = t;
	threadIdx = t->index;
	if (t->state == State::fresh) {
		t->stack = take_stack();
		// Stacks begin at different places of their pages, or all would fall
		// on the same lines of the cache.
		t->sp = first_frame(stacks + (t->stack + 1) * stack_size - t->stack * 1088 % 65536, thread_main);
	}
	t->state = State::ready;
	if (t->published)
		watch(t);
	to_thread(t);
	if (!as_published.empty() && memcmp(as_published.data(), dynamic_shared, as_published.size()))
		fail("%s: writes to shared memory between a wgmma_publish and the barrier", place(t).c_str());
	as_published.clear();
	if (t->state == State::done)
		free_stacks.push_back(t->stack);
}

float of_tf32(unsigned x) { return __uint_as_float(x & ~0x1fffu); }
float of_bf16(unsigned x, int half) { return __uint_as_float((half ? x >> 16 : x & 0xffff) << 16); }

// mma multiplies the [16 8] and [8 8] operands of words, each of one number or
// of two halves.
void mma(Thread *warp, bool halves) {
	const int k = halves ? 16 : 8;
	float a[16][16], b[16][8];
	for (int l = 0; l < 32; l++) {
		const Mma &m = *static_cast<Mma *>(warp[l].operands);
		const int g = l / 4, t = l % 4;
		for (int i = 0; i < 4; i++) {
			const int row = g + i % 2 * 8;
			if (halves)
				for (int h = 0; h < 2; h++)
					a[row][2 * t + h + i / 2 * 8] = of_bf16(m.a[i], h);
			else
				a[row][t + i / 2 * 4] = of_tf32(m.a[i]);
		}
		for (int i = 0; i < 2; i++)
			if (halves)
				for (int h = 0; h < 2; h++)
					b[2 * t + h + i * 8][g] = of_bf16(m.b[i], h);
			else
				b[t + i * 4][g] = of_tf32(m.b[i]);
	}
	for (int row = 0; row < 16; row++) {
		float sum[8] = {};
		for (int i = 0; i < k; i++)
			for (int col = 0; col < 8; col++)
				sum[col] += a[row][i] * b[i][col];
		for (int col = 0; col < 8; col++)
			static_cast<Mma *>(warp[row % 8 * 4 + col / 2].operands)->d[row / 8 * 2 + col % 2] += sum[col];
	}
}

void load_matrices(Thread *warp, bool trans) {
	unsigned short m[4][8][8];
	for (int l = 0; l < 32; l++) {
		const void *row = static_cast<Rows *>(warp[l].operands)->row;
		if (reinterpret_cast<uintptr_t>(row) % 16)
			return fail("%s: ldmatrix of a row at %p: addresses must be multiples of 16", place(&warp[l]).c_str(), row);
		memcpy(m[l / 8][l % 8], row, 16);
	}
	for (int l = 0; l < 32; l++)
		for (int i = 0; i < 4; i++) {
			const int r = l / 4, c = l % 4 * 2;
			unsigned low = trans ? m[i][c][r] : m[i][r][c], high = trans ? m[i][c + 1][r] : m[i][r][c + 1];
			static_cast<Rows *>(warp[l].operands)->r[i] = low | high << 16;
		}
}

// matrices does what the lanes of a whole warp ask for.
void matrices(Thread *warp, Together what) {
	switch (what) {
	case Together::mma_tf32: case Together::mma_bf16: return mma(warp, what == Together::mma_bf16);
	case Together::ldmatrix: case Together::ldmatrix_trans: return load_matrices(warp, what == Together::ldmatrix_trans);
	default: break;
	}
	void *lanes[32];
	for (int l = 0; l < 32; l++)
		lanes[l] = warp[l].operands;
	const std::string what_is_wrong = wgmma_together((warp - threads) / 32, what, lanes);
	if (!what_is_wrong.empty())
		fail("%s: %s", place(warp).c_str(), what_is_wrong.c_str());
}

void shuffle(Thread *warp, unsigned mask) {
	uint64_t bits[32];
	for (int l = 0; l < 32; l++)
		if (mask >> l & 1)
			bits[l] = static_cast<Shuffle *>(warp[l].operands)->bits;
	for (int l = 0; l < 32; l++) {
		if (!(mask >> l & 1))
			continue;
		Shuffle &s = *static_cast<Shuffle *>(warp[l].operands);
		if (s.from < 0 || s.from > 31 || !(mask >> s.from & 1))
			return fail("%s: a shuffle from lane %d, which does not take part", place(&warp[l]).c_str(), s.from);
		s.bits = bits[s.from];
	}
}

// complete does what the lanes of a warp wait to do together.
void complete(Thread *warp, int lanes) {
	const Thread *first = nullptr;
	unsigned waiting = 0;
	for (int l = 0; l < lanes; l++)
		if (warp[l].state == State::in_warp) {
			waiting |= 1u << l;
			if (!first)
				first = &warp[l];
		}
	for (int l = 0; l < lanes; l++)
		if (waiting >> l & 1 && (warp[l].what != first->what || warp[l].mask != first->mask || warp[l].line != first->line))
			return fail("%s: lanes of a warp wait at different places, lines %d and %d", place(&warp[l]).c_str(), warp[l].line, first->line);
	const unsigned all = lanes == 32 ? 0xffffffffu : (1u << lanes) - 1;
	if (waiting != (first->mask & all))
		return fail("%s: only lanes %08x of %08x came to line %d", place(first).c_str(), waiting, first->mask & all, first->line);
	unsigned votes = 0;
	switch (first->what) {
	case Together::sync: break;
	case Together::shuffle: shuffle(warp, waiting); break;
	case Together::ballot:
		for (int l = 0; l < lanes; l++)
			if (waiting >> l & 1 && static_cast<Ballot *>(warp[l].operands)->vote)
				votes |= 1u << l;
		for (int l = 0; l < lanes; l++)
			if (waiting >> l & 1)
				static_cast<Ballot *>(warp[l].operands)->votes = votes;
		break;
	default:
		if (waiting != 0xffffffffu)
			return fail("%s: a product of matrices wants all 32 lanes of a warp", place(first).c_str());
		matrices(warp, first->what);
	}
	for (int l = 0; l < lanes; l++)
		if (waiting >> l & 1)
			warp[l].state = State::ready;
}

// run_warp runs the threads of a warp until all wait for the block or are done.
void run_warp(Thread *warp, int lanes) {
	while (wrong.what.empty()) {
		bool waits = false;
		Shuffled order(lanes);
		for (int i = 0; i < lanes; i++) {
			Thread *t = &warp[order.next()];
			if (t->state == State::fresh || t->state == State::ready) {
				resume(t);
				if (!wrong.what.empty())
					return;
			}
			waits |= t->state == State::in_warp;
		}
		if (!waits)
			return;
		complete(warp, lanes);
	}
}

void run_block(int n) {
	memset(dynamic_shared, 0xff, shared_end - dynamic_shared);
	wgmma_begin(dynamic_shared, shared_end - dynamic_shared);
	for (int i = 0; i < n; i++) {
		Thread &t = threads[i];
		t.state = State::fresh;
		t.index = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
		t.group = 0;
		t.copies.clear();
		t.published = false;
	}
	const int warps = (n + 31) / 32;
	while (wrong.what.empty()) {
		Shuffled order(warps);
		for (int i = 0; i < warps && wrong.what.empty(); i++) {
			const int w = order.next();
			run_warp(&threads[32 * w], std::min(32, n - 32 * w));
		}
		const Thread *waits = nullptr, *other = nullptr;
		bool published = true;
		for (int i = 0; i < n; i++) {
			if (threads[i].state == State::at_barrier)
				waits = &threads[i];
			published &= threads[i].published;
			threads[i].published = false;
		}
		if (!waits) {
			const std::string what_is_wrong = wgmma_end(n);
			return what_is_wrong.empty() ? void() : fail("block (%u,%u,%u): %s", blockIdx.x, blockIdx.y, blockIdx.z, what_is_wrong.c_str());
		}
		if (published) {
			wgmma_visible();
			watched = random_next() % 32;
		}
		for (int i = 0; i < n; i++)
			if (threads[i].state != State::at_barrier || threads[i].line != waits->line)
				other = &threads[i];
		if (other && wrong.what.empty())
			fail("divergent barrier: %s waits at line %d, thread (%u,%u,%u) %s", place(waits).c_str(), waits->line,
				other->index.x, other->index.y, other->index.z, other->state == State::done ? "has finished" : "waits elsewhere");
		for (int i = 0; i < n; i++)
			threads[i].state = State::ready;
	}
}

sigjmp_buf landing;
thread_local bool in_kernel;
struct sigaction before[3];
constexpr int signals[3] = {SIGSEGV, SIGBUS, SIGFPE};

void on_fault(int signal, siginfo_t *info, void *context) {
	if (in_kernel) {
		wrong.address = info->si_addr;
		siglongjmp(landing, signal);
	}
	for (int i = 0; i < 3; i++)
		if (signals[i] == signal && before[i].sa_flags & SA_SIGINFO && before[i].sa_sigaction)
			return before[i].sa_sigaction(signal, info, context);
	abort();
}

void prepare(unsigned shared) {
	if (!stacks) {
		stacks = static_cast<unsigned char *>(mmap(nullptr, most_threads * stack_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
		const size_t room = (most_shared + 4095) / 4096 * 4096;
		unsigned char *s = static_cast<unsigned char *>(mmap(nullptr, room + 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		if (stacks == MAP_FAILED || s == MAP_FAILED || mprotect(s + 4096, room, PROT_READ | PROT_WRITE))
			abort();
		shared_end = s + 4096 + room;
	}
	dynamic_shared = shared_end - (shared + 15) / 16 * 16;
	free_stacks.clear();
	for (int i = stacks_made; i-- > 0;)
		free_stacks.push_back(i);
	as_published.clear();
	wrong = {};
}

} // namespace

void barrier(int line) {
	current->line = line;
	current->state = State::at_barrier;
	to_scheduler();
}

void together(Together what, unsigned mask, void *operands, int line) {
	current->what = what;
	current->mask = mask;
	current->operands = operands;
	current->line = line;
	current->state = State::in_warp;
	to_scheduler();
}

// Copies happen as late as they may, so that a missing wait shows.
void copy_later(void *to, const void *from, int size, int bytes) {
	if (reinterpret_cast<uintptr_t>(to) % size || reinterpret_cast<uintptr_t>(from) % size || bytes < 0 || bytes > size) {
		fail("%s: cp_async of %d of %d bytes from %p to %p: addresses must be multiples of the size", place(current).c_str(), bytes, size, from, to);
		return to_scheduler();
	}
	current->copies.push_back({to, from, size, bytes, current->group});
}

// publish is a thread's fence: what it wrote to shared memory is seen by wgmma
// after the next barrier. Memory is copied where all threads have published,
// and none writes to it from there on.
void publish() {
	current->published = true;
	watch(current);
}

void settle(float *sums) {
	const std::string what_is_wrong = wgmma_settle(current - threads, sums);
	if (!what_is_wrong.empty()) {
		fail("%s: %s", place(current).c_str(), what_is_wrong.c_str());
		to_scheduler();
	}
}

unsigned shared_address(const void *p) {
	return (1 << 18) - unsigned(shared_end - static_cast<const unsigned char *>(p));
}

void commit_copies() { current->group++; }

void wait_copies(int but) {
	auto &c = current->copies;
	size_t done = 0;
	for (; done < c.size() && c[done].group < current->group - but; done++) {
		memcpy(c[done].to, c[done].from, c[done].bytes);
		memset(static_cast<char *>(c[done].to) + c[done].bytes, 0, c[done].size - c[done].bytes);
	}
	c.erase(c.begin(), c.begin() + done);
}

void seed(uint64_t s) { random_state = 0x9E3779B97F4A7C15 ^ s * 0xBF58476D1CE4E5B9; }

Wrong run(const Kernel &k, dim3 grid, dim3 block, unsigned shared, void **params) {
	prepare(shared);
	gridDim = grid;
	blockDim = block;
	body = k.run;
	arguments = params;
	struct sigaction ours {};
	ours.sa_sigaction = on_fault;
	ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	for (int i = 0; i < 3; i++)
		sigaction(signals[i], &ours, &before[i]);
	in_kernel = true;
	if (const int signal = sigsetjmp(landing, 1)) {
		const char *what = signal == SIGFPE ? "divided an integer by zero" : "touched memory outside its buffers";
		fail("%s %s", place(current).c_str(), what);
	} else {
		const uint64_t blocks = uint64_t(grid.x) * grid.y * grid.z;
		Shuffled order(blocks);
		for (uint64_t i = 0; i < blocks && wrong.what.empty(); i++) {
			const uint64_t b = order.next();
			blockIdx = {unsigned(b % grid.x), unsigned(b / grid.x % grid.y), unsigned(b / grid.x / grid.y)};
			run_block(block.x * block.y * block.z);
		}
	}
	in_kernel = false;
	for (int i = 0; i < 3; i++)
		sigaction(signals[i], &before[i], nullptr);
	return wrong;
}

} // namespace emulated
