// Package wal is the write-ahead log: what Append returned and Wait confirmed
// is there again after a crash. There is one log per engine; rows, new series,
// new fields and deletes of all shards share it, and so they share its syncs.
//
//		 Append ─▶ open epoch ─┐                    ┌─ 0000000000000007.wal  released, becomes a spare
//		 Append ─▶ (a buffer)  │ committer          ├─ 0000000000000008.wal
//		 Wait   ◀──────────────┴─ write, fdatasync ─┴▶ 0000000000000009.wal  active: frames │ zeros ahead
//		                          preparer ───────────▶ zeros ahead, next segment
//
//	  - A frame is one checksummed payload with its kind and LSN, the log sequence
//	    number. LSNs ascend in the order of the Append calls.
//	  - A segment is one file of frames. It is filled with zeros before frames
//	    are placed in it and used again after its release, so that syncing a
//	    commit touches no metadata of the file.
//	  - An epoch is what is committed together: while one is written and synced,
//	    the next one fills. Nobody waits for a timer.
//	  - A spare is a released segment that waits for its next use. Its old frames
//	    never parse again, because the checksum starts from the generation that
//	    each use of a file gets.
//
// A failed write or sync is never tried again, because the kernel may drop the
// pages and let the second try succeed. The log is poisoned instead: nothing is
// confirmed any more until it is opened anew and reads what is really there.
// A full disk is different. Space is secured before Append takes a frame, so
// Append fails with ErrNoSpace, nothing is lost and the log goes on by itself
// when there is space again.
//
// Recovery replays in order of the LSNs and tells three kinds of damage apart. The torn
// tail of the last epoch, which nobody was told to be durable, is cut off. A
// hole in what had been durable is reported, its segment is copied to the
// quarantine, and all later frames are replayed. A file that cannot be read is
// set aside and reported.
//
// The codecs of the engine's entries (Series, Fields, Rows, Delete) live here
// too; what they mean, and which segments may be released when, is the
// engine's matter. docs/formats/wal.md describes every byte.
package wal
