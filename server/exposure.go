package server

import (
	"errors"
	"fmt"
	"net"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/config"
)

// ErrExposed says that a server was not started because anybody who reaches its
// address could do everything.
var ErrExposed = errors.New("refused to serve everybody")

// checkExposure refuses an address that others can reach when nobody is asked
// who he is, unless that is wanted.
func checkExposure(cfg config.HTTP) error {
	if cfg.AuthEnabled || cfg.AllowOpen || isLoopback(cfg.BindAddress) {
		return nil
	}
	return fmt.Errorf("%w: http.bind-address is %s, which others can reach, and http.auth-enabled is false; "+
		"listen on 127.0.0.1, set http.auth-enabled = true, or say with http.allow-open = true that this is what you want",
		ErrExposed, cfg.BindAddress)
}

// checkAdministrator refuses such an address while the first who comes could
// make himself administrator.
func checkAdministrator(cfg config.HTTP, snap *catalog.Snapshot) error {
	if !cfg.AuthEnabled || cfg.AllowOpen || snap.HasAdmin() || isLoopback(cfg.BindAddress) {
		return nil
	}
	return fmt.Errorf("%w: there is no administrator yet, so that whoever comes first to %s could become it; "+
		"make one while http.bind-address is 127.0.0.1 (CREATE USER … WITH PASSWORD … WITH ALL PRIVILEGES), "+
		"or set http.allow-open = true until you have", ErrExposed, cfg.BindAddress)
}

// isLoopback reports whether only programs of this machine reach an address.
// Names other than localhost may mean anything.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
