package data

import (
	"archive/zip"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestOpenNumbers reads rows beyond [0, 1] from both kinds of files, and refuses
// what is no rows of finite numbers.
func TestOpenNumbers(t *testing.T) {
	dir := t.TempDir()
	values := []float32{-3, 0.5, 1e6, 7, 8, 9}
	floats := elementsOf(t, "<f4", -3, 0.5, 1e6, 7, 8, 9)
	raw := npyFile("<f4", false, []int{2, 3}, floats)
	npy, npz := filepath.Join(dir, "x.npy"), filepath.Join(dir, "x.npz")
	writeNumbers(t, npy, raw)
	writeNumbers(t, npz, npzFile(t, zip.Store, map[string][]byte{"codes": raw}))
	for path, key := range map[string]string{npy: "", npz: "codes"} {
		s, err := OpenNumbers(path, key)
		if err != nil {
			t.Fatal(err)
		}
		wantShape(t, path, s.Info(), 2, 1, 1, 3)
		got := make([]float32, 6)
		if err := s.Read(got, []int32{1, 0}); err != nil || !slices.Equal(got, append(slices.Clone(values[3:]), values[:3]...)) {
			t.Errorf("%s: %v, %v", path, got, err)
		}
	}
	writeNumbers(t, npy, npyFile("<f4", false, []int{2, 3}, elementsOf(t, "<f4", 1, 2, 3, 4, 5, math.Inf(1))))
	s, err := OpenNumbers(npy, "")
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Read(make([]float32, 3), []int32{1}), "sample 1", "finite")
	writeNumbers(t, npy, npyFile("<f4", false, []int{6}, floats))
	_, err = OpenNumbers(npy, "")
	wantError(t, err, "[6]", "[n d]")
	_, err = OpenNumbers(npz, "labels")
	wantError(t, err, "labels")
}

func writeNumbers(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
}
