# SPDX-License-Identifier: MIT
# Tests of the executor "mpi", under mpirun. Of the contract suite a part here, since each mpirun takes half a second;
# all of it is in scripts/nightly.sh.
function(weft_add_mpi_script name script)
	weft_add_script(mpi.${name} mpi/${script} ARGS ${ARGN} TIMEOUT 180)
	set_property(TEST mpi.${name} APPEND PROPERTY ENVIRONMENT MPIRUN=${MPIEXEC_EXECUTABLE})
endfunction()

foreach(tests
		"1 map_odd_element_sizes stop_kill deadline_kills"
		"2 async_thousand cancel_running map_odd_element_sizes error_status_and_text deadline_passed then_on_an_unfinished_one"
		"2b large_by_value large_runs_again stop_kill reply_sizes submit_priority cancel_from_many_threads_drops_once"
		"4 map_first_failure submit_from_many_threads queue_submit_wait_gets_room")
	separate_arguments(tests)
	list(POP_FRONT tests part)
	string(REGEX REPLACE "[a-z]" "" ranks ${part})
	weft_add_mpi_script(contract_on_${part} contract.sh ${ranks} ${tests})
endforeach()

foreach(build faults faults_other traced uneven)
	string(REPLACE _other "" source ${build})
	add_executable(mpi_${build} mpi/${source}.c)
	target_link_libraries(mpi_${build} PRIVATE weft_flags weft_mpi_shared)
	set_target_properties(mpi_${build} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
endforeach()
foreach(case environment stop threads dies killed lost clocks)
	weft_add_mpi_script(traced.${case} test_traced.sh ${case})
endforeach()
target_compile_options(mpi_faults_other PRIVATE -O2 -fno-inline) # another build, another build-id
foreach(case stop stop-idempotent kill kill-recovery mpirun-killed builds alone)
	weft_add_mpi_script(faults.${case} test_lost_ranks.sh ${case})
endforeach()
weft_add_mpi_script(run test_run.sh)
weft_add_mpi_script(uneven test_uneven.sh)
if(TARGET primes)
	weft_add_mpi_script(primes test_mpi_primes.sh)
endif()
weft_add_script(install.mpi install/test_mpi.sh TIMEOUT 240)
set_property(TEST install.mpi APPEND PROPERTY ENVIRONMENT MPIRUN=${MPIEXEC_EXECUTABLE})
weft_add_mpi_script(two_hosts netns.sh)
