# SPDX-License-Identifier: ISC
# Tether. Building needs a C compiler and make; nothing is configured.
#
#   make                         the three programs, in build/
#   make STATIC=1                the same, as static binaries
#   make SMALL=1                 for a device with 32 MB of memory (doc/small.md)
#   make dist                    a release: static binaries for nine kinds of processors (dist/build.mk)
#   make macos                   client and relay for a Mac, cross-built; on a Mac, make itself does it (doc/macos.md)
#   make CC=arm-linux-gnueabihf-gcc BUILD=build/armhf    cross
#   make install PREFIX=/usr/local DESTDIR=    and uninstall; deb: a Debian package (dist/install.mk)
#   make demo                    the three hosts on this machine, in front of your eyes (root)
#   make test                    what can be tested in some twenty minutes (root)
#   make test-more               what needs more packages and time: the page in Firefox, releases, small machines
#                                that boot, Debian machines with systemd (root)
#   make bench, bench-quick      Tether measured beside its peers (root); bench-smoke: whether that works
#   make storm                   sessions under an adversary, millions of steps, with sanitizers
#   make world                  the programs in a simulated world: SEEDS=1000 (doc/testing.md)
#   make soak-page               the page relays for an hour, and its memory stays flat
#
# CFLAGS, CPPFLAGS and LDFLAGS are yours to set; what the project needs is added to them.

BUILD  ?= build
PREFIX ?= /usr/local
HOSTCC ?= cc

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
CFLAGS   ?= -O2 -g
HARDEN   := -fstack-protector-strong -fno-strict-overflow
FORTIFY  ?= -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2

# The system that the programs are for; a Mac has no server. What only the other one has is named so.
OS ?= $(shell uname -s | tr A-Z a-z)
ifeq ($(OS),darwin)
ELSEWHERE := %_linux.c
PROGRAMS  := tether-client tether-relay
PIE_CC    := -fPIE
PIE_LD    := -Wl,-dead_strip
else
ELSEWHERE := %_darwin.c
PROGRAMS  := tether-client tether-server tether-relay
ifeq ($(STATIC),1)
PIE_CC := -fno-pie -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
PIE_LD := -static -Wl,--gc-sections -Wl,-z,noseparate-code
else
PIE_CC := -fPIE
PIE_LD := -pie -Wl,-z,relro,-z,now
endif
endif

# musl's compiler wrapper hides the kernel's headers, which are not part of any libc.
ifneq ($(findstring musl,$(CC)),)
KERNEL_HEADERS := -idirafter /usr/include -idirafter /usr/include/$(shell cc -print-multiarch 2>/dev/null)
endif

VERSION := 1.0
ALL_CPPFLAGS := -Isrc -I$(BUILD) -D_GNU_SOURCE -DTETHER_VERSION='"$(VERSION)"' $(FORTIFY) $(KERNEL_HEADERS) $(CPPFLAGS)
ALL_CFLAGS   := -std=c11 $(WARNINGS) $(HARDEN) $(PIE_CC) $(CFLAGS)
ALL_LDFLAGS  := $(PIE_LD) $(LDFLAGS)

# One folder, one idea; see README.md for what each is. A program is its own folder and the folders it needs, less
# what other systems have.
sources = $(filter-out $(ELSEWHERE),$(foreach folder,$(1),$(wildcard src/$(folder)/*.c)))
RELAY_NEEDS  := base os sha1 md5 http ws
KEYED_NEEDS  := $(RELAY_NEEDS) crypto ip session flow queue tunnel tun
CLIENT := $(call sources,client $(KEYED_NEEDS) dhcp dns qr)
SERVER := $(call sources,server $(KEYED_NEEDS) nat wire)
RELAY  := $(call sources,relay $(RELAY_NEEDS))

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
PAGE    := $(BUILD)/obj/page_files.o

all: $(addprefix $(BUILD)/,$(PROGRAMS))

$(BUILD)/tether-client: $(call objects,$(CLIENT)) $(PAGE)
$(BUILD)/tether-server: $(call objects,$(SERVER)) $(PAGE)
$(BUILD)/tether-relay: $(call objects,$(RELAY)) $(PAGE)
$(BUILD)/ws-echo: $(call objects,test/ws-echo.c $(call sources,$(RELAY_NEEDS))) $(PAGE)
$(BUILD)/qr-pbm: $(call objects,test/interop/qr-pbm.c $(wildcard src/qr/*.c))

$(BUILD)/tether-client $(BUILD)/tether-server $(BUILD)/tether-relay $(BUILD)/ws-echo $(BUILD)/qr-pbm:
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^

# LIMITS="NAME=VALUE ..." overrides sizes of src/limits.h.
LIMITS ?=
include dist/build.mk
$(BUILD)/limits_of_build.h: FORCE
	@mkdir -p $(@D)
	@for limit in $(LIMITS); do \
		grep -q "^#define $${limit%%=*} " src/limits.h || { echo "src/limits.h has no $${limit%%=*}" >&2; exit 1; }; \
		printf '#undef %s\n#define %s (%s)\n' "$${limit%%=*}" "$${limit%%=*}" "$${limit#*=}"; \
	done > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(BUILD)/obj/%.o: %.c Makefile $(BUILD)/limits_of_build.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Compiling without linking, for compilers that have no libraries here.
objects: $(call objects,$(sort $(CLIENT) $(SERVER) $(RELAY)))

# The page's files, inside the programs.
$(BUILD)/embed: tools/embed.c
	@mkdir -p $(@D)
	$(HOSTCC) -O1 -o $@ $<

$(BUILD)/page_files.c: $(BUILD)/embed $(wildcard html/*)
	$(BUILD)/embed $(wildcard html/*) > $@.tmp && mv $@.tmp $@

$(PAGE): $(BUILD)/page_files.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

# Everything but the programs' own folders, for the tests.
LIBRARY := $(filter-out $(ELSEWHERE) $(call sources,client server relay),$(wildcard src/*/*.c))

$(BUILD)/libtether.a: $(call objects,$(LIBRARY)) $(PAGE)
	rm -f $@
	$(AR) rcs $@ $^

# Unit tests: one program a file, all in build/unit/.
UNIT_TESTS := $(patsubst test/unit/%.c,$(BUILD)/unit/%,$(wildcard test/unit/test_*.c))
unit-tests: $(UNIT_TESTS)
$(BUILD)/unit/%: test/unit/%.c $(wildcard test/unit/*.h) $(BUILD)/libtether.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) -Itest/unit $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(OWN) $(BUILD)/libtether.a

# The programs' own parts that one test is about.
$(BUILD)/unit/test_program_options: OWN = $(call objects,src/client/options.c src/server/options.c)
$(BUILD)/unit/test_program_options: $(call objects,src/client/options.c src/server/options.c)

# Tests that include a source.
$(addprefix $(BUILD)/unit/test_,client_open display guard iptables machine names places relay server_records server_status told): \
	$(wildcard src/client/*.c src/server/*.c src/relay/*.c) src/dns/told_linux.c src/wire/iptables.c

# The programs' own parts that deal with sessions, with keys that last for seconds.
STORM := $(call objects,$(addprefix src/client/,phones.c keyed.c open.c records.c machine.c) \
	$(addprefix src/server/,phones.c keyed.c open.c laptops.c records.c)) $(BUILD)/obj/storm/session.o
$(BUILD)/obj/storm/session.o: src/session/session.c Makefile
	@mkdir -p $(@D)
	$(CC) -Itest/unit/storm $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/unit/test_session_storm: test/unit/test_session_storm.c $(STORM) test/unit/test.h $(BUILD)/libtether.a
	@mkdir -p $(@D)
	$(CC) -Itest/unit/storm $(ALL_CPPFLAGS) -Itest/unit $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(STORM) \
		$(BUILD)/libtether.a

$(BUILD)/unit/test_cell_link: $(wildcard test/bench/cell_link.*)
$(BUILD)/unit/test_cell_random: $(wildcard test/bench/cell_random.*)

# Fuzz targets: with libFuzzer (clang) in build/fuzz/, and as plain programs in build/fuzz-plain/.
FUZZERS := $(patsubst test/fuzz/%.c,%,$(wildcard test/fuzz/fuzz_*.c))
fuzz-plain: $(addprefix $(BUILD)/fuzz-plain/,$(FUZZERS))
$(BUILD)/fuzz-plain/%: test/fuzz/%.c test/fuzz/standalone.c $(wildcard test/fuzz/*.h) $(BUILD)/libtether.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) -Itest/fuzz $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< test/fuzz/standalone.c \
		$(BUILD)/libtether.a

SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
fuzz-programs:
	$(MAKE) BUILD=build/asan-fuzz CC=clang FORTIFY= CPPFLAGS=-DSESSION_STRICT \
		CFLAGS="$(SANITIZE) -fsanitize=fuzzer-no-link" \
		LDFLAGS="-fsanitize=fuzzer" fuzz-linked
fuzz-linked: $(addprefix $(BUILD)/fuzz/,$(FUZZERS))
$(BUILD)/fuzz/%: test/fuzz/%.c $(wildcard test/fuzz/*.h) $(BUILD)/libtether.a
	@mkdir -p $(@D) build/fuzz
	$(CC) $(ALL_CPPFLAGS) -Itest/fuzz $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(BUILD)/libtether.a
	cp $@ build/fuzz/

# Benchmarks: figures, no tests.
$(BUILD)/bench/%: test/bench/%.c $(BUILD)/libtether.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(BUILD)/libtether.a
# The emulator of cellular links, which the tests of the bench use too.
CELLULAR := $(addprefix test/bench/,cellular.c cell_link.c cell_trace.c cell_options.c cell_say.c histogram.c)
$(BUILD)/bench/cellular: $(CELLULAR) $(wildcard test/bench/*.h)
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(CELLULAR)
BENCH_FLOW := $(addprefix test/bench/,bench_flow.c flow_links.c flow_sim.c cell_link.c cell_trace.c)
$(BUILD)/bench/bench_flow: $(BENCH_FLOW) $(wildcard test/bench/*.h) $(BUILD)/libtether.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(BENCH_FLOW) $(BUILD)/libtether.a -lm
$(BUILD)/bench/bench_drops: $(addprefix test/bench/,bench_drops.c cell_link.c cell_link.h cell_trace.c cell_trace.h) $(BUILD)/libtether.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.c,$^) $(BUILD)/libtether.a -lm
# Random links, written as recordings are.
$(BUILD)/bench/cell_make: $(addprefix test/bench/cell_,make.c random.c random.h link.h)
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.c,$^)
$(BUILD)/bench/ws-flow: $(call objects,test/bench/ws_flow.c) $(BUILD)/libtether.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^

# Tether beside its peers: some hours, or a quarter of one. Figures are kept in build/bench/results.json.
bench-programs: all $(BUILD)/bench/cellular $(BUILD)/bench/cell_make $(BUILD)/bench/ws-flow
bench: bench-parts bench-page
	test/packages.sh build lab bench
	$(MAKE) -s bench-programs
	test/bench/run.py all
bench-quick:
	test/packages.sh build lab bench
	$(MAKE) -s bench-programs
	test/bench/run.py all --quick
bench-smoke:
	test/packages.sh build lab bench
	$(MAKE) -s bench-programs
	test/run.sh 'test/bench/test-smoke.sh'

# The NAT, the queue, bounded flight and the ciphers alone; TRACES is a folder of recorded links.
bench-parts:
	test/packages.sh build
	$(MAKE) -s $(addprefix $(BUILD)/bench/,bench_nat bench_queue bench_drops bench_flow bench_crypto)
	$(MAKE) -s BUILD=$(BUILD)/baseline CPPFLAGS=-DCHACHA20_BASELINE $(BUILD)/baseline/bench/bench_crypto
	$(BUILD)/bench/bench_nat
	$(BUILD)/bench/bench_queue
	$(BUILD)/bench/bench_drops $(TRACES)
	$(BUILD)/bench/bench_flow $(TRACES)
	$(BUILD)/bench/bench_crypto
	$(BUILD)/baseline/bench/bench_crypto

# The page alone: what relaying costs in a browser, and how soon it relays over a 3G link.
bench-page:
	test/packages.sh build lab browser
	$(MAKE) -s bench-programs
	node test/bench/relay-cost.js
	test/bench/page-start.sh

# Sessions in a storm, with sanitizers: STEPS=1000000 SEEDS="1 2 3".
storm:
	test/packages.sh build check
	$(MAKE) -s BUILD=build/asan CC=clang FORTIFY= CPPFLAGS=-DSESSION_STRICT CFLAGS="$(SANITIZE)" \
		build/asan/unit/test_session_storm
	for seed in $(or $(SEEDS),1 2 3); do \
		STORM_STEPS=$(or $(STEPS),1000000) STORM_SEED=$$seed build/asan/unit/test_session_storm || exit 1; done

# SECONDS=60 for less than an hour.
soak-page:
	test/packages.sh build browser
	$(MAKE) -s $(BUILD)/bench/ws-flow
	node test/browser/soak.test.js $(or $(SECONDS),3600)

# What to run; each prints "ok - ..." lines, and test/run.sh counts them.
test:
	test/packages.sh build lab names browser check cross interop front nat dhcp hotspot terminal bench dist docs
	$(MAKE) -s all build/ws-echo build/qr-pbm bench-programs build/darwin/layer build/darwin/tether-client
	test/run.sh $(SUITES)
SUITES := \
	'test/build/test-build.sh' \
	'test/build/test-house.sh' \
	'test/build/test-macos.sh' \
	'test/dist/documents.py' \
	'test/dist/test-install.sh' \
	'test/unit/run.sh native' \
	'test/bench/test-cellular.sh' \
	'node test/browser/soak.test.js 20' \
	-- \
	'test/unit/run.sh cross mips' \
	'node test/browser/face.test.js' \
	'test/lab/test-session.sh' \
	'test/lab/test-host.sh' \
	'test/unit/run.sh sanitized' \
	'test/lab/test-nat-hostile.sh' \
	'test/world/test-world.sh' \
	$(DIST_SUITES) \
	'test/lab/test-strangers.sh' \
	'test/lab/test-tether.sh relay' \
	'test/lab/test-draft76.sh' \
	'test/lab/test-tour.sh' \
	'$(MAKE) -s -j2 fuzz-programs && test/fuzz/run.sh 5' \
	'test/bench/test-smoke.sh' \
	'test/interop/ws-raw.py' \
	'test/interop/draft76-raw.py' \
	'test/interop/ws-echo.py' \
	'node test/interop/ws-echo.js' \
	'node test/interop/draft76-peers.js' \
	'test/interop/ws-relay.py' \
	'node test/interop/ws-relay.js' \
	'test/interop/ws-relay-raw.py' \
	'test/interop/http-raw.py' \
	'test/interop/doors-raw.py' \
	'test/interop/test-classic.sh' \
	'test/interop/test-student.sh' \
	'test/interop/test-protocol.sh' \
	'test/interop/test-qr.sh' \
	'node test/browser/lint.test.js' \
	'node test/browser/page.test.js' \
	'test/browser/lab.test.sh' \
	'test/browser/doors.test.sh' \
	'test/lab/test-starts.sh' \
	'test/lab/test-fallback.sh' \
	'test/lab/test-offload.sh' \
	'test/lab/test-privilege.sh' \
	'test/lab/test-phone.sh' \
	'test/lab/test-carriers.sh' \
	'test/lab/test-front.sh' \
	'test/lab/test-wifi.sh' \
	'test/lab/test-ipv6.sh' \
	'test/lab/test-own-network.sh' \
	'test/lab/test-hotspot.sh' \
	'test/lab/test-terminal.sh' \
	'test/lab/test-states.sh' \
	'test/lab/test-restart.sh' \
	'test/lab/test-suspend.sh' \
	'test/lab/test-interface.sh' \
	'test/lab/test-reload.sh' \
	'test/lab/test-crowd.sh' \
	'test/lab/test-class.sh' \
	'test/lab/test-strangers-wifi.sh' \
	'test/lab/test-nat.sh' \
	'test/lab/test-nat-packets.sh' \
	'test/lab/test-names.sh' \
	'test/lab/test-macos.sh' \
	'test/darwin/mutants.sh 10' \
	'test/lab/test-nat-discovery.sh' \
	'test/lab/test-keyed.sh relay' \
	'test/lab/test-keyed.sh chromium' \
	'test/lab/test-replay.sh' \
	'test/lab/test-tether.sh chromium'

test-more:
	test/packages.sh build lab browser firefox check nat dist boot terminal debian
	$(MAKE) -s all
	TEST_TIMEOUT=3600 test/run.sh 'test/browser/firefox.test.sh' $(DIST_MORE_SUITES) $(DEBIAN_SUITES)

test-cross:
	test/packages.sh build cross
	test/run.sh 'test/unit/run.sh cross'

# A minute for each fuzz target; SECONDS=600 for more.
fuzz:
	test/packages.sh build check
	test/run.sh '$(MAKE) -s -j2 fuzz-programs && test/fuzz/run.sh $(or $(SECONDS),60)'

demo:
	test/packages.sh build lab chromium
	$(MAKE) -s all
	test/demo.sh

include dist/install.mk
comma := ,
-include test/world/world.mk
-include test/darwin/darwin.mk

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

.PHONY: FORCE all objects unit-tests fuzz-plain fuzz-programs fuzz-linked test test-more test-cross fuzz bench-programs bench \
	bench-quick bench-smoke bench-parts bench-page soak-page storm demo clean
