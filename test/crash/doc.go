// Package crash kills the built program under load, again and again, and looks
// for every point that was acknowledged.
package crash
