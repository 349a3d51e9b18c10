// Convolutions of images of one to four channels, as first and last layers are.
// They do few operations for each byte, so tiles of 32 elements of K would be
// mostly padding. Here the image's bytes are read about once, by 16 bytes a
// thread, and the filter stays in shared memory; the operations are float32 at
// every precision, as they hide behind memory.
#include "gemm.cuh"

// A warp is four rows of eight lanes, a lane four channels: 128 bytes a row.
constexpr int LANES = 8, CHANNELS = 4 * LANES, DIRECT_THREADS = 256, ROWS = DIRECT_THREADS / LANES;

static __device__ inline float4 madd(float x, float4 w, float4 sum) {
	return make_float4(x * w.x + sum.x, x * w.y + sum.y, x * w.z + sum.z, x * w.w + sum.w);
}

static __device__ inline float dot(float4 x, float4 w, float sum) {
	return x.x * w.x + (x.y * w.y + (x.z * w.z + (x.w * w.w + sum)));
}

// PLACES is how many places a thread computes with one read of the filter.
constexpr int PLACES = 4;

// conv_direct_in is a correlation of few channels into many: Conv2D, or
// Conv2DInputGrad, of up to four channels. Blocks: ROWS·PLACES places × 32
// channels × phases. Shared memory holds the filter of the phase, [tap][channel]
// [32].
extern "C" __global__ void __launch_bounds__(DIRECT_THREADS) conv_direct_in(GemmArgs g) {
	DYNAMIC_SHARED(float, filter);
	const Phase &rows = g.rows[blockIdx.z / int(g.phasesW)], &columns = g.columns[blockIdx.z % int(g.phasesW)];
	int high = int(rows.taps.d), wide = int(columns.taps.d), c = int(g.c.d), n = blockIdx.y * CHANNELS;
	int places = int(g.images * rows.places.d * columns.places.d);
	for (int at = threadIdx.x; at < high * wide * c * CHANNELS; at += DIRECT_THREADS) {
		int column = at % CHANNELS, k = at / CHANNELS, channel = k % c, b = k / c % wide, a = k / c / wide;
		bool inside = n + column < int(g.n);
		slot from = rows.filter + columns.filter + a * g.filterH + b * g.filterW + channel * g.filterC + (n + column) * g.filterN;
		filter[at] = inside ? g.b[from] : 0;
	}
	__syncthreads();

	int lane = threadIdx.x % LANES, first = blockIdx.x * (ROWS * PLACES) + threadIdx.x / LANES;
	Place place[PLACES];
	float4 sum[PLACES];
#pragma unroll
	for (int p = 0; p < PLACES; p++) {
		place[p] = placeAt(g, rows, columns, first + p * ROWS);
		sum[p] = make_float4(0, 0, 0, 0);
	}
	const float* w = filter + lane * 4;
	for (int a = 0; a < high; a++)
		for (int b = 0; b < wide; b++) {
			Tap t = {a * int(g.tapH), b * int(g.tapW), 0, 0, true};
			t.element = (t.h * int(g.w) + t.w) * c;
			for (int channel = 0; channel < c; channel++, w += CHANNELS) {
				float4 v = *(const float4*)w;
#pragma unroll
				for (int p = 0; p < PLACES; p++)
					// left out, not multiplied by zero: the filter may be infinite
					if (onImage(g, place[p], t)) sum[p] = madd(g.a[place[p].element + t.element + channel], v, sum[p]);
			}
		}

	n += lane * 4;
	if (n >= int(g.n)) return;
	float4 bias = g.bias ? *(const float4*)(g.bias + n) : make_float4(0, 0, 0, 0);
#pragma unroll
	for (int p = 0; p < PLACES; p++) {
		if (first + p * ROWS >= places) continue;
		slot at = pixelAt(g, rows, columns, first + p * ROWS) * g.n + n;
		float4 v = make_float4(sum[p].x + bias.x, sum[p].y + bias.y, sum[p].z + bias.z, sum[p].w + bias.w);
		float4 y = g.y ? *(const float4*)(g.y + at) : make_float4(0, 0, 0, 0);
		*(float4*)(g.out + at) = epilogue4(int(g.fn), v, y, g.y != 0, float(g.constant));
	}
}

// directOut is a correlation of many channels into N, where neighbouring places
// are neighbours in the image, too: a thread computes PLACES of a row, so that
// what it reads of the image serves all their taps. Eight lanes share a place's
// channels and add up at the end, in the order of a tree. Shared memory holds
// the filter of the phase, [tap][N][channel]. Blocks: ROWS rows of PLACES places
// × phases (blockIdx.z).
template <int N>
static __device__ inline void directOut(const GemmArgs& g, float* filter) {
	const Phase &rows = g.rows[blockIdx.z / int(g.phasesW)], &columns = g.columns[blockIdx.z % int(g.phasesW)];
	int high = int(rows.taps.d), wide = int(columns.taps.d), c = int(g.c.d);
	for (int at = threadIdx.x; at < high * wide * N * c; at += DIRECT_THREADS) {
		int channel = at % c, n = at / c % N, b = at / c / N % wide, a = at / c / N / wide;
		filter[at] = g.b[rows.filter + columns.filter + a * g.filterH + b * g.filterW + channel * g.filterC + n * g.filterN];
	}
	__syncthreads();

	int lane = threadIdx.x % LANES, run = blockIdx.x * ROWS + threadIdx.x / LANES;
	int across = int(columns.places.d), runs = (across + PLACES - 1) / PLACES;
	int j = run % runs * PLACES, i = run / runs % int(rows.places.d), image = run / runs / int(rows.places.d);
	bool active = image < int(g.images);
	int top = i * int(g.placeH) + int(rows.origin), left = j + int(columns.origin), step = int(g.tapW);
	int low = step > 0 ? 0 : 1 - wide; // the first column that a tap reads, from left on
	float sum[PLACES][N];
#pragma unroll
	for (int p = 0; p < PLACES; p++)
#pragma unroll
		for (int n = 0; n < N; n++) sum[p][n] = 0;
	for (int a = 0; a < high; a++) {
		int h = top + a * int(g.tapH);
		if (!active || unsigned(h) >= unsigned(g.h)) continue;
		for (int q = low; q < low + wide + PLACES - 1; q++) {
			if (unsigned(left + q) >= unsigned(g.w)) continue;
			const float* x = g.a + ((slot(image) * g.h + h) * g.w + left + q) * c;
			for (int channel = lane * 4; channel < c; channel += CHANNELS) {
				float4 v = *(const float4*)(x + channel);
#pragma unroll
				for (int p = 0; p < PLACES; p++) {
					int b = (q - p) * step;
					if (unsigned(b) >= unsigned(wide)) continue;
#pragma unroll
					for (int n = 0; n < N; n++) sum[p][n] = dot(v, *(const float4*)(filter + ((a * wide + b) * N + n) * c + channel), sum[p][n]);
				}
			}
		}
	}
#pragma unroll
	for (int p = 0; p < PLACES; p++)
#pragma unroll
		for (int n = 0; n < N; n++)
#pragma unroll
			for (int d = 1; d < LANES; d *= 2) sum[p][n] += __shfl_xor_sync(0xffffffffu, sum[p][n], d);

#pragma unroll
	for (int p = 0; p < PLACES; p++) {
		if (lane != p || !active || j + p >= across) continue;
		slot pixel = (image * g.outH + rows.out + i * g.outStepH) * g.outW + columns.out + (j + p) * g.outStepW;
#pragma unroll
		for (int n = 0; n < N; n++) {
			slot at = pixel * N + n;
			float v = sum[p][n] + (g.bias ? g.bias[n] : 0);
			g.out[at] = epilogue1(int(g.fn), v, g.y ? g.y[at] : 0, g.y != 0, float(g.constant));
		}
	}
}

extern "C" __global__ void __launch_bounds__(DIRECT_THREADS, 3) conv_direct_out1(GemmArgs g) {
	DYNAMIC_SHARED(float, filter);
	directOut<1>(g, filter);
}

extern "C" __global__ void __launch_bounds__(DIRECT_THREADS, 3) conv_direct_out2(GemmArgs g) {
	DYNAMIC_SHARED(float, filter);
	directOut<2>(g, filter);
}

extern "C" __global__ void __launch_bounds__(DIRECT_THREADS, 3) conv_direct_out3(GemmArgs g) {
	DYNAMIC_SHARED(float, filter);
	directOut<3>(g, filter);
}

extern "C" __global__ void __launch_bounds__(DIRECT_THREADS, 3) conv_direct_out4(GemmArgs g) {
	DYNAMIC_SHARED(float, filter);
	directOut<4>(g, filter);
}

// DirectFilterArgs is a filter gradient of which the image or the result has few
// channels, the other many. The narrow one's row that meets row r of the wide
// one under tap row k is (r·perRow + k·tap + originH)/divideH, if that is whole.
struct DirectFilterArgs {
	const float *wide, *narrow;
	float* out; // partial sums of each block of places
	slot places, channels; // of the wide one,
	Divisor h, w;          // and its rows and columns
	slot narrowH, narrowW, narrowC;
	slot kh, kw;
	slot perRow, perColumn, tap, originH, originW, divideH, divideW;
	slot share; // places of a block
	slot outTap, outNarrow, outWide, outSize;
};

// TAPS is how many taps a thread sums at once.
constexpr int TAPS = 9;

// conv_direct_filter reads each element of the wide operand once for every TAPS
// taps, and the narrow one through the first-level cache. Blocks: shares of the
// places × 32 channels × (groups of taps × narrow channels). Each of a block's
// rows of lanes sums its places; shared memory then adds up the rows in order.
extern "C" __global__ void __launch_bounds__(DIRECT_THREADS, 2) conv_direct_filter(DirectFilterArgs g) {
	DYNAMIC_SHARED(float, memory); // [ROWS][TAPS][32]
	int lane = threadIdx.x % LANES, row = threadIdx.x / LANES, channel = blockIdx.y * CHANNELS + lane * 4;
	int narrow = blockIdx.z % int(g.narrowC), first = blockIdx.z / int(g.narrowC) * TAPS, taps = int(g.kh * g.kw);
	float4 sum[TAPS];
	int shiftH[TAPS], shiftW[TAPS];
#pragma unroll
	for (int t = 0; t < TAPS; t++) {
		sum[t] = make_float4(0, 0, 0, 0);
		shiftH[t] = first + t < taps ? (first + t) / int(g.kw) * int(g.tap) + int(g.originH) : -(1 << 30);
		shiftW[t] = (first + t) % int(g.kw) * int(g.tap) + int(g.originW);
	}
	int from = int(blockIdx.x * g.share), to = int(min(from + g.share, g.places));
	for (int place = from + row; place < to && channel < int(g.channels); place += ROWS) {
		Quotient column = divide(place, g.w), line = divide(column.q, g.h);
		int j = column.r * int(g.perColumn), i = line.r * int(g.perRow), image = line.q;
		float4 v = *(const float4*)(g.wide + slot(place) * g.channels + channel);
#pragma unroll
		for (int t = 0; t < TAPS; t++) {
			int h = i + shiftH[t], w = j + shiftW[t];
			if (g.divideH != 1 || g.divideW != 1) {
				if (h < 0 || w < 0 || h % int(g.divideH) || w % int(g.divideW)) continue;
				h /= int(g.divideH), w /= int(g.divideW);
			}
			if (unsigned(h) < unsigned(g.narrowH) && unsigned(w) < unsigned(g.narrowW))
				sum[t] = madd(g.narrow[((slot(image) * g.narrowH + h) * g.narrowW + w) * g.narrowC + narrow], v, sum[t]);
		}
	}
#pragma unroll
	for (int t = 0; t < TAPS; t++) *(float4*)(memory + (row * TAPS + t) * CHANNELS + lane * 4) = sum[t];
	__syncthreads();

	float* out = g.out + blockIdx.x * g.outSize;
	for (int at = threadIdx.x; at < TAPS * CHANNELS; at += DIRECT_THREADS) {
		int t = first + at / CHANNELS;
		channel = blockIdx.y * CHANNELS + at % CHANNELS;
		if (t >= taps || channel >= int(g.channels)) continue;
		float total = 0;
		for (int r = 0; r < ROWS; r++) total += memory[r * TAPS * CHANNELS + at];
		out[t * g.outTap + narrow * g.outNarrow + channel * g.outWide] = total;
	}
}
