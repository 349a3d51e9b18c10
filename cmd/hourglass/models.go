package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hourglass/models"
)

// modelEntry is what is told of a model.
type modelEntry struct {
	Name    string          `json:"name"`
	About   string          `json:"about"`
	Options []models.Option `json:"options"`
}

func modelsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "models [MODEL]",
		Short: "List the models and their options",
		Long: "List the models, or the options of one with their defaults. Options are settings\n" +
			"of the table [model] of a configuration file; most are flags of train too.",
		Example: "  hourglass models sparse\n  hourglass models --json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("models wants one model or none, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			names := models.Names()
			if len(args) == 1 {
				names = args
			}
			var entries []modelEntry
			for _, name := range names {
				options, err := models.Options(name)
				if err != nil {
					return usageError{err}
				}
				entries = append(entries, modelEntry{name, models.About(name), options})
			}
			switch {
			case asJSON && len(args) == 1:
				return writeJSON(cmd.OutOrStdout(), entries[0])
			case asJSON:
				return writeJSON(cmd.OutOrStdout(), entries)
			case len(args) == 1:
				return entries[0].write(cmd.OutOrStdout())
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), modelList())
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON: one object for each model, with its options")
	return c
}

// write prints a model's options as a table.
func (e modelEntry) write(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s\n\n", e.Name, e.About)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "option\tdefault\t")
	for _, o := range e.Options {
		text, err := json.Marshal(o.Default)
		if err != nil {
			return err
		}
		value := string(text)
		if value == `""` || value == "null" {
			value = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", o.Name, strings.Trim(value, `"`), o.About)
	}
	return t.Flush()
}

// hideForeign returns a help function that leaves out the flags of options that
// the model of the command line lacks.
func hideForeign(s *settings) func(*cobra.Command, []string) {
	return func(cmd *cobra.Command, args []string) {
		if options, err := models.Options(s.Model.Name); err == nil {
			takes := map[string]bool{"model.name": true}
			for _, o := range options {
				takes["model."+o.Name] = true
			}
			if s.Model.Network == "conv" || s.Model.Network == "sequence" {
				takes["model.hidden"] = false
			}
			cmd.Flags().Lookup("pretrain-epochs").Hidden = s.Model.Name != "stacked" && s.Model.Name != ""
			for flag, key := range flagKeys {
				if f := cmd.Flags().Lookup(flag); f != nil && strings.HasPrefix(key, "model.") && !takes[key] {
					f.Hidden = true
				}
			}
		}
		cmd.Root().HelpFunc()(cmd, args)
	}
}
