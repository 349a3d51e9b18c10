package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"hourglass/data"
)

// standardInput is what errors and results call it.
const standardInput = "standard input"

// spool copies standard input to a temporary file, since samples are read in any
// order, and returns its path. The end of the command removes it.
func (a *applied) spool(ending string) (path string, err error) {
	if a.spooled != "" { // of a command that reads its samples twice
		return a.spooled, nil
	}
	if isTerminal(a.in) {
		return "", usagef("- stands for standard input, which is a terminal: pipe a file into it, as in hourglass encode RUN --out - | hourglass decode RUN --codes - --out x.png")
	}
	folder, err := os.MkdirTemp("", "hourglass-*")
	if err != nil {
		return "", err
	}
	a.temporary = append(a.temporary, folder)
	f, err := os.Create(filepath.Join(folder, "standard-input"+ending))
	if err != nil {
		return "", err
	}
	a.spooled = f.Name()
	if _, err := io.Copy(f, a.in); err != nil {
		f.Close()
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	return f.Name(), f.Close()
}

// removeTemporary removes what a command has left of standard input.
func (a *applied) removeTemporary() {
	for _, path := range a.temporary {
		os.RemoveAll(path)
	}
}

// ofInput names standard input in a source that was read from a copy of it, and
// in an error about the copy.
func (a *applied) ofInput(src data.Source, err error) (data.Source, error) {
	if a.spooled == "" {
		return src, err
	}
	if err != nil {
		if strings.Contains(err.Error(), a.spooled) {
			err = inputError{err, a.spooled}
		}
		return nil, err
	}
	if !strings.Contains(src.Info().Name, a.spooled) {
		return src, nil
	}
	if d, ok := src.(*data.Dataset); ok {
		named := *d
		named.Name = standardInput
		return &named, nil
	}
	return inputSource{src}, nil
}

// inputError is an error about the copy of standard input.
type inputError struct {
	error
	copied string
}

func (e inputError) Unwrap() error { return e.error }

func (e inputError) Error() string {
	return strings.NewReplacer(e.copied, standardInput, "fetch it again", "send it again").Replace(e.error.Error())
}

// inputSource is a source that was read from standard input and is not held in
// memory.
type inputSource struct{ data.Source }

// Info describes the samples.
func (s inputSource) Info() data.Info {
	info := s.Source.Info()
	info.Name = standardInput
	return info
}
