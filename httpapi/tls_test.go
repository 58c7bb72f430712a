package httpapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// authority signs certificates in tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

var serial int64

// issue makes a certificate for a name and signs it with the parent's key; a nil parent makes an authority.
func (a *authority) issue(t *testing.T, name string) (cert, key []byte, made *authority) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial++
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: a == nil,
	}
	parent, signer := template, k
	if a != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &k.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), &authority{parsed, k, cert}
}

// secured is a server with TLS over files in memory.
type secured struct {
	*Server
	t     *testing.T
	files vfs.FS
	clock *clock.Manual
	log   *lockedText
	roots *x509.CertPool
	ca    *authority
}

func (s *secured) put(name string, content []byte) {
	s.t.Helper()
	if err := vfs.WriteFile(s.files, name, func(w io.Writer) error { _, err := w.Write(content); return err }); err != nil {
		s.t.Fatal(err)
	}
}

func newSecured(t *testing.T, change func(*TLSOptions)) *secured {
	t.Helper()
	_, _, ca := (*authority)(nil).issue(t, "authority")
	s := &secured{t: t, files: vfs.NewMem(), clock: clock.NewManual(time.Now()), log: new(lockedText), roots: x509.NewCertPool(), ca: ca}
	s.roots.AddCert(ca.cert)
	if err := s.files.MkdirAll("/tls"); err != nil {
		t.Fatal(err)
	}
	cert, key, _ := ca.issue(t, "first")
	s.put("/tls/cert.pem", cert)
	s.put("/tls/key.pem", key)
	s.put("/tls/ca.pem", ca.pem)
	opt := TLSOptions{FS: s.files, Certificate: "/tls/cert.pem", PrivateKey: "/tls/key.pem", Clock: s.clock, Log: slog.New(slog.NewTextHandler(s.log, nil))}
	if change != nil {
		change(&opt)
	}
	files, err := NewTLS(opt)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	if s.Server, err = Listen(context.Background(), h, ServerOptions{Addr: "127.0.0.1:0", TLS: files}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ping asks over a new connection and returns the name in the server's certificate.
func (s *secured) ping(change func(*tls.Config)) (name string, err error) {
	config := &tls.Config{RootCAs: s.roots}
	if change != nil {
		change(config)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("https://" + s.Addr() + "/ping")
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent || resp.Header.Get("X-Influxdb-Version") == "" {
		s.t.Errorf("ping: %s", resp.Status)
	}
	return resp.TLS.PeerCertificates[0].Subject.CommonName, nil
}

func TestTLS(t *testing.T) {
	s := newSecured(t, nil)
	if name, err := s.ping(nil); err != nil || name != "first" {
		t.Errorf("got %q, %v", name, err)
	}
	if _, err := s.ping(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	if _, err := s.ping(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }); err != nil {
		t.Errorf("TLS 1.2: %v", err)
	}
	resp, err := http.Get("http://" + s.Addr() + "/ping")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a plain request is answered %s", resp.Status)
	}
	newer := newSecured(t, func(o *TLSOptions) { o.MinVersion = tls.VersionTLS13 })
	if _, err := newer.ping(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }); err == nil {
		t.Error("TLS 1.2 is spoken where 1.3 is asked for")
	}
	if _, err := newer.ping(nil); err != nil {
		t.Errorf("TLS 1.3: %v", err)
	}
}

// TestTLSReload replaces the files by good and by bad ones.
func TestTLSReload(t *testing.T) {
	s := newSecured(t, nil)
	wait := func(done func(TLSStatistics) bool) {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); !done(s.tls.Statistics()); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("statistics are %+v; log is\n%s", s.tls.Statistics(), s.log)
			}
			s.clock.Advance(10 * time.Second)
		}
	}
	serves := func(want string) {
		t.Helper()
		if name, err := s.ping(nil); err != nil || name != want {
			t.Errorf("got %q, %v, want %q", name, err, want)
		}
	}
	cert, key, _ := s.ca.issue(t, "second")
	s.put("/tls/cert.pem", cert) // the key does not fit yet
	wait(func(n TLSStatistics) bool { return n.ReloadFailures >= 3 })
	serves("first")
	if n := strings.Count(s.log.String(), "cannot be used"); n != 1 {
		t.Errorf("one reason is logged %d times:\n%s", n, s.log)
	}
	if s.log.String() == "" || strings.Contains(s.log.String(), "PRIVATE KEY") {
		t.Errorf("log is\n%s", s.log)
	}
	s.put("/tls/key.pem", key)
	wait(func(n TLSStatistics) bool { return n.Reloads == 1 })
	serves("second")

	s.put("/tls/cert.pem", []byte("nonsense"))
	failures := s.tls.Statistics().ReloadFailures
	wait(func(n TLSStatistics) bool { return n.ReloadFailures > failures })
	serves("second")
	if err := s.files.Remove("/tls/key.pem"); err != nil {
		t.Fatal(err)
	}
	failures = s.tls.Statistics().ReloadFailures
	wait(func(n TLSStatistics) bool { return n.ReloadFailures > failures })
	serves("second")
}

func TestClientCertificates(t *testing.T) {
	for _, require := range []bool{false, true} {
		s := newSecured(t, func(o *TLSOptions) { o.ClientCA, o.RequireClient = "/tls/ca.pem", require })
		with := func(a *authority) func(*tls.Config) {
			cert, key, _ := a.issue(t, "client")
			pair, err := tls.X509KeyPair(cert, key)
			if err != nil {
				t.Fatal(err)
			}
			// Sent whoever the server asks for.
			return func(c *tls.Config) {
				c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
			}
		}
		_, _, stranger := (*authority)(nil).issue(t, "stranger")
		if _, err := s.ping(nil); (err != nil) != require {
			t.Errorf("required %v, none: %v", require, err)
		}
		if _, err := s.ping(with(s.ca)); err != nil {
			t.Errorf("required %v, good: %v", require, err)
		}
		if _, err := s.ping(with(stranger)); err == nil {
			t.Errorf("required %v: a certificate of another authority was taken", require)
		}
	}
}

func TestTLSOptions(t *testing.T) {
	s := newSecured(t, nil)
	cert, key, _ := s.ca.issue(t, "both")
	s.put("/tls/both.pem", append(cert, key...))
	s.put("/tls/empty.pem", nil)
	for what, c := range map[string]struct {
		opt TLSOptions
		ok  bool
	}{
		"one file":        {TLSOptions{Certificate: "/tls/both.pem"}, true},
		"no key":          {TLSOptions{Certificate: "/tls/cert.pem"}, false},
		"no file":         {TLSOptions{Certificate: "/tls/none.pem"}, false},
		"empty":           {TLSOptions{Certificate: "/tls/empty.pem"}, false},
		"empty authority": {TLSOptions{Certificate: "/tls/both.pem", ClientCA: "/tls/empty.pem"}, false},
		"no authority":    {TLSOptions{Certificate: "/tls/both.pem", RequireClient: true}, false},
		"another key":     {TLSOptions{Certificate: "/tls/both.pem", PrivateKey: "/tls/key.pem"}, false},
	} {
		c.opt.FS = s.files
		if _, err := NewTLS(c.opt); (err == nil) != c.ok {
			t.Errorf("%s: %v", what, err)
		}
	}
}
