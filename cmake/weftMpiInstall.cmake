# SPDX-License-Identifier: MIT
# The install rules of libweft-mpi: install components "mpi_runtime" and "mpi_dev", package component "mpi", weft-mpi.pc.
install(TARGETS weft_mpi_static weft_mpi_shared
	EXPORT weftMpiTargets
	ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT mpi_dev
	LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT mpi_runtime NAMELINK_COMPONENT mpi_dev
	FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT mpi_dev)
install(EXPORT weftMpiTargets NAMESPACE weft:: DESTINATION ${package_dir} COMPONENT mpi_dev)
install(PROGRAMS ${CMAKE_CURRENT_SOURCE_DIR}/mpi/weft-mpi-run DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT mpi_dev)
# What a static program needs besides is what the compiler wrapper of MPI would add.
set(pc_mpi "")
foreach(library IN LISTS MPI_C_LIBRARIES)
	string(APPEND pc_mpi " ${library}")
endforeach()
configure_file(cmake/weft-mpi.pc.in weft-mpi.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/weft-mpi.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT mpi_dev)
