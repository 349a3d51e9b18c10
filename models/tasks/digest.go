package tasks

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"

	"hourglass/graph"
	"hourglass/models/train"
)

// Digest identifies the weights of a runner: the SHA-256 of the names, shapes and
// values of its variables in the order of their names. What was made with one
// model's codes makes no sense with another's.
func Digest(r *train.Runner) ([sha256.Size]byte, error) {
	weights, err := r.Weights()
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	slices.SortFunc(weights, func(a, b graph.Array) int { return cmp.Compare(a.Name, b.Name) })
	h := sha256.New()
	var buffer []byte
	for _, a := range weights {
		buffer = append(append(buffer[:0], a.Name...), 0)
		for _, d := range append([]int{len(a.Shape)}, a.Shape...) {
			buffer = binary.LittleEndian.AppendUint32(buffer, uint32(d))
		}
		for _, v := range a.Data {
			buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(v))
		}
		h.Write(buffer)
	}
	var sum [sha256.Size]byte
	copy(sum[:], h.Sum(nil))
	return sum, nil
}

// digestText is Digest as a detector's file has it.
func digestText(r *train.Runner) (string, error) {
	sum, err := Digest(r)
	return hex.EncodeToString(sum[:]), err
}
