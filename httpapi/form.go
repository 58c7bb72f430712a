package httpapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// urlParameters returns the parameters of the URL. A semicolon is part of a
// value: people write q=…;… without escaping it. What cannot be read is left
// out.
func urlParameters(r *http.Request) url.Values {
	return parseParameters(r.URL.RawQuery)
}

func parseParameters(s string) url.Values {
	values, _ := url.ParseQuery(strings.ReplaceAll(s, ";", "%3B"))
	return values
}

// requestForm returns the parameters of the body and those given, of the URL; those
// of the body first. Bodies of other types than forms are not looked at. A body that
// is statements, or a file part named q, stands for the parameter q where there is none.
func (b *bodyReader) requestForm(w http.ResponseWriter, r *http.Request, parameters url.Values) (url.Values, error) {
	if r.Method != http.MethodPost {
		return parameters, nil
	}
	form := url.Values{}
	statements, err := b.bodyForm(w, r, form)
	if err != nil {
		return nil, err
	}
	for key, values := range parameters {
		form[key] = append(form[key], values...)
	}
	if statements != "" && strings.TrimSpace(form.Get("q")) == "" {
		form.Set("q", statements)
	}
	return form, nil
}

// bodyForm adds the fields of a body to form and returns the statements that it has besides.
func (b *bodyReader) bodyForm(w http.ResponseWriter, r *http.Request, form url.Values) (statements string, err error) {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "", nil
	}
	switch kind {
	case "application/x-www-form-urlencoded", "application/vnd.influxql", "multipart/form-data":
	default:
		return "", nil
	}
	content, err := b.read(w, r)
	if err != nil {
		return "", err
	}
	defer content.release()
	switch kind {
	case "application/x-www-form-urlencoded":
		for key, values := range parseParameters(string(content.data)) {
			form[key] = values
		}
		return "", nil
	case "application/vnd.influxql":
		return string(content.data), nil
	}
	return multipartForm(string(content.data), parameters["boundary"], form)
}

// multipartForm adds the fields of a multipart body to form and returns the last file named q. Other files are
// passed over.
func multipartForm(content, boundary string, form url.Values) (file string, err error) {
	parts := multipart.NewReader(strings.NewReader(content), boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return file, nil
		}
		if err != nil {
			return "", fmt.Errorf("read multipart form: %w", err)
		}
		name := part.FormName()
		if name == "" || part.FileName() != "" && name != "q" {
			continue
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return "", fmt.Errorf("read multipart form: field %q: %w", name, err)
		}
		if part.FileName() != "" {
			file = string(value)
			continue
		}
		form.Add(name, string(value))
	}
}
