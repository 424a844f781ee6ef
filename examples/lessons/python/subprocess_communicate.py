# SPDX-License-Identifier: MIT
from subprocess import PIPE, Popen

PROGRAM = """\
echo $((6 * 7))
echo done
echo but this is no good >&2
exit 5
"""

with Popen(["sh"], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True) as shell:
    out, err = shell.communicate(PROGRAM)
print(f"output: {out}errors: {err}exit code {shell.returncode}")
