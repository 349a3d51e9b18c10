package data

import "fmt"

// OpenNumbers returns the rows of an array [n d] of floating-point numbers as
// they stand in a file, not held to [0, 1]: codes, say. The file is NPY or, with
// the name of one of its arrays, NPZ; it is read as rows are needed. A number that
// is not finite is an error of Read.
func OpenNumbers(path, key string) (Source, error) {
	open := func() (*arrayFile, error) { return openNPYFile(path) }
	if key != "" {
		open = func() (*arrayFile, error) { return openNPZ(path, key) }
	}
	a, err := open()
	if err != nil {
		return nil, err
	}
	if a.kind != 'f' || len(a.shape) != 2 {
		return nil, fmt.Errorf("data: %s: the array is %s, want rows of floating-point numbers, [n d]", a.name, a)
	}
	s, err := newArraySource(a.name, a, "", nil)
	if err != nil {
		return nil, err
	}
	s.free = true
	return s, nil
}
