package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/config"
)

// selfSigned writes a certificate for 127.0.0.1 and its key into one file.
func selfSigned(t *testing.T, file string, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "timberline"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// TestTLSOfARunningServer replaces the certificate of a server while it runs.
func TestTLSOfARunningServer(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "server.pem")
	first := selfSigned(t, file, 1)
	s := serve(t, filepath.Join(dir, "data"), func(c *config.Config) {
		c.HTTP.HTTPSEnabled, c.HTTP.HTTPSCertificate, c.HTTP.HTTPSReloadInterval = true, file, 20*time.Millisecond
		c.Audit.Path = filepath.Join(dir, "audit.log")
	})
	get := func(pool *x509.CertPool, path string) (string, error) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
		resp, err := client.Get("https://" + s.Addr() + path)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	}
	if text, err := get(first, "/metrics"); err != nil || !strings.Contains(text, "timberline_https_certificate_expires_seconds") {
		t.Errorf("%v\n%.300s", err, text)
	}
	second := selfSigned(t, file, 2)
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, err := get(second, "/ping"); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the new certificate is not in use: %v\n%s", err, s.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := get(first, "/ping"); err == nil {
		t.Error("the old certificate is in use")
	}
	if text, err := get(second, "/metrics"); err != nil || !strings.Contains(text, "\ntimberline_https_reloads_total 1\n") {
		t.Errorf("metrics lack the reload, %v", err)
	}
	trail, err := os.ReadFile(filepath.Join(dir, "audit.log"))
	if err != nil || !strings.Contains(string(trail), `"kind":"tls","outcome":"ok"`) {
		t.Errorf("the trail is %s, %v", trail, err)
	}

	cfg := config.Default()
	cfg.Data.Dir, cfg.HTTP.BindAddress, cfg.HTTP.HTTPSEnabled, cfg.HTTP.HTTPSCertificate = filepath.Join(dir, "other"), "127.0.0.1:0", true, filepath.Join(dir, "none.pem")
	if _, err := Open(t.Context(), cfg, s.Server.log); err == nil || !strings.Contains(err.Error(), "none.pem") {
		t.Errorf("without its file a server starts: %v", err)
	}
}
