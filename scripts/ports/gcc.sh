# SPDX-License-Identifier: MIT
# The compiler that is there, with the optimisation of a release: the suite itself is run with less.
# No models: they explore interleavings of the sources, whoever compiles them.
what='gcc as installed, -O2'
options='-DCMAKE_C_COMPILER=gcc -DWEFT_WERROR=ON -DWEFT_BUILD_MODELS=OFF -DCMAKE_C_FLAGS_DEBUG=-O2'
only='^(unit|contract|crash|sweep|fuzz|storm|swarm|trace|top|examples|lessons|tour|howto)\.'
without='\.(threads|processes):[18]\.' # one kind of each is enough for what a compiler makes of them
