// Package load puts the built program under loads that grow its memory, its files
// or its index, and holds it to what it promises about them.
package load
