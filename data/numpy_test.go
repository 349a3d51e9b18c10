package data

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// npyFile is an NPY file of version 1 as NumPy writes it.
func npyFile(descr string, fortran bool, shape []int, elements []byte) []byte {
	var sizes strings.Builder
	for _, s := range shape {
		fmt.Fprintf(&sizes, "%d, ", s)
	}
	order := "False"
	if fortran {
		order = "True"
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }", descr, order, strings.TrimSuffix(sizes.String(), " "))
	for (len(text)+11)%64 != 0 {
		text += " "
	}
	text += "\n"
	file := append([]byte(npyMagic), 1, 0)
	file = binary.LittleEndian.AppendUint16(file, uint16(len(text)))
	return append(append(file, text...), elements...)
}

// elementsOf encodes numbers as elements of a type.
func elementsOf(t testing.TB, descr string, values ...float64) []byte {
	t.Helper()
	var order binary.AppendByteOrder = binary.LittleEndian
	if descr[0] == '>' {
		order = binary.BigEndian
	}
	var b []byte
	for _, v := range values {
		switch descr[1:] {
		case "u1", "b1":
			b = append(b, byte(v))
		case "i1":
			b = append(b, byte(int8(v)))
		case "i2", "u2":
			b = order.AppendUint16(b, uint16(int64(v)))
		case "i4", "u4":
			b = order.AppendUint32(b, uint32(int64(v)))
		case "i8", "u8":
			b = order.AppendUint64(b, uint64(int64(v)))
		case "f4":
			b = order.AppendUint32(b, math.Float32bits(float32(v)))
		case "f8":
			b = order.AppendUint64(b, math.Float64bits(v))
		default:
			t.Fatalf("no type %q", descr)
		}
	}
	return b
}

// openAll opens a specification and reads all of it.
func openAll(t *testing.T, spec string, split Split) (Info, []float32) {
	t.Helper()
	set, err := OpenSource(spec, split, Options{})
	if err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	info := set.Info()
	values := make([]float32, info.N*info.SampleSize())
	index := make([]int32, info.N)
	for i := range index {
		index[i] = int32(i)
	}
	if err := set.Read(values, index); err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	return info, values
}

// wantShape compares the shape of a set.
func wantShape(t *testing.T, spec string, info Info, n, h, w, c int) {
	t.Helper()
	if got, want := [4]int{info.N, info.H, info.W, info.C}, [4]int{n, h, w, c}; got != want {
		t.Errorf("%s: shape %v, want %v", spec, got, want)
	}
}

// Each type, in both orders of bytes, holds the same numbers.
func TestNPYTypes(t *testing.T) {
	dir := t.TempDir()
	want := []float32{0, 0.25, 0.5, 0.75, 1, 0.125}
	for _, descr := range []string{"|u1", "|i1", "<u2", ">u2", "<i2", ">i2", "<u4", ">i4", "<i8", ">i8", "<u8", "<f4", ">f4", "<f8", ">f8", "=f8"} {
		low, high := 0.0, 1.0
		if descr[1] != 'f' {
			low, high = 16, 80
		}
		if descr[1] == 'i' {
			low, high = -48, 16
		}
		var numbers []float64
		for _, v := range want {
			numbers = append(numbers, low+float64(v)*(high-low))
		}
		path := filepath.Join(dir, "a.npy")
		if err := os.WriteFile(path, npyFile(descr, false, []int{2, 3}, elementsOf(t, descr, numbers...)), 0o600); err != nil {
			t.Fatal(err)
		}
		spec := fmt.Sprintf("npy:%s,test=0,scale=%v..%v", path, low, high)
		info, got := openAll(t, spec, Train)
		wantShape(t, spec, info, 2, 1, 1, 3)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", descr, got, want)
		}
		if len(info.Low) != 3 || info.Low[2] != float32(low) || info.High[0] != float32(high) {
			t.Errorf("%s: bounds %v and %v, want %v and %v", descr, info.Low, info.High, low, high)
		}
	}
}

// Arrays of bytes stay bytes; 255 stands for 1.
func TestNPYBytes(t *testing.T) {
	pixels := noise(3 * 4 * 5)
	dir := folder(t, map[string][]byte{
		"x.npy": npyFile("|u1", false, []int{3, 4, 5}, pixels),
		"y.npy": npyFile("<i8", false, []int{3, 1}, elementsOf(t, "<i8", 7, 0, 255)),
	})
	set, err := OpenSource("npy:"+dir+"/x.npy,test=0,labels="+dir+"/y.npy", Test, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, ok := Bytes(set)
	if !ok {
		t.Fatalf("%T holds no bytes", set)
	}
	got := make([]byte, 2*20)
	if err := b.ReadBytes(got, []int32{2, 0}); err != nil {
		t.Fatal(err)
	}
	if want := slices.Concat(pixels[40:], pixels[:20]); !bytes.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	if labels := set.Info().Labels; !bytes.Equal(labels, []byte{7, 0, 255}) {
		t.Errorf("labels %v", labels)
	}
	err = set.Read(make([]float32, 20), []int32{3})
	wantError(t, err, "index in 0 to 2, got 3")

	// What may not be held in memory is read from the file.
	set, err = OpenSource("npy:"+dir+"/x.npy,test=0", Test, Options{MemoryLimit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, held := set.(*Dataset); held {
		t.Error("60 bytes are in memory, want at most 1")
	}
	values := make([]float32, 20)
	if err := set.Read(values, []int32{1}); err != nil || values[3] != float32(pixels[23])*unit {
		t.Errorf("streamed %v, %v", values, err)
	}
}

// The same samples in every layout, and in Fortran's order.
func TestNPYLayouts(t *testing.T) {
	const n, h, w, c = 2, 3, 4, 2
	sizes := map[byte]int{'n': n, 'h': h, 'w': w, 'c': c}
	dir := t.TempDir()
	for _, layout := range []string{"nhwc", "nchw"} {
		for _, fortran := range []bool{false, true} {
			var shape []int
			for _, axis := range []byte(layout) {
				shape = append(shape, sizes[axis])
			}
			elements := make([]byte, n*h*w*c)
			number := func(at map[byte]int) byte { return byte(at['n']*100 + at['h']*25 + at['w']*4 + at['c']) }
			index := map[byte]int{}
			for i := range elements {
				rest := i
				for k := range layout { // from the axis that runs fastest on
					if !fortran {
						k = len(layout) - 1 - k
					}
					index[layout[k]] = rest % sizes[layout[k]]
					rest /= sizes[layout[k]]
				}
				elements[i] = number(index)
			}
			path := filepath.Join(dir, "a.npy")
			if err := os.WriteFile(path, npyFile("|u1", fortran, shape, elements), 0o600); err != nil {
				t.Fatal(err)
			}
			spec := fmt.Sprintf("npy:%s,layout=%s,test=0", path, layout)
			info, got := openAll(t, spec, Train)
			wantShape(t, spec, info, n, h, w, c)
			for i, v := range got {
				at := map[byte]int{'n': i / (h * w * c), 'h': i / (w * c) % h, 'w': i / c % w, 'c': i % c}
				if want := float32(number(at)) * unit; v != want {
					t.Fatalf("%s, Fortran %v: element %v is %v, want %v", layout, fortran, at, v, want)
				}
			}
		}
	}
	write := func(shape ...int) string {
		size := 1
		for _, s := range shape {
			size *= s
		}
		path := filepath.Join(dir, "b.npy")
		if err := os.WriteFile(path, npyFile("|u1", false, shape, noise(size)), 0o600); err != nil {
			t.Fatal(err)
		}
		return "npy:" + path + ",test=0"
	}
	info, _ := openAll(t, write(2, 3, 5)+",layout=ncw", Train)
	wantShape(t, "ncw", info, 2, 1, 5, 3)
	info, _ = openAll(t, write(2, 3, 5)+",layout=nwc", Train)
	wantShape(t, "nwc", info, 2, 1, 3, 5)
	info, _ = openAll(t, write(2, 6)+",layout=nw", Train)
	wantShape(t, "nw", info, 2, 1, 6, 1)
	info, _ = openAll(t, write(6), Train)
	wantShape(t, "n", info, 6, 1, 1, 1)
	info, _ = openAll(t, write(2, 3, 5), Train)
	wantShape(t, "nhw", info, 2, 3, 5, 1)
}

// npzFile is a ZIP file of NPY files.
func npzFile(t testing.TB, method uint16, arrays map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		content := arrays[name]
		w, err := z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestNPZ(t *testing.T) {
	train, test := noise(20*2*3), noise(5*2*3)
	arrays := map[string][]byte{
		"x_train": npyFile("|u1", false, []int{20, 2, 3}, train), "y_train": npyFile("|u1", false, []int{20}, make([]byte, 20)),
		"x_test": npyFile("|u1", false, []int{5, 2, 3}, test), "y_test": npyFile("|u1", false, []int{5}, []byte{4, 3, 2, 1, 0}),
		"extra": npyFile("<f4", false, []int{4, 2}, elementsOf(t, "<f4", 0, 1, 0, 1, 0, 1, 0, 1)),
	}
	dir := folder(t, map[string][]byte{
		"stored.npz": npzFile(t, zip.Store, arrays), "packed.npz": npzFile(t, zip.Deflate, arrays),
		"one.npz": npzFile(t, zip.Deflate, map[string][]byte{"arr_0": arrays["x_train"]}),
		"two.npz": npzFile(t, zip.Store, map[string][]byte{"a": arrays["x_train"], "b": arrays["x_test"]}),
	})
	for _, name := range []string{"stored", "packed"} {
		spec := "npz:" + dir + "/" + name + ".npz"
		info, got := openAll(t, spec, Test)
		wantShape(t, spec, info, 5, 2, 3, 1)
		if !bytes.Equal(info.Labels, []byte{4, 3, 2, 1, 0}) || got[7] != float32(test[7])*unit {
			t.Errorf("%s: labels %v, element 7 is %v", spec, info.Labels, got[7])
		}
		info, _ = openAll(t, spec, Train)
		wantShape(t, spec, info, 20, 2, 3, 1)
		info, _ = openAll(t, spec+",key=extra,test=0", Train)
		wantShape(t, spec, info, 4, 1, 1, 2)
	}
	trainInfo, _ := openAll(t, "npz:"+dir+"/one.npz", Train)
	testInfo, _ := openAll(t, "npz:"+dir+"/one.npz", Test)
	if trainInfo.N != 18 || testInfo.N != 2 {
		t.Errorf("a tenth of 20 samples is %d and %d, want 18 and 2", trainInfo.N, testInfo.N)
	}
	for spec, want := range map[string][]string{
		"two.npz":              {"x_train or one alone", "a, b", "key=NAME"},
		"two.npz,key=c":        {`array "c"`, "no such array"},
		"two.npz,key=a,test=2": {"test", "0 to 0.9"},
		"one.npz,testlabels=b": {"testlabels", "test="},
		"two.npz,key=a,test=b,labels=b,testlabels=b": {"two.npz:b", "want labels", "20 whole numbers"},
		"stored.npz,layout=xyz":                      {"layout", "nchw"},
		"stored.npz,scale=5..1":                      {"scale", "the smaller one first"},
		"stored.npz,layout=nhwc":                     {"uint8 [20 2 3]", "axes"},
		"missing.npz":                                {"missing.npz"},
	} {
		_, err := OpenSource("npz:"+filepath.Join(dir, spec), Train, Options{})
		wantError(t, err, want...)
	}
}

func TestNPYErrors(t *testing.T) {
	good := npyFile("<f4", false, []int{2, 2}, elementsOf(t, "<f4", 0, 0.5, 1, 2))
	for name, c := range map[string]struct {
		file []byte
		want []string
	}{
		"empty":         {nil, []string{"NPY header, got 0 bytes", "cut short"}},
		"not NPY":       {[]byte("PK\x03\x04 and so on"), []string{"want an NPY file", `"PK\x03\x04`}},
		"version":       {append([]byte(npyMagic), 9, 0, 1, 0), []string{"version 1, 2 or 3, got 9"}},
		"half":          {good[:40], []string{"NPY header of", "cut short"}},
		"long header":   {append([]byte(npyMagic), 2, 0, 255, 255, 255, 255), []string{"at most 10000 bytes, got 4294967295"}},
		"cut":           {good[:len(good)-1], []string{"promises float32 [2 2], 16 bytes, got 15"}},
		"more":          {append(slices.Clone(good), 0), []string{"16 bytes, got 17"}},
		"impossible":    {npyFile("<f4", false, []int{1 << 30, 1 << 30, 1 << 30}, nil), []string{"impossible shape"}},
		"records":       {bytes.Replace(good, []byte("'<f4'"), []byte("[('a', '<f4')]"), 1), []string{"records of several fields"}},
		"text":          {npyFile("<U8", false, []int{2}, nil), []string{`"<U8"`, "want numbers"}},
		"complex":       {npyFile("<c8", false, []int{2}, nil), []string{`"<c8"`, "want numbers"}},
		"integers":      {npyFile("<i4", false, []int{2}, elementsOf(t, "<i4", 3, 4)), []string{"int32 [2]", "scale=0..255"}},
		"one number":    {npyFile("<f4", false, nil, elementsOf(t, "<f4", 3)), []string{"float32 []", "axes"}},
		"no samples":    {npyFile("<f4", false, []int{0, 3}, nil), []string{"[0 3]", "at least one sample"}},
		"out of range":  {good, []string{"sample 1 holds 2", "from 0 to 1", "scale="}},
		"not a number":  {npyFile("<f8", false, []int{1, 1}, elementsOf(t, "<f8", math.NaN())), []string{"sample 0 holds NaN"}},
		"five axes":     {npyFile("<f4", false, []int{1, 1, 1, 1, 1}, elementsOf(t, "<f4", 0)), []string{"1 to 4 axes"}},
		"two keys":      {bytes.Replace(good, []byte("'fortran_order': False"), []byte("'descr': '<f4'        "), 1), []string{"twice"}},
		"unknown key":   {bytes.Replace(good, []byte("'shape'"), []byte("'shops'"), 1), []string{`"shops" is unknown`}},
		"wrong boolean": {bytes.Replace(good, []byte("False"), []byte("Maybe"), 1), []string{`want "False"`}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(folder(t, map[string][]byte{"a.npy": c.file}), "a.npy")
			set, err := OpenSource("npy:"+path+",test=0", Train, Options{})
			if err == nil {
				info := set.Info()
				err = set.Read(make([]float32, 2*info.SampleSize()), []int32{0, int32(info.N - 1)})
			}
			wantError(t, err, append(c.want, path)...)
		})
	}
}

func TestNPYParts(t *testing.T) {
	dir := folder(t, map[string][]byte{
		"a.npy": npyFile("|u1", false, []int{4, 3}, noise(12)), "b.npy": npyFile("|u1", false, []int{2, 3}, noise(6)),
		"c.npy": npyFile("|u1", false, []int{2, 4}, noise(8)), "l.npy": npyFile("<i2", false, []int{2}, elementsOf(t, "<i2", 0, 256)),
	})
	spec := "npy:" + dir + "/a.npy,test=" + dir + "/"
	info, _ := openAll(t, spec+"b.npy", Test)
	wantShape(t, spec, info, 2, 1, 1, 3)
	info, _ = openAll(t, spec+"b.npy", Train)
	wantShape(t, spec, info, 4, 1, 1, 3)
	_, err := OpenSource(spec+"c.npy", Test, Options{})
	wantError(t, err, "a.npy", "[1 1 3]", "c.npy", "[1 1 4]")
	_, err = OpenSource(spec+"b.npy,testlabels="+dir+"/l.npy", Test, Options{})
	wantError(t, err, "l.npy", "label 1 is 256")
	_, err = OpenSource("npy:"+dir+"/a.npy", Test, Options{})
	wantError(t, err, "part is empty", "test")
	_, err = OpenSource("npy:"+dir, Test, Options{})
	wantError(t, err, dir, "want an NPY file, got a folder")
}

func TestHalf(t *testing.T) {
	for word, want := range map[uint16]float64{
		0: 0, 0x3c00: 1, 0xc000: -2, 0x3555: 0.333251953125, 1: math.Ldexp(1, -24), 0x7bff: 65504, 0x7c00: math.Inf(1), 0xfc00: math.Inf(-1),
	} {
		if got := half(word); got != want {
			t.Errorf("half(%#04x) = %v, want %v", word, got, want)
		}
	}
	if !math.IsNaN(half(0x7e00)) {
		t.Error("half(0x7e00) is a number")
	}
}

// FuzzNPY reads arbitrary bytes as NPY and as NPZ. What is accepted must fill
// the memory that its shape says, and take no more than the file justifies.
func FuzzNPY(f *testing.F) {
	good := npyFile("<f4", false, []int{2, 2}, elementsOf(f, "<f4", 0, 0.5, 1, 0.25))
	fortran := npyFile(">i2", true, []int{2, 3}, elementsOf(f, ">i2", 1, 2, 3, 4, 5, 6))
	for _, seed := range [][]byte{
		nil, good, fortran, good[:30], npyFile("|u1", false, []int{1 << 30, 1 << 30}, nil),
		npyFile("<f2", true, []int{0, 1 << 30}, nil),
		npzFile(f, zip.Store, map[string][]byte{"x_train": good, "y_train": fortran}),
		npzFile(f, zip.Deflate, map[string][]byte{"arr_0": good}),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		arrays := []*arrayFile{}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if a, err := newArrayFile("a", bytes.NewReader(file), int64(len(file))); err == nil {
			arrays = append(arrays, a)
		}
		if z, err := zip.NewReader(bytes.NewReader(file), int64(len(file))); err == nil {
			for _, entry := range z.File[:min(len(z.File), 8)] {
				if a, err := openEntry(bytes.NewReader(file), int64(len(file)), entry.Name, entry); err == nil {
					arrays = append(arrays, a)
				}
			}
		}
		runtime.ReadMemStats(&after)
		// Deflate shrinks by up to 1032, buffers double, and each of 8 arrays
		// begins with one of a megabyte.
		if used := after.TotalAlloc - before.TotalAlloc; used > 40<<20+8*4*1032*uint64(len(file)) {
			t.Fatalf("%d bytes of file took %d of memory", len(file), used)
		}
		for _, a := range arrays {
			readArray(t, a)
		}
	})
}

// readArray reads an array's first samples and its labels.
func readArray(t *testing.T, a *arrayFile) {
	if len(a.shape) > 0 {
		_, _ = labelsOf(a, a.shape[0])
	}
	bounds := [2]float32{-4, 1000}
	for _, layout := range []string{"", "nchw", "ncw"} {
		s, err := newArraySource("fuzz", a, layout, &bounds)
		if err != nil {
			continue
		}
		size := s.info.SampleSize()
		if int64(s.info.N)*int64(size)*int64(a.width) != a.bytes() {
			t.Fatalf("%s became %+v", a, s.info)
		}
		dst := make([]float32, size)
		if err := s.Read(dst, []int32{int32(s.info.N - 1)}); err != nil {
			continue
		}
		for _, v := range dst {
			if !(v >= 0 && v <= 1) {
				t.Fatalf("%s holds %v, scaled", a, v)
			}
		}
	}
}
