# SPDX-License-Identifier: MIT
# The documents: the targets doc-html and doc-man, and the component "doc" of an installation. scripts/docs.sh
# does the work; building the library needs none of it.
find_program(WEFT_SPHINX_BUILD sphinx-build REQUIRED)
mark_as_advanced(WEFT_SPHINX_BUILD)

foreach(kind html man)
	add_custom_target(doc-${kind} ALL
		COMMAND ${CMAKE_COMMAND} -E env SPHINX_BUILD=${WEFT_SPHINX_BUILD}
			sh ${PROJECT_SOURCE_DIR}/scripts/docs.sh ${PROJECT_BINARY_DIR}/docs/${kind} ${kind}
		COMMENT "Documents: ${kind}"
		VERBATIM)
endforeach()

if(WEFT_INSTALL)
	install(DIRECTORY ${PROJECT_BINARY_DIR}/docs/man/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}
		COMPONENT doc FILES_MATCHING PATTERN "*.[137]*")
	install(DIRECTORY ${PROJECT_BINARY_DIR}/docs/html/html/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/html
		COMPONENT doc PATTERN .buildinfo EXCLUDE)
endif()
