# The targets are the same on a developer's machine and in continuous integration.

GO ?= go

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)

.PHONY: build test race lint fuzz bench bench-peers cover crash-long differential clean

build: ## the binary, without cgo
	CGO_ENABLED=0 $(GO) build -ldflags '-X main.version=$(VERSION)' -o timberline ./cmd/timberline

test: ## every suite, with its own set-up; closes with the totals
	@$(GO) run ./test/run

race: ## the race detector over the rooms that share memory
	$(GO) test -race -timeout 20m ./model/... ./internal/... ./lineproto/... ./wal/... ./index/... ./tsm/... ./tsdb/... ./query/... ./ingest/... ./httpapi/... ./server/...

lint: ## the rules of the house
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	$(GO) test -count=1 ./internal/lint

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
