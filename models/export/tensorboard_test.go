package export

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
)

func newEvents(t *testing.T, dir string) *Events {
	t.Helper()
	e, err := NewEvents(dir)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// records parses the framing of the only event file in dir and checks every checksum.
func records(t *testing.T, dir string) [][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("event files %q, error %v, want one file", names, err)
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for len(b) > 0 {
		if len(b) < 16 {
			t.Fatalf("%d bytes after record %d, want at least 16", len(b), len(out))
		}
		n := binary.LittleEndian.Uint64(b)
		if got := binary.LittleEndian.Uint32(b[8:]); got != maskedCRC(b[:8]) {
			t.Fatalf("record %d: the length's checksum is %#x, want %#x", len(out), got, maskedCRC(b[:8]))
		}
		if n > uint64(len(b)-16) {
			t.Fatalf("record %d: length %d, only %d bytes follow", len(out), n, len(b)-16)
		}
		record := b[12 : 12+n]
		if got := binary.LittleEndian.Uint32(b[12+n:]); got != maskedCRC(record) {
			t.Fatalf("record %d: checksum %#x, want %#x", len(out), got, maskedCRC(record))
		}
		out, b = append(out, record), b[16+n:]
	}
	return out
}

// fields decodes one protocol buffer message into "number:value", messages as they lie.
func fields(t *testing.T, b []byte) map[protowire.Number]any {
	t.Helper()
	out := map[protowire.Number]any{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		if _, twice := out[number]; twice {
			t.Fatalf("field %d appears twice", number)
		}
		switch kind {
		case protowire.VarintType:
			out[number], n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			out[number] = math.Float32frombits(v)
		case protowire.Fixed64Type:
			var v uint64
			v, n = protowire.ConsumeFixed64(b)
			out[number] = math.Float64frombits(v)
		case protowire.BytesType:
			var v []byte
			v, n = protowire.ConsumeBytes(b)
			out[number] = string(v)
		default:
			t.Fatalf("field %d has wire type %d", number, kind)
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
	}
	return out
}

// inside decodes the message in one field of a message.
func inside(t *testing.T, message map[protowire.Number]any, path ...protowire.Number) map[protowire.Number]any {
	t.Helper()
	for _, number := range path {
		b, ok := message[number].(string)
		if !ok {
			t.Fatalf("no field %d in %v", number, message)
		}
		message = fields(t, []byte(b))
	}
	return message
}

func TestEventsHoldWhatWasWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	at := time.Unix(1700000000, 250_000_000)
	var encoded bytes.Buffer
	if err := WritePNG(&encoded, grid(t, []Row{{Images: []Image{flat(2, 3, 1)}}}, GridOptions{Scale: 1})); err != nil {
		t.Fatal(err)
	}
	w, h := 2*margin+3+2*line, 2*margin+2+2*line
	e := newEvents(t, dir)
	for _, err := range []error{
		e.Resume(5, at),
		e.Scalar("loss/train", 1<<40, at, 0.1),
		e.Scalar("loss/train", 0, at, math.NaN()),
		e.Image("reconstruction", 7, at, encoded.Bytes(), w, h),
		e.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got := records(t, dir)
	if len(got) != 5 {
		t.Fatalf("%d records, want 5", len(got))
	}
	first := fields(t, got[0])
	if first[eventFileVersion] != "brain.Event:2" {
		t.Errorf("the first record is %v, want the file version", first)
	}
	const seconds = 1700000000.25
	event := fields(t, got[1])
	if event[eventWallTime] != seconds || event[eventStep] != uint64(5) || inside(t, event, eventSessionLog)[sessionLogStatus] != uint64(1) {
		t.Errorf("resume is %v", event)
	}
	event = fields(t, got[2])
	if event[eventWallTime] != seconds || event[eventStep] != uint64(1<<40) {
		t.Errorf("scalar is %v, want time %v and step 2^40", event, seconds)
	}
	want := map[protowire.Number]any{valueTag: "loss/train", valueSimpleValue: float32(0.1)}
	if diff := cmp.Diff(want, inside(t, event, eventSummary, summaryValue)); diff != "" {
		t.Errorf("scalar (-want +got):\n%s", diff)
	}
	value := inside(t, fields(t, got[3]), eventSummary, summaryValue)
	if v, ok := value[valueSimpleValue].(float32); !ok || v == v {
		t.Errorf("NaN was written as %v", value)
	}
	value = inside(t, fields(t, got[4]), eventSummary, summaryValue)
	if value[valueTag] != "reconstruction" {
		t.Errorf("the image's tag is %v", value[valueTag])
	}
	want = map[protowire.Number]any{
		imageHeight: uint64(h), imageWidth: uint64(w), imageColorspace: uint64(3), imageEncoded: encoded.String(),
	}
	if diff := cmp.Diff(want, inside(t, value, valueImage)); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
}

// TestMaskedCRC holds the checksum to what the Python package tensorboard 2.21.0 computes.
func TestMaskedCRC(t *testing.T) {
	for data, want := range map[string]uint32{
		strings.Repeat("\x00", 32): 0xfd7fffa,
		"123456789":                0xc78ab0e5,
	} {
		if got := maskedCRC([]byte(data)); got != want {
			t.Errorf("masked checksum of %q is %#x, want %#x", data, got, want)
		}
	}
}

func TestEventsStartANewFileEachTime(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		e := newEvents(t, dir)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 3 {
		t.Errorf("%d files after three starts, want 3", len(entries))
	}
}

func TestEventsFlushShowsRecords(t *testing.T) {
	dir := t.TempDir()
	e := newEvents(t, dir)
	defer e.Close()
	if err := e.Scalar("x", 1, time.Now(), 1); err != nil {
		t.Fatal(err)
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := len(records(t, dir)); got != 2 {
		t.Errorf("%d records after Flush, want 2", got)
	}
}

func TestEventsRefusals(t *testing.T) {
	dir := t.TempDir()
	e := newEvents(t, dir)
	now := time.Now()
	var encoded bytes.Buffer
	if err := WritePNG(&encoded, grid(t, []Row{{Images: []Image{flat(1, 1, 0)}}}, GridOptions{})); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"no tag":        e.Scalar("", 1, now, 1),
		"negative step": e.Scalar("x", -1, now, 1),
		"not a PNG":     e.Image("x", 1, now, []byte("GIF89a"), 1, 1),
		"wrong size":    e.Image("x", 1, now, encoded.Bytes(), 1, 1),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "tensorboard: ") {
			t.Errorf("%s: error %v, want one from tensorboard", name, err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if got := len(records(t, dir)); got != 1 {
		t.Errorf("refused events left %d records, want the version alone", got)
	}
	if err := e.Close(); err == nil {
		t.Error("the second Close gave no error")
	}
	blocked := filepath.Join(dir, "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewEvents(blocked); err == nil || !strings.Contains(err.Error(), fmt.Sprint(blocked)) {
		t.Errorf("a file as folder: error %v, want one that names it", err)
	}
}
