//go:build !linux

package bench

import "os/exec"

// startOn starts a command. GOMAXPROCS and OMP_NUM_THREADS limit its threads,
// and the operating system chooses the processors.
func startOn(cmd *exec.Cmd, _ int) error { return cmd.Start() }

// peakMemory returns 0: only Linux tells it.
func peakMemory(int) float64 { return 0 }
