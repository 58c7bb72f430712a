package differential

import "regexp"

// difference is something that later versions of 1.x answer otherwise than the one of the machine.
type difference struct {
	reason    string
	statement *regexp.Regexp // that the statement matches; nil: any
	theirs    *regexp.Regexp // that the answer of the older version matches; nil: any
	ours      *regexp.Regexp // that the answer of the program matches; nil: any
}

// differences are all that is explained.
var differences = []difference{}

// explain returns why two answers differ, "" when they should not.
func explain(statement, theirs, ours string) string {
	for _, d := range differences {
		if matches(d.statement, statement) && matches(d.theirs, theirs) && matches(d.ours, ours) {
			return d.reason
		}
	}
	return ""
}

func matches(re *regexp.Regexp, s string) bool { return re == nil || re.MatchString(s) }
