// Command compile compiles kernels that are newer than what is stored of them,
// and prints what they need. make kernels runs it.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"hourglass/kernels/cuda/internal/ptx"
)

func main() {
	venv := flag.String("venv", ".nvcc", "Python environment for the compiler, made if missing")
	all := flag.Bool("all", false, "compile every file again, and compare")
	only := flag.String("only", "", "compile the .cu files of this name alone")
	flag.Parse()
	if err := run(*venv, *all, *only, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "compile:", err)
		os.Exit(1)
	}
}

func run(venv string, all bool, only string, dirs []string) error {
	bin, err := install(venv)
	if err != nil {
		return err
	}
	var failures []error
	for _, dir := range dirs {
		failures = append(failures, folder(bin, dir, all, only))
	}
	return errors.Join(failures...)
}

// install returns the folder of the compiler's programs.
func install(venv string) (string, error) {
	pattern := filepath.Join(venv, "lib", "*", "site-packages", "nvidia", "cu13", "bin")
	if found, _ := filepath.Glob(filepath.Join(pattern, "nvcc")); len(found) == 1 {
		return filepath.Abs(filepath.Dir(found[0]))
	}
	if err := show("python3", "-m", "venv", venv); err != nil {
		return "", err
	}
	if err := show(filepath.Join(venv, "bin", "pip"), append([]string{"install", "-q", "--no-deps"}, ptx.Compiler...)...); err != nil {
		return "", err
	}
	found, _ := filepath.Glob(filepath.Join(pattern, "nvcc"))
	if len(found) != 1 {
		return "", fmt.Errorf("%v installed no %s", ptx.Compiler, pattern)
	}
	return filepath.Abs(filepath.Dir(found[0]))
}

func show(name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func folder(bin, dir string, all bool, only string) error {
	sources, err := ptx.Sources(dir)
	if err != nil {
		return err
	}
	sums, err := ptx.Sums(dir)
	if err != nil {
		return err
	}
	kept := map[string][2]string{}
	var failures []error
	for _, s := range sources {
		name := filepath.Base(s.Target)
		if only != "" && name != only+".ptx" {
			if old, ok := sums[name]; ok {
				kept[name] = old
			}
			continue
		}
		old, err := os.ReadFile(s.Target)
		fresh := err == nil && sums[name] == [2]string{s.Sum, ptx.ResultSum(old)}
		if fresh && !all {
			kept[name] = sums[name]
			continue
		}
		text, err := compile(bin, s)
		if err != nil {
			failures = append(failures, err)
			if was, ok := sums[name]; ok {
				kept[name] = was
			}
			continue
		}
		switch {
		case !fresh:
			fmt.Printf("%s: compiled\n", s.Target)
		case bytes.Equal(text, old):
			fmt.Printf("%s: the same as stored\n", s.Target)
		default:
			failures = append(failures, fmt.Errorf("%s: the compiler wrote something else than what is stored", s.Target))
		}
		if err := os.WriteFile(s.Target, text, 0o666); err != nil {
			return err
		}
		kept[name] = [2]string{s.Sum, ptx.ResultSum(text)}
	}
	for name := range sums {
		if _, ok := kept[name]; !ok {
			os.Remove(filepath.Join(dir, ptx.Folder, name))
		}
	}
	return errors.Join(append(failures, ptx.WriteSums(dir, kept))...)
}

var (
	version = regexp.MustCompile(`(?m)^\.version .*$`)
	comment = regexp.MustCompile(`(?m)^//.*\n`)
	// The compiler's names of functions that a file keeps to itself hold a hash of
	// the folder that it runs in.
	internal = regexp.MustCompile(`_INTERNAL_[0-9a-f]{8}_`)
)

// compile returns the PTX of a file, and prints what its kernels need.
func compile(bin string, s ptx.Source) ([]byte, error) {
	temp, err := os.CreateTemp("", "*.ptx")
	if err != nil {
		return nil, err
	}
	temp.Close()
	defer os.Remove(temp.Name())
	args := append(s.Flags(), "-o", temp.Name(), s.Path)
	if out, err := exec.Command(filepath.Join(bin, "nvcc"), args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("nvcc %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	text, err := os.ReadFile(temp.Name())
	if err != nil {
		return nil, err
	}
	text = comment.ReplaceAll(version.ReplaceAll(text, []byte(".version "+s.Version())), nil)
	text = internal.ReplaceAll(text, []byte("_INTERNAL_00000000_"))
	if err := os.WriteFile(temp.Name(), text, 0o666); err != nil {
		return nil, err
	}
	source, err := os.ReadFile(s.Path)
	if err != nil {
		return nil, err
	}
	dynamic := dynamicShared(source)
	for _, arch := range architectures(s.Arch) {
		out, err := exec.Command(filepath.Join(bin, "ptxas"), "-v", "-arch="+arch, "-o", os.DevNull, temp.Name()).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("ptxas %s for %s: %w\n%s", s.Path, arch, err, out)
		}
		report(arch, string(out), text, dynamic)
		if slow := refused.Find(out); slow != nil {
			return nil, fmt.Errorf("ptxas %s for %s: %s", s.Path, arch, slow)
		}
	}
	return text, nil
}

// architectures returns those for which a file is assembled as a check.
func architectures(arch string) []string {
	switch {
	case strings.HasSuffix(arch, "a"):
		return []string{"sm_" + strings.TrimPrefix(arch, "compute_")}
	case arch == "compute_75":
		return []string{"sm_75", "sm_90"}
	}
	return []string{"sm_80", "sm_90"}
}

var (
	entryLine = regexp.MustCompile(`Compiling entry function '(\w+)'`)
	spillLine = regexp.MustCompile(`(\d+) bytes spill stores, (\d+) bytes spill loads`)
	// Kernels are there to be fast: ptxas may not spill their registers, nor make
	// products by warpgroups wait for one another, of which it tells by its advice
	// C75xx.
	refused  = regexp.MustCompile(`[1-9]\d* bytes spill stores.*|.*(?:C75\d\d|serializ).*`)
	usedLine = regexp.MustCompile(`Used (\d+) registers`)
	smemPart = regexp.MustCompile(`(\d+) bytes smem`)
	threads  = regexp.MustCompile(`\.entry (\w+)\([^)]*\)\s*(?:\.maxntid (\d+)(?:, (\d+), (\d+))?)?`)
)

var dynamicLine = regexp.MustCompile(`(?m)^typedef .* Tile(\w+); // dynamic shared: (\d+) B$`)

// dynamicShared returns the dynamic shared memory of a file's tiles, which the
// compiler does not know, by the ends of their kernels' names.
func dynamicShared(source []byte) map[string]int {
	all := map[string]int{}
	for _, m := range dynamicLine.FindAllSubmatch(source, -1) {
		all["_"+string(m[1])], _ = strconv.Atoi(string(m[2]))
	}
	return all
}

// report prints registers, shared memory, spills and occupancy of each kernel.
func report(arch, output string, text []byte, dynamic map[string]int) {
	block := map[string]int{}
	for _, m := range threads.FindAllStringSubmatch(string(text), -1) {
		n := 1
		for _, d := range m[2:] {
			var x int
			if _, err := fmt.Sscan(d, &x); err == nil {
				n *= x
			}
		}
		block[m[1]] = n
	}
	var name, spills string
	for line := range strings.Lines(output) {
		if m := entryLine.FindStringSubmatch(line); m != nil {
			name = m[1]
		}
		if m := spillLine.FindStringSubmatch(line); m != nil {
			spills = m[1] + "+" + m[2]
		}
		m := usedLine.FindStringSubmatch(line)
		if m == nil || name == "" {
			continue
		}
		registers, shared := 0, 0
		fmt.Sscan(m[1], &registers)
		if m := smemPart.FindStringSubmatch(line); m != nil {
			fmt.Sscan(m[1], &shared)
		}
		shared += dynamic[name[max(0, strings.LastIndexByte(name, '_')):]]
		n := block[name]
		if n <= 1 {
			n = 256 // no launch bounds: what most kernels are launched with
		}
		fmt.Printf("  %-6s %-40s %3d registers %6d B shared %5s B spilt  %3.0f%% of the threads of a multiprocessor in blocks of %d\n",
			arch, name, registers, shared, spills, 100*occupancy(arch, registers, shared, n), n)
		name = ""
	}
}

// occupancy returns the share of a multiprocessor's threads that registers,
// static shared memory and the number of blocks allow, by the tables of the
// CUDA C++ Programming Guide, Technical Specifications per Compute Capability.
func occupancy(arch string, registers, shared, block int) float64 {
	most, blocks, memory := 2048, 32, 164<<10
	switch {
	case arch == "sm_75":
		most, blocks, memory = 1024, 16, 64<<10
	case strings.HasPrefix(arch, "sm_90"):
		memory = 228 << 10
	}
	warps := (block + 31) / 32
	perWarp := (registers*32 + 255) / 256 * 256
	fit := min(blocks, most/32/warps, 65536/max(perWarp*warps, 1))
	fit = min(fit, memory/(shared+1024)) // each block has 1 KiB of the system's
	return float64(fit*warps*32) / float64(most)
}
