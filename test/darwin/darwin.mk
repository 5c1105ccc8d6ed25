# SPDX-License-Identifier: ISC
# The stand-in for Darwin's calls (README.md beside this).
DARWIN := $(BUILD)/darwin
DARWIN_WRAPPED := socket close connect bind listen read write readv writev recv send ioctl getsockopt setsockopt sysctl \
	setuid chdir dlopen dlsym
DARWIN_LAYER := $(addprefix test/darwin/,calls.c ioctl.c kernel.c message.c route.c store.c utun.c)
DARWIN_LD := $(addprefix -Wl$(comma)--wrap=,$(DARWIN_WRAPPED)) -pthread

$(DARWIN)/layer: test/darwin/layer.c $(call objects,$(DARWIN_LAYER))
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(DARWIN_LD) -o $@ $^

# The macOS client's own files, with the layer in Darwin's place.
$(DARWIN)/tether-client: $(call objects,$(DARWIN_LAYER)) FORCE
	@for object in $(call objects,$(DARWIN_LAYER)); do [ ! $$object -nt $@ ] || rm -f $@; done
	@$(MAKE) -s OS=darwin BUILD=$(DARWIN) CC=$(CC) PIE_LD=-pie FORTIFY= LDFLAGS='$(DARWIN_LD) $(call objects,$(DARWIN_LAYER))' $@

# The macOS files with each fault of mutants.txt; make test has the first ten.
macos-mutants:
	test/packages.sh build lab names
	$(MAKE) -s all
	test/darwin/mutants.sh

.PHONY: macos-mutants
