# SPDX-License-Identifier: MIT
what='clang 14'
packages='clang-14'
options='-DCMAKE_C_COMPILER=clang-14 -DWEFT_WERROR=ON'
only='^(unit|contract|crash|sweep|fuzz|storm|swarm|examples|lessons|model)\.'
without='^model\.mutation$' # of the sources, not of the compiler
