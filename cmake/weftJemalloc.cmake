# SPDX-License-Identifier: MIT
# Makes the target weft::jemalloc: links libjemalloc where it is found, and nothing where it is not.
# The library finds mallocx at run time; whether a program has it is that program's choice.
if(NOT TARGET weft::jemalloc)
	add_library(weft::jemalloc INTERFACE IMPORTED GLOBAL)
	find_library(WEFT_JEMALLOC_LIBRARY jemalloc)
	mark_as_advanced(WEFT_JEMALLOC_LIBRARY)
	if(WEFT_JEMALLOC_LIBRARY)
		# A program need not call malloc by itself; some linkers would then leave it out.
		set_property(TARGET weft::jemalloc PROPERTY INTERFACE_LINK_LIBRARIES
			"-Wl,--push-state,--no-as-needed" "${WEFT_JEMALLOC_LIBRARY}" "-Wl,--pop-state")
	endif()
endif()
