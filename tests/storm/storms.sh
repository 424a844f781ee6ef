#!/bin/sh
# SPDX-License-Identifier: MIT
#
# storms.sh -- each kind of kill storm, in a release build, with WEFT_STORM_TASKS tasks: 1,000,000 unless it says
# otherwise. All are run, also after one has failed; the exit status is 1 if any did.
set -eu
cd "$(dirname "$0")/../.."

cmake --preset release >/dev/null
cmake --build --preset release --target storm >/dev/null
status=0
for kind in '--ns 1000' '--ns 20000' '--ns 20000 --mixed 1' '--ns 1000 --workers 8 --start fork'; do
	echo "storm $kind"
	# shellcheck disable=SC2086 # a list of words
	build/release/tests/storm --tasks "${WEFT_STORM_TASKS:-1000000}" $kind || status=1
done
exit $status
