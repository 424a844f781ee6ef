# SPDX-License-Identifier: MIT
what='clang 19'
packages='clang-19'
options='-DCMAKE_C_COMPILER=clang-19 -DWEFT_WERROR=ON'
only='^(unit|contract|crash|sweep|fuzz|storm|swarm|examples|lessons|model)\.'
without='^model\.mutation$' # of the sources, not of the compiler
