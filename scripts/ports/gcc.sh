# SPDX-License-Identifier: MIT
# The compiler that is there, with the optimisation of a release: the suite itself is run with less.
what='gcc as installed, -O2'
options='-DCMAKE_C_COMPILER=gcc -DWEFT_WERROR=ON -DCMAKE_C_FLAGS_DEBUG=-O2'
only='^(unit|contract|crash|sweep|fuzz|storm|swarm|examples|lessons|model)\.'
without='^model\.mutation$' # it compiles nothing
