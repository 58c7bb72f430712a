package lineproto

import (
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/model"
)

// now is the time of the tests' lines without a timestamp.
const now = 1700000000123456789

// TestContract has a row for each line that clients may send and what they
// are answered. Where v1 and v2 of the protocol differ, v2 says which.
func TestContract(t *testing.T) {
	m := func(fields string) string { return `"m" | ` + fields + ` | 1700000000123456789` }
	refused := func(line, reason string) string { return "1: '" + line + "': " + reason }
	type row struct {
		number int
		line   string
		want   string
		v2     bool
	}
	var rows []row
	add := func(number int, line, want string) { rows = append(rows, row{number: number, line: line, want: want}) }
	refuse := func(number int, reason string, lines ...string) {
		for _, line := range lines {
			add(number, line, refused(line, reason))
		}
	}
	const rangeError = "time outside range -9223372036854775806 - 9223372036854775806"

	add(1, `m f=1`, m(`"f"=float 1`))
	add(2, `m f=1i`, m(`"f"=integer 1`))
	add(3, `m f=1u`, m(`"f"=unsigned 1`))
	refuse(4, "invalid number", `m f=-1u`)
	add(5, `m f=1.`, m(`"f"=float 1`))
	add(5, `m f=.5`, m(`"f"=float 0.5`))
	add(5, `m f=-.5`, m(`"f"=float -0.5`))
	add(6, `m f=1e5`, m(`"f"=float 100000`))
	add(6, `m f=1E+5`, m(`"f"=float 100000`))
	refuse(7, "invalid float", `m f=1e`)
	refuse(8, "invalid float", `m f=1e400`, `m f=-1e400`)
	add(9, `m f=5e-324`, m(`"f"=float 5e-324`))
	add(10, `m f=00012`, m(`"f"=float 12`))
	refuse(11, "invalid boolean", `m f=+1`)
	refuse(12, "invalid number", `m f=1i2`, `m f=1.0i`, `m f=1e5i`, `m f=1ii`, `m f=1-2`, `m f=1..2`, `m f=0x1`,
		`m f=-`, `m f=.`, `m f=-.`, `m f=-i`, `m f=--1i`, `m f=1_000`, `m f=1i,g=1i2`)
	refuse(13, "invalid float", `m f=1e5e5`, `m f=1e5.5`, `m f=-e5`)
	add(14, `m f=9223372036854775807i`, m(`"f"=integer 9223372036854775807`))
	add(14, `m f=-9223372036854775808i`, m(`"f"=integer -9223372036854775808`))
	add(14, `m f=18446744073709551615u`, m(`"f"=unsigned 18446744073709551615`))
	for _, n := range []string{"9223372036854775808", "-9223372036854775809", "99999999999999999999"} {
		refuse(15, `unable to parse integer `+n+`: strconv.ParseInt: parsing "`+n+`": value out of range`, `m f=`+n+`i`)
	}
	refuse(16, `unable to parse unsigned 18446744073709551616: strconv.ParseUint: parsing "18446744073709551616": value out of range`,
		`m f=18446744073709551616u`)
	refuse(17, "invalid number", `m f=NaN`, `m f=nan`, `m f=-Inf`, `m f=N`)
	refuse(18, "invalid boolean", `m f=Inf`, `m f=inf`)
	for _, v := range []string{"t", "T", "true", "True", "TRUE"} {
		add(19, `m f=`+v, m(`"f"=boolean true`))
	}
	for _, v := range []string{"f", "F", "false", "False", "FALSE"} {
		add(19, `m f=`+v, m(`"f"=boolean false`))
	}
	refuse(20, "invalid boolean", `m f=tRUE`, `m f=True1`, `m f=yes`, `m f=unquoted`, `m f=falsey`, `m f=t=1`)
	add(21, `m f=""`, m(`"f"=string ""`))
	add(22, `m f="a b,c=d"`, m(`"f"=string "a b,c=d"`))
	add(23, "m f=\"line1\nline2\" 1", `"m" | "f"=string "line1\nline2" | 1`)
	add(24, `m f="q\"q"`, m(`"f"=string "q\"q"`))
	add(24, `m f="b\\s"`, m(`"f"=string "b\\s"`))
	add(24, `m f="\\"`, m(`"f"=string "\\"`))
	add(24, `m f="\\\"\\"`, m(`"f"=string "\\\"\\"`))
	add(25, `m f="x\ny"`, m(`"f"=string "x\\ny"`))
	add(26, `m f="C:\dir"`, m(`"f"=string "C:\\dir"`))
	refuse(27, "unbalanced quotes", `m f="unterminated`, `m f="`, `m f="\"`, "m f=\"a\nm f=1")
	refuse(28, "invalid field format", `m f="a"b`, `m f="a""b"`)
	refuse(29, "missing field value", `m f=`, `m f=,g=1`, `m f=1,g=`)
	refuse(30, "missing field value", `m f= 1`)
	refuse(31, "invalid field format", `m f`, `m `, `m f g=1`, `m f=1,g`)
	refuse(32, "missing fields", `m`, `m,t=v`)
	refuse(33, "missing measurement", `,t=v f=1`, `,`)
	refuse(34, "missing tag value", `m,t= f=1`, `m,t f=1`, `m,t`, `m,t=`, `m,t=,u=1 f=1`, `m,t,u=1 f=1`)
	refuse(35, "missing tag key", `m,=v f=1`, `m, f=1`, `m,t=v,u=w,, f=1`, `m,`)
	refuse(36, "invalid tag format", `m,t=a=b f=1`, `m,t=a=b,u=c f=1`)
	add(37, `m,t=a\=b f=1`, `"m" "t"="a=b" | "f"=float 1 | 1700000000123456789`)
	add(37, `m,t=a\,b f=1`, `"m" "t"="a,b" | "f"=float 1 | 1700000000123456789`)
	add(37, `m,t=a\ b f=1`, `"m" "t"="a b" | "f"=float 1 | 1700000000123456789`)
	add(38, `m\ x f=1`, `"m x" | "f"=float 1 | 1700000000123456789`)
	add(38, `m\,x f=1`, `"m,x" | "f"=float 1 | 1700000000123456789`)
	add(39, `m\=x f=1`, `"m=x" | "f"=float 1 | 1700000000123456789`)
	add(40, `m=x f=1`, `"m=x" | "f"=float 1 | 1700000000123456789`)
	add(41, `m,t\ k=v f=1`, `"m" "t k"="v" | "f"=float 1 | 1700000000123456789`)
	add(41, `m,t\,k=v f=1`, `"m" "t,k"="v" | "f"=float 1 | 1700000000123456789`)
	add(41, `m,t\=k=v f=1`, `"m" "t=k"="v" | "f"=float 1 | 1700000000123456789`)
	add(42, `m f\ k=1`, m(`"f k"=float 1`))
	add(42, `m f\,k=1`, m(`"f,k"=float 1`))
	add(42, `m f\=k=1`, m(`"f=k"=float 1`))
	add(42, `m a\b=1`, m(`"a\\b"=float 1`))
	add(43, `m,t=a\\b f=1`, `"m" "t"="a\\\\b" | "f"=float 1 | 1700000000123456789`)
	add(44, `m,t=C:\dir f=1`, `"m" "t"="C:\\dir" | "f"=float 1 | 1700000000123456789`)
	refuse(45, "invalid tag format", `m,t=v\ f=1`)
	refuse(46, "missing fields", `m\ f=1`)
	add(47, `m,b=1,a=2 f=1`, `"m" "a"="2" "b"="1" | "f"=float 1 | 1700000000123456789`)
	refuse(48, "duplicate tags", `m,a=1,a=2 f=1`, `m,a=1,b=3,a=2 f=1`)
	add(49, `m f=1,f=2`, m(`"f"=float 2`))
	add(50, `m f=1,f=2i`, m(`"f"=float 1 "f"=integer 2`))
	refuse(51, "missing field key", `m =1`, `m f=1,=2`, `m  =1`)
	refuse(52, "invalid field format", `m ,f=1`, `m f=1,`, `m f=1, g=2`)
	refuse(53, "bad timestamp", `m f=1 ,g=2`)
	add(54, `m  f=1`, m(`"f"=float 1`))
	add(54, `m f=1  5`, `"m" | "f"=float 1 | 5`)
	add(54, `m f=1 5 `, `"m" | "f"=float 1 | 5`)
	add(54, `m f=1  `, m(`"f"=float 1`))
	refuse(55, "missing fields", "m\tf=1")
	refuse(56, "invalid number", "m f=1\t5")
	add(57, "\tm f=1", m(`"f"=float 1`))
	add(57, "\x00 \tm f=1", m(`"f"=float 1`))
	refuse(58, "point is invalid", `m f=1 5 6`, "m f=1 5 \t")
	refuse(59, "bad timestamp", `m f=1 abc`, `m f=1 1.5`, `m f=1 1-5`, `m f=1 +5`, "m f=1 5\t")
	add(60, `m f=1 -5`, `"m" | "f"=float 1 | -5`)
	refuse(61, `strconv.ParseInt: parsing "-": invalid syntax`, `m f=1 -`)
	refuse(62, rangeError, `m f=1 9223372036854775807`, `m f=1 -9223372036854775808`, `m f=1 -9223372036854775807`)
	add(62, `m f=1 9223372036854775806`, `"m" | "f"=float 1 | 9223372036854775806`)
	add(62, `m f=1 -9223372036854775806`, `"m" | "f"=float 1 | -9223372036854775806`)
	refuse(63, `strconv.ParseInt: parsing "99999999999999999999": value out of range`, `m f=1 99999999999999999999`)
	refuse(63, `strconv.ParseInt: parsing "-9999999999999999999": value out of range`, `m f=1 -9999999999999999999`)
	add(64, "# c\nm f=1 5", `"m" | "f"=float 1 | 5`)
	add(64, "  # c f=\"\nm f=1 5\n# end", `"m" | "f"=float 1 | 5`)
	add(64, "\n  \n\t\n", "")
	add(65, `m #f=1`, m(`"#f"=float 1`))
	add(66, "m f=1 5\r\n", `"m" | "f"=float 1 | 5`)
	add(67, "m f=1\r\nm f=t\r\nm f=\"\r\"\r\n\r\n", m(`"f"=float 1`)+"\n"+m(`"f"=boolean true`)+"\n"+m(`"f"=string "\r"`))
	add(67, "m f=1\r\r\n", "1: 'm f=1\r': invalid number")
	add(68, "m f=1 1\nbad\nm f=3 3", `"m" | "f"=float 1 | 1`+"\n"+`"m" | "f"=float 3 | 3`+"\n2: 'bad': missing fields")
	add(69, `m,time=x f=1`, `"m" "time"="x" | "f"=float 1 | 1700000000123456789`)
	add(70, `m time=5`, m(`"time"=float 5`))
	add(71, `m,_measurement=x f=1`, `"m" "_measurement"="x" | "f"=float 1 | 1700000000123456789`)
	add(71, `m,_field=x f=1`, `"m" "_field"="x" | "f"=float 1 | 1700000000123456789`)
	for _, key := range []string{"time", "_measurement", "_field"} {
		line := "m,a=b," + key + "=x f=1"
		rows = append(rows, row{71, line, refused(line, `cannot use reserved tag key "`+key+`"`), true})
	}
	rows = append(rows, row{71, `m,a=\,time f=1`, `"m" "a"=",time" | "f"=float 1 | 1700000000123456789`, true})
	add(72, `m,t="v" f=1`, `"m" "t"="\"v\"" | "f"=float 1 | 1700000000123456789`)
	add(72, `"m" f=1`, `"\"m\"" | "f"=float 1 | 1700000000123456789`)
	add(73, `m,t=日本 f="ü" 5`, `"m" "t"="日本" | "f"=string "ü" | 5`)
	add(74, "m,t=a\x00b f=1", `"m" "t"="a\x00b" | "f"=float 1 | 1700000000123456789`)
	add(75, "m,t=a\nb f=1", `"b" | "f"=float 1 | 1700000000123456789`+"\n1: 'm,t=a': missing fields")
	add(75, "m,t=a\\\nb f=1", `"b" | "f"=float 1 | 1700000000123456789`+"\n1: 'm,t=a\\': missing fields")
	add(76, `_m f=1`, `"_m" | "f"=float 1 | 1700000000123456789`)
	add(76, `m _f=1`, m(`"_f"=float 1`))
	refuse(77, "max key length exceeded: 65562 > 65535", strings.Repeat("m", 65500)+" "+strings.Repeat("f", 58)+"=1")
	refuse(77, "max key length exceeded: 65536 > 65535", strings.Repeat("m", 65536)+" f=1")
	refuse(77, "max key length exceeded: 65545 > 65535", "m "+strings.Repeat("f", 65540)+"=1")
	add(78, "", "")
	refuse(79, "invalid field format", `m,t=v,f=1 5`)
	add(80, "p,host=a f=1 1\np,host=a f=9 1", `"p" "host"="a" | "f"=float 1 | 1`+"\n"+`"p" "host"="a" | "f"=float 9 | 1`)

	for _, row := range rows {
		for name, parse := range parsers {
			var b model.Batch
			parse(&b, []byte(row.line), Options{Now: now, V2: row.v2})
			checkBatch(t, &b)
			if got := brief(&b); got != row.want {
				t.Errorf("row %d, %s: %.200q\n got %.300s\nwant %.300s", row.number, name, row.line, got, row.want)
			}
		}
	}
}
