package data

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// classesOf names the classes of the data sets in MNIST's format.
var classesOf = map[string][]string{
	"mnist": strings.Split("0123456789", ""),
	// H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST", 2017.
	"fashion": {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"},
	// T. Clanuwat and others, "Deep Learning for Classical Japanese Literature", 2018.
	"kmnist": {"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"},
}

// openDigits opens idx:DIR, whose classes have no names, and the data sets that
// come in the same files under the same names.
func openDigits(s *spec, split Split, o Options) (Source, error) {
	name, classes := fmt.Sprintf("%s %s", s.text, split), classesOf[s.kind]
	large, err := openLargePair(s.path, mnistPrefix(split), o)
	if err != nil {
		return nil, err
	}
	if large != nil {
		large.info.Name, large.info.Classes = name, classes
		return large, labelsWithin(large.info)
	}
	d, err := readPair(s.path, mnistPrefix(split))
	if err != nil {
		return nil, err
	}
	d.Name, d.Classes = name, classes
	return d, labelsWithin(d.Info())
}

// labelsWithin returns an error for a label that has no class.
func labelsWithin(info Info) error {
	if info.Classes == nil {
		return nil
	}
	for i, label := range info.Labels {
		if int(label) >= len(info.Classes) {
			return fmt.Errorf("data: %s: label %d is %d, want 0 to %d; files of other classes open as idx:DIR", info.Name, i, label, len(info.Classes)-1)
		}
	}
	return nil
}

// emnistClasses names the classes of EMNIST's six parts (G. Cohen, S. Afshar, J.
// Tapson and A. van Schaik, "EMNIST: an extension of MNIST to handwritten
// letters", 2017). In balanced and bymerge, letters whose small form looks like
// the large one share its class.
var emnistClasses = map[string]string{
	"byclass":  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
	"bymerge":  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt",
	"balanced": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt",
	"letters":  "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	"digits":   "0123456789",
	"mnist":    "0123456789",
}

// openEMNIST opens emnist:DIR[,part=NAME]. The images of the files are
// transposed, and the letters' labels count from 1; neither is so here.
func openEMNIST(s *spec, split Split, _ Options) (Source, error) {
	part := s.word("part", "balanced", "balanced", "byclass", "bymerge", "letters", "digits", "mnist")
	if s.err != nil {
		return nil, s.err
	}
	prefix := fmt.Sprintf("emnist-%s-%s", part, split)
	d, err := readPair(s.path, prefix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w, and the option part", err)
	}
	if err != nil {
		return nil, err
	}
	d.Name = fmt.Sprintf("%s %s", s.text, split)
	d.Classes = strings.Split(emnistClasses[part], "")
	if part == "letters" {
		for i, label := range d.Labels {
			if label == 0 {
				return nil, fmt.Errorf("data: %s: label %d of %s is 0, want 1 to 26", d.Name, i, filepath.Join(s.path, prefix+"-labels-idx1-ubyte"))
			}
			d.Labels[i] = label - 1
		}
	}
	if err := labelsWithin(d.Info()); err != nil {
		return nil, err
	}
	return d, transposeImages(d)
}

// transposeImages exchanges rows and columns of square images of one channel.
func transposeImages(d *Dataset) error {
	if d.H != d.W {
		return fmt.Errorf("data: %s: want square images, got %d×%d", d.Name, d.W, d.H)
	}
	for i := range d.N {
		image := d.Image(i)
		for y := range d.H {
			for x := range y {
				image[y*d.W+x], image[x*d.W+y] = image[x*d.W+y], image[y*d.W+x]
			}
		}
	}
	return nil
}
