// Package shell is the client side of the program: an interactive session with a server, and what scripts need of it:
// one query, a file of line protocol, an import. It speaks /ping, /query and /write of InfluxDB 1.x and so works with
// every server that has them.
//
//	LineReader ──► Session ──┬─ command (use, insert, format, …)
//	 (a terminal,            └─ statement ──► Ask ──► Client.Query ──► server
//	  a script)                                │          │
//	      ▲                                 Printer ◄── pieces, as they arrive
//	      │                                    │
//	  Completer ──► Schema (names, cached)   paging ──► screen or $PAGER
//
//	file ──► Import or WriteLines ──► Feed (batches) ──► Client.Write ──► server
//
// Nouns: a Target is a server and who speaks to it; a Question is the text of one or several statements with what
// belongs to it; an Answer is read in pieces, each a part of one statement's result, so that its size does not matter; a
// Feed collects points into batches and repeats a batch while the server is busy.
//
// The room knows no terminal: lines come from a LineReader, interrupts from a channel, the size of the screen from a
// function. The program connects them to a real one.
package shell
