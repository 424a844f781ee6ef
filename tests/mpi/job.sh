# SPDX-License-Identifier: MIT
#
# job.sh -- for scripts that start MPI jobs; read with ".". MPIRUN is the path of mpirun.

# Open MPI: as root too, on fewer processors than ranks, and without binding several to one. MPICH asks for none of it.
OMPI_ALLOW_RUN_AS_ROOT=1
OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
OMPI_MCA_rmaps_base_oversubscribe=1
OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM
export OMPI_MCA_rmaps_base_oversubscribe OMPI_MCA_hwloc_base_binding_policy
MPIRUN=${MPIRUN:-mpirun}
