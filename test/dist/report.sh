# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# For suites of this folder: says how a test went. $status is what the suite exits with.
# shellcheck disable=SC2034
status=0

ok() { echo "ok - $1"; }

not_ok() { # NAME WHY
	echo "not ok - $1: $2"
	status=1
}
