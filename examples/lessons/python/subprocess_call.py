# SPDX-License-Identifier: MIT
import os
import subprocess

print("$ ls /proc/self/comm", flush=True)
print(f"exit code {subprocess.call(['ls', '/proc/self/comm'])}", flush=True)
code = subprocess.call(["ls", "/nowhere"], stderr=subprocess.DEVNULL)
print(f"ls /nowhere: exit code {code}")
try:
    subprocess.call(["no-such-program"])
except OSError as error:
    print(f"no-such-program: {os.strerror(error.errno)}")
