# The targets are the same on a developer's machine and in continuous integration.

GO ?= go

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)

.PHONY: build test race lint vet staticcheck gosec golangci vulncheck fuzz bench bench-peers cover crash-long differential clean

build: ## the binary, without cgo
	CGO_ENABLED=0 $(GO) build -ldflags '-X main.version=$(VERSION)' -o timberline ./cmd/timberline

test: ## every suite, with its own set-up; closes with the totals
	@$(GO) run ./test/run

race: ## the race detector over the rooms that share memory
	$(GO) test -race -timeout 20m ./model/... ./internal/... ./lineproto/... ./wal/... ./index/... ./tsm/... ./tsdb/... ./query/... ./ingest/... ./httpapi/... ./server/...

# What each of these leaves out, and why, is in docs/decisions/0011-lint.md.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOSEC = github.com/securego/gosec/v2/cmd/gosec@v2.27.0
GOLANGCI = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.8.0

lint: vet staticcheck gosec golangci vulncheck ## the rules of the house
	$(GO) test -count=1 ./internal/lint

vet:
	$(GO) vet ./...

staticcheck:
	$(GO) run $(STATICCHECK) ./...

GOSEC_BY_PATH = /internal/(slab|inflate)/:G103;/internal/vfs/os\.go$$:G304;/test/[a-z0-9]+/:G204,G301,G302,G304,G306
gosec:
	$(GO) run $(GOSEC) -quiet -exclude=G104,G115 -exclude-rules='$(GOSEC_BY_PATH)' ./...

golangci:
	$(GO) run $(GOLANGCI) run ./...

VULNDB ?=
vulncheck: ## known vulnerabilities of what is linked; VULNDB=<folder> asks a copy of the database instead of the network
	@GO='$(GO)' VULNDB='$(VULNDB)' sh internal/lint/vulncheck.sh $(GOVULNCHECK)

FUZZTIME ?= 30s
fuzz: ## every fuzz target for FUZZTIME
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "== $$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
	  done; done

bench: ## every Go benchmark, once
	$(GO) test -run '^$$' -bench . -benchmem ./...

BENCH_FLAGS ?=
bench-peers: build ## Timberline beside other servers, in turns, every row: docs/bench.md
	$(GO) run ./test/bench $(BENCH_FLAGS)

cover: ## statement coverage by package
	$(GO) test -coverprofile=coverage.out ./... && $(GO) tool cover -func=coverage.out | tail -n 1

crash-long: ## at least 100,000 recoveries after power cuts, noted in crash-ledger.jsonl
	TIMBERLINE_CRASH_RECOVERIES=100000 TIMBERLINE_CRASH_LEDGER=$(CURDIR)/crash-ledger.jsonl \
	  $(GO) test -count=1 -timeout 6h -run 'TestPowerCut|TestCrashLosesNothingAcknowledged' -v ./server ./tsdb

STATEMENTS ?= 8000
differential: ## answers beside those of an installed InfluxDB 1.x
	TIMBERLINE_DIFFERENTIAL=$(STATEMENTS) $(GO) test -count=1 -timeout 30m -v ./test/differential

clean:
	rm -f timberline coverage.out
