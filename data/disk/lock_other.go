//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package disk

import (
	"fmt"
	"os"
)

// claim has nothing to do: without a lock that dies with its process, RemoveStale leaves all files.
func claim(*os.File) (bool, error) { return true, nil }

// removeUnused refuses: this system cannot tell whether another process is writing the file.
func removeUnused(path string) error {
	return fmt.Errorf("cannot tell whether %s is still being written, remove it by hand", path)
}

// move closes the file first, since not every system renames an open one.
func move(f *os.File, target string) error {
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}

// syncFolder does nothing: there is no portable way to sync a folder.
func syncFolder(string) error { return nil }

// lockFolder does nothing: without a lock that dies with its process, one that a killed process left
// would stand in the way for ever.
func lockFolder(string) (unlock func(), err error) { return func() {}, nil }
