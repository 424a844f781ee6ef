# SPDX-License-Identifier: MIT
# libweft-mpi: the executor "mpi", the only part of weft that knows MPI. Targets weft::mpi (shared or static, as
# weft::weft is), weft::mpi_shared, weft::mpi_static.
file(GLOB sources CONFIGURE_DEPENDS mpi/*.c)
add_library(weft_mpi OBJECT ${sources})
target_link_libraries(weft_mpi PRIVATE weft_flags weft_headers Threads::Threads MPI::MPI_C)
target_include_directories(weft_mpi PRIVATE core executors)
set_target_properties(weft_mpi PROPERTIES
	C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF
	C_VISIBILITY_PRESET hidden
	POSITION_INDEPENDENT_CODE ON)
set(mpi_header ${CMAKE_CURRENT_SOURCE_DIR}/include/weft/mpi.h)
set_source_files_properties(${mpi_header} PROPERTIES LANGUAGE C)

add_library(weft_mpi_static STATIC $<TARGET_OBJECTS:weft_mpi>)
# What both libraries need and neither exports, it has a copy of.
add_library(weft_mpi_shared SHARED $<TARGET_OBJECTS:weft_mpi> executors/mpi_link.c executors/mpi_frame.c)
target_link_libraries(weft_mpi_shared PRIVATE weft_flags)
target_include_directories(weft_mpi_shared PRIVATE core executors)
set_target_properties(weft_mpi_shared PROPERTIES
	C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF C_VISIBILITY_PRESET hidden
	VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
	LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/mpi/weft-mpi.map)
target_link_options(weft_mpi_shared PRIVATE
	LINKER:--version-script=${CMAKE_CURRENT_SOURCE_DIR}/mpi/weft-mpi.map)
if(NOT WEFT_SANITIZE)
	target_link_options(weft_mpi_shared PRIVATE LINKER:-z,defs)
endif()
# weft_executor_open("mpi") refers to it weakly, which pulls nothing out of an archive.
target_link_options(weft_mpi_static INTERFACE LINKER:-u,weft_mpi_new)
foreach(kind static shared)
	add_library(weft::mpi_${kind} ALIAS weft_mpi_${kind})
	target_link_libraries(weft_mpi_${kind} PUBLIC weft_${kind} PRIVATE Threads::Threads MPI::MPI_C)
	target_sources(weft_mpi_${kind} INTERFACE
		FILE_SET HEADERS BASE_DIRS include FILES ${mpi_header})
	set_target_properties(weft_mpi_${kind} PROPERTIES
		OUTPUT_NAME weft-mpi EXPORT_NAME mpi_${kind} LINKER_LANGUAGE C)
endforeach()
if(BUILD_SHARED_LIBS)
	add_library(weft::mpi ALIAS weft_mpi_shared)
else()
	add_library(weft::mpi ALIAS weft_mpi_static)
endif()
