#!/bin/bash
# SPDX-License-Identifier: ISC
# Looks at how the source is laid out:
#
#   test/build/test-house.sh [FOLDER]     FOLDER has src/, html/, test/ and tools/; this project's, if left out
#
# Each folder of src/ is one idea, and includes only from those before it in the order below. So a reader
# can begin with any folder and knows what it rests on. No file is a hall of its own: src/ itself holds
# limits.h and folders. No line is longer than 100 columns.
set -u
export LC_ALL=C.UTF-8
. "$(dirname "$0")/report.sh"
cd "${1:-$(dirname "$0")/../..}" || exit 1
status=0

order="base os sha1 md5 crypto qr http ws ip session flow queue tunnel tun dhcp dns nat wire client server relay"

strangers_in_src() {
	find src -mindepth 1 -maxdepth 1 ! -name limits.h ! -type d
	for folder in src/*/; do
		[[ " $order " == *" $(basename "$folder") "* ]] || echo "$folder is not in the order of folders"
	done
}

# Prints each include of a file that reaches into a folder further down in the order.
climbing_includes() {
	awk -v order="$order" '
		BEGIN { n = split(order, name, " "); for (i = 1; i <= n; i++) rank[name[i]] = i }
		/^#include "\.\.\/[a-z0-9]+\// {
			split(FILENAME, path, "/"); split($2, target, "/")
			if (!(target[2] in rank) || rank[target[2]] > rank[path[2]])
				print FILENAME ":" FNR " includes from " target[2] "/, which comes after " path[2] "/"
		}
		/^#include "[a-z0-9_]+\// { print FILENAME ":" FNR " includes by another way than ../folder/" }
	' src/*/*.[ch]
}

# The programs stand side by side: none includes from another.
programs_apart() {
	grep -n '#include "\.\./\(client\|server\|relay\)/' src/*/*.[ch]
}

# Prints two files of different folders that include each other, by way of others too.
circles() {
	for file in src/*/*.h; do
		sed -n 's|^#include "\(.*\)"|\1|p' "$file" | while read -r header; do
			echo "$(realpath --relative-to=. "$file") $(realpath -m --relative-to=. "$(dirname "$file")/$header")"
		done
	done | tsort 2>&1 >/dev/null | sed 's/^tsort: //' | grep .
}

# (clang-format sees to the layout beside that; it leaves long words and strings as they are.)
long_lines() {
	find src test tools -name '*.[ch]' -exec grep -nP '^.{101,}$' {} + | cut -d: -f1,2
}

strangers_in_src | report "src/ holds limits.h and the folders of the house, and nothing else"
climbing_includes | report "no file includes from a folder that comes after its own"
programs_apart | report "no program includes from another"
circles | report "no headers include each other in a circle"
long_lines | report "no line of C is longer than 100 columns, comments included"
exit $status
