// Package fetch downloads the data sets that everybody compares with, checks
// them and unpacks them to where package data reads them.
package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options says how to download. The zero value is for use.
type Options struct {
	// From is the address of a folder that has the files, in place of those where
	// they are published.
	From string
	// Client makes the requests; nil stands for http.DefaultClient.
	Client *http.Client
	// Attempts is how often each file is asked for; 0 stands for 4. The time
	// between doubles, from Wait on, for which 0 stands for a second.
	Attempts int
	Wait     time.Duration
	// Stall is how long a server may send nothing; 0 stands for 30 seconds.
	Stall time.Duration
	// Progress, if not nil, is told how many bytes of a file are there.
	Progress func(file string, done, size int64)
	// Note, if not nil, is told in one line of what else happens: an attempt that
	// failed, a file that is there already.
	Note func(line string)
}

func (o Options) withDefaults() Options {
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	if o.Attempts < 1 {
		o.Attempts = 4
	}
	if o.Wait == 0 {
		o.Wait = time.Second
	}
	if o.Stall == 0 {
		o.Stall = 30 * time.Second
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	return o
}

// Fetch downloads a data set, one of [Names], to the folder dir, which it makes,
// and returns the specification that opens it. Files that are there already are
// not downloaded again, and what an interrupted download left is gone on with.
// Every download is held to its SHA-256 sum before anything is made of it, and a
// file that is there but is another one is never replaced. An unknown name is an
// [*UnknownError].
func Fetch(ctx context.Context, name, dir string, o Options) (spec string, err error) {
	s, err := find(name)
	if err != nil {
		return "", err
	}
	return s.fetch(ctx, dir, o.withDefaults())
}

func (s set) fetch(ctx context.Context, dir string, o Options) (spec string, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("fetch: %w", err)
	}
	mirrors := s.mirrors
	if o.From != "" {
		mirrors = []string{strings.TrimSuffix(o.From, "/")}
	}
	for i, f := range s.files {
		err := f.fetch(ctx, dir, mirrors, o)
		var no *offline
		if errors.As(err, &no) {
			return "", fmt.Errorf("fetch: %w; %s", err, byHand(s.files[i:], dir, mirrors[0]))
		}
		if err != nil {
			return "", err
		}
	}
	return s.spec + ":" + strings.ReplaceAll(dir, ",", ",,"), nil // a single comma would begin an option
}

// offline tells of a file that no mirror gave.
type offline struct {
	name string
	err  error
}

func (e *offline) Error() string { return fmt.Sprintf("%s cannot be downloaded (%v)", e.name, e.err) }
func (e *offline) Unwrap() error { return e.err }

// byHand tells what to do where there is no network: which files are missing,
// where they are and where they go.
func byHand(files []file, dir, mirror string) string {
	var names []string
	for _, f := range files {
		_, err := os.Stat(filepath.Join(dir, f.name))
		if there, _ := f.there(dir); !there && err != nil {
			names = append(names, f.name)
		}
	}
	return fmt.Sprintf("where there is no network, get %s elsewhere from %s/ and put them into %s", strings.Join(names, ", "), mirror, dir)
}

// fetch brings one file to where it is read.
func (f file) fetch(ctx context.Context, dir string, mirrors []string, o Options) error {
	there, err := f.there(dir)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, f.name)
	if there {
		o.Note(f.name + " is there already, unpacked")
		return nil
	}
	if _, err := os.Stat(path); err == nil { // somebody put it there
		if err := f.check(path); err != nil {
			return fmt.Errorf("fetch: %s is there, but %w; move it away to have it fetched", path, err)
		}
		o.Note(f.name + " is there already")
		return f.unpack(path, dir)
	}
	part := path + ".part"
	if err := f.download(ctx, part, mirrors, o); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("fetch: %s: %w; the same command goes on with it", f.name, ctx.Err())
		}
		return &offline{f.name, err}
	}
	if err := f.unpack(part, dir); err != nil {
		return err
	}
	return os.Remove(part)
}

// there reports whether all that is made of a file is in dir. A file of a right
// name but a wrong size is an error.
func (f file) there(dir string) (bool, error) {
	for _, m := range f.unpacked {
		path := filepath.Join(dir, m.name)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("fetch: %w", err)
		}
		if m.size > 0 && info.Size() != m.size {
			return false, fmt.Errorf("fetch: %s is there, but has %d bytes, want %d; move it away to have it fetched", path, info.Size(), m.size)
		}
	}
	return true, nil
}

// check compares a file's size and checksum.
func (f file) check(path string) error {
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r, f.size+1))
	if err != nil {
		return err
	}
	if n < f.size {
		return fmt.Errorf("it has %d bytes, want %d", n, f.size)
	}
	if got := hex.EncodeToString(h.Sum(nil)); n > f.size || got != f.sha256 {
		return fmt.Errorf("its SHA-256 sum is not %s", f.sha256)
	}
	return nil
}

// download fills the file part, from one mirror or the next, and checks it.
func (f file) download(ctx context.Context, part string, mirrors []string, o Options) error {
	wait := o.Wait
	var last error
	for attempt := range o.Attempts {
		if attempt > 0 {
			o.Note(fmt.Sprintf("%s: %v; again in %v", f.name, last, wait))
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(wait):
			}
			wait *= 2
		}
		last = f.attempt(ctx, part, mirrors[attempt%len(mirrors)]+"/"+f.name, o)
		if last == nil {
			last = f.check(part)
			if last == nil {
				return nil
			}
			if err := os.Remove(part); err != nil {
				return err
			}
			last = fmt.Errorf("the download is damaged: %w", last)
		}
		var no *refusal
		if ctx.Err() != nil || errors.As(last, &no) && attempt+1 >= len(mirrors) {
			break
		}
	}
	return last
}

// refusal is an answer that will be the same the next time.
type refusal struct{ url, status string }

func (e *refusal) Error() string { return e.url + " answers " + e.status }

// attempt asks for the rest of a file once.
func (f file) attempt(ctx context.Context, part, url string, o Options) error {
	var size int64
	switch info, err := os.Stat(part); {
	case err == nil:
		size = info.Size()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if size == f.size {
		return nil
	}
	have := size
	if have > f.size {
		have = 0
	}
	// A server that falls silent is given up.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(o.Stall, func() { cancel(fmt.Errorf("the server sent nothing for %v", o.Stall)) })
	defer stalled.Stop()
	body, from, err := request(ctx, o.Client, url, have)
	if err != nil {
		return causeOf(ctx, err)
	}
	defer body.Close()
	w, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666) // not before there is something to write
	if err != nil {
		return err
	}
	defer w.Close()
	if from != size {
		if err := w.Truncate(from); err != nil {
			return err
		}
	}
	if err := f.receive(w, body, from, o, func() { stalled.Reset(o.Stall) }); err != nil {
		return causeOf(ctx, err)
	}
	return w.Close()
}

// causeOf prefers the reason for which a request was given up.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// request asks for the bytes from have on. The answer may begin before that, at
// from, if the server has no parts.
func request(ctx context.Context, c *http.Client, url string, have int64) (body io.ReadCloser, from int64, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	if have > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	answer, err := c.Do(r)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case answer.StatusCode == http.StatusOK:
		return answer.Body, 0, nil
	case answer.StatusCode == http.StatusPartialContent && strings.HasPrefix(answer.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
		return answer.Body, have, nil
	}
	answer.Body.Close()
	if code := answer.StatusCode; code >= 400 && code < 500 && code != http.StatusRequestTimeout && code != http.StatusTooManyRequests && code != http.StatusRequestedRangeNotSatisfiable {
		return nil, 0, &refusal{url, answer.Status}
	}
	return nil, 0, fmt.Errorf("%s answers %s", url, answer.Status)
}

// receive copies the answer, which must fill the file and no more.
func (f file) receive(w io.Writer, body io.Reader, done int64, o Options, alive func()) error {
	buffer := make([]byte, 1<<16)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			alive()
			if done += int64(n); done > f.size {
				return fmt.Errorf("the server sends more than the %d bytes of the file", f.size)
			}
			if _, err := w.Write(buffer[:n]); err != nil {
				return err
			}
			o.Progress(f.name, done, f.size)
		}
		if err == io.EOF && done < f.size {
			err = io.ErrUnexpectedEOF
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("after %d of %d bytes: %w", done, f.size, err)
		}
	}
}
