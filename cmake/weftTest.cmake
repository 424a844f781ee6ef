# SPDX-License-Identifier: MIT
# How tests become ctest's: one ctest for each test, so that each has its process and its time limit.

# The harness of a test gives up first and dumps stacks; ctest's own limit is for a harness that hangs.
# Sanitizers make everything several times slower.
if(WEFT_SANITIZE OR WEFT_COVERAGE)
	set(seconds 150)
else()
	set(seconds 50)
endif()
set(WEFT_TEST_SECONDS ${seconds} CACHE STRING "How long a test may take, on machines that are slower than most")
math(EXPR WEFT_CTEST_SECONDS "${WEFT_TEST_SECONDS} * 6 / 5")

# TSan cannot place its shadow memory where the kernel randomises addresses too widely.
set(WEFT_TEST_WRAPPER "" CACHE STRING "A program that runs each test: words separated by semicolons")
if(WEFT_SANITIZE MATCHES "thread")
	execute_process(COMMAND setarch -R true RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
	if(failed)
		message(WARNING "\"setarch -R\" does not work here: tests under TSan may fail to start")
	else()
		set(WEFT_TEST_WRAPPER setarch -R)
	endif()
endif()

set(WEFT_TEST_ENVIRONMENT
	WEFT_TEST_TIMEOUT=${WEFT_TEST_SECONDS}
	UBSAN_OPTIONS=print_stacktrace=1
	TSAN_OPTIONS=second_deadlock_stack=1)

# weft_register(<ctest name> LABELS <label>... COMMAND <command>... [ENVIRONMENT <NAME=value>...] [TIMEOUT <seconds>])
#
# The seconds are those of a build where a test may take 50.
function(weft_register name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "LABELS;COMMAND;ENVIRONMENT")
	if(arg_TIMEOUT)
		math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * ${WEFT_TEST_SECONDS} / 50")
	else()
		set(arg_TIMEOUT ${WEFT_CTEST_SECONDS})
	endif()
	add_test(NAME ${name} COMMAND ${WEFT_TEST_WRAPPER} ${arg_COMMAND})
	set_tests_properties(${name} PROPERTIES
		SKIP_RETURN_CODE 77
		TIMEOUT ${arg_TIMEOUT}
		LABELS "${arg_LABELS}"
		ENVIRONMENT "${WEFT_TEST_ENVIRONMENT};${arg_ENVIRONMENT}")
endfunction()

# weft_add_tests(<executable> PREFIX <prefix> [ARGS_MATRIX <argument>...])
#
# Registers each TEST(name) of the executable's sources: "<executable> name" as <prefix>.name, or
# "<executable> name argument" as <prefix>.argument.name for each argument. The macro must begin a line.
function(weft_add_tests target)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "PREFIX" "ARGS_MATRIX")
	string(REGEX REPLACE "\\..*" "" label ${arg_PREFIX})
	get_target_property(sources ${target} SOURCES)
	foreach(source IN LISTS sources)
		set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
		file(STRINGS ${source} lines REGEX "^TEST\\([A-Za-z0-9_]+\\)" ENCODING UTF-8)
		foreach(line IN LISTS lines)
			string(REGEX REPLACE "^TEST\\(([A-Za-z0-9_]+)\\).*" "\\1" test "${line}")
			if(NOT arg_ARGS_MATRIX)
				weft_register(${arg_PREFIX}.${test} LABELS ${label} COMMAND $<TARGET_FILE:${target}> ${test})
			endif()
			foreach(argument IN LISTS arg_ARGS_MATRIX)
				weft_register(${arg_PREFIX}.${argument}.${test} LABELS ${label} ${argument}
					COMMAND $<TARGET_FILE:${target}> ${test} ${argument})
			endforeach()
		endforeach()
	endforeach()
endfunction()

# weft_add_script(<ctest name> <script> [ARGS <argument>...] [TIMEOUT <seconds>]): a test that is a program of sh.
function(weft_add_script name script)
	cmake_parse_arguments(PARSE_ARGV 2 arg "" "TIMEOUT" "ARGS")
	string(REGEX REPLACE "\\..*" "" label ${name})
	weft_register(${name} LABELS ${label} TIMEOUT ${arg_TIMEOUT}
		COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/${script} ${arg_ARGS}
		ENVIRONMENT
			WEFT_SOURCE_DIR=${PROJECT_SOURCE_DIR}
			WEFT_BUILD_DIR=${PROJECT_BINARY_DIR}
			CC=${CMAKE_C_COMPILER}
			CXX=${WEFT_TEST_CXX})
endfunction()
