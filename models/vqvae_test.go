package models

import (
	"math"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
)

// quantizedCase is a vqvae of 4×4 images with four places of two numbers, and
// what its parts come to for a batch of three.
type quantizedCase struct {
	z, codes []float64 // [12 2]
	book     []float64 // [K 2]
	next     map[string][]float64
	metrics  map[string]float64
}

func runQuantized(t *testing.T, c Config, book []float64, counts []float64) quantizedCase {
	t.Helper()
	c.Name, c.Image, c.Latent, c.Blocks, c.Commitment = "vqvae", [3]int{4, 4, 1}, 2, []Block{{Filters: 3}}, 0.25
	c.Codebook = len(counts)
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilderOf(kernels.Float64)
	net := m.On(b).(*quantized)
	x, step := b.Input("x", 3, 4, 4, 1), b.InputOf(kernels.Int32, "step", 1)
	p := Phase{Training: true, Step: step, Seed: 2}
	z := net.encode(x, p)
	q := net.quantize(z)
	net.Loss(x, p)
	outs := []*graph.Node{z, q.codes, net.Encode(x)}
	names := []string{}
	for _, a := range b.Assignments() {
		outs, names = append(outs, a.Value), append(names, a.To.Name())
	}
	terms := net.Metrics(x, Phase{})
	for _, term := range terms {
		outs = append(outs, term.Node)
	}
	in := started(b)
	in[x], in[step], in[net.codebook], in[net.count] = formula("x", 48, 1), []float64{3}, book, counts
	v := onTape(t, b, in, outs...)
	r := quantizedCase{z: v[0], codes: v[1], book: book, next: map[string][]float64{}, metrics: map[string]float64{}}
	if apart(t, v[2], v[1]) != 0 {
		t.Errorf("Encode gives %v, want the codes %v", v[2], v[1])
	}
	for i, name := range names {
		r.next[name] = v[3+i]
	}
	for i, term := range terms {
		r.metrics[term.Name] = v[3+len(names)+i][0]
	}
	return r
}

// nearest returns the code nearest to place i.
func (r quantizedCase) nearest(i int) int {
	best, least := 0, math.Inf(1)
	for k := 0; k < len(r.book); k += 2 {
		a, b := r.z[2*i]-r.book[k], r.z[2*i+1]-r.book[k+1]
		if d := a*a + b*b; d < least {
			best, least = k/2, d
		}
	}
	return best
}

// TestCodebook holds codes, averages, perplexity and commitment to their
// definitions.
func TestCodebook(t *testing.T) {
	const decay = 0.7
	// Codes about where the encoder's results are, and one far away.
	book := []float64{0.25, -0.5, 0.4, -0.45, 0.6, -0.58, 50, 50, 0.3, -0.6}
	counts := []float64{1, 2, 0.5, 0.3, 1}
	r := runQuantized(t, Config{CodebookDecay: decay}, book, counts)
	used, sums := make([]float64, 5), make([]float64, 10)
	commitment := 0.0
	for i := range 12 {
		k := r.nearest(i)
		used[k]++
		for d := range 2 {
			sums[2*k+d] += r.z[2*i+d]
			if got, want := r.codes[2*i+d], book[2*k+d]; got != want {
				t.Errorf("place %d has %v, want that of code %d, %v", i, got, k, want)
			}
			commitment += math.Pow(r.z[2*i+d]-book[2*k+d], 2) / 24
		}
	}
	entropy, kinds := 0.0, 0
	for k, n := range used {
		if n > 0 {
			kinds++
			entropy -= n / 12 * math.Log(n/12)
		}
		count := decay*counts[k] + (1-decay)*n
		if got := r.next["codebook.count"][k]; !(math.Abs(got-count) <= 1e-12) {
			t.Errorf("count of code %d is %v, want %v", k, got, count)
		}
		for d := range 2 { // eq. 6 to 8 of the paper, with m = e·N
			m := decay*book[2*k+d]*counts[k] + (1-decay)*sums[2*k+d]
			if got := r.next["codebook.weight"][2*k+d]; !(math.Abs(got-m/count) <= 1e-9) {
				t.Errorf("code %d is %v, want %v", k, got, m/count)
			}
		}
	}
	if kinds < 2 {
		t.Fatalf("%d codes in use, want several: the case tests little", kinds)
	}
	for name, want := range map[string]float64{"perplexity": math.Exp(entropy), "commitment": commitment} {
		if got := r.metrics[name]; !(math.Abs(got-want) <= 1e-9) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// TestRevival moves a dead code to a place of the batch, and no other.
func TestRevival(t *testing.T) {
	book := []float64{0, 0, 50, 50, -50, 50}
	r := runQuantized(t, Config{CodebookDecay: 0.9, Revive: 0.2}, book, []float64{1, 0.1, 1})
	weight, count := r.next["codebook.weight"], r.next["codebook.count"]
	if r.placeOf(weight[2:4]) < 0 || count[1] != 1 {
		t.Errorf("the dead code is %v with count %v, want a place of %v with 1", weight[2:4], count[1], r.z)
	}
	if weight[4] != -50 || weight[5] != 50 || !(math.Abs(count[2]-0.9) <= 1e-12) {
		t.Errorf("the code with count 0.9 is %v with %v, want it as it was", weight[4:], count[2])
	}
}

// placeOf returns the first place that holds z, or −1.
func (r quantizedCase) placeOf(z []float64) int {
	for i := 0; i < len(r.z); i += 2 {
		if r.z[i] == z[0] && r.z[i+1] == z[1] {
			return i / 2
		}
	}
	return -1
}

// TestRevivalDrawsPlaces has more dead codes than places: each moves to one, and
// together they reach nearly all.
func TestRevivalDrawsPlaces(t *testing.T) {
	const codes = 100
	book := make([]float64, 2*codes)
	for i := range book {
		book[i] = 1000
	}
	r := runQuantized(t, Config{CodebookDecay: 0.9, Revive: 0.5}, book, make([]float64, codes))
	drawn := map[int]int{}
	for k := 1; k < codes; k++ { // code 0 is the nearest, the first of many
		drawn[r.placeOf(r.next["codebook.weight"][2*k:][:2])]++
	}
	if drawn[-1] > 0 || len(drawn) < 11 {
		t.Errorf("%d dead codes moved to %v, want all 12 places and nothing else", codes-1, drawn)
	}
}

// TestFirstBatch starts counts at 0: codes in use become the means of their
// places at once.
func TestFirstBatch(t *testing.T) {
	book := []float64{0.25, -0.5, 0.6, -0.58, 50, 50}
	r := runQuantized(t, Config{CodebookDecay: 0.99}, book, make([]float64, 3))
	sums, used := make([]float64, 6), make([]float64, 3)
	for i := range 12 {
		k := r.nearest(i)
		used[k]++
		sums[2*k], sums[2*k+1] = sums[2*k]+r.z[2*i], sums[2*k+1]+r.z[2*i+1]
	}
	if used[0] == 0 || used[1] == 0 || used[2] != 0 {
		t.Fatalf("codes are nearest to %v places, want the first two in use", used)
	}
	sums[4], sums[5], used[2] = 50, 50, 1
	for i, got := range r.next["codebook.weight"] {
		if want := sums[i] / used[i/2]; !(math.Abs(got-want) <= 1e-9) {
			t.Errorf("number %d of the codebook is %v, want %v", i, got, want)
		}
	}
}

// TestCodebookFollowsOneInput is as for batch normalisation.
func TestCodebookFollowsOneInput(t *testing.T) {
	c, err := Default("vqvae")
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilder()
	net := m.On(b)
	p := Phase{Training: true, Step: b.InputOf(kernels.Int32, "step", 1)}
	for _, name := range []string{"x", "y"} {
		net.Loss(b.Input(name, 2, 28, 28, 1), p)
	}
	want := "vqvae: applied to two inputs while training, want one: the codes would follow both"
	if b.Err() == nil || b.Err().Error() != want {
		t.Errorf("got %v, want %s", b.Err(), want)
	}
}

// TestStraightThrough finds the gradient by z of what follows the codes as it is
// by the codes.
func TestStraightThrough(t *testing.T) {
	m, err := New(Config{Name: "vqvae", Image: [3]int{4, 4, 1}, Latent: 2, Blocks: []Block{{Filters: 3}}, Codebook: 4})
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilderOf(kernels.Float64)
	net := m.On(b).(*quantized)
	z := b.Input("z", 3, 2, 2, 2)
	q := net.quantize(z)
	logits := net.through(q, z, Phase{})
	other := net.decoder(b.Reshape(q.codes, 3, 2, 2, 2), Phase{})
	dy := b.Input("dy", 3, 4, 4, 1)
	through := graph.VJP(b, []*graph.Node{logits}, []*graph.Node{dy}, []*graph.Node{z})[0]
	byCodes := graph.VJP(b, []*graph.Node{other}, []*graph.Node{dy}, []*graph.Node{q.codes})[0]
	in := started(b)
	in[z], in[dy] = formula("z", 24, 1), formula("dy", 48, 1)
	v := onTape(t, b, in, through, byCodes, logits, other)
	if off := apart(t, v[0], v[1]); !(off <= 1e-12*norm(v[1])) || norm(v[1]) == 0 {
		t.Errorf("the gradient by z is %v, want %v", v[0], v[1])
	}
	if off := apart(t, v[2], v[3]); !(off <= 1e-12*norm(v[3])) {
		t.Errorf("the logits are %v, want those of the codes, %v", v[2], v[3])
	}
}
