// Package emulated builds a CUDA driver for tests, which runs kernels on the
// processor: the C++ of src, and the .cu files of a folder compiled with g++.
// HOURGLASS_EMULATED, in src/driver.cpp, tells it how to behave.
package emulated

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"hourglass/kernels/cuda/internal/ptx"
)

// Only skips a test that tells the emulated driver to fail, or to be another
// device, where the tests run on a GPU.
func Only(t testing.TB) {
	t.Helper()
	if os.Getenv(EnvGPU) != "" {
		t.Skip("only the emulated driver does what this test wants")
	}
}

// ErrNoCompiler is the reason why nothing can be built.
var ErrNoCompiler = errors.New("emulated: there is no g++")

// EnvGPU is the environment variable that, if set, makes tests run on the
// machine's GPU.
const EnvGPU = "HOURGLASS_TEST_GPU"

// Driver returns the path of a driver that has the kernels of package cuda. It
// skips the test where there is no compiler for it. With EnvGPU the path is
// empty, which stands for the machine's driver.
func Driver(t testing.TB) string {
	t.Helper()
	if os.Getenv(EnvGPU) != "" {
		return ""
	}
	path, err := builtOnce()
	if errors.Is(err, ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// builtOnce builds for all tests of a process: the driver stays loaded, and a
// source may change meanwhile.
var builtOnce = sync.OnceValues(func() (string, error) { return Build(filepath.Join(here(), "..")) })

// here returns the folder of this file.
func here() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// flags are for speed, and for arithmetic like a GPU's: fused multiply-adds,
// but nothing reordered.
var flags = []string{"-std=c++17", "-O2", "-march=native", "-fPIC", "-fvisibility=hidden", "-fno-ipa-reference", "-Wall", "-Wno-unused", "-Wno-parentheses", "-Wno-unknown-pragmas"}

// Build returns the path of a driver that has the kernels of a folder, which it
// makes if it is not there yet, in a folder .emulated of this one.
func Build(dir string) (string, error) {
	gxx, err := exec.LookPath("g++")
	if err != nil {
		return "", ErrNoCompiler
	}
	b := &build{gxx: gxx, cache: filepath.Join(here(), ".emulated"), kernels: dir}
	if err := os.MkdirAll(b.cache, 0o777); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(b.cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	return b.library()
}

type build struct {
	gxx, cache, kernels string
}

// library links all objects.
func (b *build) library() (string, error) {
	src := filepath.Join(here(), "src")
	headers, err := read(filepath.Join(src, "*.h"), filepath.Join(here(), "..", "include", "*.h"))
	if err != nil {
		return "", err
	}
	processor, _ := os.ReadFile("/proc/cpuinfo") // what -march=native goes by
	processor, _, _ = bytes.Cut(processor, []byte("\n\n"))
	headers = append(headers, fmt.Sprint(flags, modelOf(processor))...)
	var objects []string
	for _, name := range []string{"block.cpp", "wgmma.cpp", "driver.cpp"} {
		text, err := os.ReadFile(filepath.Join(src, name))
		if err != nil {
			return "", err
		}
		o, err := b.object(filepath.Join(src, name), text, headers)
		if err != nil {
			return "", err
		}
		objects = append(objects, o)
	}
	sources, err := ptx.Sources(b.kernels)
	if err != nil {
		return "", err
	}
	for _, s := range sources {
		o, err := b.twin(s, headers)
		if err != nil {
			return "", err
		}
		objects = append(objects, o)
	}
	target := filepath.Join(b.cache, "libcuda-"+sum([]byte(strings.Join(objects, " ")))+".so")
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	return target, b.run(target, append([]string{"-shared"}, objects...)...)
}

// twin compiles a .cu file and a table of the kernels that its PTX declares.
func (b *build) twin(s ptx.Source, headers []byte) (string, error) {
	compiled, err := os.ReadFile(s.Target)
	if err != nil {
		return "", fmt.Errorf("%s has not been compiled: make kernels (%w)", s.Path, err)
	}
	path, err := filepath.Abs(s.Path)
	if err != nil {
		return "", err
	}
	var table bytes.Buffer
	fmt.Fprintf(&table, "#include %q\n", path)
	for _, name := range ptx.Entries(compiled) {
		fmt.Fprintf(&table, "static emulated::Entry<%s> entry_%s(%q);\n", name, name, name)
	}
	wrapper := filepath.Join(b.cache, filepath.Base(s.Path)+"-"+sum(append(table.Bytes(), s.Sum...))+".cpp")
	if err := os.WriteFile(wrapper, table.Bytes(), 0o666); err != nil {
		return "", err
	}
	defer os.Remove(wrapper)
	return b.object(wrapper, append(table.Bytes(), s.Sum...), headers)
}

// object compiles a file, unless that was done before.
func (b *build) object(path string, text, headers []byte) (string, error) {
	base, _, _ := strings.Cut(filepath.Base(path), ".")
	target := filepath.Join(b.cache, base+"-"+sum(append(append([]byte{}, headers...), text...))+".o")
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	include := []string{"-I", filepath.Join(here(), "..", "include"), "-I", filepath.Join(here(), "..")}
	return target, b.run(target, append(append(append([]string{}, flags...), include...), "-c", path)...)
}

// run calls the compiler and puts its result in place.
func (b *build) run(target string, args ...string) error {
	temp := target + ".new"
	out, err := exec.Command(b.gxx, append(args, "-o", temp)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("g++ %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return os.Rename(temp, target)
}

func read(patterns ...string) ([]byte, error) {
	var all []byte
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			all = append(all, text...)
		}
	}
	return all, nil
}

// modelOf returns the lines of /proc/cpuinfo that stay as they are.
func modelOf(cpuinfo []byte) string {
	var kept []string
	for line := range strings.Lines(string(cpuinfo)) {
		if strings.HasPrefix(line, "model name") || strings.HasPrefix(line, "flags") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func sum(text []byte) string { return fmt.Sprintf("%x", sha256.Sum256(text))[:16] }
