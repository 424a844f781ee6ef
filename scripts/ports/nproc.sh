# SPDX-License-Identifier: MIT
what='RLIMIT_NPROC of 48: threads and processes of a user together'
options='-DWEFT_WERROR=ON -DWEFT_BUILD_MODELS=OFF'
# Of a user who has no other processes: root is not held to it. One test at a time, or they would share it. The path has
# no folders that this user may not search, in which a program that is missing would be -EACCES.
options="$options -DWEFT_TEST_WRAPPER=env;PATH=/usr/bin:/bin;setpriv;--reuid=64321;--regid=64321;--clear-groups"
options="$options;prlimit;--nproc=48"
only='^unit\.(executor|future|lock|queue|process|thread|offload|subprocess)|^crash\.(limits|death|start)_'
only="$only|^contract\.(threads:2|processes:2|uring:2)\."
# Left out: a hundred processes; and nests of 100,000 waits that use up all 256 threads that can stand in for who waits.
# With 46 the last stack ends before the nest does.
without='^unit\.process_wait\.process_hundred|threads:.\.waiters_deep_(in_sections_)?behind_all_spare_threads$'
jobs=1
