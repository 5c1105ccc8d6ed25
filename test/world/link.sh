#!/bin/sh
# SPDX-License-Identifier: ISC
# link.sh NAME OUT OBJECT...: makes of a program's objects one that can stand in one process with
# others: its main() is called NAME_main, its memory lies in sections of its own, what would leave
# the process goes to the world (world_CALL, see calls.h), and no other name of it is seen.
# link.sh --aliases: prints the linker's options that make several calls one.
set -eu
here=$(dirname "$0")
calls=$(sed -n 's/^[a-z].*[ *]world_\([a-z0-9_]*\)(.*/\1/p' "$here/calls.h" | grep -v -e '^nothing$' -e '^refuse$' -e '^printf$')
nothing="sigprocmask mlock prlimit setsid fsync chroot fchdir isatty tcgetpgrp getpgrp dup dup2 fflush signal fputs geteuid"
refuse="stat fork execvp waitpid pipe2 flock _exit gai_strerror"
print="printf fprintf vfprintf"

if [ "$1" = --aliases ]; then
	for call in $nothing; do echo "-Wl,--defsym=world_$call=world_nothing"; done
	for call in $refuse; do echo "-Wl,--defsym=world_$call=world_refuse"; done
	for call in fprintf vfprintf; do echo "-Wl,--defsym=world_$call=world_printf"; done
	for call in $print; do echo "-Wl,--defsym=world___${call}_chk=world_printf"; done
	for call in poll read recv recvfrom; do echo "-Wl,--defsym=world___${call}_chk=world_$call"; done
	exit
fi
name=$1
out=$2
shift 2
trap 'rm -f "$out.all" "$out.map" "$out.cut"' EXIT
${LD:-ld} -r --wrap=aead_seal --wrap=aead_open --wrap=replay_mark \
	--wrap=tunnel_link_init -o "$out.all" "$@"
for call in $calls $nothing $refuse $print; do
	echo "$call world_$call"
	case $call in
	poll | read | recv | recvfrom | printf | fprintf | vfprintf) echo "__${call}_chk world___${call}_chk" ;;
	esac
done >"$out.map"
echo "main ${name}_main" >>"$out.map"
${OBJCOPY:-objcopy} --redefine-syms="$out.map" \
	--rename-section .bss="bss_$name" --rename-section .data="data_$name" "$out.all" "$out.cut"
${OBJCOPY:-objcopy} --keep-global-symbol="${name}_main" "$out.cut" "$out"
