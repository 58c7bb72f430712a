package httpapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// TLSOptions are the settings of encrypted connections.
type TLSOptions struct {
	FS vfs.FS // required
	// Certificate is a PEM file with the server's certificate and those that lead to its authority; required.
	Certificate string
	// PrivateKey is a PEM file; empty: it stands in the file of the certificate.
	PrivateKey string
	// MinVersion is the oldest version of the protocol; 0: TLS 1.2.
	MinVersion uint16
	// ClientCA is a PEM file of the authorities whose client certificates are taken; empty: none is asked for.
	ClientCA string
	// RequireClient refuses clients without such a certificate. Otherwise one that is sent must be good.
	RequireClient bool
	// ReloadEvery is how often the files are looked at; 0: 10 s.
	ReloadEvery time.Duration
	// Told is called when replaced files are in use, or, with a new error, cannot be; nil: nobody is told.
	Told func(error)
	// Clock tells the time; nil: clock.System.
	Clock clock.Clock
	// Log receives reloads and what was wrong with them; nil: slog.Default.
	Log *slog.Logger
}

// maxPEMBytes bounds a file of certificates.
const maxPEMBytes = 1 << 20

// TLS is what connections are encrypted with. Its files may be replaced while it is used: connections that come later
// get the new ones. Files that cannot be used leave the old ones in place.
type TLS struct {
	opt     TLSOptions
	current atomic.Pointer[tlsState]

	reloads, failures atomic.Int64
}

// tlsState is the content of the files.
type tlsState struct {
	certificate, key, clientCA []byte
	config                     *tls.Config
	expires                    time.Time
}

// NewTLS reads the files.
func NewTLS(opt TLSOptions) (*TLS, error) {
	def(&opt.MinVersion, tls.VersionTLS12)
	def(&opt.ReloadEvery, 10*time.Second)
	if opt.PrivateKey == "" {
		opt.PrivateKey = opt.Certificate
	}
	if opt.Clock == nil {
		opt.Clock = clock.System
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	if opt.RequireClient && opt.ClientCA == "" {
		return nil, errors.New("TLS: client certificates are required, but no authority for them is set")
	}
	t := &TLS{opt: opt}
	s, err := t.read()
	if err == nil {
		err = t.build(s)
	}
	if err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	t.current.Store(s)
	return t, nil
}

// read reads the files as they are now.
func (t *TLS) read() (*tlsState, error) {
	s := new(tlsState)
	for _, f := range []struct {
		name string
		into *[]byte
	}{{t.opt.Certificate, &s.certificate}, {t.opt.PrivateKey, &s.key}, {t.opt.ClientCA, &s.clientCA}} {
		if f.name == "" {
			continue
		}
		b, err := vfs.ReadFile(t.opt.FS, f.name, maxPEMBytes)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.name, err)
		}
		*f.into = b
	}
	return s, nil
}

// build makes the configuration of the content.
func (t *TLS) build(s *tlsState) error {
	pair, err := tls.X509KeyPair(s.certificate, s.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", t.opt.Certificate, t.opt.PrivateKey, err)
	}
	s.expires = pair.Leaf.NotAfter
	s.config = &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   t.opt.MinVersion,
		NextProtos:   []string{"h2", "http/1.1"},
		Time:         t.opt.Clock.Now,
	}
	if t.opt.ClientCA == "" {
		return nil
	}
	s.config.ClientCAs = x509.NewCertPool()
	if !s.config.ClientCAs.AppendCertsFromPEM(s.clientCA) {
		return fmt.Errorf("%s has no certificates", t.opt.ClientCA)
	}
	s.config.ClientAuth = tls.VerifyClientCertIfGiven
	if t.opt.RequireClient {
		s.config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return nil
}

// serverConfig returns what a listener needs. Every connection is given the content of its time.
func (t *TLS) serverConfig() *tls.Config {
	return &tls.Config{
		MinVersion: t.opt.MinVersion,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return t.current.Load().config, nil
		},
		// net/http wants to know that there is one.
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &t.current.Load().config.Certificates[0], nil
		},
	}
}

// watch is the goroutine that looks at the files until ctx ends.
func (t *TLS) watch(ctx context.Context) {
	tick := t.opt.Clock.NewTicker(t.opt.ReloadEvery)
	defer tick.Stop()
	var failed string // the last failure, which is told once
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C():
		}
		if err := t.Reload(); err == nil {
			failed = ""
		} else if err.Error() != failed {
			failed = err.Error()
			t.opt.Log.Error("new TLS files cannot be used, the old ones stay", "error", err)
			t.told(err)
		}
	}
}

// Reload takes the files in use if they have changed. On an error those from before stay in use.
func (t *TLS) Reload() error {
	old := t.current.Load()
	s, err := t.read()
	if err == nil && bytes.Equal(s.certificate, old.certificate) && bytes.Equal(s.key, old.key) && bytes.Equal(s.clientCA, old.clientCA) {
		return nil
	}
	if err == nil {
		err = t.build(s)
	}
	if err != nil {
		t.failures.Add(1)
		return err
	}
	t.current.Store(s)
	t.reloads.Add(1)
	t.opt.Log.Info("TLS files were replaced", "certificate", t.opt.Certificate, "expires", s.expires)
	t.told(nil)
	return nil
}

func (t *TLS) told(err error) {
	if t.opt.Told != nil {
		t.opt.Told(err)
	}
}

// TLSStatistics are the numbers of a TLS since it was made.
type TLSStatistics struct {
	Reloads        int64 // replaced files that are in use
	ReloadFailures int64 // looks at replaced files that cannot be used
	Expires        time.Time
}

// Statistics returns the numbers of now; of nil they are zero.
func (t *TLS) Statistics() TLSStatistics {
	if t == nil {
		return TLSStatistics{}
	}
	return TLSStatistics{Reloads: t.reloads.Load(), ReloadFailures: t.failures.Load(), Expires: t.current.Load().expires}
}
