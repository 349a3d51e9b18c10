package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// An NPY file (NumPy Enhancement Proposal 1 and numpy.lib.format) is the magic
// "\x93NUMPY", two bytes of version, the header's length as uint16 (version 1)
// or uint32 (2 and 3), a Python dictionary of descr, fortran_order and shape,
// then the elements.
const npyMagic = "\x93NUMPY"

// npyHeaderLimit bounds the header of an array of plain numbers: NumPy itself
// reads no longer one without being told to.
const npyHeaderLimit = 10000

// npyArray is what the header of an NPY file says.
type npyArray struct {
	shape   []int
	kind    byte // 'b' boolean, 'u' and 'i' whole numbers, 'f' floating point
	width   int  // bytes of an element
	order   binary.ByteOrder
	fortran bool // the first index runs fastest, not the last
	start   int64
}

// String is the type and the shape as NumPy writes them: "float32 [60000 28 28]".
func (a *npyArray) String() string { return fmt.Sprintf("%s %v", a.typeName(), a.shape) }

func (a *npyArray) typeName() string {
	switch a.kind {
	case 'b':
		return "bool"
	case 'u':
		return fmt.Sprintf("uint%d", 8*a.width)
	case 'i':
		return fmt.Sprintf("int%d", 8*a.width)
	}
	return fmt.Sprintf("float%d", 8*a.width)
}

// bytes is the size of all elements. parseNPYHeader made sure that it fits.
func (a *npyArray) bytes() int64 {
	n := int64(a.width)
	for _, s := range a.shape {
		n *= int64(s)
	}
	return n
}

// readNPYHeader reads a header and leaves r at the first element. Its errors
// do not name the file.
func readNPYHeader(r io.Reader) (*npyArray, error) {
	var prefix [12]byte
	if n, err := io.ReadFull(r, prefix[:10]); err != nil {
		return nil, idxShort(err, fmt.Sprintf("want an NPY header, got %d bytes", n))
	}
	if string(prefix[:6]) != npyMagic {
		return nil, fmt.Errorf("want an NPY file, which begins with %q, got %q", npyMagic, prefix[:6])
	}
	start, length := int64(10), int64(binary.LittleEndian.Uint16(prefix[8:]))
	switch prefix[6] {
	case 1:
	case 2, 3:
		if _, err := io.ReadFull(r, prefix[10:]); err != nil {
			return nil, idxShort(err, "want the length of the NPY header")
		}
		start, length = 12, int64(binary.LittleEndian.Uint32(prefix[8:]))
	default:
		return nil, fmt.Errorf("want NPY version 1, 2 or 3, got %d", prefix[6])
	}
	if length > npyHeaderLimit {
		return nil, fmt.Errorf("want an NPY header of at most %d bytes, got %d", npyHeaderLimit, length)
	}
	text := make([]byte, length)
	if n, err := io.ReadFull(r, text); err != nil {
		return nil, idxShort(err, fmt.Sprintf("want an NPY header of %d bytes, got %d", length, n))
	}
	a, err := parseNPYHeader(string(text))
	if err != nil {
		return nil, fmt.Errorf("NPY header: %w", err)
	}
	a.start = start + length
	return a, nil
}

// parseNPYHeader reads the dictionary, as
//
//	{'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }
func parseNPYHeader(text string) (*npyArray, error) {
	s := npyScanner{rest: text}
	a := &npyArray{}
	seen := map[string]bool{}
	s.expect("{")
	for !s.accept("}") && s.err == nil {
		key := s.quoted()
		s.expect(":")
		if s.err == nil && seen[key] {
			s.fail("the key %q stands there twice", key)
		}
		seen[key] = true
		switch key {
		case "descr":
			s.element(a)
		case "fortran_order":
			a.fortran = s.boolean()
		case "shape":
			a.shape = s.tuple()
		default:
			s.fail("the key %q is unknown", key)
		}
		if !s.accept(",") {
			s.expect("}")
			break
		}
	}
	if s.err == nil && len(seen) != 3 {
		s.fail("want the keys descr, fortran_order and shape")
	}
	if s.err == nil && strings.TrimRight(s.rest, " \n\x00") != "" {
		s.fail("want nothing behind the dictionary, got %.20q", s.rest)
	}
	if s.err != nil {
		return nil, s.err
	}
	total := uint64(a.width)
	for _, size := range a.shape {
		high, low := bits.Mul64(total, uint64(size))
		if high != 0 || low > 1<<62 || size > math.MaxInt32 {
			return nil, fmt.Errorf("claims an impossible shape %v", a.shape)
		}
		total = low
	}
	return a, nil
}

// npyScanner reads the little Python of a header. After the first error it
// accepts nothing more.
type npyScanner struct {
	rest string
	err  error
}

func (s *npyScanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

func (s *npyScanner) accept(token string) bool {
	s.rest = strings.TrimLeft(s.rest, " \n\t")
	if s.err != nil || !strings.HasPrefix(s.rest, token) {
		return false
	}
	s.rest = s.rest[len(token):]
	return true
}

func (s *npyScanner) expect(token string) {
	if !s.accept(token) {
		s.fail("want %q, got %.20q", token, s.rest)
	}
}

func (s *npyScanner) quoted() string {
	quote := "'"
	if s.accept(`"`) {
		quote = `"`
	} else if !s.accept(quote) {
		s.fail("want a quoted word, got %.20q", s.rest)
		return ""
	}
	word, rest, ok := strings.Cut(s.rest, quote)
	if !ok {
		s.fail("a word lacks its closing %s", quote)
		return ""
	}
	s.rest = rest
	return word
}

func (s *npyScanner) boolean() bool {
	if s.accept("True") {
		return true
	}
	s.expect("False")
	return false
}

func (s *npyScanner) tuple() []int {
	shape := []int{}
	s.expect("(")
	for !s.accept(")") && s.err == nil {
		s.rest = strings.TrimLeft(s.rest, " ")
		end := 0
		for end < len(s.rest) && '0' <= s.rest[end] && s.rest[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(s.rest[:end])
		if err != nil {
			s.fail("want a size, got %.20q", s.rest)
			return nil
		}
		shape, s.rest = append(shape, n), s.rest[end:]
		s.accept("L") // of Python 2
		if !s.accept(",") {
			s.expect(")")
			break
		}
	}
	return shape
}

// element reads the type of the elements, as '<f4'.
func (s *npyScanner) element(a *npyArray) {
	if s.accept("[") {
		s.fail("the elements are records of several fields; save one field alone")
		return
	}
	word := s.quoted()
	if s.err != nil {
		return
	}
	bad := errors.New("want numbers (bool, int8 to int64, uint8 to uint64, float16 to float64)")
	if len(word) != 3 || !strings.Contains("<>|=", word[:1]) {
		s.fail("elements of type %.20q: %w", word, bad)
		return
	}
	a.order = binary.LittleEndian
	if word[0] == '>' {
		a.order = binary.BigEndian
	}
	a.kind, a.width = word[1], int(word[2]-'0')
	switch word[1:] {
	case "b1", "u1", "i1":
	case "u2", "u4", "u8", "i2", "i4", "i8", "f2", "f4", "f8":
		if word[0] == '|' {
			s.fail("elements of type %q lack an order of bytes", word)
		}
	default:
		s.fail("elements of type %.20q: %w", word, bad)
	}
}

// floats converts elements from raw to dst, one for each of dst.
func (a *npyArray) floats(dst []float32, raw []byte) {
	switch {
	case a.width == 1 && a.kind == 'i':
		for i := range dst {
			dst[i] = float32(int8(raw[i]))
		}
	case a.width == 1:
		for i := range dst {
			dst[i] = float32(raw[i])
		}
	case a.kind == 'f' && a.width == 4 && a.order == binary.LittleEndian:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
	default:
		for i := range dst {
			dst[i] = float32(a.number(raw[i*a.width:]))
		}
	}
}

// number converts one element of more than a byte.
func (a *npyArray) number(raw []byte) float64 {
	var word uint64
	switch a.width {
	case 2:
		word = uint64(a.order.Uint16(raw))
	case 4:
		word = uint64(a.order.Uint32(raw))
	case 8:
		word = a.order.Uint64(raw)
	}
	switch {
	case a.kind == 'u':
		return float64(word)
	case a.kind == 'i':
		shift := 64 - 8*a.width
		return float64(int64(word<<shift) >> shift)
	case a.width == 2:
		return half(uint16(word))
	case a.width == 4:
		return float64(math.Float32frombits(uint32(word)))
	}
	return math.Float64frombits(word)
}

// half is the value of an IEEE 754 binary16 number.
func half(word uint16) float64 {
	sign, exponent, fraction := 1.0, int(word>>10&31), float64(word&1023)
	if word>>15 != 0 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}
