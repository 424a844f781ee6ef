# SPDX-License-Identifier: MIT
# The install rules: libraries, headers, the CMake package and the pkg-config file.
#
# Each rule names its component, so that packagers need no lists of files (debian/rules): "runtime" is what a program
# needs to run, "dev" to be built; "tools" has programs, "doc" what people read.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weft)
install(TARGETS weft_headers weft_static weft_shared
	EXPORT weftTargets
	ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
	LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev
	FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev
	FILE_SET adapters DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
install(EXPORT weftTargets NAMESPACE weft:: DESTINATION ${package_dir} COMPONENT dev)

configure_package_config_file(cmake/weftConfig.cmake.in weftConfig.cmake
	INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a new minor version may change anything.
write_basic_package_version_file(weftConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
	${CMAKE_CURRENT_BINARY_DIR}/weftConfig.cmake
	${CMAKE_CURRENT_BINARY_DIR}/weftConfigVersion.cmake
	cmake/weftJemalloc.cmake
	DESTINATION ${package_dir} COMPONENT dev)

# Paths in weft.pc are relative to the file, so the installed tree can be moved as a whole. In /usr nobody moves it, and
# pkg-config leaves out the system's own folders if it recognises them.
set(pc_dir ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pc_prefix ${pc_dir} ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" pc_prefix "\${pcfiledir}/${pc_prefix}")
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
	set(pc_prefix /usr)
endif()
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_LIBDIR absolute_lib)
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_INCLUDEDIR absolute_include)
set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
if(absolute_lib)
	set(pc_libdir ${CMAKE_INSTALL_LIBDIR})
endif()
if(absolute_include)
	set(pc_includedir ${CMAKE_INSTALL_INCLUDEDIR})
endif()
set(pc_uring "")
if(uring)
	set(pc_uring " -luring")
endif()
configure_file(cmake/weft.pc.in weft.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/weft.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

if(TARGET weft_mpi)
	include(weftMpiInstall)
endif()
