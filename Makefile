DEADCODE    := golang.org/x/tools/cmd/deadcode@v0.52.0
# SQLite is C turned into Go, without goroutines: watching each of its memory accesses takes most of the time and finds nothing.
NORACE      := modernc.org/sqlite/lib=-race=false
GOLANGCI    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.DEFAULT_GOAL := help
.PHONY: help build test race promises lint format quickstart bench fuzz ci

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## compile everything
	go build ./...

test: ## run the tests (offline; PostgreSQL tests need the server's binaries)
	go test ./...

race: ## run the tests with the race detector, as CI does
	CI=true go test -race -gcflags=$(NORACE) ./...

promises: ## show promises R1 to R17 kept on both databases, with figures: a table
	@bash -o pipefail -c "go test ./store -count=1 -v -bench Transitions -benchtime 5000x | awk '/^ *--- FAIL/ || /database  *what ran/ {t=1} t'"

lint: ## golangci-lint (staticcheck, gofumpt and others), dead code, house rules
	go run $(GOLANGCI) run ./...
	@test -z "$$(go run $(DEADCODE) -test ./... | tee /dev/stderr)"
	go test ./internal/lint

format: ## format every file
	go run $(GOLANGCI) fmt

quickstart: ## answer a research request from synthetic data
	go run ./examples/quickstart

bench: ## run the benchmarks of the library and of benchmarks/
	go test -run '^$$' -bench . -benchmem ./...
	cd benchmarks && go test -run '^$$' -bench . -benchmem ./...

fuzz: ## run one fuzz target: make fuzz PKG=./internal/fhirjson TARGET=FuzzParse
	go test -run '^$$' -fuzz '^$(TARGET)$$' -fuzztime 60s $(PKG)

ci: ## everything a change must pass
	bash .ci/run
