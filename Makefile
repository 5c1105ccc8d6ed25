# Tether. Building needs a C compiler and make; nothing is configured.
#
#   make                         the three programs, in build/
#   make STATIC=1                the same, as static binaries
#   make CC=arm-linux-gnueabihf-gcc BUILD=build/armhf    cross
#   make install PREFIX=/usr/local DESTDIR=
#   make demo                    the three hosts on this machine, in front of your eyes (root)
#   make test                    everything that can be tested (root)
#
# CFLAGS, CPPFLAGS and LDFLAGS are yours to set; what the project needs is added to them.

BUILD  ?= build
PREFIX ?= /usr/local
HOSTCC ?= cc

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
CFLAGS   ?= -O2 -g
HARDEN   := -fstack-protector-strong -fno-strict-overflow
FORTIFY  ?= -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2

ifeq ($(STATIC),1)
PIE_CC :=
PIE_LD := -static
else
PIE_CC := -fPIE
PIE_LD := -pie -Wl,-z,relro,-z,now
endif

VERSION := 0.1
ALL_CPPFLAGS := -Isrc -I$(BUILD) -D_GNU_SOURCE -DTETHER_VERSION='"$(VERSION)"' $(FORTIFY) $(CPPFLAGS)
ALL_CFLAGS   := -std=c11 $(WARNINGS) $(HARDEN) $(PIE_CC) $(CFLAGS)
ALL_LDFLAGS  := $(PIE_LD) $(LDFLAGS)

PROGRAMS := tether-client tether-server tether-relay

# One folder, one idea; see README.md for what each is.
BASE   := $(wildcard src/base/*.c)
WS     := $(BASE) $(wildcard src/sha1/*.c) $(filter-out src/http/embed.c,$(wildcard src/http/*.c)) \
          $(wildcard src/ws/*.c)
TUNNEL := $(WS) $(wildcard src/ip/*.c) $(wildcard src/tunnel/*.c)
NAT    := $(TUNNEL) $(wildcard src/nat/*.c)

CLIENT := src/client.c $(TUNNEL) $(wildcard src/tun/*.c)
SERVER := src/server.c $(NAT) $(wildcard src/wire/*.c)
RELAY  := src/relay.c $(WS)

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
PAGE    := $(BUILD)/obj/page_files.o

all: $(addprefix $(BUILD)/,$(PROGRAMS))

$(BUILD)/tether-client: $(call objects,$(CLIENT)) $(PAGE)
$(BUILD)/tether-server: $(call objects,$(SERVER)) $(PAGE)
$(BUILD)/tether-relay: $(call objects,$(RELAY)) $(PAGE)
$(BUILD)/ws-echo: $(call objects,test/ws-echo.c $(WS)) $(PAGE)

$(BUILD)/tether-client $(BUILD)/tether-server $(BUILD)/tether-relay $(BUILD)/ws-echo:
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The page's files, inside the programs.
$(BUILD)/embed: src/http/embed.c
	@mkdir -p $(@D)
	$(HOSTCC) -O1 -o $@ $<

$(BUILD)/page_files.c: $(BUILD)/embed $(wildcard html/*)
	$(BUILD)/embed $(wildcard html/*) > $@.tmp && mv $@.tmp $@

$(PAGE): $(BUILD)/page_files.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

install: all
	install -d $(DESTDIR)$(PREFIX)/sbin
	install -m 755 $(addprefix $(BUILD)/,$(PROGRAMS)) $(DESTDIR)$(PREFIX)/sbin

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

.PHONY: all install clean
