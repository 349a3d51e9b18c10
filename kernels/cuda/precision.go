package cuda

import "fmt"

// Precision is what convolutions and matrix products multiply. Sums, weights
// and all else are of float32 in each.
type Precision uint8

const (
	// TF32 rounds operands to 11 significant bits, which tensor cores multiply.
	// Cards of before compute capability 8.0 multiply float32 instead.
	TF32 Precision = iota
	// Float32 multiplies float32 on CUDA cores.
	Float32
	// BF16 rounds operands to bfloat16.
	BF16
)

// String returns the name that the command line knows.
func (p Precision) String() string { return [...]string{"tf32", "f32", "bf16"}[p] }

// ParsePrecision returns the precision of a name.
func ParsePrecision(name string) (Precision, error) {
	for p := TF32; p <= BF16; p++ {
		if p.String() == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("cuda: precision %q, want tf32, f32 or bf16", name)
}
