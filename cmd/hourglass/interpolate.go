package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/kernels"
	"hourglass/models/export"
	"hourglass/models/tasks"
)

// interpolation is what interpolate was asked for.
type interpolation struct {
	applied
	codesPath string
	images    []int
	pairs     int
	steps     int
	spherical bool

	from     string    // where the ends come from
	ends     []float32 // codes [2·pairs z]
	pictures []float32 // the images at the ends, nil for those of codes
}

func interpolateCommand() *cobra.Command {
	var p interpolation
	var out string
	takes := []form{asPNG, asGIF, asArray, asStream}
	c := &cobra.Command{
		Use:   "interpolate RUN",
		Short: "Go from one image to another",
		Long: "Go from one image to another through what lies between their codes. Pairs are the\n" +
			"first images, the first and second, the third and fourth and so on; those that\n" +
			"--images names by their numbers, from 0; or the lines of a file of codes. --spherical\n" +
			"goes along arcs, which suits the normal prior of a vae, in place of straight lines.\n" +
			"--out decides the form: x.png for a line of pictures for each pair, between the\n" +
			"images themselves, x.gif for a film, x.npy for an array float32 [pairs steps H W C].",
		Example: "  hourglass interpolate runs/vae-builtin --spherical --out between.png\n" +
			"  hourglass interpolate runs/vae-builtin --images 3,18,3,61 --out between.gif",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := p.output(cmd.OutOrStdout(), out, takes...)
			if err != nil {
				return err
			}
			if err := p.check(); err != nil {
				return err
			}
			ctx, end, err := p.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			if p.steps == 0 {
				if p.steps = 10; o.form == asGIF {
					p.steps = 24
				}
			}
			if err := p.run(ctx, o); err != nil {
				return err
			}
			s := summary{args[0], p.from, p.pairs, append([]int{p.steps}, p.runner.Shape()...), out}
			return p.tell(o, s, "%d ways of %d steps between pairs of %s in %s", p.pairs, p.steps, p.from, out)
		},
	}
	f := c.Flags()
	f.StringVar(&out, "out", "", outUsage(takes...))
	f.IntVar(&p.pairs, "pairs", 8, "how many, where neither images nor codes are named")
	f.IntSliceVar(&p.images, "images", nil, "the numbers of the images, as 3,18 for one pair and 3,18,3,61 for two")
	f.StringVar(&p.codesPath, "codes", "", "pairs of "+codesUsage)
	f.IntVar(&p.steps, "steps", 0, fmt.Sprintf("of each way, both ends included, at most %d (default 10, of a film 24)", mostSteps))
	f.BoolVar(&p.spherical, "spherical", false, "along arcs, not straight lines")
	p.addDataFlags(f, "")
	f.Lookup("limit").Hidden = true
	p.addRawFlag(f)
	p.addJSONFlag(f)
	p.addDeviceFlags(f)
	return c
}

// check finds flags that do not go together.
func (p *interpolation) check() error {
	switch {
	case p.Limit != 0:
		return usagef("--limit: interpolate takes pairs; say by --pairs how many")
	case p.images != nil && p.codesPath != "":
		return usagef("--images and --codes: both name what lies at the ends; leave one out")
	case p.codesPath != "" && p.Data != "":
		return usagef("--data and --codes: both name what lies at the ends; leave one out")
	case len(p.images)%2 != 0:
		return usagef("--images names %d images, want pairs of them", len(p.images))
	case p.pairs < 1:
		return usagef("--pairs is %d, want 1 or more", p.pairs)
	case p.steps == 1 || p.steps < 0 || p.steps > mostSteps:
		return usagef("--steps is %d, want 2 to %d", p.steps, mostSteps)
	}
	return nil
}

// run makes the codes between the ends, decodes and writes them.
func (p *interpolation) run(ctx context.Context, o output) error {
	as, err := p.readEnds(ctx, o)
	if err != nil {
		return err
	}
	if err := o.checkDrawn(p.pairs * p.steps); err != nil {
		return err
	}
	z := p.runner.Latent()
	var a, b []float32
	for pair := range slices.Chunk(p.ends, 2*z) {
		a, b = append(a, pair[:z]...), append(b, pair[z:]...)
	}
	path := tasks.Linear
	if p.spherical {
		path = tasks.Spherical
	}
	between, err := tasks.Interpolate(a, b, z, p.steps, path)
	if err != nil {
		return err
	}
	src, err := tasks.CodeSource(p.from, between, z)
	if err != nil {
		return err
	}
	produce := func(add func([]float32) error) error {
		return tasks.Decode(ctx, p.runner, src, func(_ int, x []float32) error { return add(x) })
	}
	if o.numbers() {
		as.n, as.shape = p.pairs, append(kernels.Shape{p.steps}, as.shape...)
		return p.writeSamples(o, as, "images", produce)
	}
	var samples []float32
	if err := produce(func(x []float32) error { samples = append(samples, x...); return nil }); err != nil {
		return err
	}
	rows := rowsOf(samples, p.runner.Shape(), p.steps)
	if o.form == asGIF {
		return writeFilm(o.path, rows)
	}
	return p.drawRows(o, rows)
}

// readEnds reads or makes the codes of the ends.
func (p *interpolation) readEnds(ctx context.Context, o output) (array, error) {
	if p.codesPath != "" {
		src, err := p.codes(p.codesPath)
		if err != nil {
			return array{}, err
		}
		info := src.Info()
		if info.N%2 != 0 {
			return array{}, fmt.Errorf("%s holds %d codes, want pairs of them", p.codesPath, info.N)
		}
		p.from, p.pairs = p.codesPath, info.N/2
		p.ends, err = tasks.ReadCodes(ctx, src)
		if err != nil {
			return array{}, err
		}
		return p.applied.samples(o, 0)
	}
	src, err := p.source()
	if err != nil {
		return array{}, err
	}
	if p.images != nil {
		p.pairs = len(p.images) / 2
	}
	if n := src.Info().N; p.images == nil && p.pairs > n/2 {
		return array{}, usagef("--pairs is %d: the %d images of %s make at most %d", p.pairs, n, src.Info().Name, n/2)
	}
	index := make([]int32, 2*p.pairs)
	for i := range index {
		index[i] = int32(i)
		if p.images != nil {
			index[i] = int32(p.images[i])
		}
		if n := src.Info().N; index[i] < 0 || int(index[i]) >= n {
			return array{}, usagef("image %d: %s has those from 0 to %d", index[i], src.Info().Name, n-1)
		}
	}
	if src, err = data.Subset(src, index); err != nil {
		return array{}, err
	}
	p.from = src.Info().Name
	p.pictures = make([]float32, len(index)*p.runner.Shape().Size())
	for i := range index {
		index[i] = int32(i)
	}
	if err := src.Read(p.pictures, index); err != nil {
		return array{}, err
	}
	p.ends, err = tasks.Codes(ctx, p.runner, src)
	return p.samplesOf(src.Info(), 0), err
}

// drawRows draws a line for each pair, between the images at its ends.
func (p *interpolation) drawRows(o output, between [][]export.Image) error {
	ends := picturesOf(p.pictures, p.runner.Shape())
	var rows []export.Row
	var heads []string
	for k := range p.steps {
		heads = append(heads, fmt.Sprintf("%.2g", float64(k)/float64(p.steps-1)))
	}
	if ends != nil {
		heads = append(append([]string{"image"}, heads...), "image")
	}
	for i, row := range between {
		images := row
		if ends != nil {
			images = append(append([]export.Image{ends[2*i]}, row...), ends[2*i+1])
		}
		rows = append(rows, export.Row{Images: images})
	}
	im, err := export.Grid(rows, export.GridOptions{Columns: heads})
	if err != nil {
		return err
	}
	return writePNG(o.path, im)
}
