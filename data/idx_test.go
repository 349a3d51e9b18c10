package data

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// idxFile is an IDX file of bytes with the given sizes in its header.
func idxFile(elements []byte, sizes ...uint32) []byte {
	file := binary.BigEndian.AppendUint32(nil, idxMagic(len(sizes)))
	for _, s := range sizes {
		file = binary.BigEndian.AppendUint32(file, s)
	}
	return append(file, elements...)
}

func zipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// noise is n bytes that gzip cannot shrink.
func noise(n int) []byte {
	r := newRandom(1, streamOrder, 0)
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.next())
	}
	return b
}

// folder writes files to a new folder and returns its path.
func folder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	trainImages = "train-images-idx3-ubyte"
	trainLabels = "train-labels-idx1-ubyte"
)

func TestOpenMNIST(t *testing.T) {
	pixels := noise(3 * 4 * 5)
	images := idxFile(pixels, 3, 4, 5)
	labels := idxFile([]byte{7, 0, 9}, 3)
	for name, files := range map[string]map[string][]byte{
		"plain":             {trainImages: images, trainLabels: labels},
		"gzip":              {trainImages + ".gz": zipped(t, images), trainLabels + ".gz": zipped(t, labels)},
		"mixed":             {trainImages + ".gz": zipped(t, images), trainLabels: labels},
		"both":              {trainImages + ".gz": []byte("unused"), trainImages: images, trainLabels: labels},
		"unpacked under gz": {trainImages + ".gz": images, trainLabels + ".gz": labels},
	} {
		d, err := Open("mnist:"+folder(t, files), Train)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := d.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d.N != 3 || d.H != 4 || d.W != 5 || d.C != 1 || !bytes.Equal(d.Pixels, pixels) || !bytes.Equal(d.Labels, []byte{7, 0, 9}) {
			t.Errorf("%s: read %+v", name, d)
		}
	}
}

func TestOpenMNISTWithoutLabels(t *testing.T) {
	dir := folder(t, map[string][]byte{"t10k-images-idx3-ubyte": idxFile(noise(8), 2, 2, 2)})
	d, err := Open("mnist:"+dir, Test)
	if err != nil {
		t.Fatal(err)
	}
	if d.Labels != nil || d.N != 2 {
		t.Errorf("got %d images and labels %v", d.N, d.Labels)
	}
	_, err = Open("mnist:"+dir, Train)
	wantError(t, err, dir, trainImages, "neither", "check the folder's name")
}

func TestOpenMNISTErrors(t *testing.T) {
	content := noise(8 * 10 * 10)
	good := idxFile(content, 8, 10, 10)
	packed := zipped(t, good)
	sumWrong := slices.Clone(packed)
	sumWrong[len(sumWrong)-8] ^= 1
	bodyWrong := slices.Clone(packed)
	copy(bodyWrong[10:14], []byte{0xff, 0xff, 0xff, 0xff})
	cases := map[string]struct {
		file []byte
		want []string
	}{
		"empty":             {nil, []string{"header of 16 bytes, got 0", "cut short"}},
		"half a header":     {good[:9], []string{"header of 16 bytes, got 9", "cut short"}},
		"labels":            {idxFile(content, 800), []string{"magic 0x00000803", "got 0x00000801", "file of labels"}},
		"not IDX":           {[]byte("<html><body>404 not found</body>"), []string{"magic 0x00000803", "got 0x3c68746d"}},
		"float elements":    {append([]byte{0, 0, 0x0d, 3}, good[4:]...), []string{"got 0x00000d03"}},
		"promises more":     {idxFile(content, 9, 10, 10), []string{"promises 900 bytes", "got 800", "cut short"}},
		"promises less":     {idxFile(content, 7, 10, 10), []string{"promises 700 bytes", "got more"}},
		"promises a lot":    {idxFile(content, 1<<31-1, 1000, 1000), []string{"got 800", "cut short"}},
		"overflows":         {idxFile(content, 1<<31-1, 1<<31-1, 1<<31-1), []string{"impossible shape"}},
		"no images":         {idxFile(nil, 0, 28, 28), []string{"impossible shape"}},
		"no rows":           {idxFile(nil, 10, 0, 28), []string{"impossible shape"}},
		"gzip cut":          {packed[:len(packed)/2], []string{"promises 800 bytes", "cut short"}},
		"gzip cut at sum":   {packed[:len(packed)-4], []string{"want the end of the file after 800 bytes", "cut short"}},
		"gzip cut at start": {packed[:5], []string{"gzip header", "cut short"}},
		"gzip sum wrong":    {sumWrong, []string{"checksum", "damaged"}},
		"gzip body wrong":   {bodyWrong, []string{"corrupt", "damaged"}},
		"gzip and rubbish":  {append(slices.Clone(packed), "rubbish at the end"...), []string{"want the end of the file after 800 bytes", "damaged"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string][]byte{trainImages: c.file})
			_, err := Open("mnist:"+dir, Train)
			wantError(t, err, append(c.want, filepath.Join(dir, trainImages))...)
		})
	}
}

func TestOpenMNISTLabelErrors(t *testing.T) {
	images := idxFile(noise(12), 3, 2, 2)
	dir := folder(t, map[string][]byte{trainImages: images, trainLabels: idxFile([]byte{1, 2}, 2)})
	_, err := Open("mnist:"+dir, Train)
	wantError(t, err, trainLabels, "want 3 labels", trainImages, "got 2", "do not belong together")

	dir = folder(t, map[string][]byte{trainImages: images, trainLabels: images})
	_, err = Open("mnist:"+dir, Train)
	wantError(t, err, trainLabels, "want magic 0x00000801", "got 0x00000803", "file of images")
}

func TestOpenMNISTBadFolder(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	_, err := Open("mnist:"+missing, Train)
	wantError(t, err, missing, "found neither")

	file := filepath.Join(folder(t, map[string][]byte{"f": nil}), "f")
	_, err = Open("mnist:"+file, Train)
	wantError(t, err, file, "folder of IDX files")

	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, trainImages), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = Open("mnist:"+dir, Train)
	wantError(t, err, trainImages, "directory")
}

// A header that lies costs no memory: 20 bytes that promise 2⁶² are read with
// about the first buffer's megabyte.
func TestReadIDXTrustsNoLength(t *testing.T) {
	lie := idxFile(noise(4), 1<<31-1, 1<<15, 1<<16)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := readIDX(bytes.NewReader(lie), 3)
	runtime.ReadMemStats(&after)
	wantError(t, err, "got 4", "cut short")
	if used := after.TotalAlloc - before.TotalAlloc; used > 2<<20 {
		t.Errorf("reading 20 bytes allocated %d", used)
	}
}

func TestOpenSpecErrors(t *testing.T) {
	for spec, want := range map[string][]string{
		"":                  {`data ""`, "unknown", "builtin", "mnist:DIR"},
		"cifar":             {`data "cifar"`, "unknown", "builtin", "mnist:DIR"},
		"mnist":             {"folder", "mnist:DIR"},
		"mnist:":            {"folder", "mnist:DIR"},
		"builtin:":          {"builtin:seed=NUMBER"},
		"builtin:sed=3":     {"builtin:seed=NUMBER", "sed=3"},
		"builtin:seed=":     {"builtin:seed=NUMBER"},
		"builtin:seed=-1":   {"option seed", `got "-1"`},
		"builtin:seed=1e99": {"option seed", "1e99"},
	} {
		_, err := Open(spec, Train)
		wantError(t, err, want...)
	}
	_, err := Open("builtin", Split(2))
	wantError(t, err, "want split", "got 2")
}

// The real test images, where they are at hand, are the published bytes.
func TestRealMNIST(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "data", "mnist")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no MNIST beside the repository")
	}
	d, err := Open("mnist:"+dir, Test)
	if err != nil {
		t.Fatal(err)
	}
	const images = "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
	if got := fmt.Sprintf("%x", sha256.Sum256(idxFile(d.Pixels, uint32(d.N), uint32(d.H), uint32(d.W)))); got != images {
		t.Errorf("images have hash %s, want %s", got, images)
	}
	const labels = "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
	if got := fmt.Sprintf("%x", sha256.Sum256(idxFile(d.Labels, uint32(d.N)))); got != labels {
		t.Errorf("labels have hash %s, want %s", got, labels)
	}
}

// FuzzIDX reads arbitrary bytes. What is accepted must be what the file says,
// and take no more memory than the file justifies.
func FuzzIDX(f *testing.F) {
	good := idxFile(noise(24), 2, 3, 4)
	for _, seed := range [][]byte{
		nil, good, good[:20], append(slices.Clone(good), 0), zipped(f, good), zipped(f, good)[:30],
		idxFile(nil, 1<<31-1, 1<<31-1, 1), idxFile(noise(5), 5), {0x1f, 0x8b}, {0, 0, 8},
		slices.Concat(zipped(f, good[:10]), zipped(f, good[10:])),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		for dimensions := 1; dimensions <= 3; dimensions += 2 {
			sizes, elements, err := readIDX(bytes.NewReader(file), dimensions)
			if err != nil {
				continue
			}
			header := make([]uint32, len(sizes))
			for i, s := range sizes {
				header[i] = uint32(s)
			}
			packed := bytes.HasPrefix(file, []byte{0x1f, 0x8b})
			if !packed && !bytes.Equal(idxFile(elements, header...), file) {
				t.Fatalf("read %v and %d bytes, which is not what the file holds", sizes, len(elements))
			}
			// Deflate never shrinks by more than a factor of 1032.
			if packed && len(elements) > 1032*len(file) {
				t.Fatalf("%d bytes came out of %d", len(elements), len(file))
			}
			if cap(elements) > max(2*len(elements), 1<<20) {
				t.Fatalf("%d bytes take a buffer of %d", len(elements), cap(elements))
			}
		}
	})
}
