package fetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// zipped compresses content.
func zipped(t *testing.T, content []byte) []byte {
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

func tarred(t *testing.T, members map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, content := range members {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return zipped(t, b.Bytes())
}

// server serves files, each answer first to the handlers in turn that are left.
type server struct {
	*httptest.Server
	files map[string][]byte

	mu     sync.Mutex
	first  []http.HandlerFunc
	ranges []string // of the requests
}

func newServer(t *testing.T, files map[string][]byte, first ...http.HandlerFunc) *server {
	s := &server{files: files, first: first}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.ranges = append(s.ranges, r.Header.Get("Range"))
		var handler http.HandlerFunc
		if len(s.first) > 0 {
			handler, s.first = s.first[0], s.first[1:]
		}
		s.mu.Unlock()
		if handler != nil {
			handler(w, r)
			return
		}
		content, ok := s.files[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	t.Cleanup(s.Close)
	return s
}

// toy is a set of one compressed file.
func toy(t *testing.T) (set, map[string][]byte, string) {
	content := strings.Repeat("content that is long enough to be cut ", 50)
	packed := zipped(t, []byte(content))
	sum := fmt.Sprintf("%x", sha256.Sum256(packed))
	s := set{"toy", "mnist", nil, []file{{"a.gz", int64(len(packed)), sum, []member{{"a", int64(len(content))}}}}}
	return s, map[string][]byte{"a.gz": packed}, content
}

var quick = Options{Attempts: 3, Wait: time.Millisecond, Stall: 2 * time.Second}

// get fetches a set from a server and returns what it noted.
func get(s set, dir string, from *server, o Options) (notes []string, err error) {
	o.From = from.URL
	o.Note = func(line string) { notes = append(notes, line) }
	_, err = s.fetch(context.Background(), dir, o.withDefaults())
	return notes, err
}

func wantFile(t *testing.T, path, content string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != content {
		t.Errorf("%s: %d bytes, %v; want %d bytes", path, len(got), err, len(content))
	}
}

func wantError(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", want)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
}

func TestFetch(t *testing.T) {
	s, files, content := toy(t)
	from := newServer(t, files)
	dir := filepath.Join(t.TempDir(), "new", "folder")
	last := int64(0)
	o := quick
	o.Progress = func(name string, done, size int64) {
		if name != "a.gz" || done < last || size != int64(len(files["a.gz"])) {
			t.Errorf("progress %s %d of %d after %d", name, done, size, last)
		}
		last = done
	}
	if _, err := get(s, dir, from, o); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "a"), content)
	if entries, _ := os.ReadDir(dir); len(entries) != 1 || last != int64(len(files["a.gz"])) {
		t.Errorf("%v are left, progress ended at %d", entries, last)
	}
	notes, err := get(s, dir, from, quick)
	if err != nil || len(notes) != 1 || len(from.ranges) != 1 {
		t.Errorf("the second time: %v, %q, %d requests", err, notes, len(from.ranges))
	}
	// A file of that name which is another one stays.
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = get(s, dir, from, quick)
	wantError(t, err, "a is there, but has 4 bytes", "move it away")
	wantFile(t, filepath.Join(dir, "a"), "mine")
}

// A connection that breaks is resumed where it broke; one that sends nothing is
// given up; an answer that is wrong is thrown away.
func TestFetchResumes(t *testing.T) {
	s, files, content := toy(t)
	packed := files["a.gz"]
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(packed)))
		_, _ = w.Write(packed[:40])
	}
	from := newServer(t, files, cut)
	dir := t.TempDir()
	notes, err := get(s, dir, from, quick)
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "a"), content)
	if len(from.ranges) != 2 || from.ranges[1] != "bytes=40-" || len(notes) != 1 || !strings.Contains(notes[0], "after 40 of") {
		t.Errorf("ranges %q, notes %q", from.ranges, notes)
	}

	// A server without parts begins anew.
	whole := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(packed) }
	dir = t.TempDir()
	if _, err := get(s, dir, newServer(t, files, cut, whole), quick); err != nil {
		t.Error(err)
	}
	wantFile(t, filepath.Join(dir, "a"), content)

	// What is left of another run is gone on with, or, if it is wrong, begun anew.
	for _, left := range []string{string(packed[:10]), "wrong bytes", string(packed), strings.Repeat("x", 5000)} {
		dir = t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.gz.part"), []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := get(s, dir, newServer(t, files), quick); err != nil {
			t.Error(err)
		}
		wantFile(t, filepath.Join(dir, "a"), content)
	}

	silent := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(packed)))
		_, _ = w.Write(packed[:40])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	dir = t.TempDir()
	o := quick
	o.Stall = 50 * time.Millisecond
	notes, err = get(s, dir, newServer(t, files, silent), o)
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "sent nothing for 50ms") {
		t.Errorf("a silent server: %v, %q", err, notes)
	}
}

func TestFetchErrors(t *testing.T) {
	s, files, _ := toy(t)
	dir := t.TempDir()
	wrong := bytes.Clone(files["a.gz"])
	wrong[30] ^= 1
	_, err := get(s, dir, newServer(t, map[string][]byte{"a.gz": wrong}), quick)
	wantError(t, err, "a.gz cannot be downloaded", "SHA-256", "get a.gz elsewhere from http://", "put them into "+dir)
	_, err = get(s, dir, newServer(t, map[string][]byte{"a.gz": append(wrong, 1)}), quick)
	wantError(t, err, "sends more than")
	missing := newServer(t, nil)
	_, err = get(s, dir, missing, quick)
	wantError(t, err, "404 Not Found")
	if len(missing.ranges) != 1 {
		t.Errorf("a file that is not there was asked for %d times", len(missing.ranges))
	}
	down := newServer(t, files)
	down.Close()
	untouched := t.TempDir()
	_, err = get(s, untouched, down, quick)
	wantError(t, err, "refused", "put them into")
	if left, err := os.ReadDir(untouched); err != nil || len(left) > 0 {
		t.Errorf("without a network it leaves %v (%v)", left, err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than a line: %q", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
		t.Error("a wrong download was unpacked")
	}

	// A file that somebody put there is checked and unpacked.
	if err := os.WriteFile(filepath.Join(dir, "a.gz"), wrong, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = get(s, dir, down, quick)
	wantError(t, err, "a.gz is there, but its SHA-256 sum", "move it away")
	if err := os.WriteFile(filepath.Join(dir, "a.gz"), files["a.gz"], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := get(s, dir, down, quick); err != nil {
		t.Error(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = s.fetch(ctx, t.TempDir(), Options{From: newServer(t, files).URL}.withDefaults())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	_, err = Fetch(context.Background(), "imagenet", dir, Options{})
	var unknown *UnknownError
	if !errors.As(err, &unknown) {
		t.Errorf("an unknown name: %v", err)
	}
	wantError(t, err, "mnist, fashion, kmnist, cifar10")
}

func TestFetchArchive(t *testing.T) {
	packed := tarred(t, map[string]string{"folder/one.bin": "first", "folder/two.txt": "second", "folder/readme": "no"})
	s := set{"toy", "cifar10", nil, []file{{"x.tar.gz", int64(len(packed)), fmt.Sprintf("%x", sha256.Sum256(packed)), []member{{"one.bin", 5}, {"two.txt", 0}}}}}
	dir := t.TempDir()
	if _, err := get(s, dir, newServer(t, map[string][]byte{"x.tar.gz": packed}), quick); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "one.bin"), "first")
	wantFile(t, filepath.Join(dir, "two.txt"), "second")
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("%v are left", entries)
	}
	s.files[0].unpacked = append(s.files[0].unpacked, member{"three", 1})
	_, err := get(s, t.TempDir(), newServer(t, map[string][]byte{"x.tar.gz": packed}), quick)
	wantError(t, err, "x.tar.gz", "lacks three")
	s.files[0].unpacked = []member{{"one.bin", 6}, {"two.txt", 0}}
	_, err = get(s, t.TempDir(), newServer(t, map[string][]byte{"x.tar.gz": packed}), quick)
	wantError(t, err, "one.bin", "want 6 bytes in the archive, got 5")
}

// The table is what its parts say: sums of 64 hexadecimal digits, sizes of
// whole records.
func TestSets(t *testing.T) {
	for _, s := range sets() {
		for _, f := range s.files {
			if len(f.sha256) != 64 || strings.Trim(f.sha256, "0123456789abcdef") != "" || f.size < 4000 {
				t.Errorf("%s: %+v", s.name, f)
			}
			for _, m := range f.unpacked {
				if record := map[string]int64{"cifar10": 3073, "cifar100": 3074}[s.name]; record > 0 && m.size%record != 0 {
					t.Errorf("%s: %s has %d bytes, want records of %d", s.name, m.name, m.size, record)
				}
			}
		}
	}
}
