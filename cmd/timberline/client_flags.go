package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/timberlinedb/timberline/shell"
)

// clientFlags are the flags of the commands that speak to a server: shell, query and write.
type clientFlags struct {
	target           shell.Target
	host, caFile     string
	port             int
	ssl, insecure    bool
	database, policy string
	precision        string
}

func (f *clientFlags) add(cmd *cobra.Command, precision, about string) {
	flags := cmd.Flags()
	flags.StringVar(&f.target.URL, "url", "", "address of the server (default "+shell.DefaultURL+")")
	flags.StringVar(&f.host, "host", "127.0.0.1", "host of the server, in place of --url")
	flags.IntVar(&f.port, "port", 8086, "port of the server, in place of --url")
	flags.BoolVar(&f.ssl, "ssl", false, "speak https, with --host and --port")
	flags.StringVar(&f.caFile, "ca-cert", "", "file of certificates in PEM that the server's must come from (default: those of the system)")
	flags.BoolVar(&f.insecure, "unsafe-ssl", false, "take any certificate")
	flags.StringVar(&f.target.Username, "username", "", "user (default: $INFLUX_USERNAME)")
	flags.StringVar(&f.target.Password, "password", "", "the user's password, asked for when empty in the shell (default: $INFLUX_PASSWORD)")
	flags.StringVar(&f.target.Token, "token", "", "API token, in place of a user (default: $INFLUX_TOKEN)")
	flags.StringVarP(&f.database, "database", "d", "", "database")
	flags.StringVar(&f.policy, "policy", "", "retention policy (default: that of the database)")
	flags.StringVarP(&f.precision, "precision", "p", precision, about+": rfc3339, h, m, s, ms, u or ns")
	flags.DurationVar(&f.target.Connect, "connect-timeout", 0, "bound of the wait for a connection (default 10s)")
}

// check fills in what the flags and the environment imply.
func (f *clientFlags) check(cmd *cobra.Command) (shell.Precision, error) {
	changed := cmd.Flags().Changed
	if !changed("token") && !changed("username") {
		f.target.Username, f.target.Token = os.Getenv("INFLUX_USERNAME"), ""
		if f.target.Username == "" {
			f.target.Token = os.Getenv("INFLUX_TOKEN")
		}
	}
	if !changed("password") {
		f.target.Password = os.Getenv("INFLUX_PASSWORD")
	}
	if changed("url") && (changed("host") || changed("port") || changed("ssl")) {
		return "", errors.New("--url has the host and port in it: give either")
	}
	if f.port < 1 || f.port > 65535 {
		return "", fmt.Errorf("--port is %d, want 1 to 65535", f.port)
	}
	var err error
	if changed("url") {
		if f.target.URL, err = shell.ParseAddress(f.target.URL); err != nil {
			return "", err
		}
	} else {
		scheme := "http"
		if f.ssl {
			scheme = "https"
		}
		f.target.URL = scheme + "://" + net.JoinHostPort(f.host, strconv.Itoa(f.port))
	}
	if f.target.TLS, err = f.tls(); err != nil {
		return "", err
	}
	f.target.Agent = "timberline/" + buildVersion()
	f.target.EnsureDefaults()
	if err := f.target.Validate(); err != nil {
		return "", err
	}
	return shell.ParsePrecision(f.precision)
}

// tls returns how certificates are checked, nil for the way of the system.
func (f *clientFlags) tls() (*tls.Config, error) {
	if f.caFile == "" && !f.insecure {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.insecure} // #nosec G402 -- the user asked for it
	if f.caFile != "" {
		text, err := os.ReadFile(f.caFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-cert: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--ca-cert: %s has no certificate in PEM", f.caFile)
		}
	}
	return c, nil
}
