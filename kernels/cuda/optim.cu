// Training steps over the arena of all parameters, and running averages.
#include "kernel.cuh"

enum Optimizer : int { SGD, ADAM, RMS_PROP };

struct OptimArgs {
	const float *state, *gradient, *rate;
	const int *step;
	float *out; // may be state
	long long n, which, nesterov, decoupled;
	double momentum, dampening, decay;   // SGD; RMS_PROP has momentum and decay too
	double beta1, beta2, epsilon, alpha; // ADAM; RMS_PROP has alpha and epsilon
};

// optim takes a step for one parameter a thread, as package kernels writes it
// down. What is the same for all is computed once a block, in double.
extern "C" __global__ void __launch_bounds__(256) optim(OptimArgs g) {
	__shared__ float size, perRoot, keep;
	int step = g.step[0];
	if (threadIdx.x == 0) {
		double t = double(step) + 1, rate = g.rate[0];
		size = float(rate / (1 - pow(g.beta1, t)));
		perRoot = float(1 / sqrt(1 - pow(g.beta2, t)));
		keep = float(1 - rate * g.decay);
	}
	__syncthreads();
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i >= g.n) return;
	float w = g.state[i], d = g.gradient[i], rate = g.rate[0];
	float momentum = float(g.momentum), epsilon = float(g.epsilon);
	if (g.which == ADAM && g.decoupled) w *= keep;
	else d += float(g.decay) * w;
	switch (g.which) {
	case SGD:
		if (momentum != 0) {
			float b = d; // at the first step the buffer may hold anything
			if (step != 0) b = momentum * g.state[g.n + i] + float(1 - g.dampening) * d;
			g.out[g.n + i] = b;
			d = g.nesterov ? d + momentum * b : b;
		}
		g.out[i] = w - rate * d;
		break;
	case ADAM: {
		float m = g.state[g.n + i], v = g.state[2 * g.n + i];
		m += float(1 - g.beta1) * (d - m);
		v = float(g.beta2) * v + float(1 - g.beta2) * d * d;
		g.out[i] = w - size * m / (sqrtf(v) * perRoot + epsilon);
		g.out[g.n + i] = m;
		g.out[2 * g.n + i] = v;
		break;
	}
	case RMS_PROP: {
		float v = float(g.alpha) * g.state[g.n + i] + float(1 - g.alpha) * d * d;
		d /= sqrtf(v) + epsilon;
		if (momentum != 0) {
			d += momentum * g.state[2 * g.n + i];
			g.out[2 * g.n + i] = d;
		}
		g.out[i] = w - rate * d;
		g.out[g.n + i] = v;
	}
	}
}

// optim_average moves n averages towards values: by keep and fresh, or from
// element half on by keep and freshSecond.
extern "C" __global__ void __launch_bounds__(256) optim_average(const float *average, const float *value, float *out, long long n, long long half, double keep, double fresh, double freshSecond) {
	long long i = blockIdx.x * 256ll + threadIdx.x;
	if (i < n) out[i] = float(keep) * average[i] + float(i < half ? fresh : freshSecond) * value[i];
}
