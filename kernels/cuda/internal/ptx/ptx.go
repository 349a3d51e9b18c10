// Package ptx knows which compiled kernels belong to which sources, and how to
// tell whether they still do.
package ptx

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// Compiler is what compiles kernels, as its packages are called on PyPI. The
// last is for headers alone.
var Compiler = []string{
	"nvidia-cuda-nvcc==13.0.88", "nvidia-nvvm==13.0.88", "nvidia-cuda-crt==13.0.88",
	"nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cccl==13.0.85",
}

// Versions of the language in which kernels are stored. The compiler writes a
// newer one, and the line that says so is replaced.
const (
	version      = "7.8" // drivers from CUDA 11.8 on read it
	versionOfOne = "8.0" // from CUDA 12.0 on: files for one architecture, which has wgmma
)

// Folder is where compiled kernels lie, beside their sources.
const Folder = "ptx"

// A Source is a .cu file.
type Source struct {
	Path   string // of the .cu file
	Target string // of the compiled one
	Arch   string // "compute_75"
	Sum    string // of all that decides the result
}

// Version returns that of the language in which the compiled file is stored.
func (s Source) Version() string {
	if strings.HasSuffix(s.Arch, "a") {
		return versionOfOne
	}
	return version
}

// Flags returns what the compiler is told.
func (s Source) Flags() []string {
	return []string{"-ptx", "-arch=" + s.Arch, "-std=c++17", "-O3"}
}

var arch = regexp.MustCompile(`(?m)^// (compute_\d+a?)$`)

// Sources returns the .cu files of a folder.
func Sources(dir string) ([]Source, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.cu"))
	if err != nil {
		return nil, err
	}
	all := make([]Source, len(paths))
	for i, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		base := strings.TrimSuffix(filepath.Base(path), ".cu")
		s := Source{Path: path, Target: filepath.Join(dir, Folder, base+".ptx"), Arch: "compute_75"}
		if m := arch.FindSubmatch(text); m != nil {
			s.Arch = string(m[1])
		}
		h := sha256.New()
		fmt.Fprintln(h, Compiler, s.Version(), s.Flags())
		if err := write(h, path, text, map[string]bool{}); err != nil {
			return nil, err
		}
		s.Sum = fmt.Sprintf("%x", h.Sum(nil))
		all[i] = s
	}
	return all, nil
}

var include = regexp.MustCompile(`(?m)^#include "([^"]+\.cuh)"`)

// write writes a file and, once each, the headers it includes.
func write(to io.Writer, path string, text []byte, seen map[string]bool) error {
	for _, m := range include.FindAllSubmatch(text, -1) {
		header := filepath.Join(filepath.Dir(path), string(m[1]))
		if seen[header] {
			continue
		}
		seen[header] = true
		text, err := os.ReadFile(header)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := write(to, header, text, seen); err != nil {
			return err
		}
	}
	_, err := to.Write(text)
	return err
}

// sumsName is the file that says of what each compiled file was made.
const sumsName = "SUMS"

// Sums returns for each compiled file's name the sum of its source and its own.
func Sums(dir string) (map[string][2]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, Folder, sumsName))
	if os.IsNotExist(err) {
		return map[string][2]string{}, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[string][2]string{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil, fmt.Errorf("%s: %q, want a source's sum, a result's and its name", sumsName, line)
		}
		all[f[2]] = [2]string{f[0], f[1]}
	}
	return all, nil
}

// WriteSums writes what Sums reads.
func WriteSums(dir string, sums map[string][2]string) error {
	var names []string
	for name := range sums {
		names = append(names, name)
	}
	sort.Strings(names)
	var b bytes.Buffer
	for _, name := range names {
		fmt.Fprintln(&b, sums[name][0], sums[name][1], name)
	}
	return os.WriteFile(filepath.Join(dir, Folder, sumsName), b.Bytes(), 0o666)
}

// ResultSum returns the sum of a compiled file.
func ResultSum(text []byte) string { return fmt.Sprintf("%x", sha256.Sum256(text)) }

// Check returns an error that names the first source of the folder whose
// compiled file is missing, older than it or was changed, and compiled files
// without a source.
func Check(dir string) error {
	sources, err := Sources(dir)
	if err != nil {
		return err
	}
	sums, err := Sums(dir)
	if err != nil {
		return err
	}
	for _, s := range sources {
		name := filepath.Base(s.Target)
		text, err := os.ReadFile(s.Target)
		if err != nil {
			return fmt.Errorf("%s has not been compiled: make kernels (%w)", s.Path, err)
		}
		if sums[name][0] != s.Sum {
			return fmt.Errorf("%s is older than %s: make kernels", s.Target, s.Path)
		}
		if sums[name][1] != ResultSum(text) {
			return fmt.Errorf("%s is not what the compiler wrote: make kernels", s.Target)
		}
		delete(sums, name)
	}
	for name := range sums {
		return fmt.Errorf("%s has no source any more: make kernels", name)
	}
	return nil
}

var entry = regexp.MustCompile(`\.entry\s+(\w+)`)

// Entries returns the names of the kernels of a compiled file.
func Entries(text []byte) []string {
	var names []string
	for _, m := range entry.FindAllSubmatch(text, -1) {
		names = append(names, string(m[1]))
	}
	return names
}
