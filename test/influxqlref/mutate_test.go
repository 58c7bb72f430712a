package influxqlref

import "strings"

// vocabulary holds lexemes to put in wrong places.
var vocabulary = strings.Fields(`SELECT FROM WHERE GROUP BY ORDER LIMIT OFFSET SLIMIT SOFFSET INTO AS AND OR ON WITH KEY KEYS TAG FIELD SHOW
	CREATE DROP ALTER DATABASE RETENTION POLICY DURATION REPLICATION SHARD DEFAULT INF FUTURE PAST NAME EXACT CARDINALITY MEASUREMENT
	MEASUREMENTS SERIES VALUES IN USER PASSWORD GRANT REVOKE ALL PRIVILEGES READ WRITE TO FOR BEGIN END RESAMPLE EVERY EXPLAIN ANALYZE
	VERBOSE DISTINCT ASC DESC DELETE KILL QUERY QUERIES SET CONTINUOUS SUBSCRIPTION DESTINATIONS ANY STATS INSERT true false
	( ) , ; : :: . * + - / % & | ^ = != <> < <= > >= =~ !~ ! ~ @ # ? [ ] { } ' " $ \ /a/ 'x' "y" 1 1.5 1h .5 1. 5m5 -- /* */
	$id $re $str $missing $bad :MEASUREMENT fill(0) tz('UTC') time(1m) cpu a.b.c a..b time now()`)

// strays are single characters to put in wrong places.
var strays = []string{"\x00", "\r", "\n", "\t", " ", "\xff", "é", "µ", "\\", "'", "\"", "/", "*", "-", "$", ".", ":", ";", ",", "(", ")", "0", "9", "a", "_", "!", "~", "=", "\u2028", "\xe2\x82"}

// pieces cuts a text roughly into lexemes, so that joining them yields it again.
func pieces(text string) []string {
	var all []string
	start := 0
	for i := 1; i <= len(text); i++ {
		if i < len(text) && isWordByte(text[i-1]) && isWordByte(text[i]) {
			continue
		}
		all = append(all, text[start:i])
		start = i
	}
	return all
}

func isWordByte(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || b >= 0x80
}

// mutate makes one to three random changes.
func (g *generator) mutate(text string) string {
	for range 1 + g.Intn(3) {
		if text == "" {
			return text
		}
		if g.Intn(4) == 0 {
			at := g.Intn(len(text) + 1)
			text = text[:at] + g.one(strays...) + text[at:]
			continue
		}
		parts := pieces(text)
		i := g.Intn(len(parts))
		switch g.Intn(7) {
		case 0:
			parts[i] = ""
		case 1:
			parts[i] += " " + parts[i]
		case 2:
			j := g.Intn(len(parts))
			parts[i], parts[j] = parts[j], parts[i]
		case 3, 4:
			parts[i] = g.one(vocabulary...)
		case 5:
			parts[i] += g.one(" ", "") + g.one(vocabulary...) + g.one(" ", "")
		case 6:
			parts = parts[:i+1]
		}
		text = strings.Join(parts, "")
	}
	return text
}
