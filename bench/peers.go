package bench

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed peers/*.py
var scripts embed.FS

// The programs of peers in a virtual environment.
const (
	pythonProgram   = "bin/python"
	gorgoniaProgram = "bin/hourglass-peer-gorgonia"
	gomlxProgram    = "bin/hourglass-peer-gomlx"
)

// tunedMalloc spares a process that frees and allocates large arrays in every
// step the page faults of new memory: glibc keeps what it has.
var tunedMalloc = []string{
	"MALLOC_MMAP_THRESHOLD_=4000000000",
	"MALLOC_TRIM_THRESHOLD_=8000000000",
	"MALLOC_TOP_PAD_=268435456",
}

// A peer is another framework in one of its modes.
type peer struct {
	name, mode string
	tuned      bool // malloc
	workloads  []string
	program    string // in the virtual environment
	script     string // of ours that the program runs, if it is Python
}

// label returns what a row says of the peer, such as "compile, tuned malloc".
func (p peer) label() string {
	switch {
	case p.tuned && p.mode != "":
		return p.mode + ", tuned malloc"
	case p.tuned:
		return "tuned malloc"
	}
	return p.mode
}

// peers returns all of them that compute on the device.
func (o Options) peers() []peer {
	if o.onGPU() {
		return gpuPeers()
	}
	var all []peer
	for _, mode := range []string{"eager", "channels-last", "compile", "max-autotune"} {
		isCompiled := mode == "compile" || mode == "max-autotune"
		for _, tuned := range []bool{false, true} {
			on := []string{"seed-conv", "dense", "vae64", "deep-conv"}
			if isCompiled {
				on = append(on, "encode", "encode-1")
			}
			// Neither tuning nor malloc makes a process start earlier.
			if mode != "max-autotune" && !tuned {
				on = append(on, "first-step")
			}
			all = append(all, peer{"PyTorch", mode, tuned, on, pythonProgram, "pytorch.py"})
		}
	}
	return append(all,
		peer{"ONNX Runtime", "", false, []string{"encode", "encode-1"}, pythonProgram, "onnx_runtime.py"},
		peer{"Gorgonia", "", false, []string{"seed-conv"}, gorgoniaProgram, ""},
		peer{"gomlx", "", false, []string{"seed-conv"}, gomlxProgram, ""},
	)
}

// gpuPeers are those on a GPU. The last mode records forward pass, backward pass
// and Adam as one graph, as ours do.
func gpuPeers() []peer {
	var all []peer
	for _, mode := range []string{"eager", "channels-last", "compile", "max-autotune", "whole-graph"} {
		on := []string{"seed-conv", "dense", "vae64", "deep-conv"}
		if mode != "whole-graph" {
			on = append(on, "encode", "encode-1")
		}
		all = append(all, peer{"PyTorch", mode, false, on, pythonProgram, gpuScript})
	}
	return all
}

// gpuScript wants the precision, too.
const gpuScript = "pytorch_cuda.py"

// Peers is where other frameworks are installed.
type Peers struct {
	// Environment is the folder of a Python virtual environment that has torch,
	// onnx, onnxruntime and safetensors, and in whose bin are the programs that
	// drive the Go frameworks. What is missing there is left out by name.
	Environment string

	scripts string // folder of our Python programs
	shared  string // folder of weights and images, one folder a workload
}

// prepare writes the peers' programs, weights and images to a folder.
func (p *Peers) prepare(folder string, chosen []workload) error {
	root, err := filepath.Abs(p.Environment)
	if err != nil {
		return err
	}
	p.Environment = root
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return fmt.Errorf("bench: %s is not the folder of a virtual environment; make bench makes one", p.Environment)
	}
	p.scripts, p.shared = filepath.Join(folder, "peers"), filepath.Join(folder, "shared")
	if err := os.CopyFS(folder, scripts); err != nil {
		return fmt.Errorf("bench: writing the peers' programs: %w", err)
	}
	for _, w := range chosen {
		at := filepath.Join(p.shared, w.name)
		if err := os.MkdirAll(at, 0o777); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		if err := w.handOver(at); err != nil {
			return err
		}
	}
	return nil
}

// start returns how a peer is started on a workload, or why it cannot be.
func (p *Peers) start(of peer, w workload, o Options) (program, error) {
	command := filepath.Join(p.Environment, of.program)
	if _, err := os.Stat(command); err != nil {
		return program{}, fmt.Errorf("not installed: %s has no %s", filepath.Base(p.Environment), of.program)
	}
	c := []string{command}
	if of.script != "" {
		c = append(c, filepath.Join(p.scripts, of.script))
	}
	c = append(c, filepath.Join(p.shared, w.name), w.name)
	if of.name == "PyTorch" {
		c = append(c, of.mode)
	}
	if of.script == gpuScript {
		c = append(c, o.Precision)
	}
	c = append(c, fmt.Sprint(o.Threads))
	env := []string{"PYTHONDONTWRITEBYTECODE=1"}
	if of.tuned {
		env = append(env, tunedMalloc...)
	}
	return program{name: strings.TrimSpace(of.name + " " + of.mode), command: c, env: env}, nil
}

// versions returns those of the peers that are installed, by name.
func (p *Peers) versions(ctx context.Context) map[string]string {
	versions := map[string]string{}
	const script = `import importlib.metadata as m, platform
print("Python", platform.python_version())
for name in ("torch", "onnx", "onnxruntime", "numpy"):
    try: print(name, m.version(name))
    except m.PackageNotFoundError: pass`
	out, err := exec.CommandContext(ctx, filepath.Join(p.Environment, pythonProgram), "-c", script).Output()
	if err == nil {
		for line := range strings.Lines(string(out)) {
			name, version, _ := strings.Cut(strings.TrimSpace(line), " ")
			versions[name] = version
		}
	}
	for program, module := range map[string]string{
		gorgoniaProgram: "gorgonia.org/gorgonia", gomlxProgram: "github.com/gomlx/gomlx",
	} {
		if v := moduleVersion(filepath.Join(p.Environment, program), module); v != "" {
			versions[module] = v
		}
	}
	return versions
}
