//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package disk

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// claim locks f, so that RemoveStale in another process sees that it is in use. The kernel drops the
// lock when the process dies, whatever kills it. It reports false when the file was removed between
// its creation and the lock.
func claim(f *os.File) (bool, error) {
	err := flock(f, syscall.LOCK_EX)
	if unsupported(err) {
		// Safe without: on such a file system RemoveStale cannot lock either and leaves the file.
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("locking the temporary file: %w", err)
	}
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(f.Name())
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return os.SameFile(opened, named), nil
}

// removeUnused removes the temporary file at path unless a process holds its lock.
func removeUnused(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	err = flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot tell whether %s is still being written, remove it by hand: %w", path, err)
	}
	return os.Remove(path)
}

// move renames the open file: as long as it is open its lock keeps RemoveStale away.
func move(f *os.File, target string) error {
	return os.Rename(f.Name(), target)
}

// syncFolder makes a rename in dir survive a power cut. File systems that cannot sync a folder say
// so with EINVAL or ENOTSUP; they offer nothing better.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func unsupported(err error) bool {
	return errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.ENOLCK)
}

// lockFolder locks the folder itself, so that no file of ours stays behind.
func lockFolder(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = flock(d, syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		d.Close()
		return nil, ErrLocked
	case unsupported(err), errors.Is(err, syscall.EBADF): // the latter from NFS, which locks no folders
		d.Close()
		return func() {}, nil
	case err != nil:
		d.Close()
		return nil, err
	}
	return func() { d.Close() }, nil
}
