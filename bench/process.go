package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// answerTime bounds the wait for one answer: torch.compile may take minutes.
const answerTime = 20 * time.Minute

// A process measures one subject, by the protocol of Serve.
type process struct {
	name   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  chan string // closed at the end of the output
	stderr tail
	cancel context.CancelFunc
}

// program is how a process is started.
type program struct {
	name    string   // for messages
	command []string // and its arguments
	env     []string // more of NAME=VALUE
	folder  string   // to run in, "" for this one
}

// start starts a program on the given number of processors.
func (p program) start(ctx context.Context, threads int) (*process, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &process{name: p.name, cmd: exec.CommandContext(ctx, p.command[0], p.command[1:]...), lines: make(chan string, 1), cancel: cancel}
	n := fmt.Sprint(threads)
	c.cmd.Env = append(os.Environ(), "GOMAXPROCS="+n, "OMP_NUM_THREADS="+n, "MKL_NUM_THREADS="+n, "OPENBLAS_NUM_THREADS="+n)
	c.cmd.Env = append(c.cmd.Env, p.env...)
	c.cmd.Dir = p.folder
	c.cmd.Stderr = &c.stderr
	c.cmd.WaitDelay = 5 * time.Second
	in, err := c.cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("bench: %s: %w", p.name, err)
	}
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = startOn(c.cmd, threads)
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("bench: starting %s: %w", p.name, err)
	}
	c.in = in
	go c.read(out)
	return c, nil
}

// read passes on the lines of the protocol. What else a library prints is
// dropped.
func (c *process) read(out io.Reader) {
	defer close(c.lines)
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		switch word, _, _ := strings.Cut(scanner.Text(), " "); word {
		case "ready", "value", "ms", "flops", "gflops", "error":
			c.lines <- scanner.Text()
		}
	}
	io.Copy(io.Discard, out)
}

// tell sends a command.
func (c *process) tell(command string) error {
	if _, err := fmt.Fprintln(c.in, command); err != nil {
		return c.failed(err)
	}
	return nil
}

// hear waits for an answer of the given kind and returns what follows the word.
func (c *process) hear(want string) (string, error) {
	select {
	case line, ok := <-c.lines:
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case !ok:
			return "", c.failed(errors.New("it ended early"))
		case word == "error":
			return "", fmt.Errorf("bench: %s: %s", c.name, rest)
		case word != want:
			return "", fmt.Errorf("bench: %s: answered %q, want %q and a value", c.name, line, want)
		}
		return rest, nil
	case <-time.After(answerTime):
		c.cancel()
		return "", fmt.Errorf("bench: %s: no answer for %v", c.name, answerTime)
	}
}

// ask sends a command and reads the numbers of its answer into values.
func (c *process) ask(command, want string, values ...any) error {
	if err := c.tell(command); err != nil {
		return err
	}
	rest, err := c.hear(want)
	if err != nil {
		return err
	}
	if _, err := fmt.Sscan(rest, values...); err != nil {
		return fmt.Errorf("bench: %s: answer %q to %q: %w", c.name, rest, command, err)
	}
	return nil
}

// failed explains an error by the last that the process said.
func (c *process) failed(err error) error {
	c.close()
	if said := c.stderr.last(); said != "" {
		return fmt.Errorf("bench: %s: %w: %s", c.name, err, said)
	}
	return fmt.Errorf("bench: %s: %w", c.name, err)
}

// memory returns the most memory in MB (10⁶ bytes) that the process has had so
// far, 0 where the operating system does not tell.
func (c *process) memory() float64 { return peakMemory(c.cmd.Process.Pid) }

// close ends the process and waits for it.
func (c *process) close() {
	fmt.Fprintln(c.in, "quit")
	c.in.Close()
	timer := time.AfterFunc(5*time.Second, c.cancel)
	for range c.lines {
	}
	c.cmd.Wait() // it was told to end; how it does is of no interest
	timer.Stop()
	c.cancel()
}

// tail keeps the end of what is written.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 16 << 10
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*most {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-most:]...)
	}
	return len(p), nil
}

// last returns the last line that is not empty.
func (t *tail) last() string {
	lines := bytes.Split(bytes.TrimSpace(t.kept), []byte("\n"))
	return string(bytes.TrimSpace(lines[len(lines)-1]))
}
