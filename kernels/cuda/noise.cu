// Random numbers as kernels.Noise defines them: Philox4x32-10 by the number of
// the step and of the block of four elements.
#include "kernel.cuh"

enum Distribution : int { NORMAL, UNIFORM, BERNOULLI };

struct NoiseArgs {
	float *out;
	const int *step;
	long long n, distribution;
	long long key0, key1, stream;
	long long below; // BERNOULLI: 1 where the upper 24 bits of the word are less
};

__device__ inline void philox(unsigned k0, unsigned k1, unsigned (&c)[4]) {
#pragma unroll
	for (int round = 0; round < 10; round++) {
		unsigned high0 = __umulhi(0xD2511F53u, c[0]), low0 = 0xD2511F53u * c[0];
		unsigned high1 = __umulhi(0xCD9E8D57u, c[2]), low1 = 0xCD9E8D57u * c[2];
		unsigned c1 = c[1], c3 = c[3];
		c[0] = high1 ^ c1 ^ k0;
		c[1] = low1;
		c[2] = high0 ^ c3 ^ k1;
		c[3] = low0;
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
}

// boxMuller turns two words into two normal numbers. The angle is the upper 24
// bits of the second in turns, of which whole quarters are set aside, so that
// sine and cosine are short series.
__device__ inline void boxMuller(unsigned r0, unsigned r1, float &x, float &y) {
	float u = __fadd_rn(__fmul_rn(float(r0), 0x1p-32f), 0x1p-33f);
	float radius = sqrtf(-2 * logf(u));
	unsigned k = r1 >> 8, quarter = (k + (1u << 21)) >> 22;
	float a = float(int(k) - int(quarter << 22)) * (6.2831853f / (1 << 24)), a2 = a * a;
	float sine = a * (1 + a2 * (-1.f / 6 + a2 * (1.f / 120 + a2 * (-1.f / 5040 + a2 * (1.f / 362880)))));
	float cosine = 1 + a2 * (-1.f / 2 + a2 * (1.f / 24 + a2 * (-1.f / 720 + a2 * (1.f / 40320))));
	float s = quarter & 1 ? cosine : sine, c = quarter & 1 ? sine : cosine;
	x = radius * ((quarter + 1) & 2 ? -c : c);
	y = radius * (quarter & 2 ? -s : s);
}

// noise draws one block of four elements a thread.
extern "C" __global__ void __launch_bounds__(256) noise(NoiseArgs g) {
	long long block = blockIdx.x * 256ll + threadIdx.x;
	if (block * 4 >= g.n) return;
	unsigned w[4] = {unsigned(block), unsigned(block >> 32), unsigned(g.stream), unsigned(g.step[0])};
	philox(unsigned(g.key0), unsigned(g.key1), w);
	float v[4];
	if (g.distribution == NORMAL) {
		boxMuller(w[0], w[1], v[0], v[1]);
		boxMuller(w[2], w[3], v[2], v[3]);
	} else {
#pragma unroll
		for (int i = 0; i < 4; i++)
			v[i] = g.distribution == UNIFORM ? float(w[i] >> 8) * 0x1p-24f : (w[i] >> 8) < unsigned(g.below) ? 1.f : 0.f;
	}
	float *to = g.out + block * 4;
	if (block * 4 + 4 <= g.n) {
		*reinterpret_cast<float4 *>(to) = make_float4(v[0], v[1], v[2], v[3]);
		return;
	}
	to[0] = v[0];
	if (block * 4 + 1 < g.n) to[1] = v[1];
	if (block * 4 + 2 < g.n) to[2] = v[2];
}
