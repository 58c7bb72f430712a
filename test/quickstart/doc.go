// Package quickstart does what the README tells a newcomer to do and holds the
// answers against what the README shows.
package quickstart
