package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hourglass/kernels/cpu"
	"hourglass/kernels/cuda"
	"hourglass/kernels/cuda/driver"
)

// info is what a bug report should hold.
type info struct {
	Version      string            `json:"version"`
	Go           string            `json:"go"`
	OS           string            `json:"os"`
	Arch         string            `json:"arch"`
	CPU          string            `json:"cpu"`
	Features     []string          `json:"cpu_features"`
	Kernels      string            `json:"kernels"` // the instructions that kernels use
	BF16         string            `json:"bf16"`    // native or emulated
	Processors   int               `json:"processors"`
	Threads      int               `json:"threads"` // that --threads 0 stands for
	Devices      map[string]string `json:"devices"` // by name, "ready" or why not
	GPUs         []driver.Info     `json:"gpus"`
	Driver       string            `json:"cuda_driver"` // the newest CUDA that it supports, "" for none
	Dependencies map[string]string `json:"dependencies"`
}

func infoCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "info",
		Short: "Show versions, processor and devices",
		Long: `Show the versions, the processor's features and the devices of this build: what a
bug report should hold.

On a GPU the first start takes some seconds longer, in which the driver compiles
the kernels for it. It keeps them in ~/.nv/ComputeCache or in the folder that the
environment variable CUDA_CACHE_PATH names.`,
		Example: "  hourglass info --json",
		Args:    exactArgs(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := gatherInfo()
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), in)
			}
			return in.write(cmd.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

func gatherInfo() (info, error) {
	tier, err := cpu.Tier()
	if err != nil {
		return info{}, usageError{err} // the environment asks for what is not there
	}
	in := info{
		Version: "unknown", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		CPU: cpuModel(), Features: cpuFeatures(), Kernels: tier, BF16: "emulated",
		Processors: runtime.NumCPU(), Threads: runtime.GOMAXPROCS(0),
		Devices:      map[string]string{"cpu": "ready"},
		Dependencies: map[string]string{},
	}
	if cpu.HasBF16() {
		in.BF16 = "native"
	}
	in.gatherGPUs()
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return in, nil
	}
	in.Version = versionOf(build)
	for _, d := range build.Deps {
		in.Dependencies[d.Path] = d.Version
	}
	return in, nil
}

// gatherGPUs lists the GPUs, or says why there are none.
func (in *info) gatherGPUs() {
	in.GPUs = []driver.Info{}
	all, err := driver.Devices()
	if err != nil {
		in.Devices["cuda"] = err.Error()
		return
	}
	in.GPUs = all
	for _, gpu := range all {
		name := fmt.Sprintf("cuda:%d", gpu.Index)
		in.Devices[name] = "ready"
		if err := cuda.Usable(gpu); err != nil {
			in.Devices[name] = err.Error()
		}
	}
	if v, err := driver.Version(); err == nil {
		in.Driver = fmt.Sprintf("%d.%d", v/1000, v%1000/10)
	}
}

// versionOf returns the module's version, or the commit it was built from.
func versionOf(build *debug.BuildInfo) string {
	version := build.Main.Version
	for _, s := range build.Settings {
		if s.Key == "vcs.revision" && !strings.Contains(version, s.Value[:min(12, len(s.Value))]) {
			version += " (" + s.Value + ")"
		}
	}
	if version == "" {
		return "(devel)"
	}
	return version
}

// write prints the information as a table.
func (in info) write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, value any) { fmt.Fprintf(t, "%s\t%v\n", name, value) }
	row("hourglass", in.Version)
	row("go", in.Go+" "+in.OS+"/"+in.Arch)
	row("cpu", in.CPU)
	row("features", strings.Join(in.Features, " "))
	row("kernels", in.Kernels)
	row("bf16", in.BF16)
	row("threads", fmt.Sprintf("%d of %d processors", in.Threads, in.Processors))
	for _, name := range sortedKeys(in.Devices) {
		row("device "+name, in.Devices[name])
	}
	for _, gpu := range in.GPUs {
		row(fmt.Sprintf("cuda:%d", gpu.Index), fmt.Sprintf("%s, %s, compute capability %d.%d, %d multiprocessors",
			gpu.Name, cuda.Bytes(gpu.Memory), gpu.Capability/10, gpu.Capability%10, gpu.Multiprocessors))
	}
	if in.Driver != "" {
		row("cuda driver", "for CUDA up to "+in.Driver)
	}
	for _, path := range []string{"gorgonia.org/gorgonia", "gorgonia.org/tensor", "gonum.org/v1/gonum"} {
		row(path, in.Dependencies[path]) // --json has the rest
	}
	return t.Flush()
}

// writeJSON writes v on a line of its own for each field.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
