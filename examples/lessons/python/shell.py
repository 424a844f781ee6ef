# SPDX-License-Identifier: MIT
import os

for command in "echo hello from the shell | tr a-z A-Z", "exit 3":
    code = os.waitstatus_to_exitcode(os.system(command))
    print(f"exit code {code}", flush=True)
