//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package disk

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// roleVariable makes this test binary play another process: a writer that is killed, or one whose
// disk is full.
const roleVariable = "HOURGLASS_DISK_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "hang":
		WriteFile(os.Args[1], func(w io.Writer) error {
			w.Write(make([]byte, 2*bufferBytes))
			os.Stdout.WriteString("writing\n")
			time.Sleep(time.Minute) // longer than the test lets it live
			return nil
		})
	case "lock":
		if _, err := Lock(os.Args[1]); err == nil {
			os.Stdout.WriteString("locked\n")
			time.Sleep(time.Minute)
		}
	case "full":
		os.Exit(writeWhenFull(os.Args[1]))
	}
}

// writeWhenFull writes more than the process may, which fails as on a full disk: in the middle of
// the file, with an error from the kernel.
func writeWhenFull(path string) int {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: bufferBytes + 1000, Max: bufferBytes + 1000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		os.Stdout.WriteString(err.Error())
		return 2
	}
	err := WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(make([]byte, 4*bufferBytes))
		return err
	})
	if err == nil {
		return 0
	}
	os.Stdout.WriteString(err.Error())
	if !errors.Is(err, syscall.EFBIG) {
		return 3
	}
	return 1
}

func role(name, path string) *exec.Cmd {
	c := exec.Command(os.Args[0], path)
	c.Env = append(os.Environ(), roleVariable+"="+name)
	return c
}

func TestFullDiskLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := role("full", path)
	out, err := c.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("the writer ended with %v and %q, want status 1", err, out)
	}
	if want := "disk: writing " + path + ": " + syscall.EFBIG.Error(); string(out) != want {
		t.Errorf("error %q, want %q", out, want)
	}
	expectFile(t, path, "old")
	expectNames(t, dir, "model")
}

func TestKilledWriterLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := role("hang", path)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the writer said %q: %v", line, err)
	}
	stale := func() (found []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".tmp") {
				found = append(found, e.Name())
			}
		}
		return found
	}
	if err := RemoveStale(dir); err != nil {
		t.Fatal(err)
	}
	if got := stale(); len(got) != 1 {
		t.Fatalf("while the writer lives its temporary files are %q, want one", got)
	}
	c.Process.Kill()
	c.Wait()
	if got := stale(); len(got) != 1 {
		t.Fatalf("a killed writer left %q, want one file", got)
	}
	if err := RemoveStale(dir); err != nil {
		t.Fatal(err)
	}
	expectNames(t, dir, "model")
	expectFile(t, path, "old")
}

func TestLockEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	c := role("lock", dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the other process said %q: %v", line, err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a folder of another process: %v, want ErrLocked and its name", err)
	}
	c.Process.Kill()
	c.Wait()
	unlock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("a folder that is locked already: %v, want ErrLocked", err)
	}
	unlock()
	if unlock, err = Lock(dir); err != nil {
		t.Fatal(err)
	}
	unlock()
	expectNames(t, dir)
	if _, err := Lock(filepath.Join(dir, "absent")); err == nil {
		t.Error("a folder that is not there was locked")
	}
}
