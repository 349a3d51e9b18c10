package data

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestCSVTable(t *testing.T) {
	const body = "1,10,cat\n3,10,dog\n2,10,cat\n5,10,ant\n"
	for name, c := range map[string]struct{ content, options string }{
		"header":         {"a,b,kind\n" + body, ",label=kind"},
		"by number":      {body, ",label=3"},
		"said":           {"7,8,9\n" + body, ",header=yes,label=3"},
		"semicolons":     {"\uFEFF" + strings.ReplaceAll("a,b,kind\n"+body, ",", ";"), ",label=kind"},
		"tabs":           {strings.ReplaceAll("a,b,kind\n"+body, ",", "\t"), ",label=kind"},
		"bars":           {strings.ReplaceAll("a,b,kind\n"+body, ",", " | "), ",delimiter=|,label=kind"},
		"quoted, \\r\\n": {strings.ReplaceAll("\"a\",\"b\",\"kind\"\n"+body, "\n", "\r\n"), ",label=kind"},
		"left out":       {"time,a,b,kind\n" + "t0," + strings.ReplaceAll(body, "\n", "\nt1,") + "9,9,ant\n", ",label=kind,skip=time"},
	} {
		path := filepath.Join(folder(t, map[string][]byte{"t.csv": []byte(c.content)}), "t.csv")
		info, got := openAll(t, "csv:"+path+",test=0"+c.options, Train)
		if name == "left out" {
			info.N, got = info.N-1, nil
		}
		wantShape(t, name, info, 4, 1, 1, 2)
		if got != nil && !slices.Equal(got, []float32{0, 0, 0.5, 0, 0.25, 0, 1, 0}) {
			t.Errorf("%s: %v", name, got)
		}
		if !slices.Equal(info.Classes, []string{"ant", "cat", "dog"}) || !bytes.Equal(info.Labels[:4], []byte{1, 2, 1, 0}) {
			t.Errorf("%s: labels %v of %v", name, info.Labels, info.Classes)
		}
		if name != "left out" && (info.Low[0] != 1 || info.High[0] != 5 || info.Low[1] != 10 || info.High[1] != 11) {
			t.Errorf("%s: range %v to %v", name, info.Low, info.High)
		}
	}
}

// The test part is scaled by the training part's range, and may leave it.
func TestCSVParts(t *testing.T) {
	dir := folder(t, map[string][]byte{
		"a.csv": []byte("x,y\n0,1\n10,2\n"), "b.csv": []byte("x,y\n-5,1\n20,1.5\n"), "c.csv": []byte("x,z\n0,1\n"),
	})
	spec := "csv:" + dir + "/a.csv,test=" + dir + "/"
	info, got := openAll(t, spec+"b.csv", Test)
	if !slices.Equal(got, []float32{-0.5, 0, 2, 0.5}) || info.High[0] != 10 {
		t.Errorf("test part %v, range to %v", got, info.High)
	}
	_, err := OpenSource(spec+"c.csv", Train, Options{})
	wantError(t, err, "columns x y", "x z")
	_, err = OpenSource("csv:"+dir+"/a.csv", Test, Options{})
	wantError(t, err, "2 rows leave none for the test part")

	var rows strings.Builder
	for i := range 30 {
		fmt.Fprintln(&rows, i)
	}
	dir = folder(t, map[string][]byte{"r.csv": []byte(rows.String())})
	_, train := openAll(t, "csv:"+dir+"/r.csv", Train)
	_, test := openAll(t, "csv:"+dir+"/r.csv", Test)
	if len(train) != 27 || len(test) != 3 {
		t.Errorf("%d and %d rows, want 27 and 3", len(train), len(test))
	}
}

func TestCSVSeries(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("time,a,b,anomaly\n")
	for i := range 40 {
		fmt.Fprintf(&rows, "2020-01-%d,%d,%d,%d\n", i, i, 2*i, map[bool]int{true: 1}[i == 21])
	}
	path := filepath.Join(folder(t, map[string][]byte{"s.csv": []byte(rows.String())}), "s.csv")
	spec := "csv:" + path + ",window=8,stride=4,label=anomaly,skip=time,test=0.25"
	info, got := openAll(t, spec, Train) // steps 0 … 29
	wantShape(t, spec, info, 6, 1, 8, 2)
	if !bytes.Equal(info.Labels, []byte{0, 0, 0, 0, 1, 1}) {
		t.Errorf("labels %v, want those of windows with step 21", info.Labels)
	}
	if at := got[(2*8+3)*2:][:2]; at[0] != float32(11.0/29) || at[1] != at[0] {
		t.Errorf("step 3 of window 2 is %v, want twice 11/29", at)
	}
	info, got = openAll(t, spec, Test) // steps 30 … 39
	wantShape(t, spec, info, 1, 1, 8, 2)
	if got[0] != float32(30.0/29) {
		t.Errorf("the test part begins with %v, want 30/29", got[0])
	}
	_, err := OpenSource("csv:"+path+",window=100,label=anomaly,skip=time,test=0.25", Train, Options{})
	wantError(t, err, "windows of 100 steps", "series' 30", "option window")
}

// The class of a window is the most frequent.
func TestWindowLabels(t *testing.T) {
	w := &windows{info: Info{N: 3, W: 3}, stride: 1}
	w.label([]uint8{5, 2, 2, 0, 5})
	if !bytes.Equal(w.info.Labels, []byte{2, 2, 0}) {
		t.Errorf("labels %v", w.info.Labels)
	}
}

func TestCSVErrors(t *testing.T) {
	for name, c := range map[string]struct {
		content, options string
		want             []string
	}{
		"empty":        {"", "", []string{"the file is empty"}},
		"header alone": {"a,b\n", "", []string{"header alone"}},
		"word":         {"a,b\n1,2\n3,x\n", "", []string{"line 3, column 2 (b)", `"x"`, "finite number", "skip=b"}},
		"nothing":      {"1,2\n3,\n", "", []string{"line 2, column 2: got nothing"}},
		"first cell":   {",2\n3,4\n", "", []string{"line 1, column 1: got nothing"}},
		"NaN":          {"a\n1\nNaN\n", "", []string{"line 3, column 1 (a)", `"NaN"`}},
		"infinite":     {"a\n1\n1e300\n", "", []string{"line 3", "1e300"}},
		"short row":    {"a,b\n1,2\n3\n", "", []string{"line 3 has 1 columns, want 2"}},
		"quote":        {"a,b\n1,\"2\n", "", []string{"line 2", "quote"}},
		"no label":     {"a,b\n1,2\n", ",label=c", []string{`no column "c"`, "label", "a, b"}},
		"empty label":  {"a,b\n1,\n", ",label=b", []string{"line 2, column 2 (label): got nothing, want a label"}},
		"no skip":      {"1,2\n", ",skip=3", []string{`no column "3"`, "skip", "1, 2"}},
		"all left out": {"1,2\n", ",skip=1|2", []string{"at least one column of numbers"}},
		"delimiter":    {"1\n", ",delimiter=ab", []string{"delimiter", "one character"}},
		"stride":       {"1\n", ",stride=4", []string{"window=128"}},
		"narrow":       {"a\n16777216\n16777217\n", "", []string{"column a", "float32 cannot tell apart"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(folder(t, map[string][]byte{"t.csv": []byte(c.content)}), "t.csv")
			_, err := OpenSource("csv:"+path+",test=0"+c.options, Train, Options{})
			wantError(t, err, append(c.want, path)...)
		})
	}
	var many strings.Builder
	for i := range 257 {
		fmt.Fprintf(&many, "1,w%d\n", i)
	}
	path := filepath.Join(folder(t, map[string][]byte{"t.csv": []byte(many.String())}), "t.csv")
	_, err := OpenSource("csv:"+path+",label=2", Train, Options{})
	wantError(t, err, "257 different words", "at most 256")
}

// FuzzCSV reads arbitrary text. What is accepted has as many finite numbers as
// rows and columns, and takes no more memory than the text justifies.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		"", "a,b\n1,2\n", "1;2\n3;4\n", "\uFEFF1\t2\n", "a,\"b\nc\"\n1,2\n", "1,2\n3\n", "1e308\n-1e308\n", "x\ny\nz\n", "1,NaN\n", "\"\"\"\n",
	} {
		f.Add(seed, "", "", 0)
		f.Add(seed, "1", "2", 3)
	}
	f.Fuzz(func(t *testing.T, text, label, skip string, window int) {
		c := csvSpec{label: label, window: window & 15, stride: 1}
		if skip != "" {
			c.skip = []string{skip}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		table, err := c.read(strings.NewReader(text))
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20+400*uint64(len(text)) {
			t.Fatalf("%d bytes of text took %d of memory", len(text), used)
		}
		if err != nil {
			return
		}
		if table.rows()*len(table.columns) != len(table.values) || table.words != nil && len(table.words) != table.rows() {
			t.Fatalf("%d values and %d labels of %d columns", len(table.values), len(table.words), len(table.columns))
		}
		set, err := c.source("fuzz", table, table, Train)
		if err != nil {
			return
		}
		info := set.Info()
		dst := make([]float32, info.SampleSize())
		if err := set.Read(dst, []int32{int32(info.N - 1)}); err != nil {
			t.Fatal(err)
		}
		for _, v := range dst {
			if !(v >= 0 && v <= 1) || math.IsNaN(float64(v)) {
				t.Fatalf("%q holds %v, scaled by its own range", text, v)
			}
		}
	})
}
