// The functions of kernels.Fn, for element-wise kernels and for epilogues.
#pragma once
#include "kernel.cuh"

// Fn has the numbers of kernels.Fn.
enum Fn : int {
	COPY, NEG, SCALE, OFFSET, SQUARE, SQRT, RECIPROCAL, ABS, SIGN, EXP, LOG, STEP, CLAMP_MIN, CLAMP_MAX, DETACH,
	RELU, LEAKY_RELU, ELU, SILU, GELU, SIGMOID, TANH, SOFTPLUS, GELU_SLOPE, GELU_BEND,
	ADD, SUB, MUL, DIV, MAX, MIN, POW, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, EQUAL, NOT_EQUAL,
	RELU_GRAD, LEAKY_RELU_GRAD, ELU_GRAD, SILU_GRAD, GELU_GRAD, SIGMOID_GRAD, TANH_GRAD, SOFTPLUS_GRAD,
	SQUARED_ERROR, ABSOLUTE_ERROR, HUBER, BCE_LOGITS,
};

// As the formulas are for compute in float, 1/(1+e⁻ˣ) is 0 where e⁻ˣ is
// infinite, and x·σ(x) has no limit of its own to take.
__device__ inline float logistic(float x) { return 1 / (1 + expf(-x)); }
__device__ inline float log1pexp(float x) { return (x < 0 ? 0 : x) + log1pf(expf(-fabsf(x))); }
__device__ inline float normalCDF(float x) { return erfcf(-x * 0.70710678f) / 2; }
__device__ inline float normalPDF(float x) { return expf(-x * x / 2) * 0.39894228f; }

// evaluate returns fn(x, y) with the constant a, as kernels.Fn has it: NaN
// stays. It is a call, so that a kernel has the code once.
static __device__ __attribute__((noinline)) float evaluate(int fn, float x, float y, float a) {
	switch (fn) {
	case NEG: return -x;
	case SCALE: return a * x;
	case OFFSET: return x + a;
	case SQUARE: return x * x;
	case SQRT: return sqrtf(x);
	case RECIPROCAL: return 1 / x;
	case ABS: return fabsf(x);
	case SIGN: return x > 0 ? 1 : x < 0 ? -1 : x;
	case EXP: return expf(x);
	case LOG: return logf(x);
	case STEP: return x > 0;
	case CLAMP_MIN: return x < a ? a : x;
	case CLAMP_MAX: return x > a ? a : x;

	case RELU: return x < 0 ? 0 : x;
	case LEAKY_RELU: return x > 0 ? x : a * x;
	case ELU: return x > 0 ? x : a * expm1f(x);
	case SILU: return x * logistic(x);
	case GELU: return x * normalCDF(x);
	case SIGMOID: return logistic(x);
	case TANH: return tanhf(x);
	case SOFTPLUS: return log1pexp(x);
	case GELU_SLOPE: return normalCDF(x) + x * normalPDF(x);
	case GELU_BEND: return normalPDF(x) * (2 - x * x);

	case ADD: return x + y;
	case SUB: return x - y;
	case MUL: return x * y;
	case DIV: return x / y;
	case MAX: return x != x || x > y ? x : y;
	case MIN: return x != x || x < y ? x : y;
	case POW: return powf(x, y);
	case GREATER: return x > y;
	case GREATER_EQUAL: return x >= y;
	case LESS: return x < y;
	case LESS_EQUAL: return x <= y;
	case EQUAL: return x == y;
	case NOT_EQUAL: return x != y;

	case RELU_GRAD: return x > 0 ? y : 0;
	case LEAKY_RELU_GRAD: return x > 0 ? y : a * y;
	case ELU_GRAD: return x > 0 ? y : y * (x + a);
	case SILU_GRAD: {
		float s = logistic(x);
		return y * s * (1 + x * (1 - s));
	}
	case GELU_GRAD: return y * (normalCDF(x) + x * normalPDF(x));
	case SIGMOID_GRAD: return y * x * (1 - x);
	case TANH_GRAD: return y * (1 - x * x);
	case SOFTPLUS_GRAD: return -y * expm1f(-x);

	case SQUARED_ERROR: return (x - y) * (x - y);
	case ABSOLUTE_ERROR: return fabsf(x - y);
	case HUBER: {
		float d = fabsf(x - y);
		return d <= a ? d * d / 2 : a * (d - a / 2);
	}
	case BCE_LOGITS: return log1pexp(x) - x * y;
	}
	return x; // COPY, DETACH
}

// An epilogue is fn of v, or of y and v, where gradient says which.
__device__ inline float epilogue1(int fn, float v, float y, bool gradient, float a) {
	switch (fn) {
	case COPY: return v;
	case RELU: return v < 0 ? 0 : v;
	case RELU_GRAD: return y > 0 ? v : 0;
	}
	return gradient ? evaluate(fn, y, v, a) : evaluate(fn, v, 0, a);
}

__device__ inline float4 epilogue4(int fn, float4 v, float4 y, bool gradient, float a) {
	return make_float4(epilogue1(fn, v.x, y.x, gradient, a), epilogue1(fn, v.y, y.y, gradient, a),
		epilogue1(fn, v.z, y.z, gradient, a), epilogue1(fn, v.w, y.w, gradient, a));
}

// isShort reports a function that shortEpilogue has: the usual ones, which take
// few instructions and so may appear in a loop that is unrolled.
__device__ inline bool isShort(int fn) {
	return fn == COPY || fn == RELU || fn == LEAKY_RELU || fn == RELU_GRAD || fn == LEAKY_RELU_GRAD || fn == SIGMOID_GRAD || fn == TANH_GRAD;
}

__device__ inline float4 pick(float4 by, float4 v, float4 otherwise) {
	return make_float4(by.x > 0 ? v.x : otherwise.x, by.y > 0 ? v.y : otherwise.y, by.z > 0 ? v.z : otherwise.z, by.w > 0 ? v.w : otherwise.w);
}

__device__ inline float4 shortEpilogue(int fn, float4 v, float4 y, float a) {
	float4 scaled = make_float4(a * v.x, a * v.y, a * v.z, a * v.w);
	switch (fn) {
	case RELU: return make_float4(v.x < 0 ? 0 : v.x, v.y < 0 ? 0 : v.y, v.z < 0 ? 0 : v.z, v.w < 0 ? 0 : v.w);
	case LEAKY_RELU: return pick(v, v, scaled);
	case RELU_GRAD: return pick(y, v, make_float4(0, 0, 0, 0));
	case LEAKY_RELU_GRAD: return pick(y, v, scaled);
	case SIGMOID_GRAD: return make_float4(v.x * y.x * (1 - y.x), v.y * y.y * (1 - y.y), v.z * y.z * (1 - y.z), v.w * y.w * (1 - y.w));
	case TANH_GRAD: return make_float4(v.x * (1 - y.x * y.x), v.y * (1 - y.y * y.y), v.z * (1 - y.z * y.z), v.w * (1 - y.w * y.w));
	}
	return v;
}
