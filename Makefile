# make run      the main job, in the built-in lab: no router needed
# make test     all tests; those that make namespaces need root, and use sudo
# make build    bin/lanstorm, one static binary with the features inside
# make check    gofmt, go vet, staticcheck, and actionlint for the workflows
# make cross    the binary for every machine it is meant for
# make deb      packages for Debian and Raspberry Pi OS, into dist/
# make deb-test installs, uses, upgrades, removes and purges one, in a Debian made by
#               mmdebstrap; takes two minutes
# make release  the binaries, the packages and SHA256SUMS, in dist/
# make bench    what clients cost, and what they cost others, into docs/benchmarks.md;
#               takes twenty-five minutes
# make interop  lanstorm and udhcpc against DHCP servers from Debian's packages, and
#               what the DHCP features say of these, and lanstorm against routers of
#               IPv6, into docs/interop.md; takes half an hour
# make kernels  the features and some tests on Debian's kernels in QEMU, into
#               docs/kernels.md; takes an hour; KERNELS="bookworm-arm64 ..." or here
#               for fewer
# make fuzz     every fuzz target, FUZZTIME each

GO       ?= go
FUZZTIME ?= 60s
VERSION  := $(shell packaging/version)
BUILD     = CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)"
SUDO     := $(shell test "$$(id -u)" = 0 || echo sudo)

.PHONY: build run test check cross deb deb-test release bench interop kernels fuzz clean

build:
	$(BUILD) -o bin/lanstorm ./cmd/lanstorm

run: build
	$(SUDO) bin/lanstorm run --tags @smoke

# Tests are built as the user and run as root, so that no cache of the user's
# gets files of root's. The race detector needs a C compiler and, on arm64, a
# kernel with 48-bit addresses. gotestsum says at the end which tests failed, with what
# they printed, and which were skipped.
test:
	@race=-race; $(GO) test -race -run '^$$' ./internal/config >/dev/null 2>&1 || \
		{ race=; echo "make test: without the race detector, which does not work here"; }; \
	set -x; $(GO) run gotest.tools/gotestsum@v1.13.0 --format standard-verbose -- \
		$$race -count=1 -timeout 30m $(if $(SUDO),-exec "$(SUDO) -E") ./...

check:
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) run github.com/rhysd/actionlint/cmd/actionlint@v1.7.7

cross:
	GOOS=linux GOARCH=arm64 $(BUILD) -o bin/lanstorm-arm64 ./cmd/lanstorm
	GOOS=linux GOARCH=arm GOARM=7 $(BUILD) -o bin/lanstorm-armv7 ./cmd/lanstorm
	GOOS=linux GOARCH=arm GOARM=6 $(BUILD) -o bin/lanstorm-armv6 ./cmd/lanstorm
	GOOS=linux GOARCH=amd64 $(BUILD) -o bin/lanstorm-amd64 ./cmd/lanstorm

# For 32-bit systems there is one package, for Raspberry Pi OS calls a Pi Zero's
# processor armhf, too. nfpm is no dependency of lanstorm's.
NFPM = $(GO) run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2 package --config packaging/nfpm.yaml --packager deb --target dist/

deb: build cross
	rm -rf dist
	mkdir -p bin/completions dist
	for shell in bash zsh fish; do bin/lanstorm completion $$shell >bin/completions/lanstorm.$$shell || exit; done
	for arch in arm64:arm64 armv6:armhf amd64:amd64; do \
		VERSION=$(VERSION) BINARY=bin/lanstorm-$${arch%:*} ARCH=$${arch#*:} $(NFPM) || exit; \
	done

# It says what to install if something is missing.
deb-test: deb
	$(SUDO) packaging/test

release: deb
	cp bin/lanstorm-a* dist/
	cd dist && sha256sum lanstorm?* >SHA256SUMS

# It says what to install if something is missing.
bench:
	$(GO) build -ldflags "-X main.version=$(VERSION)" -o bin/bench ./bench
	$(SUDO) bin/bench -document docs/benchmarks.md

# It says what to install if something is missing.
interop:
	$(GO) build -o bin/interop ./interop
	$(SUDO) bin/interop -document docs/interop.md

# It says what to install if something is missing.
kernels:
	kernels/run $(KERNELS)

# A worker that is cut off in the middle of an input at the end of its time is
# reported as a failure, of which no failing input is told.
fuzz:
	@log=$$(mktemp); failed=0; for f in $$(grep -rlE '^func Fuzz' --include=*_test.go .); do \
		for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9]+).*/\1/p' $$f); do \
			echo "== $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) ./$$(dirname $$f) >$$log 2>&1 || \
				{ grep -q 'context deadline exceeded' $$log && ! grep -q 'Failing input' $$log; } || \
				{ cat $$log; failed=1; }; \
			tail -n 3 $$log; \
		done; done; rm -f $$log; exit $$failed

clean:
	rm -rf bin dist
