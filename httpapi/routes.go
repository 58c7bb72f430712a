package httpapi

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// newRouter registers the route table. This is the only file that knows echo.
// Every path also answers OPTIONS, which browsers send before they ask.
// What serves a row is up to guard.
func newRouter(table []Endpoint, guard func(Endpoint) http.HandlerFunc) http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = routeFailed
	paths := map[string]bool{}
	for _, row := range table {
		e.Add(row.Method, row.Path, plainHandler(guard(row)))
		if !paths[row.Path] {
			paths[row.Path] = true
			e.Add(http.MethodOptions, row.Path, plainHandler(serveOptions))
		}
	}
	return e
}

func plainHandler(h http.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		for i, name := range c.ParamNames() {
			if name != "*" {
				r.SetPathValue(name, c.ParamValues()[i])
			}
		}
		h(c.Response().Writer, r)
		return nil
	}
}

// routeFailed answers requests that no route takes.
func routeFailed(err error, c echo.Context) {
	w, v2 := c.Response().Writer, speaksV2(c.Request().URL.Path)
	switch {
	case errors.Is(err, echo.ErrNotFound):
		routeNotFound(w, v2)
	case errors.Is(err, echo.ErrMethodNotAllowed):
		methodNotAllowed(w, v2, allowedMethods(w.Header().Get(echo.HeaderAllow)))
	default:
		writeFailure(w, failure{status: http.StatusInternalServerError, text: err.Error()})
	}
}

// allowedMethods sorts the methods that the router found and names each once.
func allowedMethods(allow string) string {
	methods := strings.Split(allow, ", ")
	slices.Sort(methods)
	return strings.Join(slices.Compact(methods), ", ")
}

func serveOptions(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

func routeNotFound(w http.ResponseWriter, v2 bool) {
	if v2 {
		writeFailureV2(w, failure{status: http.StatusNotFound, text: "path not found"})
		return
	}
	writePlain(w, http.StatusNotFound, "404 page not found")
}

func methodNotAllowed(w http.ResponseWriter, v2 bool, allow string) {
	w.Header().Set("Allow", allow)
	if v2 {
		writeFailureV2(w, failure{status: http.StatusMethodNotAllowed, text: "allow: " + allow})
		return
	}
	writePlain(w, http.StatusMethodNotAllowed, http.StatusText(http.StatusMethodNotAllowed))
}
