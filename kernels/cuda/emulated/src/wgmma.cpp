// Products by warpgroups, as late as they may be: sums are NaN from the begin of
// a product until somebody waits for it. What a product reads is found by the
// bits of its descriptors, in what all threads had published before the last
// barrier, and must be the same still when the product is waited for. Sums that
// a thread touches while a product may be adding to them are noticed.

#include "wgmma.h"

#include <cstdarg>
#include <deque>
#include <limits>
#include <vector>

namespace emulated {

namespace {

constexpr int most_warps = 32, columns = 128, row_bytes = 32; // a row of either tile
constexpr size_t window = 1 << 18;                            // of shared addresses

struct Product {
	bool end; // of a group, and no product
	bool halves;
	uint64_t a, b;
	float *d[32];
	float sums[32][64];                     // before the product
	unsigned char left[16][row_bytes];      // the warp's rows
	unsigned char right[columns][row_bytes];
};

// Sums are those of a thread as a product or the thread left them, which says by
// wgmma_sums that it did.
struct Sums {
	float *d;
	float left[64];
};

struct Warp {
	std::deque<Product> begun;
	std::vector<std::pair<uint64_t, uint64_t>> issued; // descriptors
	bool fenced;
	std::vector<Sums> sums[32];

	Sums *of(int lane, const float *d) {
		for (Sums &s : sums[lane])
			if (s.d == d)
				return &s;
		return nullptr;
	}
};

Warp warps[most_warps];
const unsigned char *memory; // the block's
std::vector<unsigned char> visible;

std::string text(const char *format, ...) {
	char t[256];
	va_list list;
	va_start(list, format);
	vsnprintf(t, sizeof t, format, list);
	va_end(list);
	return t;
}

// read copies rows of a tile from its memory, or says what is wrong with the
// descriptor.
std::string read(uint64_t tile, int first, int rows, const unsigned char *from, unsigned char (*to)[row_bytes]) {
	const size_t base = (tile & 0x3fff) << 4, stride = (tile >> 32 & 0x3fff) << 4;
	const int mode = tile >> 62;
	if (mode == 0 || tile >> 49 & 7 || tile & (3ull << 14 | 3ull << 30 | 7ull << 46 | 0x3ffull << 52))
		return text("a wgmma descriptor %016llx: the emulated device wants a swizzle, no base offset and no other bits", (unsigned long long)tile);
	const size_t bytes = 256 >> mode, origin = window - visible.size();
	for (int row = first; row < first + rows; row++)
		for (int chunk = 0; chunk < row_bytes / 16; chunk++) {
			size_t at = base + row / 8 * stride + row % 8 * bytes + chunk * 16;
			at ^= (at >> 7 & (bytes / 16 - 1)) << 4;
			if (at < origin || at + 16 > window)
				return text("row %d of the wgmma descriptor %016llx lies outside the block's shared memory", row, (unsigned long long)tile);
			memcpy(to[row - first] + chunk * 16, from + (at - origin), 16);
		}
	return "";
}

// untouched says whether a thread's sums are what they were left as.
bool untouched(Warp &w, int lane, const float *d) {
	const Sums *s = w.of(lane, d);
	return s && !memcmp(s->left, d, sizeof s->left);
}

// leave sets a thread's sums.
void leave(Warp &w, int lane, float *d, const float *sums) {
	memcpy(w.of(lane, d)->left, sums, sizeof(float[64]));
	memcpy(d, sums, sizeof(float[64]));
}

std::string begin(int warp, bool halves, void *const *lanes) {
	Warp &w = warps[warp];
	if (!w.fenced)
		return "a wgmma without a wgmma_fence after the last wait or the last wgmma_sums";
	float nothing[64];
	std::fill_n(nothing, 64, std::numeric_limits<float>::quiet_NaN());
	const Wgmma &first = *static_cast<Wgmma *>(lanes[0]);
	w.issued.emplace_back(first.a, first.b);
	for (int other = warp / 4 * 4; other < warp / 4 * 4 + 4; other++)
		if (warps[other].issued.size() >= w.issued.size() && warps[other].issued[w.issued.size() - 1] != w.issued.back())
			return "the warps of a warpgroup begin different wgmma";
	w.begun.emplace_back();
	Product &p = w.begun.back();
	p.end = false, p.halves = halves, p.a = first.a, p.b = first.b;
	for (int l = 0; l < 32; l++) {
		const Wgmma &m = *static_cast<Wgmma *>(lanes[l]);
		if (m.a != p.a || m.b != p.b)
			return "the lanes of a warp begin different wgmma";
		if (!untouched(w, l, m.d))
			return "the sums of a wgmma were touched after the last wait, with no wgmma_sums before the wgmma_fence";
		p.d[l] = m.d;
		memcpy(p.sums[l], m.d, sizeof p.sums[l]);
		leave(w, l, m.d, nothing);
	}
	std::string wrong = read(p.a, warp % 4 * 16, 16, visible.data(), p.left);
	return wrong.empty() ? read(p.b, 0, columns, visible.data(), p.right) : wrong;
}

// number returns an element of a row of a tile.
float number(const unsigned char *row, int k, bool halves) {
	unsigned bits = 0;
	memcpy(&bits, row + k * (halves ? 2 : 4), halves ? 2 : 4);
	return __uint_as_float(halves ? bits << 16 : bits & ~0x1fffu);
}

void multiply(Product &p) {
	const int depth = p.halves ? 16 : 8;
	float b[16][columns];
	for (int k = 0; k < depth; k++)
		for (int c = 0; c < columns; c++)
			b[k][c] = number(p.right[c], k, p.halves);
	for (int row = 0; row < 16; row++) {
		float sum[columns] = {};
		for (int k = 0; k < depth; k++) {
			const float a = number(p.left[row], k, p.halves);
			for (int c = 0; c < columns; c++)
				sum[c] += a * b[k][c];
		}
		for (int c = 0; c < columns; c++)
			p.sums[row % 8 * 4 + c % 8 / 2][c / 8 * 4 + row / 8 * 2 + c % 2] += sum[c];
	}
}

// finish completes a warp's oldest product.
std::string finish(int warp) {
	Warp &w = warps[warp];
	Product &p = w.begun.front();
	unsigned char left[16][row_bytes], right[columns][row_bytes];
	read(p.a, warp % 4 * 16, 16, memory, left);
	read(p.b, 0, columns, memory, right);
	if (memcmp(left, p.left, sizeof left) || memcmp(right, p.right, sizeof right))
		return "what a wgmma reads was not published before the last barrier, or was overwritten before the wgmma was done";
	multiply(p);
	// Where a later product goes on with the same sums, it is that which has them.
	Product *next = nullptr;
	for (size_t i = w.begun.size(); i-- > 1;)
		if (!w.begun[i].end && w.begun[i].d[0] == p.d[0])
			next = &w.begun[i];
	for (int l = 0; l < 32; l++) {
		if (!untouched(w, l, p.d[l]))
			return "the sums of a wgmma were touched before it was waited for";
		if (next)
			memcpy(next->sums[l], p.sums[l], sizeof p.sums[l]);
		else
			leave(w, l, p.d[l], p.sums[l]);
	}
	w.begun.pop_front();
	return "";
}

} // namespace

void wgmma_begin(const unsigned char *shared, size_t bytes) {
	for (Warp &w : warps) {
		w.begun.clear();
		w.issued.clear();
		w.fenced = false;
		for (auto &s : w.sums)
			s.clear();
	}
	memory = shared;
	visible.assign(bytes, 0xff);
}

void wgmma_visible() { memcpy(visible.data(), memory, visible.size()); }

std::string wgmma_settle(int thread, float *sums) {
	Warp &w = warps[thread / 32];
	for (const Product &p : w.begun)
		if (!p.end && p.d[thread % 32] == sums)
			return "a wgmma_sums before the wgmma was waited for";
	w.fenced = false;
	if (!w.of(thread % 32, sums))
		w.sums[thread % 32].push_back({sums, {}});
	leave(w, thread % 32, sums, sums);
	return "";
}

std::string wgmma_together(int warp, Together what, void *const *lanes) {
	Warp &w = warps[warp];
	std::string wrong;
	switch (what) {
	case Together::wgmma_fence: w.fenced = true; break;
	case Together::wgmma_commit:
		w.begun.emplace_back();
		w.begun.back().end = true;
		break;
	case Together::wgmma_wait: {
		int groups = 0;
		for (const Product &p : w.begun)
			groups += p.end;
		for (groups -= *static_cast<int *>(lanes[0]); groups > 0 && wrong.empty();) {
			if (w.begun.front().end)
				w.begun.pop_front(), groups--;
			else
				wrong = finish(warp);
		}
		w.fenced = false;
		break;
	}
	default: wrong = begin(warp, what == Together::wgmma_bf16, lanes);
	}
	return wrong;
}

std::string wgmma_end(int threads) {
	for (int i = 0; i < most_warps; i++) {
		const Warp &w = warps[i];
		if (!w.begun.empty())
			return "a block ends before its wgmma are done";
		if (w.issued.size() != warps[i / 4 * 4].issued.size() || !w.issued.empty() && threads < (i / 4 + 1) * 128)
			return "some warps of a warpgroup begin a wgmma that others do not";
	}
	return "";
}

} // namespace emulated
