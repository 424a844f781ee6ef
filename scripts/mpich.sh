#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mpich.sh -- builds libweft-mpi with MPICH, in the place of Open MPI, into build/mpich, and runs its tests: of the
# contract suite those that ctest has, and of lost ranks. Installs MPICH if it is missing.
set -eu
cd "$(dirname "$0")/.."

if ! command -v mpicc.mpich >/dev/null 2>&1; then
	as_root=
	[ "$(id -u)" -eq 0 ] || as_root=sudo
	$as_root apt-get update -qq
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libmpich-dev mpich \
		>/dev/null
fi
cmake -S . -B build/mpich -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DWEFT_WERROR=ON -DWEFT_BUILD_BENCH=OFF \
	-DMPI_C_COMPILER="$(command -v mpicc.mpich)" -DMPIEXEC_EXECUTABLE="$(command -v mpiexec.hydra)" >/dev/null
cmake --build build/mpich --target contract mpi_faults mpi_faults_other mpi_traced mpi_uneven weft_mpi_shared weft_trace
readelf -d build/mpich/libweft-mpi.so | grep NEEDED.*libmpich
ctest --test-dir build/mpich --output-on-failure -R '^mpi\.(contract|faults|traced|uneven)'
