package kernels

import "fmt"

// MatMul is the product of two matrices, either of them transposed:
//
//	(a [M K], b [K N], …) → a·b [M N]
//
// where under TransA a has shape [K M], and under TransB b has shape [N K]. The
// epilogue's channels are the columns.
type MatMul struct {
	TransA, TransB bool
	Epilogue
}

// Name returns "matmul".
func (MatMul) Name() string { return "matmul" }

// Sizes returns M, N and K for operands of these shapes.
func (s MatMul) Sizes(in ...Shape) (m, n, k int, err error) {
	if err := arity(s, 2+s.Epilogue.Operands(), in); err != nil {
		return 0, 0, 0, err
	}
	a, b := in[0], in[1]
	if len(a) != 2 || len(b) != 2 {
		return 0, 0, 0, fmt.Errorf("matmul: operands %v and %v, want two matrices", a, b)
	}
	m, k = a[0], a[1]
	if s.TransA {
		m, k = k, m
	}
	kb, n := b[0], b[1]
	if s.TransB {
		kb, n = n, kb
	}
	if k != kb {
		return 0, 0, 0, fmt.Errorf("matmul: %v%s by %v%s: the left has %d columns, the right %d rows, want as many",
			a, transposed(s.TransA), b, transposed(s.TransB), k, kb)
	}
	return m, n, k, nil
}

func transposed(is bool) string {
	if is {
		return "ᵀ"
	}
	return ""
}

// Infer returns [M N].
func (s MatMul) Infer(in ...Shape) (Shape, error) {
	m, n, _, err := s.Sizes(in...)
	if err != nil {
		return nil, err
	}
	out := Shape{m, n}
	return out, s.Epilogue.check(s, out, in[2:])
}

// Flops returns 2·M·N·K; the epilogue is not counted.
func (s MatMul) Flops(_ Shape, in ...Shape) int64 {
	m, n, k, err := s.Sizes(in...)
	if err != nil {
		return 0
	}
	return 2 * int64(m) * int64(n) * int64(k)
}

// Ref computes the product.
func (s MatMul) Ref(out Array, in ...Array) {
	m, n, k, err := s.Sizes(shapesOf(in)...)
	if err != nil {
		panic(err) // Infer has accepted the operands
	}
	aRow, aCol, bRow, bCol := k, 1, n, 1
	if s.TransA {
		aRow, aCol = 1, m
	}
	if s.TransB {
		bRow, bCol = 1, k
	}
	clear(out.Data)
	for i := range m {
		row := out.Data[i*n:][:n]
		for l := range k {
			a := in[0].Data[i*aRow+l*aCol]
			for j := range row {
				row[j] += a * in[1].Data[l*bRow+j*bCol]
			}
		}
	}
	s.Epilogue.ref(out, in[2:])
}
