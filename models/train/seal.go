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
// zeros in that place.
const sealKey = "sha256"

var noSeal = strings.Repeat("0", 2*sha256.Size)

// writeSealed writes arrays and metadata, to which it adds the seal, to a file,
// whole or not at all.
func writeSealed(path string, arrays []graph.Array, metadata map[string]string) error {
	tensors := make([]export.Tensor, len(arrays))
	for i, a := range arrays {
		var err error
		if tensors[i], err = export.NewTensor(a.Name, a.Shape, a.Data); err != nil {
			return err
		}
	}
	metadata[sealKey] = noSeal
	hash := sha256.New()
	if err := export.WriteSafetensors(hash, tensors, metadata); err != nil {
		return err
	}
	metadata[sealKey] = hex.EncodeToString(hash.Sum(nil))
	return disk.WriteFile(path, func(w io.Writer) error { return export.WriteSafetensors(w, tensors, metadata) })
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

// readSealed reads a file that writeSealed wrote. A file that cannot be read to
// its end, or that does not fit its seal, is a *DamagedError.
func readSealed(path string) ([]graph.Array, map[string]string, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	fail := func(err error) ([]graph.Array, map[string]string, error) {
		return nil, nil, &DamagedError{path, err}
	}
	if err != nil {
		return fail(err)
	}
	tensors, metadata, err := export.ReadSafetensors(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return fail(err)
	}
	if err := checkSeal(raw, metadata[sealKey]); err != nil {
		return fail(err)
	}
	arrays := make([]graph.Array, len(tensors))
	for i, x := range tensors {
		values, err := export.Values[float32](x)
		if err != nil {
			return fail(err)
		}
		arrays[i] = graph.Array{Name: x.Name, Shape: kernels.Shape(x.Shape), Data: values}
	}
	return arrays, metadata, nil
}

// checkSeal compares the seal with the file, in which it replaces the seal.
func checkSeal(raw []byte, seal string) error {
	if len(seal) != len(noSeal) {
		return errors.New("it has no checksum: Hourglass did not write it")
	}
	header := raw[:8+binary.LittleEndian.Uint64(raw)]
	entry := []byte(`"` + sealKey + `":"` + seal)
	at := bytes.Index(header, entry)
	if at < 0 {
		return errors.New("its checksum is not where it should be")
	}
	copy(raw[at+len(entry)-len(seal):], noSeal)
	if hash := sha256.Sum256(raw); hex.EncodeToString(hash[:]) != seal {
		return errors.New("its content does not fit its checksum")
	}
	return nil
}
