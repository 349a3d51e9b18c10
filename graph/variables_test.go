package graph

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hourglass/kernels"
)

// numbered fills a variable with numbers that tell its key and its elements.
func numbered(value []float32, key uint64) {
	r := rand.New(rand.NewPCG(key, 0))
	for i := range value {
		value[i] = r.Float32()
	}
}

// newTestVariables declares two parameters and a fixed variable, with two
// moments and an average.
func newTestVariables(t *testing.T) *Variables {
	t.Helper()
	b := NewBuilder()
	b.Param("weight", numbered, 5, 7)
	b.In("deep", func() { b.Param("bias", numbered, 7) })
	b.Param("scale", numbered)
	b.Variable("running", numbered, 2, 7)
	v, err := NewVariables(newCPU(t, 1), b.Params(), VariableOptions{Rows: 3, Average: true})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestState saves and restores, and changes nothing when a state does not fit.
func TestState(t *testing.T) {
	v, restored := newTestVariables(t), newTestVariables(t)
	if err := v.Init(3); err != nil {
		t.Fatal(err)
	}
	// moments, which only an optimizer writes
	noise := make([]float32, v.rows*v.n)
	numbered(noise, 9)
	if err := v.dev.Upload(v.state, bytesOf(noise)); err != nil {
		t.Fatal(err)
	}
	state, err := v.State()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, a := range state {
		names = append(names, a.Name)
	}
	want := []string{"weight", "weight#moment1", "weight#moment2", "weight#average", "deep.bias", "deep.bias#moment1",
		"deep.bias#moment2", "deep.bias#average", "scale", "scale#moment1", "scale#moment2", "scale#average", "running"}
	if !slices.Equal(names, want) {
		t.Fatalf("the state has %q, want %q", names, want)
	}
	if err := restored.SetState(state); err != nil {
		t.Fatal(err)
	}
	before, err := restored.State()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(state, before); diff != "" {
		t.Errorf("the restored state differs: %s", diff)
	}
	wrong := func(change func(s []Array) []Array) []Array { return change(slices.Clone(state)) }
	for want, bad := range map[string][]Array{
		`no array "weight"`:              nil,
		`no array "running"`:             state[:len(state)-1],
		`array "weight#moment9"`:         wrong(func(s []Array) []Array { return append(s, Array{Name: "weight#moment9"}) }),
		`"weight" has shape [7 5]`:       wrong(func(s []Array) []Array { s[0].Shape = kernels.Shape{7, 5}; return s }),
		`[5 7] and 3 elements, want 35`:  wrong(func(s []Array) []Array { s[0].Data = s[0].Data[:3]; return s }),
		`has two arrays called "weight"`: wrong(func(s []Array) []Array { return append(s, s[0]) }),
	} {
		for i := range bad {
			bad[i].Data = slices.Clone(bad[i].Data)
			for k := range bad[i].Data {
				bad[i].Data[k] = -1
			}
		}
		wantError(t, restored.SetState(bad), want)
		after, err := restored.State()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s: the refused state changed something: %s", want, diff)
		}
	}
}

// TestInit gives a variable values by its name and the seed, whatever else there
// is.
func TestInit(t *testing.T) {
	v := newTestVariables(t)
	b := NewBuilder()
	b.In("deep", func() { b.Param("bias", numbered, 7) })
	alone, err := NewVariables(newCPU(t, 1), b.Params(), VariableOptions{Average: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, vars := range []*Variables{v, alone} {
		if err := vars.Init(3); err != nil {
			t.Fatal(err)
		}
	}
	read := func(v *Variables, name string) []float32 {
		value, err := v.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	bias := read(v, "deep.bias")
	average, err := v.Average("deep.bias")
	if err != nil || !slices.Equal(average, bias) {
		t.Errorf("the average %v, %v does not start at the value %v", average, err, bias)
	}
	if !slices.Equal(bias, read(alone, "deep.bias")) {
		t.Error("a variable's initial value depends on the other variables")
	}
	if slices.Equal(bias, read(v, "weight")[:7]) {
		t.Error("two variables start with the same numbers")
	}
	if err := v.Init(4); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(bias, read(v, "deep.bias")) {
		t.Error("the seed makes no difference")
	}
	if v.Size() != 5*7+7+1 {
		t.Errorf("there are %d parameters, want %d", v.Size(), 5*7+7+1)
	}
}

// TestVariableErrors asks for what is not there and what does not fit.
func TestVariableErrors(t *testing.T) {
	v := newTestVariables(t)
	get := func(name string) error { _, err := v.Get(name); return err }
	data := kernels.Operand{DType: kernels.Uint8, Shape: kernels.Shape{4}}
	for _, try := range []struct {
		err  error
		want string
	}{
		{v.Set("weight", make([]float32, 4)), "weight got 4 elements, want 35 for its shape [5 7]"},
		{v.Set("nothing", nil), `no variable "nothing"`},
		{get("bias"), `no variable "bias"`},
		{v.Put("images", data, make([]byte, 5)), "images has 5 bytes, want 4 for uint8[4]"},
		{v.Put("weight", data, make([]byte, 4)), "weight: the name is taken by a variable"},
		{v.Put("running", kernels.Operand{Shape: kernels.Shape{2, 7}}, make([]byte, 56)), "running: the name is taken by a variable"},
	} {
		wantError(t, try.err, try.want)
	}
	if err := v.Put("images", data, []byte{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	wantError(t, get("images"), `no variable "images"`)
	wantError(t, v.Put("images", kernels.Operand{DType: kernels.Uint8, Shape: kernels.Shape{2, 2}}, make([]byte, 4)), "the name is taken by a uint8[4]")

	p := &Param{Name: "twice", Shape: kernels.Shape{1}}
	_, err := NewVariables(newCPU(t, 1), []*Param{p, p}, VariableOptions{})
	wantError(t, err, `two variables are called "twice"`)
}

// TestDataSet reads a batch from a data set on the device, and another after it
// was replaced.
func TestDataSet(t *testing.T) {
	dev := newCPU(t, 1)
	b := NewBuilder()
	w := b.Param("w", nil, 2)
	images, index := b.InputOf(kernels.Uint8, "images", 3, 2), b.InputOf(kernels.Int32, "index", 2)
	y := b.Mul(b.Apply(kernels.Gather{Scale: 0.5}, images, index), w)
	vars, err := NewVariables(dev, b.Params(), VariableOptions{})
	if err != nil {
		t.Fatal(err)
	}
	set := kernels.Operand{DType: kernels.Uint8, Shape: kernels.Shape{3, 2}}
	if err := vars.Put("images", set, []byte{1, 2, 3, 4, 5, 6}); err != nil {
		t.Fatal(err)
	}
	if err := vars.Set("w", []float32{2, 20}); err != nil {
		t.Fatal(err)
	}
	p, err := CompileWith(b.Graph(), dev, Options{Variables: vars}, y)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.FeedInts(index, []int32{2, 0}); err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct {
		data []byte
		want []float64
	}{{[]byte{1, 2, 3, 4, 5, 6}, []float64{5, 60, 1, 20}}, {bytes.Repeat([]byte{10, 1}, 3), []float64{10, 10, 10, 10}}} {
		if err := vars.Put("images", set, try.data); err != nil {
			t.Fatal(err)
		}
		if got := runProgram(t, p, nil, y)[0].Data; !slices.Equal(got, try.want) {
			t.Errorf("the batch is %v, want %v", got, try.want)
		}
	}

	set.Shape = kernels.Shape{6}
	if vars, err = NewVariables(dev, b.Params(), VariableOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := vars.Put("images", set, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	_, err = CompileWith(b.Graph(), dev, Options{Variables: vars}, y)
	wantError(t, err, "images is uint8[3 2] in the graph and uint8[6] in the variables")
}

// TestUpdateErrors compiles updates that cannot be.
func TestUpdateErrors(t *testing.T) {
	b := NewBuilder()
	x, w, f := b.Input("x", 3), b.Param("w", nil, 3), b.Variable("f", nil, 3)
	rate, step := b.Input("rate", 1), b.InputOf(kernels.Int32, "step", 1)
	loss := b.Sum(b.Mul(x, w))
	grads := b.Gradients(loss, w)
	dev := newCPU(t, 1)
	vars, err := NewVariables(dev, b.Params(), VariableOptions{})
	if err != nil {
		t.Fatal(err)
	}
	good := Update{Params: []*Node{w}, Grads: grads, Optimizer: kernels.SGD{}, LearningRate: rate, Step: step}
	for want, change := range map[string]func(u *Update){
		"":                                      func(*Update) {},
		"as many gradients as parameters":       func(u *Update) { u.Grads = nil },
		"the variables have 1 rows, adam":       func(u *Update) { u.Optimizer = kernels.Adam{} },
		"x is not a trainable variable":         func(u *Update) { u.Params = []*Node{x} },
		"keep no average":                       func(u *Update) { u.AverageDecay = 0.9 },
		"an output is nil":                      func(u *Update) { u.Step = nil },
		"the gradient by w is float32[1], want": func(u *Update) { u.Grads = []*Node{rate} },
		`no variable "x"`:                       func(u *Update) { u.Assign = []Assignment{{x, w}} },
		"rate has shape [3], want [1]":          func(u *Update) { u.LearningRate = x },
		"assignment of float32[3] to w, want":   func(u *Update) { u.Assign = []Assignment{{w, x}} },
		"assignment of float32[1] to f, want":   func(u *Update) { u.Assign = []Assignment{{f, rate}} },
	} {
		u := good
		change(&u)
		_, err := CompileWith(b.Graph(), dev, Options{Variables: vars, Update: &u}, loss)
		if want == "" && err == nil {
			continue
		}
		wantError(t, err, want)
	}
	_, err = CompileWith(b.Graph(), dev, Options{Update: &good}, loss)
	wantError(t, err, "an update wants variables")
}

// TestAverageAndAssign reads averages in place of values, and finds an assigned
// variable changed in the next step.
func TestAverageAndAssign(t *testing.T) {
	b := NewBuilder()
	w, count := b.Param("w", nil, 2), b.Variable("count", nil, 2)
	rate, step := b.Input("rate", 1), b.InputOf(kernels.Int32, "step", 1)
	y := b.Sum(b.Mul(w, count))
	b.Assign(count, b.Offset(count, 1))
	dev := newCPU(t, 1)
	vars, err := NewVariables(dev, b.Params(), VariableOptions{Average: true})
	if err != nil {
		t.Fatal(err)
	}
	set := func(name string, value ...float32) {
		if err := vars.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	set("w", 1, 2)
	set("count", 10, 100)
	p, err := CompileWith(b.Graph(), dev, Options{Variables: vars, Update: &Update{
		Params: []*Node{w}, Grads: b.Gradients(y, w), Optimizer: kernels.SGD{}, LearningRate: rate, Step: step,
		AverageDecay: 0.75, Assign: b.Assignments(),
	}}, y)
	if err != nil {
		t.Fatal(err)
	}
	in := feeds{rate: {Shape: kernels.Shape{1}, Data: []float64{0.5}}, step: kernels.NewArray(kernels.Shape{1})}
	for i, want := range []float64{210, 11*(1-5) + 101*(2-50)} {
		if got := runProgram(t, p, in, y)[0].Data[0]; got != want {
			t.Errorf("step %d gives %v, want %v", i, got, want)
		}
	}
	set("w", 0, 0)
	average, err := CompileWith(b.Graph(), dev, Options{Variables: vars, UseAverage: true}, w, y)
	if err != nil {
		t.Fatal(err)
	}
	// w was −4, −48 after the first step and −9.5, −98.5 after the second
	want := []float64{0.75*0.25*-4 + 0.25*-9.5, 0.75*0.25*-48 + 0.25*-98.5}
	if got := runProgram(t, average, nil, w)[0].Data; !slices.Equal(got, want) {
		t.Errorf("the averages are %v, want %v", got, want)
	}
	if got, _ := vars.Get("count"); !slices.Equal(got, []float32{12, 102}) {
		t.Errorf("the assigned variable is %v after two steps", got)
	}
}

// TestPutPart replaces a part of a data set, and refuses what does not fit.
func TestPutPart(t *testing.T) {
	vars, err := NewVariables(newCPU(t, 1), nil, VariableOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o := kernels.Operand{DType: kernels.Uint8, Shape: kernels.Shape{2, 3}}
	if err := vars.Put("data", o, []byte{1, 2, 3, 4, 5, 6}); err != nil {
		t.Fatal(err)
	}
	if err := vars.PutPart("data", 3, []byte{7, 8, 9}); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 6)
	if err := vars.dev.Download(got, vars.slots["data"].buffer); err != nil {
		t.Fatal(err)
	}
	if string(got) != string([]byte{1, 2, 3, 7, 8, 9}) {
		t.Errorf("the data set holds %v", got)
	}
	for _, at := range []int{-1, 4, 6} {
		wantError(t, vars.PutPart("data", at, []byte{1, 2, 3}), "no room for 3 bytes")
	}
	wantError(t, vars.PutPart("other", 0, nil), "other")
}
