package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A stop is a command line, or several that a pipe joins, and what is seen there.
type stop struct {
	line, seen string
	// figures reads what the command printed, with --json, into the table of
	// figures; nil if there is nothing for it.
	figures func(f *figures, stdout []byte) error
}

// A visited stop has what came of it.
type visited struct {
	stop
	stdout     string
	files      []string // that were not there before, in the order of the command line
	wall, user time.Duration
}

// pace is how long an interrupted command may take to stop in good order.
const pace = 10 * time.Second

// visit runs a command line in the folder.
func visit(ctx context.Context, binary, folder string, s stop) (visited, error) {
	v := visited{stop: s}
	named := namedBy(folder, s.line)
	begin := time.Now()
	var stdout bytes.Buffer
	commands, err := pipeline(ctx, binary, folder, s.line, &stdout)
	if err != nil {
		return v, err
	}
	var failures []error
	for _, c := range commands {
		if err := c.Wait(); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", strings.TrimSpace(c.Stderr.(*bytes.Buffer).String()), err))
		}
		if c.ProcessState != nil {
			v.user += c.ProcessState.UserTime()
		}
	}
	if err := errors.Join(failures...); err != nil {
		return v, fmt.Errorf("%s\n%w", s.line, err)
	}
	v.wall, v.stdout = time.Since(begin), stdout.String()
	for _, name := range named {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			v.files = append(v.files, name)
		}
	}
	return v, nil
}

// pipeline starts the commands of a line, each reading what the one before
// prints. The file that a command prints to is closed for us once it was started.
func pipeline(ctx context.Context, binary, folder, line string, stdout io.Writer) ([]*exec.Cmd, error) {
	var commands []*exec.Cmd
	var from *os.File
	parts := strings.Split(line, " | ")
	for i, part := range parts {
		words := strings.Fields(part)
		if len(words) == 0 || words[0] != "hourglass" {
			return commands, fmt.Errorf("%s: want hourglass, alone or with itself in a pipe", line)
		}
		c := exec.CommandContext(ctx, binary, words[1:]...)
		c.Dir, c.Stderr, c.Stdout = folder, &bytes.Buffer{}, stdout
		c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
		c.WaitDelay = pace
		if from != nil {
			c.Stdin = from
		}
		var next *os.File
		if i < len(parts)-1 {
			r, w, err := os.Pipe()
			if err != nil {
				return commands, err
			}
			next, c.Stdout = r, w
		}
		err := c.Start()
		if from != nil {
			from.Close()
		}
		if out, ok := c.Stdout.(*os.File); ok {
			out.Close()
		}
		if err != nil {
			return commands, fmt.Errorf("%s: %w", line, err)
		}
		commands, from = append(commands, c), next
	}
	return commands, nil
}

// namedBy lists the words of a command line that are names of no file yet.
func namedBy(folder, line string) []string {
	var names []string
	for _, word := range strings.Fields(line) {
		if word == "|" || word == "-" || strings.HasPrefix(word, "--") || slices.Contains(names, word) {
			continue
		}
		if _, err := os.Stat(filepath.Join(folder, word)); errors.Is(err, os.ErrNotExist) {
			names = append(names, word)
		}
	}
	return names
}

// briefly is a command line for a look at a few samples.
func briefly(line string) string {
	parts := strings.Split(line, " | ")
	for i, part := range parts {
		words := strings.Fields(part)
		for j, word := range words {
			if word == "--epochs" || word == "--pretrain-epochs" {
				words[j+1] = "1"
			}
		}
		limits := map[string]string{"train": "--limit 160", "finetune": "--limit 160", "eval": "--limit 40", "encode": "--limit 40",
			"reconstruct": "--limit 8", "probe": "--limit 40 --train-limit 100", "search": "--limit 20 --index-limit 100",
			"project": "--limit 60", "compress": "--limit 20", "classify": "--limit 40", "anomaly table": "--limit 40 --epochs 1 --class 3",
			"anomaly fit": "--limit 60", "anomaly score": "--limit 200", "data info": "--limit 60"}
		for command, limit := range limits {
			if strings.HasPrefix(strings.Join(words[1:], " ")+" ", command+" ") {
				words = append(without(words, "--limit", "--train-limit", "--index-limit"), limit)
			}
		}
		parts[i] = strings.Join(words, " ")
	}
	return strings.Join(parts, " | ")
}

// without takes flags and their values out of words.
func without(words []string, flags ...string) []string {
	var kept []string
	for i := 0; i < len(words); i++ {
		if slices.Contains(flags, words[i]) {
			i++
			continue
		}
		kept = append(kept, words[i])
	}
	return kept
}
