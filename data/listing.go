package data

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxClasses is how many classes labels of a byte can tell apart.
const maxClasses = 256

// listing is the files of one part of a folder.
type listing struct {
	root    string
	paths   []string // below root, sorted
	labels  []uint8  // the folder below root that each lies in; nil if none does
	classes []string // the names of those folders
}

// listFolder finds the files with one of some endings in a folder and those in
// it; hidden ones are passed over. Subfolders train and test are the parts where
// both are there; otherwise the test part is a share of the files, drawn by a
// hash of their names, so that a file stays in its part when others come. The
// folders of the next level are the classes unless the option unlabelled is
// given.
func listFolder(s *spec, split Split, share float64, endings ...string) (*listing, error) {
	root := s.path
	train, test := filepath.Join(root, Train.String()), filepath.Join(root, Test.String())
	if isFolder(train) && isFolder(test) {
		return listParts(s, train, test, split, endings)
	}
	if isFolder(train) {
		root = train
	}
	l, err := walk(root, endings)
	if err != nil {
		return nil, err
	}
	classes, err := l.findClasses(s)
	if err != nil {
		return nil, err
	}
	if share > 0 {
		l.keepPart(split, share)
	}
	if len(l.paths) == 0 {
		return nil, fmt.Errorf("data: %s: one file makes no two parts; want more, or the option test=0 for one file in both", root)
	}
	return l, l.label(classes)
}

// listParts lists one of two folders. Their classes are numbered alike.
func listParts(s *spec, train, test string, split Split, endings []string) (*listing, error) {
	var parts [2]*listing
	var classes []string
	for i, root := range []string{train, test} {
		l, err := walk(root, endings)
		if err != nil {
			return nil, err
		}
		found, err := l.findClasses(s)
		if err != nil {
			return nil, err
		}
		classes = append(classes, found...)
		parts[i] = l
	}
	slices.Sort(classes)
	l := parts[split]
	// Test images often lie in one heap, for want of labels.
	if !strings.ContainsRune(l.paths[0], filepath.Separator) {
		classes = nil
	}
	return l, l.label(slices.Compact(classes))
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// walk lists the files below root.
func walk(root string, endings []string) (*listing, error) {
	l := &listing{root: root}
	// The closing separator makes a link to a folder that folder.
	base := strings.TrimRight(root, string(filepath.Separator)) + string(filepath.Separator)
	err := filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != base && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || !slices.Contains(endings, strings.ToLower(filepath.Ext(path))) {
			return nil
		}
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(base, path)
		if err != nil {
			return err
		}
		l.paths = append(l.paths, rel)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("data: want a readable folder: %w", err)
	}
	if len(l.paths) == 0 {
		return nil, fmt.Errorf("data: %s: want files that end with %s, in the folder or in those within, found none", root, strings.Join(endings, ", "))
	}
	if len(l.paths) > math.MaxInt32 {
		return nil, fmt.Errorf("data: %s: want at most %d files, found %d", root, math.MaxInt32, len(l.paths))
	}
	slices.Sort(l.paths)
	return l, nil
}

// class is the folder below root that a file lies in, "" for none.
func class(path string) string {
	if first, _, ok := strings.Cut(path, string(filepath.Separator)); ok {
		return first
	}
	return ""
}

// findClasses returns the names of the classes in order, or nil where files lie
// in no folders.
func (l *listing) findClasses(s *spec) ([]string, error) {
	if s.has("unlabelled") {
		return nil, nil
	}
	var classes []string
	in, out := "", ""
	for _, path := range l.paths {
		c := class(path)
		if c == "" {
			out = path
			continue
		}
		in = path
		if len(classes) == 0 || classes[len(classes)-1] != c {
			classes = append(classes, c)
		}
	}
	if in != "" && out != "" {
		return nil, fmt.Errorf("data: %s: %s lies in a folder, which is a class, and %s in none; move it, or add the option unlabelled", l.root, in, out)
	}
	slices.Sort(classes) // paths are sorted by bytes, where "a-b/x" comes before "a/x"
	return slices.Compact(classes), nil
}

// keepPart keeps the files of one part.
func (l *listing) keepPart(split Split, share float64) {
	draws := make([]float64, len(l.paths))
	first := 0
	for i, path := range l.paths {
		sum := sha256.Sum256([]byte(filepath.ToSlash(path)))
		draws[i] = float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
		if draws[i] < draws[first] {
			first = i
		}
	}
	var kept []string
	for i, path := range l.paths {
		// At least one file is for the test.
		if test := draws[i] < share || i == first; test == (split == Test) {
			kept = append(kept, path)
		}
	}
	l.paths = kept
}

// label numbers the classes.
func (l *listing) label(classes []string) error {
	if len(classes) == 0 {
		return nil
	}
	if len(classes) > maxClasses {
		return fmt.Errorf("data: %s: %d folders, want at most %d classes; add the option unlabelled to do without", l.root, len(classes), maxClasses)
	}
	l.classes, l.labels = classes, make([]uint8, len(l.paths))
	for i, path := range l.paths {
		at, _ := slices.BinarySearch(classes, class(path))
		l.labels[i] = uint8(at)
	}
	return nil
}

// path returns where file i is.
func (l *listing) path(i int) string { return filepath.Join(l.root, l.paths[i]) }
