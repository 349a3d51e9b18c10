package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"hourglass/data/disk"
	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models/export"
)

// A sealed file is a safetensors file that tells whether it is damaged: its
// metadata hold, under sealKey, the SHA-256 of the whole file as it is with 64
// zeros in that place. It is written and read a piece at a time: a checkpoint is
// several times as large as the weights.
const sealKey = "sha256"

var noSeal = strings.Repeat("0", 2*sha256.Size)

// writeSealed writes arrays and metadata, to which it adds the seal, to a file,
// whole or not at all. It reads the arrays twice.
func writeSealed(path string, arrays []export.Stream, metadata map[string]string) error {
	metadata[sealKey] = noSeal
	hash := sha256.New()
	if err := export.WriteStreams(hash, arrays, metadata); err != nil {
		return err
	}
	metadata[sealKey] = hex.EncodeToString(hash.Sum(nil))
	return disk.WriteFile(path, func(w io.Writer) error { return export.WriteStreams(w, arrays, metadata) })
}

// streamsOf returns what a file has of arrays on a device.
func streamsOf(stored []graph.Stored) []export.Stream {
	var all []export.Stream
	for _, s := range stored {
		all = append(all, export.Stream{Name: s.Name, DType: export.F32, Shape: s.Shape, Write: func(w io.Writer) error {
			var raw []byte
			return s.Read(func(part []float32) error {
				raw = appendFloats(raw[:0], part)
				_, err := w.Write(raw)
				return err
			})
		}})
	}
	return all
}

// streamsOfArrays returns what a file has of arrays in memory.
func streamsOfArrays(arrays []graph.Array) []export.Stream {
	var all []export.Stream
	for _, a := range arrays {
		all = append(all, export.Stream{Name: a.Name, DType: export.F32, Shape: a.Shape, Write: func(w io.Writer) error {
			return binary.Write(w, binary.LittleEndian, a.Data)
		}})
	}
	return all
}

// appendFloats appends the elements as a file has them.
func appendFloats(to []byte, values []float32) []byte {
	to, err := binary.Append(to, binary.LittleEndian, values)
	if err != nil { // of types without a size alone
		panic(err)
	}
	return to
}

// A DamagedError tells that a file is not what was written to it.
type DamagedError struct {
	Path   string
	Reason error
}

// Error names the file and what is wrong with it.
func (e *DamagedError) Error() string { return fmt.Sprintf("%s cannot be used: %v", e.Path, e.Reason) }

// Unwrap returns the reason.
func (e *DamagedError) Unwrap() error { return e.Reason }

// sealed is an open file of writeSealed that fits its seal.
type sealed struct {
	path     string
	file     *os.File
	arrays   []export.Section
	metadata map[string]string
}

// openSealed opens a file that writeSealed wrote. One that cannot be read to its
// end, or that does not fit its seal, is a *DamagedError.
func openSealed(path string) (*sealed, error) {
	file, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err != nil:
		return nil, &DamagedError{path, err}
	}
	s := &sealed{path: path, file: file}
	if err := s.check(); err != nil {
		file.Close()
		return nil, s.damaged(err)
	}
	return s, nil
}

func (s *sealed) close() { s.file.Close() }

func (s *sealed) damaged(err error) error { return &DamagedError{s.path, err} }

// check reads the header and holds the file against its seal.
func (s *sealed) check() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	if s.arrays, s.metadata, err = export.OpenSections(s.file, info.Size()); err != nil {
		return err
	}
	seal := s.metadata[sealKey]
	if len(seal) != len(noSeal) {
		return errors.New("it has no checksum: Hourglass did not write it")
	}
	start := info.Size() // of the data
	if len(s.arrays) > 0 {
		start = s.arrays[0].Offset
	}
	header := make([]byte, start)
	if _, err := io.ReadFull(s.file, header); err != nil {
		return err
	}
	entry := []byte(`"` + sealKey + `":"` + seal)
	at := bytes.Index(header, entry)
	if at < 0 {
		return errors.New("its checksum is not where it should be")
	}
	copy(header[at+len(entry)-len(seal):], noSeal)
	hash := sha256.New()
	hash.Write(header)
	if _, err := io.Copy(hash, s.file); err != nil {
		return err
	}
	if hex.EncodeToString(hash.Sum(nil)) != seal {
		return errors.New("its content does not fit its checksum")
	}
	for _, a := range s.arrays {
		if a.DType != export.F32 {
			return fmt.Errorf("tensor %q holds %s, want %s", a.Name, a.DType, export.F32)
		}
	}
	return nil
}

// reader returns the function that fills a slice with the elements of an array
// that come next.
func (s *sealed) reader(a export.Section) func([]float32) error {
	from, raw := io.NewSectionReader(s.file, a.Offset, a.Bytes), []byte(nil)
	return func(part []float32) error {
		if len(raw) < 4*len(part) {
			raw = make([]byte, 4*len(part))
		}
		if _, err := io.ReadFull(from, raw[:4*len(part)]); err != nil {
			return s.damaged(fmt.Errorf("tensor %q: %w", a.Name, err))
		}
		_, err := binary.Decode(raw, binary.LittleEndian, part)
		return err
	}
}

// saved returns the arrays as a device takes them.
func (s *sealed) saved() []graph.Saved {
	var all []graph.Saved
	for _, a := range s.arrays {
		all = append(all, graph.Saved{Name: a.Name, Shape: kernels.Shape(a.Shape), Next: s.reader(a)})
	}
	return all
}

// inMemory returns the arrays.
func (s *sealed) inMemory() ([]graph.Array, error) {
	var all []graph.Array
	for _, a := range s.arrays {
		values, next := make([]float32, a.Bytes/4), s.reader(a)
		for rest := values; len(rest) > 0; {
			part := rest[:min(len(rest), 1<<14)]
			if err := next(part); err != nil {
				return nil, err
			}
			rest = rest[len(part):]
		}
		all = append(all, graph.Array{Name: a.Name, Shape: kernels.Shape(a.Shape), Data: values})
	}
	return all, nil
}
