// Package simd holds the inner loops of the CPU device: one matrix micro-kernel
// that serves convolutions and dense layers, and float32 slice functions.
//
// # One product for every layer
//
// [Gemm] computes, for m in [0,M) and n in [0,N),
//
//	C[m·LDC + n] = init + Σ_t Σ_k A[taps[t].A + m·RS + k·KS] · B[taps[t].B + k·LDB + n]
//
// where rows of B and C are contiguous in n, and A is addressed by two free
// strides. Activations are NHWC, filters HWIO, and H, W, Ci, Co, kh, kw have
// their usual meaning. The layers are then:
//
//   - Conv2D, one output row: m is the output column, RS = stride·Ci, KS = 1.
//     The kw taps of a kernel row are contiguous in A and in B, so there is one
//     Tap for each kh, and K = KW·Ci, LDB = N = Co.
//   - Conv2DInputGrad, one row of one stride phase: A is the output gradient,
//     RS = Co, K = Co, one Tap for each (kh, kw) of the phase, B the filter
//     transposed to [kh][kw][co][ci] once a step, LDC = stride·Ci.
//   - Conv2DFilterGrad, one kh: C is [KW·Ci]×[Co], m = kw·Ci + ci so RS = 1;
//     k is the output column, KS = stride·Ci, LDB = Co; one Tap for each output
//     row, [Accumulate].
//   - Dense A·B has RS = lda, KS = 1; Aᵀ·B has RS = 1, KS = lda; for A·Bᵀ
//     either [Transpose] B first or, if N is small, use [Dot].
//
// [Dot] is the same sum with B stored [n][k]. It serves layers with few output
// columns (N < 8: the last layer of an image model), where a vector of columns
// would be mostly empty. A filter gradient with few output channels swaps the
// parts of A and B instead: it accumulates Cᵀ, [Co]×[KW·Ci], and transposes at
// the end.
//
// # Order of sums
//
// Gemm adds the terms of one element of C in the order of (t, k), each with one
// multiply-add onto the running sum, which starts from the initial value. So
// the result depends neither on how M and N are cut into calls nor on the
// tile chosen, and AVX2 and AVX-512 agree bit for bit. The portable tier rounds
// products (except where the compiler fuses) and so differs in the last bits.
// Dot and the reductions add into a fixed number of interleaved partial sums,
// which are then added pairwise; this, too, is a function of the shape alone.
//
// # Bfloat16
//
// [GemmRounded] is Gemm of operands that have been rounded to bfloat16, with
// subnormal numbers taken for zero; [GemmPairs] is the same, bit by bit, of
// operands that lie in pairs along k, by AVX512-BF16 where there is that.
//
// # Tiers
//
// Each function has a portable version, and AVX2 with FMA and AVX-512 ones made
// by the generators in _asm. See [Tier].
//
// Nothing here allocates. Lengths and strides are checked before any assembly
// runs; a violation is a bug of the caller and panics.
package simd

//go:generate make -C _asm
