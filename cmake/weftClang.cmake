# SPDX-License-Identifier: MIT
# Toolchain file of the preset "clang": the version that the sources are kept clean for, else any.
find_program(CMAKE_C_COMPILER NAMES clang-14 clang REQUIRED)
find_program(CMAKE_CXX_COMPILER NAMES clang++-14 clang++ REQUIRED)
