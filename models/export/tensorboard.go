package export

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image/png"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Events writes one TensorBoard event file: records in TensorFlow's TFRecord framing, each an Event
// protocol buffer (tensorflow/core/util/event.proto and framework/summary.proto). Steps must not be
// negative. Methods are not safe for concurrent use.
type Events struct {
	file *os.File
	w    *bufio.Writer
}

// Field numbers of the messages that are written here.
const (
	eventWallTime    = 1 // double, seconds since 1970
	eventStep        = 2 // int64
	eventFileVersion = 3 // string
	eventSummary     = 5 // Summary
	eventSessionLog  = 7 // SessionLog

	summaryValue = 1 // repeated Value

	valueTag         = 1 // string
	valueSimpleValue = 2 // float
	valueImage       = 4 // Image

	imageHeight     = 1 // int32
	imageWidth      = 2 // int32
	imageColorspace = 3 // int32, 3 for RGB
	imageEncoded    = 4 // bytes

	sessionLogStatus = 1 // enum, 1 for START
)

// castagnoli is the polynomial of the framing's checksums, CRC-32C.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// NewEvents creates dir if need be and a new event file in it, named after the start time as
// TensorBoard wants, so that files of one run are read in the order they were written. It never
// appends to or replaces an older file; a run that goes on calls NewEvents again and then Resume.
func NewEvents(dir string) (*Events, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("tensorboard: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost" // only tells files of several machines apart
	}
	now := time.Now()
	for n := 0; ; n++ {
		name := fmt.Sprintf("events.out.tfevents.%010d.%s.%d.%d", now.Unix(), host, os.Getpid(), n)
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("tensorboard: %w", err)
		}
		e := &Events{file: f, w: bufio.NewWriter(f)}
		version := protowire.AppendString(protowire.AppendTag(nil, eventFileVersion, protowire.BytesType), "brain.Event:2")
		if err := e.event(0, now, version); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return e, nil
	}
}

// Resume tells TensorBoard that the run goes on from step: what earlier files of the folder hold from
// that step on, written before the run was killed, is no longer shown.
func (e *Events) Resume(step int, wallTime time.Time) error {
	log := appendInt(nil, sessionLogStatus, 1)
	return e.event(step, wallTime, appendMessage(nil, eventSessionLog, log))
}

// Scalar writes one point of the curve named tag; a slash in the tag groups curves. TensorBoard keeps
// 32 bits of value.
func (e *Events) Scalar(tag string, step int, wallTime time.Time, value float64) error {
	var v []byte
	v = protowire.AppendTag(v, valueSimpleValue, protowire.Fixed32Type)
	v = protowire.AppendFixed32(v, math.Float32bits(float32(value)))
	return e.summary(tag, step, wallTime, v)
}

// Image writes a picture of w×h pixels, encoded as PNG, under the name tag. It is an error when
// encoded is no PNG of that size.
func (e *Events) Image(tag string, step int, wallTime time.Time, encoded []byte, w, h int) error {
	c, err := png.DecodeConfig(bytes.NewReader(encoded))
	if err != nil {
		return fmt.Errorf("tensorboard: image %q at step %d: %w", tag, step, err)
	}
	if c.Width != w || c.Height != h {
		return fmt.Errorf("tensorboard: image %q at step %d is %d×%d pixels, want %d×%d", tag, step, c.Width, c.Height, w, h)
	}
	m := appendInt(nil, imageHeight, uint64(h))
	m = appendInt(m, imageWidth, uint64(w))
	m = appendInt(m, imageColorspace, 3)
	m = appendMessage(m, imageEncoded, encoded)
	return e.summary(tag, step, wallTime, appendMessage(nil, valueImage, m))
}

// Flush hands everything written so far to the operating system, where TensorBoard sees it and where
// it survives the death of this process.
func (e *Events) Flush() error {
	if err := e.w.Flush(); err != nil {
		return fmt.Errorf("tensorboard: %w", err)
	}
	return nil
}

// Close flushes and closes the file.
func (e *Events) Close() error {
	err := e.Flush()
	if closing := e.file.Close(); closing != nil {
		err = errors.Join(err, fmt.Errorf("tensorboard: %w", closing))
	}
	return err
}

// summary writes an event with one named value; value holds the fields that say what it is.
func (e *Events) summary(tag string, step int, wallTime time.Time, value []byte) error {
	if tag == "" {
		return fmt.Errorf("tensorboard: step %d: want a tag, got none", step)
	}
	v := protowire.AppendString(protowire.AppendTag(nil, valueTag, protowire.BytesType), tag)
	v = append(v, value...)
	return e.event(step, wallTime, appendMessage(nil, eventSummary, appendMessage(nil, summaryValue, v)))
}

// event writes one record: time, step and the field that says what happened.
func (e *Events) event(step int, wallTime time.Time, what []byte) error {
	if step < 0 {
		return fmt.Errorf("tensorboard: step %d, want 0 or more", step)
	}
	var b []byte
	b = protowire.AppendTag(b, eventWallTime, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(float64(wallTime.UnixMicro())/1e6))
	b = appendInt(b, eventStep, uint64(step))
	b = append(b, what...)
	if _, err := e.w.Write(frame(b)); err != nil {
		return fmt.Errorf("tensorboard: %w", err)
	}
	return nil
}

// frame wraps a record: its length as 8 bytes, the length's checksum, the record, its checksum
// (tensorflow/core/lib/io/record_writer.h).
func frame(record []byte) []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, len(record)+16), uint64(len(record)))
	b = binary.LittleEndian.AppendUint32(b, maskedCRC(b))
	b = append(b, record...)
	return binary.LittleEndian.AppendUint32(b, maskedCRC(record))
}

// maskedCRC is the CRC-32C of b, rotated and shifted so that the checksum of data that itself holds
// checksums stays a good one (tensorflow/core/lib/hash/crc32c.h).
func maskedCRC(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

func appendInt(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func appendMessage(b []byte, field protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), message)
}
