package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func content(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func expectFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s holds %.40q, want %.40q", path, got, want)
	}
}

func expectNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}

func TestWriteFileCreatesAndReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model")
	long := strings.Repeat("0123456789abcdef", bufferBytes/8)
	for _, s := range []string{"first", long, "", "last"} {
		if err := WriteFile(path, content(s)); err != nil {
			t.Fatal(err)
		}
		expectFile(t, path, s)
	}
	expectNames(t, dir, "model")
}

func TestWriteFileKeepsOldFileOnFailure(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model")
	if err := WriteFile(path, content("old")); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	err := WriteFile(path, func(w io.Writer) error {
		w.Write(make([]byte, 3*bufferBytes))
		return boom
	})
	if err != boom {
		t.Errorf("error %v, want boom as it is", err)
	}
	expectFile(t, path, "old")
	expectNames(t, dir, "model")
}

func TestWriteFileRemovesTemporaryOnPanic(t *testing.T) {
	dir := t.TempDir()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not come through")
			}
		}()
		WriteFile(filepath.Join(dir, "model"), func(io.Writer) error { panic("broken encoder") })
	}()
	expectNames(t, dir)
}

func TestWriteFileRefusals(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "absent", "model")
	err := WriteFile(missing, content("x"))
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("missing folder: error %v, want not-exist without the temporary name", err)
	}
	if err := WriteFile(dir, content("x")); err == nil || !strings.Contains(err.Error(), "a folder") {
		t.Errorf("folder as target: error %v, want a refusal that says so", err)
	}
	expectNames(t, dir)
	if runtime.GOOS == "linux" {
		if err := WriteFile("/dev/null", content("x")); err == nil || !strings.Contains(err.Error(), "a device") {
			t.Errorf("device as target: error %v, want a refusal that says so", err)
		}
	}
}

func TestWriteFileKeepsModeAndFollowsLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has neither permission bits nor links for everybody")
	}
	dir := t.TempDir()
	path, link := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, content("new")); err != nil {
		t.Fatal(err)
	}
	expectFile(t, path, "new")
	info, err := os.Lstat(link)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		t.Error("the link was replaced by a file")
	}
	info, err = os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, want -rw-r-----", info.Mode())
	}
	expectNames(t, dir, "a", "b")
}

func TestRemoveStaleTakesOnlyItsOwn(t *testing.T) {
	dir := t.TempDir()
	keep := []string{".hourglass-0123.tmp", "hourglass-0123456789abcdef.tmp", "model"}
	for _, name := range append([]string{".hourglass-0123456789abcdef.tmp"}, keep...) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveStale(dir); err != nil {
		t.Fatal(err)
	}
	expectNames(t, dir, keep...)
	if err := RemoveStale(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: error %v, want not-exist", err)
	}
}

func TestRemoveStaleSparesAFileBeingWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model")
	err := WriteFile(path, func(w io.Writer) error {
		if err := RemoveStale(dir); err != nil {
			return err
		}
		return content("whole")(w)
	})
	if err != nil {
		t.Fatal(err)
	}
	expectFile(t, path, "whole")
}
