package fetch

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"

	"hourglass/data/disk"
)

// unpack makes the files of an archive that was checked; each appears whole or
// not at all.
func (f file) unpack(archive, dir string) error {
	r, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	defer r.Close()
	z, err := gzip.NewReader(bufio.NewReaderSize(r, 1<<16))
	if err != nil {
		return fmt.Errorf("fetch: unpacking %s: %w", archive, err)
	}
	if len(f.unpacked) == 1 {
		return f.unpacked[0].write(z, dir)
	}
	left := slices.Clone(f.unpacked)
	members := tar.NewReader(z)
	for len(left) > 0 {
		header, err := members.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("fetch: unpacking %s: it lacks %s", archive, left[0].name)
		}
		if err != nil {
			return fmt.Errorf("fetch: unpacking %s: %w", archive, err)
		}
		at := slices.IndexFunc(left, func(m member) bool { return m.name == path.Base(header.Name) })
		if at < 0 {
			continue
		}
		if err := left[at].write(members, dir); err != nil {
			return err
		}
		left = slices.Delete(left, at, at+1)
	}
	return nil
}

// textLimit bounds a text of any length.
const textLimit = 1 << 16

// write writes a file of the size that it is to have.
func (m member) write(r io.Reader, dir string) error {
	to := filepath.Join(dir, m.name)
	limit := m.size
	if limit == 0 {
		limit = textLimit
	}
	err := disk.WriteFile(to, func(w io.Writer) error {
		n, err := io.Copy(w, io.LimitReader(r, limit+1))
		if err == nil && (n > limit || m.size > 0 && n < m.size) {
			err = fmt.Errorf("want %d bytes in the archive, got %d", m.size, n)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("fetch: unpacking %s: %w", m.name, err)
	}
	return nil
}
