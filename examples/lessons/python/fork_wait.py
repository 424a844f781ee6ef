# SPDX-License-Identifier: MIT
import os

print(f"process {os.getpid()} starts", flush=True)
pid = os.fork()
if pid == 0:
    print(f"I am the child {os.getpid()}, my parent is {os.getppid()}", flush=True)
    os._exit(3)
_, status = os.waitpid(pid, 0)
print(f"I am the parent {os.getpid()}, my child {pid} has ended with {os.waitstatus_to_exitcode(status)}")
