package bench

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"runtime"
	"strings"

	"hourglass/kernels/cpu"
)

// A Machine describes where figures come from.
type Machine struct {
	CPU       string  `json:"cpu"`
	GPU       string  `json:"gpu,omitempty"` // with its driver and clock, if it computes
	Cores     int     `json:"cores"`         // that this process may use
	Kernels   string  `json:"kernels"`       // the instructions that our kernels use
	Caches    string  `json:"caches"`        // of the first core, as "L1 48K, L2 1024K, L3 32768K"
	MemoryGiB float64 `json:"memory_gib"`    // 0 where the operating system does not tell
	OS        string  `json:"os"`
	Go        string  `json:"go"`
}

func thisMachine() Machine {
	m := Machine{CPU: runtime.GOARCH, Cores: runtime.NumCPU(), Caches: caches(), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	m.Kernels, _ = cpu.Tier() // an error ended the run before
	for _, field := range fields("/proc/cpuinfo") {
		if field[0] == "model name" {
			m.CPU = field[1]
			break
		}
	}
	for _, field := range fields("/proc/meminfo") {
		var kB float64
		if n, _ := fmt.Sscanf(field[1], "%f kB", &kB); n == 1 && field[0] == "MemTotal" {
			m.MemoryGiB = kB / (1 << 20)
		}
	}
	return m
}

// fields returns the lines "name: value" of a file, none if it is not there.
func fields(path string) [][2]string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var all [][2]string
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			all = append(all, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
		}
	}
	return all
}

// caches lists the first core's caches for data.
func caches() string {
	var list []string
	for i := range 8 {
		read := func(name string) string {
			text, err := os.ReadFile(fmt.Sprintf("/sys/devices/system/cpu/cpu0/cache/index%d/%s", i, name))
			if err != nil {
				return ""
			}
			return strings.TrimSpace(string(text))
		}
		if level, kind := read("level"), read("type"); level != "" && kind != "Instruction" {
			list = append(list, fmt.Sprintf("L%s %s", level, read("size")))
		}
	}
	return strings.Join(list, ", ")
}

// moduleVersion returns the version of a module that a Go program was built
// with, "" if there is no such program.
func moduleVersion(program, module string) string {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return ""
	}
	for _, d := range info.Deps {
		if d.Path == module {
			return d.Version
		}
	}
	return ""
}

// FileName returns the name of the report's files without an ending: the
// processor's model and the date.
func (r *Report) FileName() string {
	model := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return ' '
	}, strings.ToLower(r.Machine.CPU))
	return strings.Join(append(strings.Fields(model), r.Date), "-")
}
