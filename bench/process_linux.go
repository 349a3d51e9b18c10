package bench

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// startOn starts a command on the first processors that this process may use, so
// that all subjects share the same ones.
func startOn(cmd *exec.Cmd, processors int) error {
	var all, some unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return err
	}
	if processors >= all.Count() {
		return cmd.Start()
	}
	for i, left := 0, processors; left > 0; i++ {
		if all.IsSet(i) {
			some.Set(i)
			left--
		}
	}
	// A child inherits the processors of the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.SchedSetaffinity(0, &some); err != nil {
		return err
	}
	err := cmd.Start()
	if back := unix.SchedSetaffinity(0, &all); err == nil {
		err = back
	}
	return err
}

// peakMemory reads VmHWM, the largest resident set of a process, in MB. It is 0
// if the process is gone.
func peakMemory(pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kB float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kB); n == 1 {
			return kB * 1024 / 1e6
		}
	}
	return 0
}
