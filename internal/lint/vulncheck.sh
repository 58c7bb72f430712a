#!/bin/sh
# vulncheck.sh PROGRAM runs govulncheck over the module. With VULNDB it reads the
# copy of the database in that folder, otherwise the one of the Go project. Only a run that happened may end well
# without words: when the database cannot be reached, that is said, in capitals, and nothing is claimed.
program=$1
go=${GO:-go}
if [ -n "$VULNDB" ]; then
	if [ ! -f "$VULNDB/index/db.json" ] && [ ! -f "$VULNDB/index/modules.json" ]; then
		echo "vulncheck: $VULNDB is no vulnerability database: it has no index/modules.json" >&2
		exit 1
	fi
	exec "$go" run "$program" -db "file://$(cd "$VULNDB" && pwd)" ./...
fi
out=$("$go" run "$program" ./... 2>&1)
status=$?
case $out in
*"fetching vulnerabilities"* | *"no such host"* | *"connection refused"* | *"i/o timeout"*)
	cat >&2 <<-END
	vulncheck: NOT RUN, the vulnerability database cannot be reached:
	$(printf '%s\n' "$out" | head -n 3)
	vulncheck: to run it here, fetch https://vuln.go.dev/vulndb.zip elsewhere, unpack it, and call
	vulncheck:     make vulncheck VULNDB=/path/to/the/folder
	END
	exit 0
	;;
esac
printf '%s\n' "$out"
exit $status
