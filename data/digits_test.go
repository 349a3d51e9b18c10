package data

import (
	"bytes"
	"strings"
	"testing"
)

func TestOpenEMNIST(t *testing.T) {
	// Two images 3×3 whose element is ten times the row and the column.
	var pixels []byte
	for range 2 {
		for y := range byte(3) {
			for x := range byte(3) {
				pixels = append(pixels, 10*y+x)
			}
		}
	}
	dir := folder(t, map[string][]byte{
		"emnist-letters-train-images-idx3-ubyte":    idxFile(pixels, 2, 3, 3),
		"emnist-letters-train-labels-idx1-ubyte":    idxFile([]byte{1, 26}, 2),
		"emnist-balanced-test-images-idx3-ubyte.gz": zipped(t, idxFile(pixels, 2, 3, 3)),
		"emnist-balanced-test-labels-idx1-ubyte.gz": zipped(t, idxFile([]byte{10, 46}, 2)),
		"emnist-digits-test-images-idx3-ubyte":      idxFile(pixels[:12], 2, 3, 2),
		"emnist-mnist-test-images-idx3-ubyte":       idxFile(pixels, 2, 3, 3),
		"emnist-mnist-test-labels-idx1-ubyte":       idxFile([]byte{1, 10}, 2),
		"emnist-letters-test-images-idx3-ubyte":     idxFile(pixels, 2, 3, 3),
		"emnist-letters-test-labels-idx1-ubyte":     idxFile([]byte{0, 1}, 2),
	})
	d, err := Open("emnist:"+dir+",part=letters", Train)
	if err != nil {
		t.Fatal(err)
	}
	if want := []byte{0, 10, 20, 1, 11, 21, 2, 12, 22}; !bytes.Equal(d.Image(1), want) {
		t.Errorf("image 1 is %v, want %v", d.Image(1), want)
	}
	if !bytes.Equal(d.Labels, []byte{0, 25}) || d.Classes[25] != "Z" {
		t.Errorf("labels %v of classes %v", d.Labels, d.Classes)
	}
	if d, err = Open("emnist:"+dir, Test); err != nil {
		t.Fatal(err)
	}
	if len(d.Classes) != 47 || d.Classes[d.Labels[0]] != "A" || d.Classes[d.Labels[1]] != "t" {
		t.Errorf("labels %v of classes %v", d.Labels, d.Classes)
	}
	for spec, want := range map[string][]string{
		"":              {"emnist-balanced-train-images", "found neither", "part"},
		",part=capital": {"part", "letters"},
	} {
		_, err := Open("emnist:"+dir+spec, Train)
		wantError(t, err, want...)
	}
	for spec, want := range map[string][]string{
		",part=digits":  {"square", "2×3"},
		",part=mnist":   {"label 1 is 10", "0 to 9"},
		",part=letters": {"label 0", "1 to 26"},
	} {
		_, err := Open("emnist:"+dir+spec, Test)
		wantError(t, err, want...)
	}
}

func TestClassNames(t *testing.T) {
	dir := folder(t, map[string][]byte{trainImages: idxFile(noise(8), 2, 2, 2), trainLabels: idxFile([]byte{9, 0}, 2)})
	for kind, want := range map[string]string{"mnist": "9 0", "fashion": "Ankle boot T-shirt/top", "kmnist": "wo o", "idx": ""} {
		d, err := Open(kind+":"+dir, Train)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if d.Classes != nil {
			got = d.Classes[d.Labels[0]] + " " + d.Classes[d.Labels[1]]
		}
		if got != want || !strings.HasPrefix(d.Name, kind+":") {
			t.Errorf("%s: classes %q, want %q; name %s", kind, got, want, d.Name)
		}
	}
	dir = folder(t, map[string][]byte{trainImages: idxFile(noise(8), 2, 2, 2), trainLabels: idxFile([]byte{9, 10}, 2)})
	_, err := Open("kmnist:"+dir, Train)
	wantError(t, err, "label 1 is 10", "0 to 9", "idx:DIR")
}
