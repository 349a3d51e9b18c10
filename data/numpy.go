package data

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The share of a set in one piece that is its test part, where nothing else is
// asked for.
const testShare = 0.1

// arraySpec is what the specification of an NPY or NPZ file asks for. Names are
// those of files or, in an NPZ file, of arrays; "" stands for none.
type arraySpec struct {
	samples, labels  string
	test, testLabels string // of the test part
	share            float64
	layout           string
	bounds           *[2]float32
	open             func(name string) (*arrayFile, error)
	header           func(name string) (*npyArray, error)
}

// openNPYSpec opens npy:FILE.
func openNPYSpec(s *spec, split Split, _ Options) (Source, error) {
	a := arraySpec{samples: s.path, open: openNPYFile, header: npyFileHeader}
	a.options(s)
	if s.err != nil {
		return nil, s.err
	}
	return a.source(s, split)
}

// openNPZSpec opens npz:FILE. Without a key the arrays are those of Keras'
// mnist.npz (x_train, y_train, x_test, y_test), or the only one that there is.
func openNPZSpec(s *spec, split Split, _ Options) (Source, error) {
	a := arraySpec{
		samples: s.textOf("key", ""),
		open:    func(key string) (*arrayFile, error) { return openNPZ(s.path, key) },
		header:  func(key string) (*npyArray, error) { return npzHeader(s.path, key) },
	}
	a.options(s)
	if s.err != nil {
		return nil, s.err
	}
	if a.samples == "" {
		if err := a.guess(s); err != nil {
			return nil, err
		}
	}
	return a.source(s, split)
}

// guess finds the arrays that no option names.
func (a *arraySpec) guess(s *spec) error {
	names, err := arrayNames(s.path)
	if err != nil {
		return err
	}
	has := func(name string) bool { return slices.Contains(names, name) }
	switch {
	case has("x_train"):
		a.samples = "x_train"
		if a.labels == "" && has("y_train") {
			a.labels = "y_train"
		}
		if !s.has("test") && has("x_test") {
			a.test = "x_test"
			if a.testLabels == "" && has("y_test") {
				a.testLabels = "y_test"
			}
		}
	case len(names) == 1:
		a.samples = names[0]
	default:
		return s.fail("want an array x_train or one alone, the file has %s; name one by key=NAME", strings.Join(names, ", "))
	}
	return nil
}

// arrayNames lists the arrays of an NPZ file.
func arrayNames(path string) ([]string, error) {
	z, err := zip.OpenReader(path)
	if errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrAlgorithm) {
		return nil, fmt.Errorf("data: %s: want an NPZ file (a ZIP file of NPY files): %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	defer z.Close()
	var names []string
	for _, entry := range z.File {
		if name, ok := strings.CutSuffix(entry.Name, ".npy"); ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("data: %s: want an NPZ file (a ZIP file of NPY files), it has no .npy in it", path)
	}
	return names, nil
}

// options reads those that NPY and NPZ files have in common.
func (a *arraySpec) options(s *spec) {
	a.labels, a.testLabels = s.textOf("labels", ""), s.textOf("testlabels", "")
	a.layout = s.word("layout", "", layoutWords...)
	a.share = testShare
	if text := s.textOf("test", ""); text != "" {
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			a.share = s.number("test", 0, 0, 0.9)
		} else {
			a.test = text
		}
	}
	if s.has("scale") {
		bounds, ok := parseBounds(s.given["scale"])
		if !ok {
			s.wrong("scale", "two numbers, the smaller one first, as 0..255 or -1..1")
		}
		a.bounds = &bounds
	}
}

// source opens a part.
func (a *arraySpec) source(s *spec, split Split) (Source, error) {
	if a.testLabels != "" && a.test == "" {
		return nil, s.fail("testlabels are those of a test part of its own; name that by test=")
	}
	if split == Test && a.test != "" {
		return a.testPart(s)
	}
	whole, err := a.load(s, a.samples, a.labels, split)
	if err != nil || a.test != "" {
		return whole, err
	}
	return nonEmpty(partOf(whole, split, a.share))
}

// testPart opens a test part of its own, whose samples must be like the others.
func (a *arraySpec) testPart(s *spec) (Source, error) {
	test, err := a.load(s, a.test, a.testLabels, Test)
	if err != nil {
		return nil, err
	}
	header, err := a.header(a.samples)
	if err != nil {
		return nil, err
	}
	train, err := newArraySource("", &arrayFile{name: a.samples, npyArray: *header}, a.layout, a.bounds)
	if err != nil {
		return nil, err
	}
	if want, got := train.info, test.Info(); want.H != got.H || want.W != got.W || want.C != got.C {
		return nil, fmt.Errorf("data: samples of %s are [%d %d %d], those of %s [%d %d %d]; want both parts alike", a.samples, want.H, want.W, want.C, a.test, got.H, got.W, got.C)
	}
	return test, nil
}

// npyFileHeader reads the header of an NPY file alone.
func npyFileHeader(path string) (*npyArray, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	defer f.Close()
	header, err := readNPYHeader(f)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", path, err)
	}
	return header, nil
}

// npzHeader reads the header of an array in an NPZ file alone.
func npzHeader(path, key string) (*npyArray, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", path, err)
	}
	defer z.Close()
	f, err := z.Open(key + ".npy")
	if err != nil {
		return nil, fmt.Errorf("data: %s: array %q: %w", path, key, err)
	}
	defer f.Close()
	header, err := readNPYHeader(f)
	if err != nil {
		return nil, fmt.Errorf("data: %s: array %s: %w", path, key, err)
	}
	return header, nil
}

// load opens an array and its labels.
func (a *arraySpec) load(s *spec, samples, labels string, split Split) (Source, error) {
	array, err := a.open(samples)
	if err != nil {
		return nil, err
	}
	set, err := newArraySource(fmt.Sprintf("%s %s", s.text, split), array, a.layout, a.bounds)
	if err != nil {
		return nil, err
	}
	if labels != "" {
		array, err := a.open(labels)
		if err != nil {
			return nil, err
		}
		if set.info.Labels, err = labelsOf(array, set.info.N); err != nil {
			return nil, err
		}
	}
	if set.isBytes() {
		return arrayBytes{set}, nil
	}
	return set, nil
}

// nonEmpty makes an error of a part without samples.
func nonEmpty(s Source, err error) (Source, error) {
	if err != nil {
		return nil, err
	}
	if info := s.Info(); info.N == 0 {
		return nil, fmt.Errorf("data: %s: the part is empty; give it samples by the option test, a larger share or a file of its own", info.Name)
	}
	return s, nil
}
