package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/models/export"
	"hourglass/models/metrics"
	"hourglass/models/tasks"
)

// searching is search at work.
type searching struct {
	applied
	run, path, picture string
	index, indexSplit  string
	distance           string
	k, indexLimit      int

	near [][]metrics.Neighbour
}

// pictureQueries is how many queries a picture shows.
const pictureQueries = 8

func searchCommand() *cobra.Command {
	var s searching
	c := &cobra.Command{
		Use:   "search RUN",
		Short: "Find the images nearest by code",
		Long: "Find, for each query, the nearest images of an index by the distance of their codes.\n" +
			"The queries are those of --data, the index is the training part of the same unless\n" +
			"--index says otherwise. x.csv has a line for each query and neighbour: the query's\n" +
			"number, the rank from 1, the neighbour's number, the distance, and the labels where\n" +
			"both have some; then precision@k is the share of neighbours of the query's class.",
		Example: "  hourglass search runs/mnist --k 10 --limit 1000 --out neighbours.csv --picture neighbours.png\n" +
			"  hourglass search runs/mnist --data query.png --index photos/ --picture found.png",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.run = args[0]
			if err := s.check(); err != nil {
				return err
			}
			ctx, end, err := s.begin(cmd, s.run)
			if err != nil {
				return err
			}
			defer end()
			return s.work(ctx)
		},
	}
	f := c.Flags()
	f.IntVar(&s.k, "k", 10, "neighbours of each query")
	f.StringVar(&s.distance, "distance", "l2", "of codes: l2 or cosine")
	f.StringVar(&s.path, "out", "", "where to: x.csv, or - for the same on standard output")
	f.StringVar(&s.picture, "picture", "", "draw the first queries with their neighbours: x.png")
	f.StringVar(&s.index, "index", "", "what to search in, as --data (default the same as --data)")
	f.StringVar(&s.indexSplit, "index-split", "train", "its part, train or test")
	f.IntVar(&s.indexLimit, "index-limit", 0, "search the first N images alone")
	s.addDataFlags(f, "the first N queries alone")
	s.addJSONFlag(f)
	s.addDeviceFlags(f)
	return c
}

func (s *searching) check() error {
	switch {
	case s.path == "" && s.picture == "":
		return usagef("--out and --picture are missing: want x.csv, x.png or both")
	case s.path == "-" && s.JSON:
		return usagef("--out - and --json: both want standard output; leave one out")
	case s.k < 1:
		return usagef("--k is %d, want 1 or more", s.k)
	case s.indexLimit < 0:
		return usagef("--index-limit is %d, want 1 or more", s.indexLimit)
	case s.distance != "l2" && s.distance != "cosine":
		return usagef("--distance %q: want l2 or cosine", s.distance)
	}
	if s.path != "-" {
		if err := checkFile("out", s.path, ".csv"); err != nil {
			return err
		}
	}
	return checkFile("picture", s.picture, ".png")
}

// found is what search tells.
type found struct {
	Run       string   `json:"run"`
	Data      string   `json:"data"`
	Queries   int      `json:"queries"`
	Index     string   `json:"index"`
	Count     int      `json:"count"` // of the index
	K         int      `json:"k"`
	Distance  string   `json:"distance"`
	Precision *float64 `json:"precision_at_k,omitempty"`
	Out       string   `json:"out,omitempty"`
	Picture   string   `json:"picture,omitempty"`
}

func (s *searching) work(ctx context.Context) error {
	queries, err := s.source()
	if err != nil {
		return err
	}
	spec := s.index
	if spec == "" {
		spec = s.Data
	}
	if spec == "-" {
		return usagef("--data -: standard input is read once; give --index too")
	}
	among, err := s.sourceOf(spec, s.indexSplit, s.indexLimit)
	if err != nil {
		return err
	}
	asked, known := queries.Info(), among.Info()
	if s.k > known.N {
		return usagef("--k is %d, want at most %d, as many as there are in %s", s.k, known.N, known.Name)
	}
	distance := metrics.Euclidean
	if s.distance == "cosine" {
		distance = metrics.Cosine
	}
	index, err := tasks.NewSearchIndex(ctx, s.runner, among, distance)
	if err != nil {
		return err
	}
	search := func(w io.Writer) error { return s.search(ctx, index, queries, asked, known, w) }
	if s.path == "" {
		err = search(io.Discard)
	} else {
		err = s.writeText(s.path, search)
	}
	if err != nil {
		return err
	}
	told := found{Run: s.run, Data: asked.Name, Queries: asked.N, Index: known.Name, Count: known.N, K: s.k, Distance: s.distance, Out: s.path, Picture: s.picture}
	if asked.Labels != nil && known.Labels != nil {
		p, err := index.Precision(s.near, asked.Labels)
		if err != nil {
			return err
		}
		told.Precision = &p
	}
	if s.picture != "" {
		if err := s.draw(queries, among); err != nil {
			return err
		}
	}
	switch {
	case s.path == "-":
		return nil
	case s.JSON:
		return writeJSON(s.out, told)
	}
	fmt.Fprintf(s.out, "%d nearest of %d of %s for each of %d of %s\n", s.k, known.N, known.Name, asked.N, asked.Name)
	return writeRows(s.out, row{fmt.Sprintf("precision@%d", s.k), told.Precision}, row{"neighbours", s.path}, row{"picture", s.picture})
}

// search writes the table, query by query as they are answered.
func (s *searching) search(ctx context.Context, index *tasks.SearchIndex, queries data.Source, asked, known data.Info, out io.Writer) error {
	w := bufio.NewWriter(out)
	labels := asked.Labels != nil && known.Labels != nil
	header := "query,rank,neighbour,distance"
	if labels {
		header += ",query_label,neighbour_label"
	}
	fmt.Fprintln(w, header)
	bar := s.progress(asked.N, "queries")
	defer bar.end()
	err := index.Search(ctx, s.runner, queries, s.k, func(from int, near [][]metrics.Neighbour) error {
		var line []byte
		for i, neighbours := range near {
			for rank, n := range neighbours {
				line = strconv.AppendInt(line[:0], int64(from+i), 10)
				line = strconv.AppendInt(append(line, ','), int64(rank+1), 10)
				line = strconv.AppendInt(append(line, ','), int64(n.Index), 10)
				line = strconv.AppendFloat(append(line, ','), n.Distance, 'g', 7, 64)
				if labels {
					line = strconv.AppendUint(append(line, ','), uint64(asked.Labels[from+i]), 10)
					line = strconv.AppendUint(append(line, ','), uint64(known.Labels[n.Index]), 10)
				}
				if _, err := w.Write(append(line, '\n')); err != nil {
					return err
				}
			}
		}
		s.near = append(s.near, near...)
		bar.at(from + len(near))
		return nil
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// draw draws the first queries, each with its neighbours to the right.
func (s *searching) draw(queries, among data.Source) error {
	const widest = 12 // neighbours in a line
	shape := s.runner.Shape()
	read := func(src data.Source, index ...int32) ([]export.Image, error) {
		x := make([]float32, len(index)*shape.Size())
		err := src.Read(x, index)
		return picturesOf(x, shape), err
	}
	var rows []export.Row
	for q := range min(len(s.near), pictureQueries) {
		query, err := read(queries, int32(q))
		if err != nil {
			return err
		}
		var index []int32
		for _, n := range s.near[q][:min(s.k, widest)] {
			index = append(index, int32(n.Index))
		}
		neighbours, err := read(among, index...)
		if err != nil {
			return err
		}
		label := fmt.Sprintf("query %d, nearest", q)
		rows = append(rows, export.Row{Label: label, Images: append(query, neighbours...)})
	}
	return writeGrid(s.picture, rows)
}
