#!/bin/bash
# SPDX-License-Identifier: ISC
# Looks at the OpenWrt recipe as far as that goes without OpenWrt: the init scripts are sh, and give
# their programs options that there are; the sample configurations name what the scripts read, and
# no more.
#
# The scripts run here with stand-ins for procd's and UCI's functions, which read the sample
# configuration with all that is commented out in it, and print the command.
# Needs build/tether-*, and: test/packages.sh build dist
set -u
cd "$(dirname "$0")/../.." || exit 1
. test/dist/report.sh
files=dist/openwrt/files
programs="tether-client tether-server tether-relay"

# Prints the command that an init script starts with its sample configuration.
command_of() { # PROGRAM
	local config
	config=$(sed 's/^	# \(option\|list\)/	\1/' "$files/$1.config")
	CONFIG=$config dash -c '
		values() { echo "$CONFIG" | sed -n "s/^	$1 $2 //p" | tr -d "\047"; }
		config_load() { :; }
		config_foreach() { echo "$CONFIG" | grep -q "^config $2 " && "$1" main; }
		config_get() {
			eval "$1=\$(values option $3)"
			[ -n "$(values option $3)" ] || eval "$1=\${4:-}"
		}
		config_get_bool() { eval "$1=1"; [ -n "$(values option $3)" ] || eval "$1=\${4:-0}"; }
		config_list_foreach() { for v in $(values list $2); do $3 "$v"; done; }
		procd_open_instance() { :; }
		procd_close_instance() { :; }
		procd_add_reload_trigger() { :; }
		procd_set_param() { [ "$1" != command ] || { shift; echo "$*"; }; }
		procd_append_param() { shift; echo "$*"; }
		. "$0"
		start_service' "$files/$1.init" | tr '\n' ' '
}

options_are_there() { # PROGRAM
	local said option count=0
	said=$(command_of "$1")
	for option in $(grep -o -- '--[a-z-]*' <<<"$said"); do
		"build/$1" --help | grep -q -- "$option\b" || { echo "--help of $1 has no $option"; return 1; }
		count=$((count + 1))
	done
	[ "$count" -ge 2 ] || { echo "the command is: $said"; return 1; }
}

# The program itself takes the command: it fails for want of a place to run, or of a key, not of an
# option.
command_is_taken() { # PROGRAM
	local said arguments
	arguments=$(command_of "$1" | cut -d ' ' -f 2-)
	# shellcheck disable=SC2086 # a list of options
	said=$("build/$1" $arguments --version 2>&1) || { echo "$said"; return 1; }
}

every_name_is_read() { # PROGRAM
	local name
	for name in $(sed -n 's/^	#* *\(option\|list\) \([a-z_]*\) .*/\2/p' "$files/$1.config"); do
		grep -qw "$name" "$files/$1.init" || { echo "$1.init does not read $name"; return 1; }
	done
}

checked() { # NAME COMMAND...
	local name=$1 said
	shift
	if said=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$(tail -n 1 <<<"$said")"; fi
}

for program in $programs; do
	checked "$program.init is sh" sh -n "$files/$program.init"
	checked "shellcheck finds nothing in $program.init" shellcheck -s dash "$files/$program.init"
	checked "$program.init names only options of --help" options_are_there "$program"
	checked "$program takes what its sample configuration makes of it" command_is_taken "$program"
	checked "all that $program.config names is read" every_name_is_read "$program"
done
version=$(sed -n 's/^VERSION := //p' Makefile)
checked "the recipe is of the Makefile's version" \
	grep -q "^PKG_VERSION:=$version\$" dist/openwrt/Makefile
exit $status
