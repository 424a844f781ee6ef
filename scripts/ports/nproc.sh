# SPDX-License-Identifier: MIT
what='RLIMIT_NPROC of 48: threads and processes of a user together'
options='-DWEFT_WERROR=ON -DWEFT_BUILD_MODELS=OFF'
# Of a user who has no other processes: root is not held to it. One test at a time, or they would share it.
options="$options -DWEFT_TEST_WRAPPER=setpriv;--reuid=64321;--regid=64321;--clear-groups;prlimit;--nproc=48"
only='^unit\.(executor|future|lock|queue|process|thread|offload|subprocess)|^crash\.(limits|death|start)_'
only="$only|^contract\.(threads:2|processes:2|uring:2)\."
jobs=1
