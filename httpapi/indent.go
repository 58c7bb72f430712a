package httpapi

import "io"

// indenter passes JSON on with line breaks and four spaces a level, as
// encoding/json indents it. It takes the text in pieces of any size and expects
// it without white space between tokens; a line break after a value is kept.
type indenter struct {
	w        io.Writer
	out      []byte
	depth    int
	inString bool
	escaped  bool
	opened   bool // the last token opened an object or array
}

// Write indents p and hands it on.
func (in *indenter) Write(p []byte) (int, error) {
	in.out = in.out[:0]
	for _, c := range p {
		in.take(c)
	}
	if _, err := in.w.Write(in.out); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (in *indenter) take(c byte) {
	if in.inString {
		in.out = append(in.out, c)
		switch {
		case in.escaped:
			in.escaped = false
		case c == '\\':
			in.escaped = true
		case c == '"':
			in.inString = false
		}
		return
	}
	if in.opened && c != '}' && c != ']' {
		in.breakLine()
	}
	switch c {
	case '{', '[':
		in.out = append(in.out, c)
		in.depth++
		in.opened = true
		return
	case '}', ']':
		in.depth--
		if !in.opened {
			in.breakLine()
		}
		in.out = append(in.out, c)
	case ',':
		in.out = append(in.out, c)
		in.breakLine()
	case ':':
		in.out = append(in.out, ':', ' ')
	default:
		in.inString = c == '"'
		in.out = append(in.out, c)
	}
	in.opened = false
}

func (in *indenter) breakLine() {
	in.out = append(in.out, '\n')
	for range in.depth {
		in.out = append(in.out, "    "...)
	}
}
