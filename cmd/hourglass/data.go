package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/data/fetch"
)

func dataCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "data",
		Short: "Fetch data sets and describe them",
		Long: "Fetch published data sets, and describe any data set. What --data and data info\n" +
			"take is a specification KIND:PATH,OPTION=VALUE, or without a path KIND:OPTION=VALUE:\n\n" + kindList(),
		Example: "  hourglass data fetch mnist ~/data/mnist\n  hourglass data info images:photos,size=64 --out photos.png",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return usagef("data has no command %q; want fetch or info", args[0])
		},
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		DisableFlagsInUseLine: true,
	}
	c.AddCommand(fetchCommand(), dataInfoCommand())
	for _, sub := range c.Commands() {
		sub.Flags().SortFlags = false
	}
	return c
}

// kindList lists the kinds of data with their options.
func kindList() string {
	var b strings.Builder
	for _, k := range data.Kinds() {
		fmt.Fprintf(&b, "  %-13s %s\n", k.Form, folded(k.About, 16))
		if len(k.Options) > 0 {
			fmt.Fprintf(&b, "  %13s %s\n", "", folded("options "+strings.Join(k.Options, ", "), 16))
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// folded breaks text into lines that begin in a column.
func folded(text string, column int) string {
	const width = 84
	var b strings.Builder
	at := column
	for i, word := range strings.Split(text, " ") {
		switch {
		case i > 0 && at+1+len([]rune(word)) > width:
			b.WriteString("\n" + strings.Repeat(" ", column))
			at = column
		case i > 0:
			b.WriteString(" ")
			at++
		}
		b.WriteString(word)
		at += len([]rune(word))
	}
	return b.String()
}

func fetchCommand() *cobra.Command {
	var o fetch.Options
	var quiet bool
	c := &cobra.Command{
		Use:   "fetch " + strings.Join(fetch.Names(), "|") + " DIR",
		Short: "Download a data set",
		Long: "Download a published data set to a folder, check its SHA-256 sums, unpack it, and\n" +
			"print what --data takes to read it. An interrupted download is gone on with, and\n" +
			"files that are there are kept.",
		Example: "  hourglass data fetch mnist ~/data/mnist",
		Args:    exactArgs(2, "the name of a data set ("+strings.Join(fetch.Names(), ", ")+") and a folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilSignal(cmd.Context(), cmd.ErrOrStderr())
			defer stop()
			d := &download{w: cmd.ErrOrStderr(), quiet: quiet}
			o.Progress, o.Note = d.progress, d.note
			spec, err := fetch.Fetch(ctx, args[0], args[1], o)
			d.end()
			var unknown *fetch.UnknownError
			switch {
			case errors.As(err, &unknown):
				return usagef("there is no data set %q to fetch; want %s%s", unknown.Name, strings.Join(fetch.Names(), ", "), didYouMean(unknown.Name, fetch.Names(), ""))
			case err != nil && ctx.Err() != nil:
				return fmt.Errorf("%w: %w", errInterrupted, err)
			case err != nil:
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), spec)
			return err
		},
		DisableFlagsInUseLine: true,
	}
	c.Flags().StringVar(&o.From, "from", "", "the address of a folder with the files (default where they are published)")
	c.Flags().BoolVar(&quiet, "quiet", false, "show no progress")
	return c
}

// download shows how far a download is: a bar on a terminal, elsewhere a line
// for each file.
type download struct {
	w     io.Writer
	quiet bool
	file  string
	bar   *progressbar.ProgressBar
}

func (d *download) progress(file string, done, size int64) {
	if d.quiet {
		return
	}
	if file != d.file {
		d.end()
		d.file = file
		if isTerminal(d.w) {
			d.bar = progressbar.NewOptions64(size,
				progressbar.OptionSetWriter(d.w),
				progressbar.OptionSetWidth(30),
				progressbar.OptionSetDescription(file),
				progressbar.OptionShowBytes(true),
				progressbar.OptionThrottle(barInterval),
				progressbar.OptionClearOnFinish(),
				progressbar.OptionSetTheme(progressbar.Theme{BarStart: "▕", Saucer: "█", SaucerHead: "▌", SaucerPadding: "░", BarEnd: "▏"}),
			)
		}
	}
	if d.bar != nil {
		_ = d.bar.Set64(done) // a bar that cannot be drawn is no reason to stop
	}
	if done == size {
		d.end()
		fmt.Fprintf(d.w, "%s: %s\n", file, byteSize(size))
	}
}

func (d *download) note(line string) {
	d.end()
	if !d.quiet {
		fmt.Fprintln(d.w, line)
	}
}

// end takes the bar away.
func (d *download) end() {
	if d.bar != nil {
		_ = d.bar.Clear()
	}
	d.bar, d.file = nil, ""
}

// byteSize is a number of bytes in words.
func byteSize(n int64) string {
	value, unit := float64(n), "bytes"
	for _, larger := range []string{"kB", "MB", "GB", "TB"} {
		if value < 1000 {
			break
		}
		value, unit = value/1000, larger
	}
	if unit == "bytes" {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
