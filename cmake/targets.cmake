# The three shapes of target in this tree.

# fs_library(fs_log SOURCES a.cc LINK fs_base fs_crypto PRIVATE_LINK PkgConfig::ZMQ)
# LINK is what the public headers show; PRIVATE_LINK is a third party that stays inside this folder.
function(fs_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
endfunction()

# fs_program(fleetsweep-witness SOURCES main.cc LINK fs_log)
function(fs_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
endfunction()

# fs_test(log_test LABEL unit SOURCES merkle_test.cc LINK fs_log)
# One executable a folder; ctest sees it as one test with the label: unit, sim, contract, e2e, fuzz.
function(fs_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;LINK" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest GTest::gtest_main GTest::gmock)
  target_compile_definitions(${name} PRIVATE
    FS_SOURCE_DIR="${CMAKE_SOURCE_DIR}" FS_BINARY_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()

# fs_fuzz(fuzz_log SOURCES fuzz_log.cc LINK fs_log CORPUS seeds/log)   (only with FLEETSWEEP_FUZZ)
# `ninja fuzzers` builds them all; `ctest -L fuzz` runs each for FLEETSWEEP_FUZZ_SECONDS on its seeds.
# What a run finds interesting stays in the build folder.
function(fs_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;CORPUS" ${ARGN})
  if(NOT FLEETSWEEP_FUZZ)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set(found ${CMAKE_CURRENT_BINARY_DIR}/${name}_corpus)
  file(MAKE_DIRECTORY ${found})
  list(TRANSFORM ARG_CORPUS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ REGEX "^[^/]")
  add_test(NAME ${name} COMMAND ${name} -max_total_time=${FLEETSWEEP_FUZZ_SECONDS} -verbosity=0
                                ${found} ${ARG_CORPUS})
  math(EXPR timeout "${FLEETSWEEP_FUZZ_SECONDS} + 110")
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT ${timeout})
  set_property(GLOBAL APPEND PROPERTY FS_FUZZ_TARGETS ${name})
endfunction()
