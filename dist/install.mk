# SPDX-License-Identifier: ISC
# Putting Tether in place, and Debian packages of it; the Makefile includes this.
#
#   make install PREFIX=/usr/local DESTDIR=     programs, manual pages, completion, units
#   make uninstall                              with the same variables: takes exactly that away
#   make deb                                    a Debian package, build/tether_VERSION_ARCH.deb

INSTALL := BIN=$(BUILD) PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) MANDIR=$(MANDIR) SYSTEMD_DIR=$(SYSTEMD_DIR) \
	OPENRC_DIR=$(OPENRC_DIR) dist/install.sh

install: all
	$(INSTALL) install
uninstall:
	$(INSTALL) uninstall

deb:
	$(MAKE) -s BUILD=$(BUILD)/deb CFLAGS="-O2 -g -ffile-prefix-map=$(CURDIR)=." all
	BUILD=$(BUILD)/deb VERSION=$(VERSION) dist/debian/build.sh

# For make test-more.
DEBIAN_SUITES := $(patsubst %,'test/dist/test-%.sh',systemd openrc deb release cloud)

.PHONY: install uninstall deb
