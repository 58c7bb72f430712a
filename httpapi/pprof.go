package httpapi

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/pprof"
	runtimepprof "runtime/pprof"
	"strings"
)

// servePprof is everything below /debug/pprof/.
func (h *Handler) servePprof(w http.ResponseWriter, r *http.Request) {
	switch strings.TrimPrefix(r.URL.Path, "/debug/pprof/") {
	case "all":
		h.serveProfiles(w)
	case "cmdline":
		pprof.Cmdline(w, r)
	case "profile":
		pprof.Profile(w, r)
	case "symbol":
		pprof.Symbol(w, r)
	case "trace":
		pprof.Trace(w, r)
	default:
		pprof.Index(w, r)
	}
}

// serveProfiles sends every profile that needs no time to take, as text in an
// archive.
func (h *Handler) serveProfiles(w http.ResponseWriter) {
	var archive bytes.Buffer
	z := gzip.NewWriter(&archive)
	t := tar.NewWriter(z)
	for _, p := range runtimepprof.Profiles() {
		var text bytes.Buffer
		err := p.WriteTo(&text, 1)
		if err == nil {
			err = t.WriteHeader(&tar.Header{Name: p.Name() + ".txt", Mode: 0o600, Size: int64(text.Len()), ModTime: h.opt.Clock.Now()})
		}
		if err == nil {
			_, err = t.Write(text.Bytes())
		}
		if err != nil {
			writeFailure(w, failure{status: http.StatusInternalServerError, text: "profile " + p.Name() + ": " + err.Error()})
			return
		}
	}
	if err := t.Close(); err != nil {
		writeFailure(w, failure{status: http.StatusInternalServerError, text: err.Error()})
		return
	}
	if err := z.Close(); err != nil {
		writeFailure(w, failure{status: http.StatusInternalServerError, text: err.Error()})
		return
	}
	w.Header().Set("Content-Type", "application/gzip")
	w.Header().Set("Content-Disposition", `attachment; filename="profiles.tar.gz"`)
	w.Write(archive.Bytes())
}
