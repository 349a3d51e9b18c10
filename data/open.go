package data

import (
	"fmt"
	"math"
	"strings"
)

// builtinSeed is the seed of the plain specifications "builtin" and "series".
const builtinSeed = 1

// Options says how [OpenSource] reads a data set.
type Options struct {
	// MemoryLimit is the number of bytes up to which a set is held in memory, as
	// bytes for images and float32 for other numbers; a larger one is read from
	// its files as it is needed. 0 stands for a quarter of the
	// machine's memory, or of 8 GiB where the machine does not tell.
	MemoryLimit int64
	// Lazy leaves the built-in digits undrawn until they are needed; see
	// [OpenLazy].
	Lazy bool
	// Strict makes a sample that cannot be read an error. Without it such a
	// sample is left out, or, where that shows only after the set is open, the
	// next good one stands in for it.
	Strict bool
	// Warn, if not nil, is told of each such sample, in one line. The calls of a
	// set come one at a time, though maybe from other goroutines.
	Warn func(string)
}

// A BrokenError tells that one sample cannot be read, though others may be.
type BrokenError struct {
	Sample string // the file, and the place in it if it holds several samples
	Reason error
}

// Error names the sample and what is wrong with it.
func (e *BrokenError) Error() string { return fmt.Sprintf("data: %s: %v", e.Sample, e.Reason) }

// Unwrap returns the reason.
func (e *BrokenError) Unwrap() error { return e.Reason }

// A Checker is a Source that can tell of a sample at little cost, as from the
// first bytes of its file, that it is broken. OpenSource leaves such samples
// out. Several goroutines may call Check at once.
type Checker interface {
	Source
	// Check returns a *BrokenError for a sample that Read could not read; nil
	// promises nothing.
	Check(i int) error
}

// kind is a line of the table of what can be opened.
type kind struct {
	name string
	path string // what the form shows behind the colon, as DIR; "" for a kind without
	what string // the same in words: "the folder of the IDX files"
	// options are written as in messages, each "key=VALUE"; a key alone is a
	// switch.
	options []string
	wraps   bool // what stands behind the colon is another specification
	about   string
	open    func(s *spec, split Split, o Options) (Source, error)
}

// form is how a kind is written, without options.
func (k kind) form() string {
	if k.path == "" {
		return k.name
	}
	return k.name + ":" + k.path
}

// usage is how a kind is written, with its options.
func (k kind) usage() string {
	options := strings.Join(k.options, ",")
	switch {
	case options == "":
		return k.form()
	case k.path == "":
		return k.name + ":" + options
	}
	return k.form() + "," + options
}

// kinds is the table of what can be opened: one line a kind, and the reader in
// a file of its own.
//
// To add a kind, write its line and its open function, which gets the
// specification taken apart (a path, and options that the table allows) and
// returns a Source:
//
//   - It reads options by s.whole, s.number, s.word, s.has, and then returns
//     s.err if that is set.
//   - It returns a *Dataset if it has read all samples anyway. If it can read
//     single samples it returns a Source of its own, and leaves it to OpenSource
//     to hold a small set in memory: there is no need to look at MemoryLimit.
//     What decodes to bytes should be a [ByteSource].
//   - Info and its labels are complete when it returns. Info.Name is the
//     specification and the split, as "images:cats train".
//   - A sample that is broken while others are not makes Read return an error
//     that wraps a [*BrokenError]; OpenSource deals with it as Strict says. A
//     [Checker] lets it leave out samples before the first is read. A fault of
//     the set as a whole is an ordinary error, of its specification one by
//     s.fail.
//   - A set that is published in one piece takes the option test=SHARE and
//     returns part of it by [partOf] where samples are independent; of a series
//     the last steps are the test part, so that no window lies in both.
//   - Numbers that are no images are scaled so that the training part lies in
//     [0, 1], by channel; Info.Low and Info.High say what 0 and 1 stand for, and
//     are those of the training part in both parts.
func kinds() []kind {
	return []kind{
		{name: "builtin", options: []string{"seed=NUMBER"}, open: openBuiltin,
			about: "28×28 grey digits that Hourglass draws: 60,000 and 10,000"},
		{name: "series", options: []string{"seed=NUMBER"}, open: openSeries,
			about: "windows [1 128 1] of a drawn time series, some of the test part's with anomalies, label 1"},
		{name: "shapes", options: []string{"seed=NUMBER"}, open: openShapes,
			about: "32×32 coloured figures in front of a sky and a ground, six kinds, that Hourglass draws: 20,000 and 4,000"},
		{name: "mnist", path: "DIR", what: "the folder of the IDX files", open: openDigits,
			about: "MNIST's IDX files, gzip or plain"},
		{name: "fashion", path: "DIR", what: "the folder of the IDX files", open: openDigits,
			about: "Fashion-MNIST's, by the same names"},
		{name: "kmnist", path: "DIR", what: "the folder of the IDX files", open: openDigits,
			about: "Kuzushiji-MNIST's, by the same names"},
		{name: "emnist", path: "DIR", what: "the folder of the IDX files", open: openEMNIST,
			options: []string{"part=NAME"},
			about:   "one of EMNIST's parts: balanced, byclass, bymerge, letters, digits, mnist (default balanced)"},
		{name: "idx", path: "DIR", what: "the folder of the IDX files", open: openDigits,
			about: "any other images and labels in IDX files of MNIST's names"},
		{name: "cifar10", path: "DIR", what: "the folder of the .bin files", open: openCIFAR10,
			about: "CIFAR-10's binary version"},
		{name: "cifar100", path: "DIR", what: "the folder of the .bin files", open: openCIFAR100,
			options: []string{"coarse"},
			about:   "CIFAR-100's binary version, with its 100 fine classes or the 20 coarse ones"},
		{name: "images", path: "DIR", what: "a folder of pictures", open: openPictures,
			options: []string{"size=SIDE|WIDTHxHEIGHT", "crop=center|none", "grey", "unlabelled", "test=SHARE"},
			about:   "PNG, JPEG, GIF and WebP; folders are classes, train and test the parts, or else a tenth is the test part"},
		{name: "npy", path: "FILE", what: "an NPY file", open: openNPYSpec,
			options: []string{"labels=FILE", "test=FILE|SHARE", "testlabels=FILE", "layout=AXES", "scale=MIN..MAX"},
			about:   "an array of samples, uint8 or numbers in [0, 1], whose axes layout names (nhwc, nchw, nwc, …); without a test file a tenth is the test part"},
		{name: "npz", path: "FILE", what: "an NPZ file", open: openNPZSpec,
			options: []string{"key=NAME", "labels=NAME", "test=NAME|SHARE", "testlabels=NAME", "layout=AXES", "scale=MIN..MAX"},
			about:   "arrays in one file, by default x_train, y_train, x_test and y_test"},
		{name: "csv", path: "FILE", what: "a CSV file", open: openCSV,
			options: []string{"header=yes|no", "label=COLUMN", "skip=COLUMN|COLUMN", "delimiter=CHARACTER", "window=STEPS", "stride=STEPS", "test=FILE|SHARE"},
			about:   "a table, each row a sample; with window= the rows are a time series, cut into windows"},
		{name: "wav", path: "FILE|DIR", what: "a WAV file or a folder of them", open: openWAV,
			options: []string{"window=FRAMES", "stride=FRAMES", "rate=HERTZ", "unlabelled", "test=SHARE"},
			about:   "windows of sound, mixed to one channel (default 1024 frames, 512 apart); folders are classes"},
		{name: "binary", path: "SPEC", what: "a data set", wraps: true, open: openBinary,
			about: "the images of another specification, every value drawn as 0 or 1 once and for all"},
	}
}

// A Kind describes a kind of data set that can be opened.
type Kind struct {
	Form    string   // "mnist:DIR"
	Options []string // "seed=NUMBER"; one without = is a switch
	About   string
}

// Kinds lists what [OpenSource] opens.
func Kinds() []Kind {
	var all []Kind
	for _, k := range kinds() {
		all = append(all, Kind{k.form(), k.options, k.about})
	}
	return all
}

// forms tells a user what can be opened.
func forms(all []kind) string {
	var list []string
	for _, k := range all {
		if !k.wraps {
			list = append(list, k.form())
		}
	}
	return strings.Join(list[:len(list)-1], ", ") + " or " + list[len(list)-1] + ", any of them behind binary:"
}

// OpenSource returns the part of a data set that a specification names,
//
//	KIND[:PATH][,KEY=VALUE]…
//
// as "builtin", "builtin:seed=7", "mnist:DIR" or "binary:mnist:DIR"; [Kinds]
// lists them with their options. A comma that belongs to a path is written
// twice. A set of up to Options.MemoryLimit bytes is a *Dataset; a larger one is
// read as it is needed. What names no data set is a [*SpecError].
func OpenSource(spec string, split Split, o Options) (Source, error) {
	if split != Train && split != Test {
		return nil, fmt.Errorf("data: want split %d (train) or %d (test), got %d", Train, Test, int(split))
	}
	s, k, err := parseSpec(spec)
	if err != nil {
		return nil, err
	}
	set, err := k.open(s, split, o)
	if err != nil {
		return nil, err
	}
	return o.settle(set)
}

// Open is [OpenSource] for a set that is to be in memory, complete, whatever its
// size.
func Open(spec string, split Split) (*Dataset, error) {
	d, err := OpenLazy(spec, split)
	if err != nil {
		return nil, err
	}
	d.Load()
	return d, nil
}

// OpenLazy is [Open], but the digits of "builtin" are not drawn yet: Pixels has
// its full length and is zero, Labels is complete. [Dataset.Need] draws the
// samples of a batch, [Dataset.Load] all of them; a run can take its first step
// before the set is there. Data sets that come from files are complete.
func OpenLazy(spec string, split Split) (*Dataset, error) {
	s, err := OpenSource(spec, split, Options{MemoryLimit: math.MaxInt64, Lazy: true, Strict: true})
	if err != nil {
		return nil, err
	}
	return s.(*Dataset), nil
}

// openBuiltin opens the digits that this package draws.
func openBuiltin(s *spec, split Split, _ Options) (Source, error) {
	seed := s.seed(builtinSeed)
	if s.err != nil {
		return nil, s.err
	}
	return builtin(seed, split), nil
}

// openBinary opens another set and binarizes it.
func openBinary(s *spec, split Split, o Options) (Source, error) {
	set, err := OpenSource(s.path, split, o)
	if err != nil {
		return nil, err
	}
	return binarySource(set, builtinSeed, split)
}
