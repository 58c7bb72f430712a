package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/timberlinedb/timberline/config"
	"github.com/timberlinedb/timberline/server"
)

// newServe returns the command timberline serve.
func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the database",
		Long:  "Run the database until SIGINT or SIGTERM. A second signal ends it at once.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop) // the next signal finds the default again
			return serve(ctx, loaded, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addSettingFlags(cmd)
	return cmd
}

// serve runs a server until ctx ends or serving fails.
func serve(ctx context.Context, loaded *config.Loaded, out, logTo io.Writer) error {
	log, err := newLog(logTo, loaded.Logging)
	if err != nil {
		return err
	}
	s, err := server.Open(ctx, loaded.Config, log)
	if err != nil {
		return err
	}
	log.Info("listening", "addr", s.Addr(), "data_dir", loaded.Data.Dir, "durability", loaded.Data.WALSync, "version", buildVersion(), "pid", os.Getpid())
	greet(out, s.Addr(), loaded)

	failed := make(chan error, 1)
	go func() { failed <- s.Wait() }() // ends with Close
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case err = <-failed:
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), loaded.HTTP.ShutdownTimeout)
	defer cancel()
	if err = errors.Join(err, s.Close(drain)); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// greet tells a person where the server is and what to try.
func greet(w io.Writer, addr string, loaded *config.Loaded) {
	dir, err := filepath.Abs(loaded.Data.Dir)
	if err != nil {
		dir = loaded.Data.Dir
	}
	url := "http://" + reachable(addr)
	if loaded.HTTP.HTTPSEnabled {
		url = "https://" + reachable(addr)
	}
	fmt.Fprintf(w, "Timberline %s\n\n", buildVersion())
	fmt.Fprintf(w, "  listens on  %s\n  stores in   %s\n", url, dir)
	if loaded.File != "" {
		fmt.Fprintf(w, "  settings    %s\n", loaded.File)
	}
	fmt.Fprintf(w, `
Try it:

  curl -XPOST '%[1]s/query' --data-urlencode 'q=CREATE DATABASE demo'
  curl -XPOST '%[1]s/write?db=demo' --data-binary 'weather,place=hut temperature=21.5'
  curl -G '%[1]s/query?db=demo' --data-urlencode 'q=SELECT * FROM weather'

Ctrl-C ends it.
`, url)
}

// reachable returns an address that a client on this machine can use: a server
// that listens on all interfaces is reached at the loopback one.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
