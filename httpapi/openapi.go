package httpapi

import (
	_ "embed"
	"net/http"
	"strconv"
)

// openAPI describes the route table. It is written by hand; a test compares the two.
//
//go:embed openapi.yaml
var openAPI []byte

// serveOpenAPI is GET /openapi.yaml.
func (h *Handler) serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Content-Length", strconv.Itoa(len(openAPI)))
	w.Write(openAPI)
}
