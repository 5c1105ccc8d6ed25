# SPDX-License-Identifier: ISC
# The simulated world: the programs' own objects, each instance linked once more (link.sh).
WORLD := $(BUILD)/world
WORLD_PROGRAMS := client0 client1 client2 relay0 relay1 relay2 relay3 server
WORLD_CC := $(CC) -std=c11 $(WARNINGS) $(CFLAGS) $(LDFLAGS) -D_GNU_SOURCE -Isrc -I$(BUILD) -I$(WORLD) -Itest/world

$(WORLD)/client%.o: $(call objects,$(CLIENT)) $(PAGE) test/world/link.sh test/world/calls.h
	@mkdir -p $(@D)
	test/world/link.sh client$* $@ $(call objects,$(CLIENT)) $(PAGE)
$(WORLD)/relay%.o: $(call objects,$(RELAY)) $(PAGE) test/world/link.sh test/world/calls.h
	@mkdir -p $(@D)
	test/world/link.sh relay$* $@ $(call objects,$(RELAY)) $(PAGE)
$(WORLD)/server.o: $(call objects,$(SERVER)) $(PAGE) test/world/link.sh test/world/calls.h
	@mkdir -p $(@D)
	test/world/link.sh server $@ $(call objects,$(SERVER)) $(PAGE)
$(WORLD)/programs.h: test/world/programs.sh
	@mkdir -p $(@D)
	test/world/programs.sh $(WORLD_PROGRAMS) > $@
WORLD_OWN := $(patsubst test/world/%.c,$(WORLD)/own/%.o,$(wildcard test/world/*.c))
$(WORLD)/own/%.o: test/world/%.c $(wildcard test/world/*.h src/*.h src/*/*.h) $(WORLD)/programs.h $(BUILD)/limits_of_build.h
	@mkdir -p $(@D)
	$(WORLD_CC) -c -o $@ $<
$(WORLD)/world: $(WORLD_OWN) $(WORLD_PROGRAMS:%=$(WORLD)/%.o) $(BUILD)/libtether.a
	$(WORLD_CC) -o $@ $(WORLD_OWN) $(WORLD_PROGRAMS:%=$(WORLD)/%.o) $$(test/world/link.sh --aliases) $(BUILD)/libtether.a

# SEEDS=1000 worlds from FIRST=1 on, of an hour each.
world:
	test/packages.sh build
	$(MAKE) -s $(WORLD)/world
	$(WORLD)/world $(or $(FIRST),1) $(or $(SEEDS),1000)

# Known faults put back: each must be found.
world-mutants:
	test/packages.sh build
	test/world/mutants.sh

# Small faults put into the sources at random, and the share that units and world find: COUNT=200 SEED=1.
mutate:
	test/packages.sh build
	test/mutate.py --count $(or $(COUNT),200) --seed $(or $(SEED),1)

.PHONY: world world-mutants mutate
