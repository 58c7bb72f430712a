// Package listen takes points from what does not speak HTTP: line protocol in
// datagrams, Graphite, OpenTSDB and collectd.
//
//	socket ──▶ protocol ──▶ line protocol ──▶ batcher ──▶ Door
//	           (graphite.go …)                (bounded queue, one writer)
//
// Its nouns: a Listener is one socket with its protocol; a batcher collects
// points until there are enough or the oldest has waited long enough, and hands
// them to the Door, which is the door that HTTP writes go through too. A batch
// that the door is too busy for is tried again; a batch for which the queue has
// no room is dropped and counted when it came in a datagram, and waited for when
// it came over a connection, so that the sender slows down.
//
// None of these protocols knows users. A listener is off until it is configured,
// and whoever reaches its address may write to its database.
package listen
