package kernels

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// A goldenCase is one operation as PyTorch computed it in float64; its README
// says what each operation records.
type goldenCase struct {
	Name    string
	Op      string
	Options struct {
		Kernel, Stride  int
		Padding         string
		Pads            [4]int
		CountIncludePad bool `json:"count_include_pad"`
		OutputPadding   int  `json:"output_padding"`
		Scale           int
		Algorithm       string
		LR, Alpha, Eps  float64
		Betas           [2]float64
		Momentum        float64
		WeightDecay     float64 `json:"weight_decay"`
		MaxNorm         float64 `json:"max_norm"`
		Training        bool
	}
	tensors map[string]Array
}

func (c goldenCase) tensor(t *testing.T, key string) Array {
	t.Helper()
	a, ok := c.tensors[c.Name+"/"+key]
	if !ok {
		t.Fatalf("no tensor %s/%s", c.Name, key)
	}
	return a
}

// holds runs s on in and compares the result with the golden one.
func (c goldenCase) holds(t *testing.T, s Spec, want string, in ...Array) {
	t.Helper()
	c.near(t, apply(t, s, in...), c.tensor(t, want), s.Name()+" "+want)
}

func (c goldenCase) near(t *testing.T, got, want Array, what string) {
	t.Helper()
	if !got.Shape.Equal(want.Shape) {
		t.Fatalf("%s: shape %v, want %v", what, got.Shape, want.Shape)
	}
	for i, w := range want.Data {
		if !(math.Abs(got.Data[i]-w) <= 1e-13*(1+math.Abs(w))) {
			t.Errorf("%s: element %d is %v, want %v", what, i, got.Data[i], w)
			return
		}
	}
}

// apply returns the reference's result.
func apply(t *testing.T, s Spec, in ...Array) Array {
	t.Helper()
	shapes := make([]Shape, len(in))
	for i := range in {
		shapes[i] = in[i].Shape
	}
	shape, err := s.Infer(shapes...)
	if err != nil {
		t.Fatal(err)
	}
	out := NewArray(shape)
	for i := range out.Data {
		out.Data[i] = math.NaN()
	}
	s.Ref(out, in...)
	return out
}

// goldens returns the cases of one operation.
func goldens(t *testing.T, op string) []goldenCase {
	t.Helper()
	dir := filepath.Join("..", "models", "testdata")
	table, err := os.ReadFile(filepath.Join(dir, "golden_ops.json"))
	if err != nil {
		t.Fatal(err)
	}
	// options that are only words differ in type from case to case
	var raw []struct {
		Name, Op string
		Options  json.RawMessage
	}
	if err := json.Unmarshal(table, &raw); err != nil {
		t.Fatal(err)
	}
	tensors := readSafetensors(t, filepath.Join(dir, "golden_ops.safetensors"))
	var cases []goldenCase
	for _, r := range raw {
		if r.Op != op {
			continue
		}
		c := goldenCase{Name: r.Name, Op: r.Op, tensors: tensors}
		if err := json.Unmarshal(r.Options, &c.Options); err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		t.Fatalf("no golden case of %s", op)
	}
	return cases
}

// readSafetensors returns the tensors of a file: an 8-byte length, a header in
// JSON, and the values.
func readSafetensors(t *testing.T, path string) map[string]Array {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	values := 8 + binary.LittleEndian.Uint64(file)
	var header map[string]struct {
		DType string `json:"dtype"`
		Shape Shape  `json:"shape"`
		At    []int  `json:"data_offsets"`
	}
	if err := json.Unmarshal(file[8:values], &header); err != nil {
		t.Fatal(err)
	}
	tensors := map[string]Array{}
	for name, h := range header {
		if name == "__metadata__" {
			continue
		}
		a, mem := NewArray(h.Shape), file[values:][h.At[0]:h.At[1]]
		for i := range a.Data {
			switch h.DType {
			case "F32":
				a.Data[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(mem[4*i:])))
			case "F64":
				a.Data[i] = math.Float64frombits(binary.LittleEndian.Uint64(mem[8*i:]))
			default:
				t.Fatalf("%s: type %s", name, h.DType)
			}
		}
		tensors[name] = a
	}
	return tensors
}
