package cuda

import (
	"embed"
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"hourglass/kernels"
	"hourglass/kernels/cuda/driver"
)

//go:embed all:ptx
var compiled embed.FS

// entry is a kernel as a module declares it.
type entry struct {
	file  string // of the module
	slots int    // parameters, of eight bytes each
	whole bool   // they are one struct
}

var (
	entries = regexp.MustCompile(`\.entry\s+(\w+)\s*\(([^)]*)\)`)
	params  = regexp.MustCompile(`\.param\s+(?:\.align\s+\d+\s+)?\.(\w+)\s+\w+(?:\[(\d+)\])?`)
)

// catalogue lists the kernels of all compiled modules by name.
var catalogue = sync.OnceValues(func() (map[string]entry, error) {
	files, err := fs.Glob(compiled, "ptx/*.ptx")
	if err != nil {
		return nil, err
	}
	all := map[string]entry{}
	for _, file := range files {
		text, err := compiled.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, m := range entries.FindAllStringSubmatch(string(text), -1) {
			if twice, ok := all[m[1]]; ok {
				return nil, fmt.Errorf("cuda: kernel %s is in %s and in %s", m[1], twice.file, file)
			}
			e := entry{file: file}
			for _, p := range params.FindAllStringSubmatch(m[2], -1) {
				bytes := 8
				if p[2] != "" {
					e.whole = true
					bytes, _ = strconv.Atoi(p[2])
				} else if !strings.HasSuffix(p[1], "64") {
					return nil, fmt.Errorf("cuda: kernel %s of %s: parameters are %q, want eight bytes each", m[1], file, m[2])
				}
				e.slots += bytes / 8
			}
			all[m[1]] = e
		}
	}
	return all, nil
})

// A size is how a kernel is launched.
type size struct {
	grid, block [3]int
	shared      int // bytes of dynamic shared memory
}

// grid returns the blocks, along the first axis, that have a thread for each of
// n elements.
func grid(n, block int) [3]int { return [3]int{(n + block - 1) / block, 1, 1} }

// threads returns a block of n threads along the first axis.
func threads(n int) [3]int { return [3]int{n, 1, 1} }

// A kernel is ready to be launched in one size.
type kernel struct {
	d    *Device
	name string
	f    *driver.Function
	entry
	size driver.Size
}

// staticShared is the shared memory that a kernel can have without asking.
const staticShared = 48 << 10

// kernel returns a kernel by its name, whose module it loads when it is the
// first of it.
func (d *Device) kernel(name string, s size) (*kernel, error) {
	all, err := catalogue()
	if err != nil {
		return nil, err
	}
	e, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("%s: there is no kernel %s; make kernels", d.name, name)
	}
	m := d.modules[e.file]
	if m == nil {
		image, err := compiled.ReadFile(e.file)
		if err != nil {
			return nil, err
		}
		if m, err = d.ctx.Load(string(image)); err != nil {
			return nil, fmt.Errorf("%s: loading %s: %w", d.name, e.file, err)
		}
		d.modules[e.file] = m
	}
	f, err := m.Function(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	if s.shared > staticShared {
		if err := f.SetShared(s.shared); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", d.name, name, err)
		}
	}
	return &kernel{d: d, name: name, f: f, entry: e, size: driver.Size{Grid: s.grid, Block: s.block, Shared: s.shared}}, nil
}

// run launches the kernel. A failure is reported by the device's next Sync. A
// grid without blocks launches nothing.
func (k *kernel) run(slots ...uint64) {
	if len(slots) != k.slots {
		k.d.fail(fmt.Errorf("%s: got %d parameters, want %d", k.name, len(slots), k.slots))
		return
	}
	if k.size.Grid[0] == 0 || k.size.Grid[1] == 0 || k.size.Grid[2] == 0 {
		return
	}
	k.d.launches++
	copy(k.d.slots[:], slots)
	if err := k.d.ctx.Launch(k.f, &k.size, k.d.slots[:len(slots)], k.whole); err != nil {
		k.d.fail(fmt.Errorf("%s: %w", k.name, err))
	}
}

// addr returns a buffer's address as a parameter; that of nil is 0.
func addr(b kernels.Buffer) uint64 {
	if b == nil {
		return 0
	}
	return uint64(b.(*buffer).at)
}

// num returns a whole number as a parameter of type long long.
func num(n int) uint64 { return uint64(n) }

// f64 returns a number as a parameter of type double.
func f64(x float64) uint64 { return math.Float64bits(x) }
