package disk

import (
	"errors"
	"os"
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
