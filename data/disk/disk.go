// Package disk writes files whole or not at all.
//
// A checkpoint that is half written when the power goes, the disk fills up or the process is killed
// must not cost the last good one. WriteFile therefore builds the new content under a temporary name
// in the same folder and moves it into place only once it is on the disk. The order (write, fsync of
// the file, rename, fsync of the folder) is the one of Pillai et al., "All File Systems Are Not
// Created Equal", OSDI 2014.
package disk

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
)

// bufferBytes is large enough that a checkpoint of many small tensors costs few system calls.
const bufferBytes = 1 << 18

// temporaryName matches the names that temporary makes and nothing that a person would choose, so
// that RemoveStale cannot take a user's file.
var temporaryName = regexp.MustCompile(`^\.hourglass-[0-9a-f]{16}\.tmp$`)

// WriteFile replaces the file at path by what write writes, or leaves everything as it was.
//
// When any step fails, the temporary file is removed, the old file at path is untouched and the error
// names path; errors.Is finds the cause (syscall.ENOSPC when the disk is full). An error of write that
// is none of its writer's is returned as it is: writing is not what failed. A new file has mode 0666
// less the umask; an existing one keeps its permission bits, and a symbolic link is followed. The
// folder must exist. Anything at path that is not a regular file (a folder, a device, a pipe) is
// refused.
//
// Only when the very last step fails, the fsync of the folder, is the new file in place although an
// error is returned: it is complete, but a power cut may still bring back the old one.
func WriteFile(path string, write func(w io.Writer) error) error {
	target, mode, err := resolve(path)
	if err != nil {
		return fmt.Errorf("disk: writing %s: %w", path, err)
	}
	f, err := create(filepath.Dir(target))
	if err != nil {
		return fmt.Errorf("disk: writing %s: %w", path, err)
	}
	temp := f.Name()
	// A deferred clean-up also covers a panic in write.
	moved := false
	defer func() {
		f.Close()
		if !moved {
			os.Remove(temp)
		}
	}()
	if err := fill(f, mode, write); err != nil {
		var own producerError
		if errors.As(err, &own) {
			return own.error
		}
		return fmt.Errorf("disk: writing %s: %w", path, withoutPath(err, temp))
	}
	if err := move(f, target); err != nil {
		return fmt.Errorf("disk: moving the finished file to %s: %w", path, withoutPath(err, temp))
	}
	moved = true
	if err := syncFolder(filepath.Dir(target)); err != nil {
		return fmt.Errorf("disk: %s is written, but its folder could not be synced: %w", path, err)
	}
	return nil
}

// RemoveStale removes the temporary files that killed processes left in dir. Files that a running
// process is writing stay, as do all others. It returns the first error after trying every file;
// a folder that does not exist is an error.
func RemoveStale(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("disk: looking for left-over files: %w", err)
	}
	var first error
	for _, e := range entries {
		if !e.Type().IsRegular() || !temporaryName.MatchString(e.Name()) {
			continue
		}
		err := removeUnused(filepath.Join(dir, e.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && first == nil {
			first = fmt.Errorf("disk: removing a left-over file: %w", err)
		}
	}
	return first
}

// ErrLocked tells that another process works in a folder.
var ErrLocked = errors.New("another process works in it")

// Lock keeps a folder for this process until unlock is called or the process ends, however it does.
// If another process, or this one, holds it already the error wraps ErrLocked. File systems and
// systems that cannot lock let everybody in.
func Lock(dir string) (unlock func(), err error) {
	unlock, err = lockFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("disk: locking %s: %w", dir, err)
	}
	return unlock, nil
}

// resolve follows symbolic links at path and returns the file to replace and its permission bits, 0
// when there is none yet.
func resolve(path string) (target string, mode fs.FileMode, err error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return path, 0, nil
	}
	target, err = filepath.EvalSymlinks(path)
	if err != nil {
		return "", 0, err
	}
	info, err := os.Stat(target)
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, fmt.Errorf("want a regular file or a new name, got %s", kind(info.Mode()))
	}
	return target, info.Mode().Perm(), nil
}

// kind says in words what a mode that is not regular stands for.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	default:
		return "a special file (" + mode.Type().String() + ")"
	}
}

// create makes an empty temporary file in dir and marks it as in use.
func create(dir string) (*os.File, error) {
	for {
		name := filepath.Join(dir, fmt.Sprintf(".hourglass-%016x.tmp", rand.Uint64()))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("folder %s: %w", dir, withoutPath(err, name))
		}
		ours, err := claim(f)
		if ours {
			return f, nil
		}
		f.Close()
		if err != nil {
			os.Remove(name)
			return nil, err
		}
		// Another process's RemoveStale took the file before we had marked it: take a new name.
	}
}

// fill writes the content and brings it to the disk.
func fill(f *os.File, mode fs.FileMode, write func(io.Writer) error) error {
	if mode != 0 {
		if err := f.Chmod(mode); err != nil {
			return err
		}
	}
	to := &recorder{to: f}
	w := bufio.NewWriterSize(to, bufferBytes)
	if err := write(w); err != nil {
		if to.err == nil {
			return producerError{err}
		}
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Sync()
}

// producerError is what failed before anything was to be written.
type producerError struct{ error }

// recorder keeps the error of a writer.
type recorder struct {
	to  io.Writer
	err error
}

func (r *recorder) Write(p []byte) (int, error) {
	n, err := r.to.Write(p)
	if err != nil {
		r.err = err
	}
	return n, err
}

// withoutPath strips the temporary name from an error about it: the reader knows only the real one.
func withoutPath(err error, temp string) error {
	var p *fs.PathError
	if errors.As(err, &p) && p.Path == temp {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) && l.Old == temp {
		return l.Err
	}
	return err
}
