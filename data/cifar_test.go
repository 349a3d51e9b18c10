package data

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// cifarRecord is a record whose red is r everywhere, green the row and blue the
// column.
func cifarRecord(r byte, labels ...byte) []byte {
	record := slices.Concat(labels, bytes.Repeat([]byte{r}, cifarPlane), make([]byte, 2*cifarPlane))
	planes := record[len(labels):]
	for k := range cifarPlane {
		planes[cifarPlane+k], planes[2*cifarPlane+k] = byte(k/cifarSide), byte(k%cifarSide)
	}
	return record
}

func lines(prefix string, n int) []byte {
	var b strings.Builder
	for i := range n {
		b.WriteString(prefix + string(rune('a'+i%26)) + "\n")
	}
	return []byte(b.String() + "\n")
}

func TestCIFAR(t *testing.T) {
	files := map[string][]byte{"test_batch.bin": cifarRecord(9, 3), "batches.meta.txt": lines("class ", 10)}
	for i, name := range []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"} {
		files[name] = slices.Concat(cifarRecord(byte(i), byte(i)), cifarRecord(byte(100+i), 9))
	}
	dir := folder(t, files)
	d, err := Open("cifar10:"+dir, Train)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(); err != nil {
		t.Fatal(err)
	}
	wantShape(t, "cifar10", d.Info(), 10, 32, 32, 3)
	if !bytes.Equal(d.Labels, []byte{0, 9, 1, 9, 2, 9, 3, 9, 4, 9}) || len(d.Classes) != 10 || d.Classes[3] != "class d" {
		t.Errorf("labels %v, classes %v", d.Labels, d.Classes)
	}
	if at := d.Image(7)[3*(5*32+6):][:3]; !bytes.Equal(at, []byte{103, 5, 6}) {
		t.Errorf("image 7, row 5, column 6 is %v, want [103 5 6]", at)
	}
	if d, err = Open("cifar10:"+dir, Test); err != nil || d.N != 1 || d.Labels[0] != 3 {
		t.Errorf("test part: %v, %v", d, err)
	}

	// The folder above the one in the archive, and the labels of CIFAR-100.
	above := t.TempDir()
	inner := filepath.Join(above, "cifar-100-binary")
	if err := os.Rename(folder(t, map[string][]byte{"train.bin": cifarRecord(1, 19, 99), "test.bin": cifarRecord(1, 20, 7)}), inner); err != nil {
		t.Fatal(err)
	}
	for spec, want := range map[string]uint8{"cifar100:" + above: 99, "cifar100:" + above + ",coarse": 19, "cifar100:" + inner: 99} {
		d, err := Open(spec, Train)
		if err != nil {
			t.Fatal(err)
		}
		if d.Labels[0] != want || d.Classes != nil || d.Image(0)[0] != 1 {
			t.Errorf("%s: label %d, want %d", spec, d.Labels[0], want)
		}
	}
	_, err = Open("cifar100:"+above+",coarse", Test)
	wantError(t, err, "test.bin", "record 0 has label 20", "0 to 19")
}

func TestCIFARErrors(t *testing.T) {
	_, err := Open("cifar10:"+t.TempDir(), Train)
	wantError(t, err, "data_batch_1.bin", "cifar-10-batches-bin", "found neither")
	for name, c := range map[string]struct {
		file []byte
		want []string
	}{
		"empty":   {nil, []string{"records of 3073 bytes", "got 0 whole ones and 0 bytes", "cut short"}},
		"cut":     {append(cifarRecord(1, 1), 1, 2, 3), []string{"got 1 whole ones and 3 bytes", "cut short"}},
		"classes": {cifarRecord(1, 10), []string{"label 10, want 0 to 9"}},
	} {
		_, err := Open("cifar10:"+folder(t, map[string][]byte{"test_batch.bin": c.file}), Test)
		wantError(t, err, append(c.want, name, "test_batch.bin")[:len(c.want)]...)
	}
	dir := folder(t, map[string][]byte{"test_batch.bin": cifarRecord(1, 1), "batches.meta.txt": lines("", 9)})
	_, err = Open("cifar10:"+dir, Test)
	wantError(t, err, "batches.meta.txt", "10 classes, got 9")
}

// FuzzCIFAR reads arbitrary bytes as records of both data sets.
func FuzzCIFAR(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(cifarRecord(7, 3))
	f.Add(cifarRecord(7, 19, 99))
	f.Add(append(cifarRecord(1, 0), 1))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, c := range []cifar{{labels: 1, classes: 10}, {labels: 2, label: 1, classes: 100}} {
			d := &Dataset{Name: "fuzz", H: cifarSide, W: cifarSide, C: 3}
			if err := c.readRecords(d, bytes.NewReader(file)); err != nil {
				continue
			}
			if err := d.Validate(); err != nil {
				t.Fatal(err)
			}
			if d.N*(c.labels+3*cifarPlane) != len(file) {
				t.Fatalf("%d bytes became %d images", len(file), d.N)
			}
			if cap(d.Pixels) > 4*len(file)+1<<16 {
				t.Fatalf("%d bytes take a buffer of %d", len(file), cap(d.Pixels))
			}
		}
	})
}
