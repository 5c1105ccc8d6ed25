# SPDX-License-Identifier: ISC
# What is made for other people's machines; the Makefile includes it.
#
#   make SMALL=1     programs for a device with 32 MB of memory (doc/small.md)
#   make dist        a release for every processor, in build/dist/ (test/packages.sh dist)
#   make macos       programs for a Mac, cross-built (doc/macos.md)

# Each of these costs something; doc/small.md says what.
ifeq ($(SMALL),1)
SMALL_LIMITS := \
	QUEUE_BYTES=160*1024 QUEUE_FLOWS=128 COALESCE_RUNS=2 FLOW_MESSAGES=256 \
	WS_MESSAGE_MAX=136*1024 WS_RX_SLACK=16*1024 WS_READ_MAX=32*1024 \
	LINK_TX_SIZE=136*1024 LINK_BATCH_MOST=32*1024 LINK_UNSENT_MOST=64*1024 \
	HTTP_SLOTS=16 RATE_SOURCES=128 LOOP_MAX_FDS=128 \
	SERVER_LINKS=4 SERVER_CONNS=24 NAT_MAPPINGS=2048 \
	NAT_SYNS=16 NAT_DATAGRAMS=16 NAT_HELD_FRAGMENTS=48 \
	WIRE_BATCH=4 WIRE_ROUTES=64 WIRE_HELD=8 WIRE_RCVBUF_BYTES=512*1024 WIRE_SNDBUF_BYTES=256*1024
override LIMITS := $(SMALL_LIMITS) $(LIMITS)
endif

dist:
	test/packages.sh dist
	dist/release.sh $(VERSION)

# The client and the relay for a Mac, whatever this is: build/macos/arm64 and build/macos/x86_64.
macos:
	test/packages.sh dist
	dist/macos.sh arm64 build/macos/arm64
	dist/macos.sh x86_64 build/macos/x86_64

# Its tests: those of make test, and those that take longer or need machines to boot.
DIST_SUITES := \
	'test/dist/test-dist.sh x86_64' \
	'test/dist/test-small.sh' \
	'test/dist/test-openwrt.sh'
# The lab, with the release's programs.
DIST_LAB := LAB_BUILD=$(CURDIR)/build/dist/tether-$(VERSION)-linux-x86_64 test/lab
DIST_MORE_SUITES := \
	'test/dist/test-dist.sh' \
	'TARBALL=$(CURDIR)/build/dist/tether-$(VERSION)-linux-x86_64.tar.gz test/dist/test-release.sh' \
	'test/dist/test-boot.sh' \
	'$(DIST_LAB)/test-tether.sh relay' \
	'$(DIST_LAB)/test-keyed.sh relay' \
	'$(DIST_LAB)/test-session.sh' \
	'$(DIST_LAB)/test-starts.sh' \
	'$(DIST_LAB)/test-fallback.sh' \
	'$(DIST_LAB)/test-offload.sh' \
	'$(DIST_LAB)/test-privilege.sh' \
	'$(DIST_LAB)/test-phone.sh' \
	'$(DIST_LAB)/test-wifi.sh' \
	'$(DIST_LAB)/test-terminal.sh' \
	'$(DIST_LAB)/test-restart.sh' \
	'$(DIST_LAB)/test-crowd.sh' \
	'$(DIST_LAB)/test-strangers.sh' \
	'$(DIST_LAB)/test-nat.sh' \
	'$(DIST_LAB)/test-nat-packets.sh' \
	'$(DIST_LAB)/test-nat-hostile.sh' \
	'$(DIST_LAB)/test-replay.sh'

# Only these, of make test-more.
test-dist:
	test/packages.sh build lab check nat dist boot terminal debian
	$(MAKE) -s all
	TEST_TIMEOUT=3600 test/run.sh $(DIST_MORE_SUITES)

.PHONY: dist macos test-dist
