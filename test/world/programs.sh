#!/bin/sh
# SPDX-License-Identifier: ISC
# Writes programs.h: the instances, in the order of the hosts.
echo '// Made by programs.sh.'
for name in "$@"; do
	echo "int ${name}_main(int argc, char **argv);"
	echo "extern char __start_bss_$name[], __stop_bss_$name[], __start_data_${name}[] __attribute__((weak)), __stop_data_${name}[] __attribute__((weak));"
done
echo 'static const struct program programs[HOSTS] = {'
for name in "$@"; do
	echo "    {.name = \"$name\", .main = ${name}_main, .bss = __start_bss_$name, .bss_end = __stop_bss_$name, .data = __start_data_$name, .data_end = __stop_data_$name},"
done
echo '};'
