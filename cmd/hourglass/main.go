// Command hourglass trains autoencoders and puts them to use.
//
//	hourglass train                                    train on built-in digits
//	hourglass train --data mnist:DIR --latent 2        train on MNIST's files
//	hourglass eval runs/conv-builtin --json            measure on the test images
//	hourglass help train                               every flag of a command
//
// Results go to standard output, progress and errors to standard error. The
// exit status is
//
//	0    done
//	1    it could not be done: a file is missing or damaged, the disk is full,
//	     training diverged
//	2    it was not asked for properly: a wrong flag, value or configuration
//	130  stopped by SIGINT or SIGTERM, after a checkpoint
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hourglass/data"
)

// The exit statuses.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130 // as a shell reports a process that SIGINT ended
)

func main() {
	// Near three quarters of the machine's memory garbage is collected as soon as
	// it arises, rather than when there is as much of it as of what is in use.
	if memory := data.MachineMemory(); memory > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memory / 4 * 3)
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes a command line and returns the exit status. Whatever goes wrong
// is one line on stderr.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(append([]string{}, args...)) // for nil, cobra takes the process's own
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := recovered(root.Execute)
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) {
		err = errInterrupted // a task stops between two batches, and writes nothing
	}
	report(stderr, err)
	return statusOf(err)
}

// recovered calls f and makes an error of its panic.
func recovered(f func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("this is a bug: %v; please report it, with the command line and the output of hourglass info", fault)
		}
	}()
	return f()
}

// report writes an error as one line.
func report(w io.Writer, err error) {
	fmt.Fprintf(w, "hourglass: %s\n", strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), " "))
}

// usageError is the fault of the command line or a configuration file.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// usagef returns a usage error.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errInterrupted ends a command that a signal stopped.
var errInterrupted = errors.New("interrupted")

// statusOf returns the exit status of an error.
func statusOf(err error) int {
	var usage usageError
	switch {
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitFailure
}

// newRoot returns the command line's grammar.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "hourglass",
		Short: "Train autoencoders and put them to use",
		Long: "Hourglass trains autoencoders on images, and encodes, reconstructs and generates\n" +
			"with them. It needs no files to start with:",
		Example:       "  hourglass train\n  hourglass eval runs/conv-builtin",
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,

		DisableFlagsInUseLine: true,
		SilenceUsage:          true,
		CompletionOptions:     cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetHelpTemplate(helpTemplate)
	root.SetFlagErrorFunc(flagError)
	addGroup(root, "Train", trainCommand(), finetuneCommand(), modelsCommand(), planCommand())
	addGroup(root, "Use", encodeCommand(), decodeCommand(), reconstructCommand(), denoiseCommand(), inpaintCommand(), colorizeCommand(),
		sampleCommand(), interpolateCommand(), compressCommand(), decompressCommand())
	addGroup(root, "Understand", evalCommand(), traverseCommand(), manifoldCommand(), classifyCommand(),
		anomalyCommand(), searchCommand(), probeCommand(), projectCommand(), fieldCommand(), filtersCommand())
	addGroup(root, "Files", dataCommand(), exportCommand(), importCommand())
	addGroup(root, "Machine", benchCommand(), infoCommand())
	root.SetHelpCommand(helpCommand(root))
	for _, c := range root.Commands() {
		c.Flags().SortFlags = false
	}
	return root
}

// listAnnotation holds root's list of commands.
const listAnnotation = "commands"

// addGroup adds commands that help lists together, in this order: cobra itself
// would sort them.
func addGroup(root *cobra.Command, title string, commands ...*cobra.Command) {
	list := fmt.Sprintf("\n%s:\n", title)
	for _, c := range commands {
		list += fmt.Sprintf("  %-12s %s\n", c.Name(), c.Short)
	}
	if root.Annotations == nil {
		root.Annotations = map[string]string{}
	}
	root.Annotations[listAnnotation] += list
	root.AddCommand(commands...)
}

// helpTemplate puts the example next to the description.
const helpTemplate = `{{with (or .Long .Short)}}{{.}}{{end}}

{{if .HasExample}}{{.Example}}

{{end}}Usage: {{.UseLine}}{{if .HasAvailableSubCommands}} COMMAND
{{with index .Annotations "` + listAnnotation + `"}}{{.}}{{else}}
Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{end}}
hourglass help COMMAND tells more. The exit status is 0 when all is done, 1 for what
could not be done, 2 for a wrong command line or configuration, and 130 after
Ctrl-C.{{end}}{{if and .HasParent .HasAvailableLocalFlags}}

{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`

// helpCommand returns "hourglass help COMMAND".
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Tell more about a command",
		RunE: func(_ *cobra.Command, args []string) error {
			of, rest, err := root.Find(args)
			if err != nil {
				return usageError{err}
			}
			if len(rest) > 0 {
				return unknownCommand(of, rest)
			}
			of.InitDefaultHelpFlag()
			return of.Help()
		},
	}
}

// unknownCommand is an error if a command is left over on the line.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Root().Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usagef("there is no command %q (hourglass alone lists them)%s", args[0], didYouMean(args[0], names, ""))
}

// flagError explains what cobra found wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return err
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		name := unknown.GetSpecifiedName()
		return usagef("%s has no flag --%s (hourglass help %s lists them)%s", cmd.Name(), name, cmd.Name(), didYouMean(name, names, "--"))
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		return usagef("--%s %q: want %s", f.Name, invalid.GetValue(), wantOf(f.Value.Type()))
	}
	return usageError{err}
}

// wantOf describes the values that a type of flag takes.
func wantOf(kind string) string {
	switch kind {
	case "int":
		return "a whole number"
	case "uint64":
		return "a whole number from 0 to 18446744073709551615"
	case "float64":
		return "a number"
	case "bool":
		return "true or false"
	case "intSlice":
		return "whole numbers such as 3,7"
	case "widths":
		return "whole numbers such as 256,128, or none"
	}
	return kind
}

// exactArgs accepts n arguments, which the error names.
func exactArgs(n int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		if n == 0 {
			return usagef("%s takes flags alone, got %q", cmd.Name(), args[0])
		}
		return usagef("%s wants %s, got %d arguments", cmd.Name(), names, len(args))
	}
}
