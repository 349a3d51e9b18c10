package fetch

import (
	"fmt"
	"strings"
)

// A set is a published data set: files under the same names at every mirror.
type set struct {
	name    string
	spec    string   // what opens it, before the colon
	mirrors []string // the folders of the files, the first one first
	files   []file
}

// file is one that is downloaded, and what becomes of it.
type file struct {
	name   string
	size   int64  // of the download
	sha256 string // likewise
	// unpacked names the files that are made of it and their sizes. One of a
	// .gz is its content; several are members of a .tar.gz.
	unpacked []member
}

type member struct {
	name string
	size int64 // 0 for a short text of any length
}

// digits returns the four files that MNIST and its relatives have, with the
// sizes and checksums of train images, train labels, test images, test labels.
func digits(sizes [4]int64, sums [4]string) []file {
	members := [4]member{
		{"train-images-idx3-ubyte", 16 + 60000*28*28}, {"train-labels-idx1-ubyte", 8 + 60000},
		{"t10k-images-idx3-ubyte", 16 + 10000*28*28}, {"t10k-labels-idx1-ubyte", 8 + 10000},
	}
	var files []file
	for i, m := range members {
		files = append(files, file{m.name + ".gz", sizes[i], sums[i], []member{m}})
	}
	return files
}

// sets are what can be fetched. The checksums are those that TensorFlow Datasets
// publishes for the same files.
func sets() []set {
	return []set{
		{"mnist", "mnist", []string{"https://storage.googleapis.com/cvdf-datasets/mnist", "https://ossci-datasets.s3.amazonaws.com/mnist"},
			digits([4]int64{9912422, 28881, 1648877, 4542}, [4]string{
				"440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
				"3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
				"8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
				"f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
			})},
		{"fashion", "fashion", []string{"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com", "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"},
			digits([4]int64{26421880, 29515, 4422102, 5148}, [4]string{
				"3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
				"a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
				"346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
				"67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
			})},
		{"kmnist", "kmnist", []string{"http://codh.rois.ac.jp/kmnist/dataset/kmnist"},
			digits([4]int64{18165135, 29497, 3041136, 5120}, [4]string{
				"51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
				"e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
				"edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
				"20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
			})},
		{"cifar10", "cifar10", []string{"https://www.cs.toronto.edu/~kriz"}, []file{{
			"cifar-10-binary.tar.gz", 170052171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
			[]member{
				{"batches.meta.txt", 0}, {"data_batch_1.bin", 30730000}, {"data_batch_2.bin", 30730000}, {"data_batch_3.bin", 30730000},
				{"data_batch_4.bin", 30730000}, {"data_batch_5.bin", 30730000}, {"test_batch.bin", 30730000},
			},
		}}},
		{"cifar100", "cifar100", []string{"https://www.cs.toronto.edu/~kriz"}, []file{{
			"cifar-100-binary.tar.gz", 168513733, "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
			[]member{{"train.bin", 153700000}, {"test.bin", 30740000}, {"fine_label_names.txt", 0}, {"coarse_label_names.txt", 0}},
		}}},
	}
}

// Names lists the sets that can be fetched.
func Names() []string {
	var names []string
	for _, s := range sets() {
		names = append(names, s.name)
	}
	return names
}

// find returns the set of a name.
func find(name string) (set, error) {
	for _, s := range sets() {
		if s.name == name {
			return s, nil
		}
	}
	return set{}, &UnknownError{name}
}

// An UnknownError tells that there is no data set of a name.
type UnknownError struct{ Name string }

// Error names what there is.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("fetch: there is no data set %q; want %s", e.Name, strings.Join(Names(), ", "))
}
