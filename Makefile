# Grapevine: what there is to do, by name. `make help` lists it.

# Debian packages that the toolchain needs to link: the C and C++ libraries' development files, SQLite's, in which
# GrapevineStore keeps tuples, libsodium's, in which GrapevineSecurity keeps keys and signs, OpenSSL's, with which it
# seals, ZeroMQ's, and CZMQ's, whose nodes of zgossip tests meet.
PACKAGES := libc6-dev g++ libsqlite3-dev libsodium-dev libssl-dev libzmq3-dev libczmq-dev

RUN_ARGUMENTS ?= demo --nodes 8 --messages 100
BENCH_ARGUMENTS ?=
TEST_SECONDS ?= 1200
RUNS ?= 500000
CAMPAIGN_RUNS ?= 200
TUPLE_RUNS ?= 10000
ORDER_RUNS ?= 10000
PREFIX ?= /usr/local

# One set of flags for every release build of the command, so that no target undoes another's build.
# On Linux the Swift runtime goes into the executable, which then starts faster and needs no Swift to run.
LINUX := $(filter Linux,$(shell uname -s))
RELEASE := swift build -c release $(if $(LINUX),--static-swift-stdlib) $(shell Scripts/linker-flags)
RELEASE_BIN := .build/release

# Warnings as errors changes the compiler's flags, so these builds have a directory of their own.
STRICT := -Xswiftc -warnings-as-errors --scratch-path .build/strict
FORMATTED := Sources Tests Package.swift $(wildcard Examples Fuzz)

LIBRARY := swift build -c release --scratch-path .build/library --product Grapevine
LIBRARY_BIN := .build/library/release
LIBRARY_MODULES := GrapevineCore GrapevineTransport Grapevine

# The fuzz targets are single modules: the sources of the core, and of what reads foreign wires without its imports.
FUZZER := swiftc -O -parse-as-library -swift-version 6 -enable-experimental-feature Lifetimes \
  -module-name GrapevineFuzz -package-name grapevine -sanitize=fuzzer,address
FUZZ_RUN := SWIFT_BACKTRACE=enable=no .build/fuzz
DIALECTS := GrapevineDialect GossipPython ClojureGossip

help:  ## Say what there is
	@sed -n 's/^\([a-z]*\):.*##/  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

run: toolchain  ## Run a demo: 8 nodes, 100 messages (RUN_ARGUMENTS="...")
	$(RELEASE) --product grapevine
	$(RELEASE_BIN)/grapevine $(RUN_ARGUMENTS)

test: toolchain $(if $(LINUX),libpittacus zgossip-peers)  ## Run all tests
	$(if $(LINUX),.build/pittacus/api)
	Scripts/run-tests $(TEST_SECONDS)

# The library for C, and the program that drives all of it, which `test` runs and `bench` measures with.
libpittacus: toolchain
	Scripts/pittacus-library out
	$(CC) -std=gnu11 -Wall -Wextra -Werror -O1 -I out/include Tests/PittacusLibrary/api.c \
	  -o .build/pittacus/api -L out/lib -lpittacus -Wl,-rpath,$(CURDIR)/out/lib

# Real nodes of zgossip, which `test` lets ours meet and `bench` measures beside them.
zgossip-peers: toolchain
	@mkdir -p .build/zgossip
	$(CC) -std=gnu11 -Wall -Wextra -Werror -O2 Tests/ZGossipPeers/peer.c -o .build/zgossip/peer -lczmq -lzmq

bench: toolchain $(if $(LINUX),libpittacus zgossip-peers)  ## Measure, beside plain C programs (BENCH_ARGUMENTS="...")
	$(RELEASE)
	$(if $(LINUX),$(MAKE) -C Benchmarks/floor)
	$(if $(LINUX),$(MAKE) .build/pittacus/rate)
	$(RELEASE_BIN)/grapevine bench $(BENCH_ARGUMENTS)

# What `bench` measures libpittacus with, between two processes: it is told which library file to load.
.build/pittacus/rate: Benchmarks/pittacus/rate.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -Wall -Wextra -Werror -I Sources/CPittacus/include $< -o $@ -ldl

check: toolchain $(if $(LINUX),zgossip-peers)  ## Check the format, build with warnings as errors, run all tests
	swift format lint --strict --parallel --recursive $(FORMATTED)
	swift build --build-tests $(STRICT)
	Scripts/run-tests $(TEST_SECONDS) $(STRICT)

fuzz: toolchain  ## Fuzz what nodes and peers of other systems read (RUNS=10000000)
	mkdir -p .build/fuzz/corpus .build/fuzz/corpus-dialects .build/fuzz/corpus-pittacus \
	  .build/fuzz/corpus-zgossip .build/fuzz/corpus-sealed
	$(FUZZER) $$(find Sources/GrapevineCore -name '*.swift') Fuzz/fuzz-node.swift -o .build/fuzz/fuzz-node
	cat $$(find $(DIALECTS:%=Sources/%) -name '*.swift') Fuzz/fuzz-dialects.swift \
	  | sed '/^import Grapevine/d' >.build/fuzz/dialects.swift
	$(FUZZER) $$(find Sources/GrapevineCore -name '*.swift') .build/fuzz/dialects.swift -o .build/fuzz/fuzz-dialects
	cat $$(Scripts/pittacus-sources) Fuzz/fuzz-pittacus.swift | sed '/^import Grapevine/d' >.build/fuzz/pittacus.swift
	$(FUZZER) .build/fuzz/pittacus.swift -o .build/fuzz/fuzz-pittacus
	cat $$(find Sources/ZGossip -name '*.swift') Fuzz/fuzz-zgossip.swift | sed '/^import Grapevine/d' \
	  >.build/fuzz/zgossip.swift
	$(FUZZER) $$(find Sources/GrapevineCore -name '*.swift') .build/fuzz/zgossip.swift -o .build/fuzz/fuzz-zgossip
	cat $$(find Sources/GrapevineSecurity -name '*.swift' -not -path '*/Nodes/*') Fuzz/fuzz-sealed.swift \
	  | sed '/^import Grapevine/d' >.build/fuzz/sealed.swift
	$(FUZZER) -I Sources/CSodium -I Sources/COpenSSL $$(find Sources/GrapevineCore -name '*.swift') \
	  .build/fuzz/sealed.swift -o .build/fuzz/fuzz-sealed
	$(FUZZ_RUN)/fuzz-node -runs=$(RUNS) -max_len=1201 -artifact_prefix=.build/fuzz/ .build/fuzz/corpus
	$(FUZZ_RUN)/fuzz-dialects -runs=$(RUNS) -max_len=1201 -artifact_prefix=.build/fuzz/ .build/fuzz/corpus-dialects
	$(FUZZ_RUN)/fuzz-pittacus -runs=$(RUNS) -max_len=1200 -artifact_prefix=.build/fuzz/ .build/fuzz/corpus-pittacus
	$(FUZZ_RUN)/fuzz-zgossip -runs=$(RUNS) -max_len=1200 -artifact_prefix=.build/fuzz/ .build/fuzz/corpus-zgossip
	$(FUZZ_RUN)/fuzz-sealed -runs=$(RUNS) -max_len=1300 -artifact_prefix=.build/fuzz/ .build/fuzz/corpus-sealed

campaign: toolchain  ## Check the reliable level in 200 simulated clusters of 1,000 nodes (CAMPAIGN_RUNS=...)
	$(RELEASE) --product grapevine
	$(RELEASE_BIN)/grapevine simulate --nodes 1000 --loss 0.3 --runs $(CAMPAIGN_RUNS)

tuples: toolchain  ## Check maps of tuples in 10,000 simulated clusters (TUPLE_RUNS=...)
	$(RELEASE) --product grapevine
	$(RELEASE_BIN)/grapevine simulate --tuples --runs $(TUPLE_RUNS)

order: toolchain  ## Check topics and order in 10,000 simulated clusters (ORDER_RUNS=...)
	$(RELEASE) --product grapevine
	$(RELEASE_BIN)/grapevine simulate --order --runs $(ORDER_RUNS)

wall: toolchain  ## Show agents getting around a wall that really drops UDP (Linux, as root)
	Scripts/need iproute2 nftables
	$(RELEASE) --product grapevine
	Scripts/udp-wall $(RELEASE_BIN)/grapevine

format: toolchain  ## Format the sources in place
	swift format format --in-place --parallel --recursive $(FORMATTED)

lib: toolchain  ## Build the libraries, for Swift with their modules and libpittacus for C, into out/lib
	rm -rf out/lib out/include
	$(if $(LINUX),$(MAKE) libpittacus)
	mkdir -p out/lib/modules
	GRAPEVINE_LIBRARY=static $(LIBRARY)
	GRAPEVINE_LIBRARY=dynamic $(LIBRARY)
	cp $(LIBRARY_BIN)/libGrapevine.* out/lib/
	cp $(LIBRARY_MODULES:%=$(LIBRARY_BIN)/Modules/%.swiftmodule) out/lib/modules/
	cp -R Sources/CLinux/include out/lib/modules/CLinux

install: toolchain $(if $(LINUX),libpittacus)  ## Install the commands and libpittacus below PREFIX (/usr/local), honouring DESTDIR
	$(RELEASE)
	mkdir -p "$(DESTDIR)$(PREFIX)/bin"
	install -m 755 $(RELEASE_BIN)/grapevine $(RELEASE_BIN)/grapevine-zgossip $(RELEASE_BIN)/grapevine-bench \
	  "$(DESTDIR)$(PREFIX)/bin"
	$(if $(LINUX),$(MAKE) install-libpittacus)

install-libpittacus:
	mkdir -p "$(DESTDIR)$(PREFIX)/lib/pkgconfig" "$(DESTDIR)$(PREFIX)/include/pittacus"
	install -m 755 out/lib/libpittacus.so "$(DESTDIR)$(PREFIX)/lib"
	install -m 644 out/lib/libpittacus_static.a "$(DESTDIR)$(PREFIX)/lib"
	install -m 644 out/include/pittacus/*.h "$(DESTDIR)$(PREFIX)/include/pittacus"
	Scripts/pittacus-pc "$(PREFIX)" >"$(DESTDIR)$(PREFIX)/lib/pkgconfig/pittacus.pc"

clean:  ## Remove everything that was built
	rm -rf .build out

toolchain:
	@Scripts/toolchain
	@Scripts/need $(PACKAGES)

.PHONY: help run test bench check fuzz campaign tuples order wall format lib libpittacus zgossip-peers install install-libpittacus clean toolchain
