# SPDX-License-Identifier: MIT
# What packaging/vcpkg calls, in the place of vcpkg: cmake -D PORT_DIR=... -D BUILD_DIR=... -D WORK_DIR=... -P this.
# Each function takes the arguments that vcpkg's manual gives it and no others, and checks what the real one needs. So
# a port that passes uses the functions rightly; whether vcpkg builds it, only vcpkg can tell.
cmake_minimum_required(VERSION 3.25)
set(CURRENT_PACKAGES_DIR ${WORK_DIR}/packages)
set(FEATURES core uring)
set(called "")

function(arguments function flags singles lists)
	cmake_parse_arguments(arg "${flags}" "${singles}" "${lists}" ${ARGN})
	if(arg_UNPARSED_ARGUMENTS OR arg_KEYWORDS_MISSING_VALUES)
		message(FATAL_ERROR "${function}: ${arg_UNPARSED_ARGUMENTS} ${arg_KEYWORDS_MISSING_VALUES}")
	endif()
	foreach(name IN LISTS singles lists)
		set(arg_${name} "${arg_${name}}" PARENT_SCOPE)
	endforeach()
	file(APPEND ${WORK_DIR}/called "${function}\n")
endfunction()

function(must_exist path)
	if(NOT EXISTS ${path})
		message(FATAL_ERROR "there is no ${path}")
	endif()
endfunction()

function(vcpkg_check_features)
	arguments(vcpkg_check_features "" "OUT_FEATURE_OPTIONS;PREFIX" "FEATURES;INVERTED_FEATURES" ${ARGN})
	while(arg_FEATURES)
		list(POP_FRONT arg_FEATURES feature variable)
		list(APPEND options -D${variable}=ON)
	endwhile()
	set(${arg_OUT_FEATURE_OPTIONS} ${options} PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
	arguments(vcpkg_cmake_configure "DISABLE_PARALLEL_CONFIGURE;WINDOWS_USE_MSBUILD" "SOURCE_PATH;GENERATOR"
		"OPTIONS;OPTIONS_DEBUG;OPTIONS_RELEASE;MAYBE_UNUSED_VARIABLES" ${ARGN})
	execute_process(COMMAND ${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${WORK_DIR}/build ${arg_OPTIONS}
		OUTPUT_QUIET ERROR_VARIABLE errors COMMAND_ERROR_IS_FATAL ANY)
	if(errors MATCHES "not used by the project")
		message(FATAL_ERROR "${errors}")
	endif()
endfunction()

# Nothing is built: it would be what BUILD_DIR has.
function(vcpkg_cmake_install)
	arguments(vcpkg_cmake_install "DISABLE_PARALLEL;ADD_BIN_TO_PATH" "" "" ${ARGN})
	execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${CURRENT_PACKAGES_DIR}
		OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
	file(COPY ${CURRENT_PACKAGES_DIR}/include DESTINATION ${CURRENT_PACKAGES_DIR}/debug)
endfunction()

function(vcpkg_cmake_config_fixup)
	arguments(vcpkg_cmake_config_fixup "DO_NOT_DELETE_PARENT_CONFIG_PATH;NO_PREFIX_CORRECTION"
		"PACKAGE_NAME;CONFIG_PATH;TOOLS_PATH" "" ${ARGN})
	must_exist(${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/weftConfig.cmake)
endfunction()

function(vcpkg_fixup_pkgconfig)
	arguments(vcpkg_fixup_pkgconfig "SKIP_CHECK" "" "RELEASE_FILES;DEBUG_FILES" ${ARGN})
	must_exist(${CURRENT_PACKAGES_DIR}/lib/pkgconfig/weft.pc)
endfunction()

function(vcpkg_install_copyright)
	arguments(vcpkg_install_copyright "" "COMMENT" "FILE_LIST" ${ARGN})
	foreach(file IN LISTS arg_FILE_LIST)
		must_exist(${file})
	endforeach()
endfunction()

include(${PORT_DIR}/portfile.cmake)

# vcpkg itself looks for these mistakes after a port.
if(EXISTS ${CURRENT_PACKAGES_DIR}/debug/include)
	message(FATAL_ERROR "headers are left in debug/include")
endif()
file(STRINGS ${WORK_DIR}/called called)
foreach(function IN ITEMS vcpkg_cmake_configure vcpkg_cmake_install vcpkg_cmake_config_fixup vcpkg_fixup_pkgconfig
		vcpkg_install_copyright)
	if(NOT function IN_LIST called)
		message(FATAL_ERROR "${function} is not called")
	endif()
endforeach()
