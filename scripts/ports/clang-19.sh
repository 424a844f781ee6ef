# SPDX-License-Identifier: MIT
# No models: they explore interleavings of the sources, whoever compiles them.
what='clang 19'
packages='clang-19'
options='-DCMAKE_C_COMPILER=clang-19 -DWEFT_WERROR=ON -DWEFT_BUILD_MODELS=OFF'
only='^(unit|contract|crash|sweep|fuzz|storm|swarm|trace|top|examples|lessons|tour|howto)\.'
without='\.(threads|processes):[18]\.' # one kind of each is enough for what a compiler makes of them
