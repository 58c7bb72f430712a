package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/timberlinedb/timberline/config"
)

// settingFlags are the flags that stand for settings of the configuration.
var settingFlags = []struct {
	flag, setting, usage string
}{
	{"data-dir", "data.dir", "directory of all data"},
	{"http-addr", "http.bind-address", "address to listen on; port 0 takes a free one"},
}

// addSettingFlags gives a command the flags that loadConfig reads.
func addSettingFlags(cmd *cobra.Command) {
	cmd.Flags().String("config", "", "configuration file (TOML); also TIMBERLINE_CONFIG")
	defaults := map[string]string{"data.dir": config.Default().Data.Dir, "http.bind-address": config.Default().HTTP.BindAddress}
	for _, f := range settingFlags {
		cmd.Flags().String(f.flag, defaults[f.setting], f.usage)
	}
}

// loadConfig reads the configuration with the flags that were given on top.
func loadConfig(cmd *cobra.Command) (*config.Loaded, error) {
	flags, given := cmd.Flags(), map[string]string{}
	for _, f := range settingFlags {
		if flags.Changed(f.flag) {
			value, err := flags.GetString(f.flag)
			if err != nil {
				return nil, err
			}
			given[f.setting] = value
		}
	}
	file, err := flags.GetString("config")
	if err != nil {
		return nil, err
	}
	return config.Load(config.FromProcess(file, given))
}

// newLog returns the log that the configuration asks for.
func newLog(w io.Writer, c config.Logging) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, fmt.Errorf("logging.level: %w", err)
	}
	opt := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opt)), nil
	}
	return slog.New(slog.NewTextHandler(w, opt)), nil
}

// newConfig returns the command timberline config.
func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the configuration that serve would use, and where it comes from",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			_, err = loaded.WriteTo(cmd.OutOrStdout())
			return err
		},
	}
	addSettingFlags(cmd)
	return cmd
}
