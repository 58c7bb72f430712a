// Package hostile attacks the built program as somebody would who reaches its port: with bodies that inflate, connections
// that never end their sentence, names that look like paths, statements made to cost. While an attack lasts a calm client
// writes and asks; it must not become slower than three times what it was before, the memory limit holds, and every answer
// is an error in the form that clients know.
package hostile
