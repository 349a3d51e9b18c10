package main

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hourglass/data/disk"
)

const (
	indexName  = "index.md"
	indexTitle = "# A tour of Hourglass\n"
	// What a command prints is shown up to so many lines.
	linesShown = 24
	// The names of a folder's files are listed up to so many.
	namesShown = 6
)

// An index is the page that shows what the tour leaves. It is written anew after
// each stop, so that a tour that fails leaves a page of what came before.
type index struct {
	folder, data string
	figures      figures
	body         strings.Builder
	count        int
	wall         time.Duration
}

// open begins a chapter.
func (b *index) open(c chapter) {
	fmt.Fprintf(&b.body, "\n## %s\n\n%s\n", c.title, c.about)
}

// add shows a stop.
func (b *index) add(v visited) error {
	b.count++
	b.wall += v.wall
	if v.figures != nil {
		if err := v.stop.figures(&b.figures, []byte(v.stdout)); err != nil {
			return fmt.Errorf("%s: reading what it printed: %w", v.line, err)
		}
	}
	fmt.Fprintf(&b.body, "\n```\n%s\n```\n\n%s\n", v.line, v.seen)
	if text := strings.TrimRight(v.stdout, "\n"); text != "" && v.figures == nil && printable(text) {
		lines := strings.Split(text, "\n")
		if len(lines) > linesShown {
			lines = append(lines[:linesShown], fmt.Sprintf("… %d lines more", len(lines)-linesShown))
		}
		fmt.Fprintf(&b.body, "\n<pre>\n%s\n</pre>\n", escape(strings.Join(lines, "\n")))
	}
	for _, name := range v.files {
		text, err := b.mention(name)
		if err != nil {
			return err
		}
		b.body.WriteString(text)
	}
	return b.write()
}

// mention embeds a picture, and names any other file or folder with what it holds.
func (b *index) mention(name string) (string, error) {
	where := filepath.Join(b.folder, name)
	info, err := os.Stat(where)
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return b.list(name)
	}
	switch path.Ext(name) {
	case ".png", ".svg", ".gif":
		return fmt.Sprintf("\n![%s](%s)\n", name, name), nil
	}
	return fmt.Sprintf("\n[%s](%s), %s\n", name, name, size(info.Size())), nil
}

// list names a folder's files, and embeds the two pictures that a run has.
func (b *index) list(name string) (string, error) {
	entries, err := os.ReadDir(filepath.Join(b.folder, name))
	if err != nil {
		return "", err
	}
	var names []string
	for _, e := range entries {
		names = append(names, fmt.Sprintf("[%s](%s)", e.Name(), path.Join(name, e.Name())))
	}
	text := fmt.Sprintf("\n[%s/](%s), %d files: ", name, name, len(names))
	if len(names) > 2*namesShown {
		names = append(names[:namesShown:namesShown], "…", names[len(names)-1])
	}
	text += strings.Join(names, ", ") + "\n"
	for _, picture := range []string{"loss.png", "reconstructions.png"} {
		if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == picture }) {
			text += fmt.Sprintf("\n![%s](%s)\n", picture, path.Join(name, picture))
		}
	}
	return text, nil
}

// write writes the page.
func (b *index) write() error {
	return disk.WriteFile(filepath.Join(b.folder, indexName), func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\nWhat `hourglass` does, on %s. Each command was run in this folder, as it stands here; "+
			"below it is what it printed and the files that it made. %d commands took %s.\n%s%s",
			indexTitle, "`"+b.data+"`", b.count, b.wall.Round(time.Second), b.figures.table(), b.body.String())
		return err
	})
}

// printable tells text from an array that went to standard output.
func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' })
}

// escape keeps what is not to be taken for HTML.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// size is a number of bytes for people.
func size(n int64) string {
	if n < 10_000 {
		return fmt.Sprintf("%d bytes", n)
	}
	if n < 10_000_000 {
		return fmt.Sprintf("%d kB", (n+500)/1000)
	}
	return fmt.Sprintf("%d MB", (n+500_000)/1_000_000)
}
