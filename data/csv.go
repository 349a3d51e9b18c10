package data

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// table is what a CSV file holds (RFC 4180, with any delimiter).
type table struct {
	path    string
	columns []string  // names of those with numbers; their places from 1 without a header
	values  []float64 // row, column
	words   []string  // the label of each row; nil without a column of labels
}

// rows is the number of rows, the header aside.
func (t *table) rows() int { return len(t.values) / len(t.columns) }

// csvSpec says how a CSV file is read.
type csvSpec struct {
	delimiter      rune   // 0: tab or semicolon if the first line has one, else comma
	header         string // yes, no, or "" to look
	label          string // name or place of the column of labels, "" for none
	skip           []string
	window, stride int
	test           string // a file
	share          float64
}

// openCSV opens csv:FILE. Without windows each row is a sample [1 1 F]; with
// them the rows are the steps of a time series.
func openCSV(s *spec, split Split, _ Options) (Source, error) {
	c := csvSpec{header: s.word("header", "", "yes", "no"), label: s.textOf("label", ""), share: testShare}
	if s.has("delimiter") {
		c.delimiter = delimiterOf(s)
	}
	if s.has("skip") {
		c.skip = strings.Split(s.given["skip"], "|")
	}
	c.window = s.whole("window", 0, 1, math.MaxInt32)
	c.stride = s.whole("stride", max(c.window/8, 1), 1, math.MaxInt32)
	if text := s.textOf("test", ""); text != "" {
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			c.share = s.number("test", 0, 0, 0.9)
		} else {
			c.test = text
		}
	}
	if s.err == nil && s.has("stride") && c.window == 0 {
		s.err = s.fail("a stride is that of windows; give their length too, as window=128")
	}
	if s.err != nil {
		return nil, s.err
	}
	train, test, err := c.parts(s.path)
	if err != nil {
		return nil, err
	}
	return c.source(fmt.Sprintf("%s %s", s.text, split), train, test, split)
}

// delimiterOf reads the option delimiter.
func delimiterOf(s *spec) rune {
	word := s.given["delimiter"]
	switch word {
	case "tab", `\t`:
		return '\t'
	case "comma":
		return ','
	case "semicolon":
		return ';'
	}
	r, size := utf8.DecodeRuneInString(word)
	if size != len(word) || r == utf8.RuneError || strings.ContainsRune("\"\r\n", r) {
		s.wrong("delimiter", "one character, or comma, semicolon or tab")
	}
	return r
}

// parts reads the training and the test part. One of a time series is a piece of
// it, so that no window lies in both.
func (c csvSpec) parts(path string) (train, test *table, err error) {
	whole, err := c.readFile(path)
	if err != nil {
		return nil, nil, err
	}
	if c.test != "" {
		test, err := c.readFile(c.test)
		if err == nil && !slices.Equal(whole.columns, test.columns) {
			err = fmt.Errorf("data: %s has the columns %s, and %s %s; want both alike", path, strings.Join(whole.columns, " "), c.test, strings.Join(test.columns, " "))
		}
		return whole, test, err
	}
	if c.share == 0 {
		return whole, whole, nil
	}
	n := whole.rows()
	kept, held, err := divide(path, n, c.share, 1)
	if err != nil {
		return nil, nil, err
	}
	if c.window > 0 {
		all := numbers(0, n)
		kept, held = all[:len(kept)], all[len(kept):]
	}
	if len(held) == 0 {
		return nil, nil, fmt.Errorf("data: %s: its %d rows leave none for the test part; give more, or a larger share or a file by the option test", path, n)
	}
	return whole.pick(kept), whole.pick(held), nil
}

// pick returns some of the rows.
func (t *table) pick(rows []int32) *table {
	f := len(t.columns)
	p := &table{path: t.path, columns: t.columns, values: make([]float64, 0, len(rows)*f)}
	for _, i := range rows {
		p.values = append(p.values, t.values[int(i)*f:][:f]...)
		if t.words != nil {
			p.words = append(p.words, t.words[i])
		}
	}
	return p
}

// source makes samples of one part, scaled by the training part's range.
func (c csvSpec) source(name string, train, test *table, split Split) (Source, error) {
	scale, err := scalingOf(train.values, train.columns)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", train.path, err)
	}
	part := train
	if split == Test {
		part = test
	}
	info := Info{Name: name, N: part.rows(), H: 1, W: 1, C: len(part.columns)}
	info.Low, info.High = scale.bounds()
	var labels []uint8
	if part.words != nil {
		if labels, info.Classes, err = classify(part.words, slices.Concat(train.words, test.words)); err != nil {
			return nil, fmt.Errorf("data: %s: %w", part.path, err)
		}
	}
	values := scale.apply(part.values)
	if c.window > 0 {
		w, err := newWindows(info, values, c.window, c.stride)
		if err != nil {
			return nil, err
		}
		if labels != nil {
			w.label(labels)
		}
		return w, nil
	}
	return &Dataset{Name: name, N: info.N, H: 1, W: 1, C: info.C, Values: values, Labels: labels,
		Classes: info.Classes, Low: info.Low, High: info.High}, nil
}

// classify numbers the words of a column of labels. Whole numbers from 0 to 255
// are the classes themselves, true and false 1 and 0; of other words there are
// as many classes as there are in all, in the order of the alphabet.
func classify(words, all []string) (labels []uint8, classes []string, err error) {
	numeric := !slices.ContainsFunc(all, func(w string) bool { _, ok := classNumber(w); return !ok })
	if !numeric {
		classes = slices.Clone(all)
		slices.Sort(classes)
		classes = slices.Clone(slices.Compact(classes))
		if len(classes) > maxClasses {
			return nil, nil, fmt.Errorf("the column of labels has %d different words, want at most %d", len(classes), maxClasses)
		}
	}
	labels = make([]uint8, len(words))
	for i, w := range words {
		if numeric {
			labels[i], _ = classNumber(w)
			continue
		}
		at, _ := slices.BinarySearch(classes, w)
		labels[i] = uint8(at)
	}
	return labels, classes, nil
}

// classNumber is the number that a label is written as: 3, 3.0, true.
func classNumber(word string) (uint8, bool) {
	switch strings.ToLower(word) {
	case "true":
		return 1, true
	case "false":
		return 0, true
	}
	v, err := strconv.ParseFloat(word, 64)
	if err != nil || v < 0 || v > 255 || v != math.Trunc(v) {
		return 0, false
	}
	return uint8(v), true
}

// readFile reads a table from a file.
func (c csvSpec) readFile(path string) (*table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	defer f.Close()
	t, err := c.read(f)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", path, err)
	}
	t.path = path
	return t, nil
}

// read reads a table. Its errors do not name the file.
func (c csvSpec) read(from io.Reader) (*table, error) {
	b := bufio.NewReaderSize(from, 1<<16)
	if start, _ := b.Peek(3); string(start) == "\uFEFF" {
		_, _ = b.Discard(3) // the mark of UTF-8, which is peeked at
	}
	r := csv.NewReader(b)
	r.Comma, r.ReuseRecord, r.TrimLeadingSpace = c.delimiter, true, true
	if r.Comma == 0 {
		r.Comma = guessDelimiter(b)
	}
	r.TrimLeadingSpace = r.Comma != '\t' && r.Comma != ' ' // an empty cell is no space
	record, err := r.Read()
	if err == io.EOF {
		return nil, errors.New("want a table, the file is empty")
	}
	if err != nil {
		return nil, csvFault(err, 0, 0)
	}
	l, err := c.layOut(record)
	if err != nil {
		return nil, err
	}
	t := &table{columns: l.names}
	if l.header {
		record, err = r.Read()
	}
	for ; err == nil; record, err = r.Read() {
		if err := l.take(t, record, r); err != nil {
			return nil, err
		}
	}
	if err != io.EOF {
		return nil, csvFault(err, len(record), l.columns)
	}
	if len(t.values) == 0 {
		return nil, errors.New("want at least one row of numbers, there is a header alone")
	}
	if t.rows() > math.MaxInt32 {
		return nil, fmt.Errorf("want at most %d rows, got %d", math.MaxInt32, t.rows())
	}
	return t, nil
}

// guessDelimiter looks at the first line.
func guessDelimiter(b *bufio.Reader) rune {
	start, _ := b.Peek(1 << 15) // a shorter file is peeked at whole
	line, _, _ := strings.Cut(string(start), "\n")
	for _, r := range "\t;" {
		if strings.ContainsRune(line, r) {
			return r
		}
	}
	return ','
}

// csvFault explains an error of the package csv. A record with too few or too
// many columns is read nevertheless.
func csvFault(err error, got, want int) error {
	var fault *csv.ParseError
	switch {
	case errors.Is(err, csv.ErrFieldCount) && errors.As(err, &fault):
		return fmt.Errorf("line %d has %d columns, want %d as the first has", fault.Line, got, want)
	case errors.As(err, &fault):
		return fmt.Errorf("line %d, byte %d: %w", fault.Line, fault.Column, fault.Err)
	}
	return err
}
