//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hourglass/models/train"
)

// process is hourglass in a process of its own.
func process(t *testing.T, environment []string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	c := exec.Command(os.Args[0], args...)
	c.Env = append(append(os.Environ(), mainEnv+"=1"), environment...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	return c, &stderr
}

// waitForEpoch waits until a run has an epoch behind it.
func waitForEpoch(t *testing.T, run string, stderr *bytes.Buffer) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if s, err := os.Stat(filepath.Join(run, train.BestName)); err == nil && s.Size() > 0 {
			return
		}
	}
	t.Fatalf("no epoch in 30 s")
}

// TestInterrupt: SIGINT and SIGTERM end a run after the step with a checkpoint
// from which it goes on to the same bits, SIGKILL leaves one too.
func TestInterrupt(t *testing.T) {
	dir, data := t.TempDir(), smallData(t, 3000, 5)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		run, straight := filepath.Join(dir, fmt.Sprint("run", int(signal))), filepath.Join(dir, fmt.Sprint("straight", int(signal)))
		c, stderr := process(t, nil, small(data, run, "--epochs", "100000", "--checkpoint", "40")...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		waitForEpoch(t, run, stderr)
		if err := c.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		c.Wait()
		if signal != syscall.SIGKILL {
			if got := c.ProcessState.ExitCode(); got != exitInterrupted {
				t.Errorf("%v: status %d, want %d\n%s", signal, got, exitInterrupted, stderr)
			}
			wantErrorLine(t, signal.String(), stderr.String(), "interrupted at step", "hourglass train --resume --out "+run)
		}
		epochs := fmt.Sprint(len(metricsOf(t, run)) + 2)
		mustCall(t, "train", "--resume", "--out", run, "--epochs", epochs)
		mustCall(t, small(data, straight, "--epochs", epochs)...)
		sameRun(t, run, straight)
	}
}

// TestTwoProcesses: a run folder belongs to one process, until that is killed.
func TestTwoProcesses(t *testing.T) {
	run, data := filepath.Join(t.TempDir(), "run"), smallData(t, 300, 5)
	c, stderr := process(t, nil, small(data, run, "--epochs", "100000")...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Process.Kill()
	waitForEpoch(t, run, stderr)
	wantFailure(t, []string{"train", "--resume", "--out", run}, exitFailure, run, "another process", "--out")
	c.Process.Kill()
	c.Wait()
	mustCall(t, "train", "--resume", "--out", run, "--epochs", fmt.Sprint(len(metricsOf(t, run))+2))
}

// TestFullDisk: where files cannot grow beyond a limit, a new run leaves
// nothing, a resumed one keeps what it had, and other commands their old files.
func TestFullDisk(t *testing.T) {
	dir, data := t.TempDir(), smallData(t, 50, 20)
	run, fresh := filepath.Join(dir, "run"), filepath.Join(dir, "parent", "fresh")
	mustCall(t, small(data, run)...)
	full := func(limit int, pieces []string, args ...string) {
		t.Helper()
		c, stderr := process(t, []string{fmt.Sprint(fileLimitEnv, "=", limit)}, args...)
		c.Run()
		if got := c.ProcessState.ExitCode(); got != exitFailure {
			t.Errorf("%v: status %d, want %d\n%s", args, got, exitFailure, stderr)
		}
		wantErrorLine(t, strings.Join(args, " "), stderr.String(), append(pieces, "file too large")...)
	}
	for _, limit := range []int{10, 3000, 8000} { // config.toml, plan.txt, the checkpoint
		full(limit, nil, small(data, fresh)...)
		if _, err := os.Stat(filepath.Dir(fresh)); !os.IsNotExist(err) {
			t.Errorf("limit %d: the new run's folder is there: %v", limit, err)
		}
	}
	before := map[string]string{}
	for _, name := range []string{train.CheckpointName, train.BestName} {
		before[name] = readFile(t, filepath.Join(run, name))
	}
	full(8000, []string{train.CheckpointName}, "train", "--resume", "--out", run, "--epochs", "3", "--min-delta", "0")
	for name, content := range before {
		if name != train.BestName && readFile(t, filepath.Join(run, name)) != content {
			t.Errorf("%s has changed", name)
		}
	}
	out := filepath.Join(dir, "r.npy")
	mustCall(t, "reconstruct", run, "--out", out, "--limit", "3")
	old := readFile(t, out)
	full(2000, []string{out}, "reconstruct", run, "--out", out)
	if readFile(t, out) != old {
		t.Error("the old reconstructions are gone")
	}
	mustCall(t, "train", "--resume", "--out", run, "--epochs", "3")
	straight := filepath.Join(dir, "straight")
	mustCall(t, small(data, straight, "--epochs", "3")...)
	sameRun(t, run, straight)
}
