package data

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// csvLayout says what stands in which column.
type csvLayout struct {
	header  bool
	columns int      // of the file
	use     []int    // the columns of numbers
	names   []string // their names
	label   int      // -1 for none
}

// layOut looks at the first record.
func (c csvSpec) layOut(first []string) (*csvLayout, error) {
	names := slices.Clone(first)
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	l := &csvLayout{header: c.header == "yes", columns: len(names), label: -1}
	// Without an answer, a first line with a word where numbers should be is a
	// header. The label's column may hold words, and so may those left out.
	var aside []int
	for _, want := range append([]string{c.label}, c.skip...) {
		if at := place(names, want); at >= 0 {
			aside = append(aside, at)
		}
	}
	named := slices.ContainsFunc(append([]string{c.label}, c.skip...), func(want string) bool {
		_, err := strconv.Atoi(want)
		return want != "" && err != nil && slices.Contains(names, want)
	})
	for i, name := range names {
		if _, err := strconv.ParseFloat(name, 64); c.header == "" && (named || err != nil && name != "" && !slices.Contains(aside, i)) {
			l.header = true
		}
	}
	if !l.header {
		for i := range names {
			names[i] = strconv.Itoa(i + 1)
		}
	}
	var err error
	if c.label != "" {
		if l.label, err = find(names, c.label, "label"); err != nil {
			return nil, err
		}
	}
	var skipped []int
	for _, word := range c.skip {
		at, err := find(names, word, "skip")
		if err != nil {
			return nil, err
		}
		skipped = append(skipped, at)
	}
	for i := range names {
		if i != l.label && !slices.Contains(skipped, i) {
			l.use, l.names = append(l.use, i), append(l.names, names[i])
		}
	}
	if len(l.use) == 0 {
		return nil, errors.New("want at least one column of numbers besides that of labels and those left out")
	}
	return l, nil
}

// place returns which column a name or a number from 1 means, or -1.
func place(names []string, word string) int {
	if at := slices.Index(names, word); at >= 0 && word != "" {
		return at
	}
	if n, err := strconv.Atoi(word); err == nil && n >= 1 && n <= len(names) {
		return n - 1
	}
	return -1
}

// find is place, where the column has to be there.
func find(names []string, word, option string) (int, error) {
	at := place(names, word)
	if at < 0 {
		shown := names[:min(len(names), 20)]
		return at, fmt.Errorf("there is no column %q, as the option %s has it; the columns are %s", word, option, strings.Join(shown, ", "))
	}
	return at, nil
}

// take adds a record to a table.
func (l *csvLayout) take(t *table, record []string, r *csv.Reader) error {
	for k, i := range l.use {
		cell := strings.TrimSpace(record[i])
		v, err := strconv.ParseFloat(cell, 64)
		if err != nil || math.IsInf(float64(float32(v)), 0) || math.IsNaN(v) {
			return l.fault(r, i, l.names[k], cell, "a finite number; correct it, or leave the column out by skip="+l.names[k])
		}
		t.values = append(t.values, v)
	}
	if l.label >= 0 {
		word := strings.TrimSpace(record[l.label])
		if word == "" {
			return l.fault(r, l.label, "label", word, "a label")
		}
		t.words = append(t.words, strings.Clone(word))
	}
	return nil
}

// fault tells of a cell. column is counted from 0.
func (l *csvLayout) fault(r *csv.Reader, column int, name, cell, want string) error {
	line, _ := r.FieldPos(column)
	shown := fmt.Sprintf("%.30q", cell)
	if cell == "" {
		shown = "nothing"
	}
	if l.header || name == "label" {
		name = fmt.Sprintf("%d (%s)", column+1, name)
	}
	return fmt.Errorf("line %d, column %s: got %s, want %s", line, name, shown, want)
}
