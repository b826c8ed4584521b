# A thin door to Meson and Ninja. `make help` lists what is behind it.
BUILD ?= build
ASAN ?= build-asan
PREFIX ?= /usr/local
DESTDIR ?=
MESON_FLAGS ?=

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) -j $$(nproc) --quiet

help:
	@echo 'make               build into $(BUILD)'
	@echo 'make demo          nginx behind the container wall, from Debian packages (root)'
	@echo 'make test          every test of every day; test-full adds the long ones (root)'
	@echo 'make bench         the speed promises, as ratios in one run (root)'
	@echo 'make asan          the unit, fuzz and integration tests under ASan and UBSan (root)'
	@echo 'make fuzz          a minute of libFuzzer on each target'
	@echo 'make check-format  clang-format; make tidy: clang-tidy'
	@echo 'make install       programs, man pages, completions, systemd unit, below PREFIX ($(PREFIX))'
	@echo 'make uninstall     takes them away'

# Sources are found by folder: a new file needs a new configuration, which the stamp notices.
SOURCES := $(shell find src tests docs -name '*.c' -o -name meson.build -o -name '*.bats' 2>/dev/null | sort)
.PHONY: all help demo test test-full bench asan fuzz check-format tidy install uninstall clean packages-build

packages-build:
	@tools/require build

$(BUILD)/build.ninja: meson.build | packages-build
	@meson setup $(if $(wildcard $(BUILD)/build.ninja),--reconfigure) --prefix $(PREFIX) $(MESON_FLAGS) $(BUILD) >$(BUILD).log 2>&1 \
	  || { tail -20 $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log
	@echo '$(SOURCES)' >$(BUILD)/sources

ifneq ($(strip $(SOURCES)),$(strip $(file <$(BUILD)/sources)))
.PHONY: $(BUILD)/build.ninja
endif

demo:
	@tools/require root build run
	@$(MAKE) -s all
	@tools/demo $(BUILD)

test:
	@tools/require root build run test
	@$(MAKE) -s all
	@tests/run-suites $(BUILD) style unit fuzz cli container crash testbed

test-full:
	@tools/require root build run test full
	@$(MAKE) -s all asan
	@TEST_FULL=1 tests/run-suites $(BUILD) style tidy unit fuzz cli container crash testbed vm page

bench:
	@tools/require root build run test bench
	@$(MAKE) -s all
	@tests/bench/run $(BUILD)

asan:
	@tools/require root build run test
	@[ -d $(ASAN) ] || meson setup -Db_sanitize=address,undefined -Db_lundef=false $(ASAN) >/dev/null
	@meson setup --reconfigure $(ASAN) >/dev/null && ninja -C $(ASAN) --quiet
	@tests/run-suites $(ASAN) unit fuzz
	@ASAN_OPTIONS=detect_leaks=0 tests/run-suites $(ASAN) container # leaks cannot be told under strace

fuzz:
	@tools/require build test
	@tests/fuzz-minute

check-format:
	@tools/require test
	@tests/style/format

tidy: all
	@tests/style/tidy $(BUILD)

install: all
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild --quiet
	@cp $(BUILD)/meson-logs/install-log.txt $(BUILD)/installed.txt

uninstall:
	@[ -f $(BUILD)/installed.txt ] || { echo 'cloison: no record of an installation in $(BUILD)' >&2; exit 1; }
	@grep -v '^#' $(BUILD)/installed.txt | while read -r f; do [ -d "$$f" ] || rm -f "$$f"; done
	@grep -v '^#' $(BUILD)/installed.txt | sort -r | while read -r f; do \
	  [ ! -d "$$f" ] || rmdir --ignore-fail-on-non-empty "$$f"; done
	@rm -f $(BUILD)/installed.txt

clean:
	@rm -rf $(BUILD) $(ASAN)
