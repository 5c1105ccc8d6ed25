# SPDX-License-Identifier: ISC
# What the suites of this folder share that look for what should not be there.

# Says "ok" where a check printed nothing, else what it found. Sets `status` to 1 then.
report() { # NAME
	local found
	found=$(cat)
	if [ -z "$found" ]; then
		echo "ok - $1"
	else
		echo "$found" | head -n 20 | sed 's/^/#   /'
		echo "not ok - $1: $(head -n 1 <<<"$found")"
		status=1
	fi
}
