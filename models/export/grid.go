package export

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// Image is one picture of H×W pixels with C channels, 1 (grey) or 3 (red, green, blue): Pix holds
// H·W·C values in that order (HWC), 0 dark and 1 bright.
type Image struct {
	H, W, C int
	Pix     []float32
}

// Row is one line of a grid and its label, which may be empty. A row without images leaves a gap, to
// set groups of rows apart.
type Row struct {
	Label  string
	Images []Image
}

// GridOptions says how a grid looks. The zero value is right for small pictures.
type GridOptions struct {
	// Scale draws a pixel as Scale×Scale; 0 takes the smallest that makes an image legible, at
	// least 84 pixels on its longer side (3 for 28×28).
	Scale int
	// Columns labels the columns, above the first row.
	Columns []string
	// Gap sets the images so many pixels apart; 0 draws a thin line between them, which is lost among
	// pictures of a few grey pixels.
	Gap int
}

// Sizes in pixels of the finished picture.
const (
	legible    = 84 // the longer side of an image at the automatic scale
	margin     = 8  // white border round everything
	line       = 1  // separator between and round images
	maxGap     = 256
	groupGap   = 8       // height of a row without images
	labelGap   = 8       // between a label and its row
	headHeight = 16      // of the labels of columns
	maxGrid    = 1 << 28 // pixels; 1 GiB of memory
)

var (
	paper     = color.NRGBA{255, 255, 255, 255}
	ink       = color.NRGBA{0, 0, 0, 255}
	separator = color.NRGBA{160, 160, 160, 255}
	// notANumber is magenta, which neither grey nor natural pictures hold.
	notANumber = color.NRGBA{255, 0, 255, 255}
)

// Pairs arranges originals over their reconstructions, columns to a line, lines set apart by a gap.
// It is an error when the two differ in number.
func Pairs(originals, reconstructions []Image, columns int) ([]Row, error) {
	if len(originals) != len(reconstructions) {
		return nil, fmt.Errorf("grid: %d originals want as many reconstructions, got %d", len(originals), len(reconstructions))
	}
	if columns < 1 {
		return nil, fmt.Errorf("grid: want at least 1 column, got %d", columns)
	}
	var rows []Row
	for begin := 0; begin < len(originals); begin += columns {
		if begin > 0 {
			rows = append(rows, Row{})
		}
		end := min(begin+columns, len(originals))
		rows = append(rows,
			Row{"original", originals[begin:end]},
			Row{"reconstruction", reconstructions[begin:end]})
	}
	return rows, nil
}

// Tile draws images in reading order, columns to a line, without labels.
func Tile(images []Image, columns int, o GridOptions) (image.Image, error) {
	if columns < 1 {
		return nil, fmt.Errorf("grid: want at least 1 column, got %d", columns)
	}
	var rows []Row
	for begin := 0; begin < len(images); begin += columns {
		rows = append(rows, Row{Images: images[begin:min(begin+columns, len(images))]})
	}
	return Grid(rows, o)
}

// Grid draws rows one below the other, their labels to the left. All images must have one height and
// width; grey and colour may mix. Values below 0 are drawn black and above 1 full; a pixel with a NaN
// is drawn magenta, so that a broken model does not look like a dark one.
func Grid(rows []Row, o GridOptions) (image.Image, error) {
	l, err := newLayout(rows, o)
	if err != nil {
		return nil, err
	}
	out := image.NewNRGBA(image.Rect(0, 0, l.width, l.height))
	draw.Draw(out, out.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	y := margin + l.head
	for i, text := range o.Columns {
		drawHead(out, text, l.left+l.gap+i*(l.cellW+l.gap)+l.cellW/2, y)
	}
	for _, r := range rows {
		if len(r.Images) == 0 {
			y += groupGap
			continue
		}
		drawLabel(out, r.Label, l.left-labelGap, y+l.cellH/2)
		frame := image.Rect(l.left, y, l.left+len(r.Images)*(l.cellW+l.gap)+l.gap, y+l.cellH+2*l.gap)
		draw.Draw(out, frame, image.NewUniform(l.between), image.Point{}, draw.Src)
		for i, im := range r.Images {
			drawImage(out, im, l.left+l.gap+i*(l.cellW+l.gap), y+l.gap, l.scale)
		}
		y += l.cellH + l.gap // the next row shares the separator
	}
	return out, nil
}

// Plain draws one image as it is, a pixel for each of its own, without border.
func Plain(im Image) (image.Image, error) {
	if err := checkImage(im, im); err != nil {
		return nil, fmt.Errorf("plain image: %w", err)
	}
	out := image.NewNRGBA(image.Rect(0, 0, im.W, im.H))
	drawImage(out, im, 0, 0, 1)
	return out, nil
}

// WritePNG encodes im as PNG, always to the same bytes.
func WritePNG(w io.Writer, im image.Image) error {
	e := png.Encoder{CompressionLevel: png.BestCompression}
	if err := e.Encode(w, im); err != nil {
		return fmt.Errorf("png: %w", err)
	}
	return nil
}

// layout holds the measures of a grid in pixels.
type layout struct {
	scale, cellW, cellH int
	left                int // where the first image's frame begins, right of the labels
	head                int // height of the columns' labels
	gap                 int // between and round images
	between             color.NRGBA
	width, height       int
}

func newLayout(rows []Row, o GridOptions) (layout, error) {
	var first *Image
	columns, labels, height := 0, 0, 2*margin
	for _, r := range rows {
		columns = max(columns, len(r.Images))
		labels = max(labels, labelWidth(r.Label))
		for i := range r.Images {
			if first == nil {
				first = &r.Images[i]
			}
			if err := checkImage(r.Images[i], *first); err != nil {
				return layout{}, err
			}
		}
	}
	if first == nil {
		return layout{}, fmt.Errorf("grid: want at least one image, got none")
	}
	l := layout{scale: o.Scale, left: margin, gap: line, between: separator}
	if o.Gap != 0 {
		l.gap, l.between = o.Gap, paper
	}
	if l.gap < 1 || l.gap > maxGap {
		return layout{}, fmt.Errorf("grid: gap %d, want 0 (a line) or 1 to %d", o.Gap, maxGap)
	}
	height += l.gap
	if o.Scale < 0 {
		return layout{}, fmt.Errorf("grid: scale %d, want 0 (automatic) or more", o.Scale)
	}
	if o.Scale == 0 {
		longer := max(first.H, first.W)
		l.scale = (legible + longer - 1) / longer
	}
	// Bounds each factor before they are multiplied, so that no product overflows.
	if first.W > maxGrid/l.scale || first.H > maxGrid/l.scale {
		return layout{}, fmt.Errorf("grid: %d×%d images at scale %d are too large to draw", first.H, first.W, l.scale)
	}
	l.cellW, l.cellH = first.W*l.scale, first.H*l.scale
	if labels > 0 {
		l.left += labels + labelGap
	}
	if len(o.Columns) > columns {
		return layout{}, fmt.Errorf("grid: %d labels of columns, want at most %d", len(o.Columns), columns)
	}
	if len(o.Columns) > 0 {
		l.head = headHeight
		height += headHeight
	}
	l.width = l.left + columns*(l.cellW+l.gap) + l.gap + margin
	for _, r := range rows {
		if len(r.Images) == 0 {
			height += groupGap
		} else {
			height += l.cellH + l.gap
		}
	}
	l.height = height
	if l.width > maxGrid/l.height {
		return layout{}, fmt.Errorf("grid: a picture of %d×%d pixels is too large: use fewer images or a smaller scale", l.height, l.width)
	}
	return l, nil
}

// checkImage holds an image against itself and against the first of its grid.
func checkImage(im, first Image) error {
	if im.H < 1 || im.W < 1 || im.C != 1 && im.C != 3 {
		return fmt.Errorf("grid: image of %d×%d×%d, want at least 1×1 with 1 or 3 channels", im.H, im.W, im.C)
	}
	// Division, as the product of three large numbers could wrap round to the length.
	if n := len(im.Pix); n%(im.W*im.C) != 0 || n/(im.W*im.C) != im.H {
		return fmt.Errorf("grid: image of %d×%d×%d wants %d values, got %d", im.H, im.W, im.C, im.H*im.W*im.C, n)
	}
	if im.H != first.H || im.W != first.W {
		return fmt.Errorf("grid: image of %d×%d among images of %d×%d, want one size", im.H, im.W, first.H, first.W)
	}
	return nil
}

// drawImage draws im with its upper left corner at (x0, y0), nearest neighbour.
func drawImage(out *image.NRGBA, im Image, x0, y0, scale int) {
	for y := range im.H {
		for x := range im.W {
			c := pixel(im.Pix[(y*im.W+x)*im.C:][:im.C])
			for v := range scale {
				for u := range scale {
					out.SetNRGBA(x0+x*scale+u, y0+y*scale+v, c)
				}
			}
		}
	}
}

// pixel converts one pixel's channels.
func pixel(channels []float32) color.NRGBA {
	var level [3]uint8
	for i := range level {
		v := channels[i%len(channels)]
		if v != v {
			return notANumber
		}
		level[i] = uint8(min(max(v, 0), 1)*255 + 0.5)
	}
	return color.NRGBA{level[0], level[1], level[2], 255}
}

// drawLabel writes text that ends at x and whose small letters are centred on y.
func drawLabel(out draw.Image, text string, x, y int) {
	d := font.Drawer{Dst: out, Src: image.NewUniform(ink), Face: basicfont.Face7x13}
	const capHeight = 9
	d.Dot = fixed.P(x-labelWidth(text), y+capHeight/2)
	d.DrawString(text)
}

// drawHead writes text that is centred on x and ends above y.
func drawHead(out draw.Image, text string, x, y int) {
	d := font.Drawer{Dst: out, Src: image.NewUniform(ink), Face: basicfont.Face7x13}
	d.Dot = fixed.P(x-labelWidth(text)/2, y-4)
	d.DrawString(text)
}

// labelWidth is the width of text in pixels.
func labelWidth(text string) int {
	return font.MeasureString(basicfont.Face7x13, text).Ceil()
}
