package disk

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// errorSharingViolation is ERROR_SHARING_VIOLATION of winerror.h: another handle is open on the file.
const errorSharingViolation = syscall.Errno(32)

// claim has nothing to do: Windows refuses to remove a file that is open.
func claim(*os.File) (bool, error) { return true, nil }

// removeUnused removes the temporary file at path unless a process has it open.
func removeUnused(path string) error {
	err := os.Remove(path)
	if errors.Is(err, errorSharingViolation) {
		return nil
	}
	return err
}

// move closes the file first: Windows does not rename an open one.
func move(f *os.File, target string) error {
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}

// syncFolder does nothing: Windows has no such call, NTFS journals the rename.
func syncFolder(string) error { return nil }

// deleteOnClose is FILE_FLAG_DELETE_ON_CLOSE of winbase.h: Windows removes the file with its last
// handle, even that of a process that is killed.
const deleteOnClose = 0x04000000

// lockFolder holds a file in the folder open that nobody else may open.
func lockFolder(dir string) (unlock func(), err error) {
	path := filepath.Join(dir, ".hourglass.lock")
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL|deleteOnClose, 0)
	if errors.Is(err, errorSharingViolation) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return func() { syscall.CloseHandle(h) }, nil
}
