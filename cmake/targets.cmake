# The four shapes of target in this tree.

# What nearly every source includes is parsed once, for the libraries and programs and for the tests. A
# source still includes all it uses: -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON shows what it forgot.
function(fs_precompiled name)
  cmake_parse_arguments(ARG "" "" "HEADERS;LINK" ${ARGN})
  file(CONFIGURE OUTPUT ${name}.cc CONTENT "")
  add_library(${name} OBJECT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
  if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
    # Or one that comes from ccache would be refused for the age of the headers it was made from.
    target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()

set(everywhere <algorithm> <array> <charconv> <chrono> <cstring> <filesystem> <fmt/format.h> <fmt/ranges.h>
               <fstream> <functional> <map> <memory> <optional> <set> <span> <string> <tl/expected.hpp>
               <utility> <variant> <vector>)
find_package(fmt REQUIRED)
fs_precompiled(fs_headers HEADERS ${everywhere} LINK fmt::fmt)
if(FLEETSWEEP_TESTS)
  find_package(GTest REQUIRED)
  fs_precompiled(fs_test_headers HEADERS ${everywhere} <gmock/gmock.h> <gtest/gtest.h>
                 LINK fmt::fmt GTest::gtest GTest::gmock)
endif()

# Where the fuzzers look what they have reached: in what they link, not in the tests.
function(fs_seen_by_fuzzers name)
  if(FLEETSWEEP_SANITIZE STREQUAL address)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()
fs_seen_by_fuzzers(fs_headers)

# With FLEETSWEEP_TOGETHER: most of the time goes into templates that each source would instantiate for itself.
# APART are those whose unnamed namespaces hold the same names as a neighbour's.
macro(fs_together name)
  if(FLEETSWEEP_TOGETHER)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
      # gcc takes the included sources for headers, whose unnamed namespaces it warns of.
      target_compile_options(${name} PRIVATE -Wno-subobject-linkage)
    endif()
    set_source_files_properties(${ARG_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endmacro()

# fs_library(fs_log SOURCES a.cc LINK fs_base fs_crypto PRIVATE_LINK PkgConfig::ZMQ)
# LINK is what the public headers show; PRIVATE_LINK is a third party that stays inside this folder.
function(fs_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;APART;LINK;PRIVATE_LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES} ${ARG_APART})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
  target_precompile_headers(${name} REUSE_FROM fs_headers)
  fs_seen_by_fuzzers(${name})
  fs_together(${name})
  if(FLEETSWEEP_SANITIZE)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# fs_program(fleetsweep-witness SOURCES main.cc LINK fs_log)
# An instrumented build has only those that a test starts and therefore names in add_dependencies.
function(fs_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  target_precompile_headers(${name} REUSE_FROM fs_headers)
  fs_seen_by_fuzzers(${name})
  if(FLEETSWEEP_SANITIZE)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# fs_test(log_test LABEL unit SOURCES merkle_test.cc LINK fs_log)
# One executable a folder; ctest sees it as one test with the label: unit, sim, contract, e2e. THREADS: its
# code under test has several, so it runs under the thread sanitizer too. No e2e runs under a sanitizer.
function(fs_test name)
  cmake_parse_arguments(ARG "THREADS" "LABEL;TIMEOUT" "SOURCES;APART;LINK" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES} ${ARG_APART})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest GTest::gtest_main GTest::gmock)
  target_compile_definitions(${name} PRIVATE
    FS_SOURCE_DIR="${CMAKE_SOURCE_DIR}" FS_BINARY_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  target_precompile_headers(${name} REUSE_FROM fs_test_headers)
  fs_together(${name})
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # gcc 12 no longer knows <string> for a system header once it is precompiled, and then shows what it
    # wrongly believes of the strings that tests add up.
    target_compile_options(${name} PRIVATE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
  if((FLEETSWEEP_SANITIZE AND ARG_LABEL STREQUAL e2e) OR (FLEETSWEEP_SANITIZE STREQUAL thread AND NOT ARG_THREADS))
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set(limit ${ARG_TIMEOUT})
  if(FLEETSWEEP_SANITIZE)
    math(EXPR limit "4 * ${limit}")
  endif()
  # The longest begin first, or the last of them would run alone.
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${limit} COST ${ARG_TIMEOUT})
  if(FLEETSWEEP_SANITIZE STREQUAL thread)
    set_tests_properties(${name} PROPERTIES
      ENVIRONMENT "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp")
  endif()
endfunction()

# fs_fuzz(fuzz_log SOURCES fuzz_log.cc LINK fs_log CORPUS seeds/log)   (only with FLEETSWEEP_SANITIZE=address)
# `ninja fuzzers` builds them all; `ctest -L fuzz` runs each for FLEETSWEEP_FUZZ_SECONDS on its seeds.
# What a run finds interesting stays in the build folder.
function(fs_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;CORPUS" ${ARGN})
  if(NOT FLEETSWEEP_SANITIZE STREQUAL address)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_precompile_headers(${name} REUSE_FROM fs_headers)
  fs_seen_by_fuzzers(${name})
  set(found ${CMAKE_CURRENT_BINARY_DIR}/${name}_corpus)
  file(MAKE_DIRECTORY ${found})
  list(TRANSFORM ARG_CORPUS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ REGEX "^[^/]")
  add_test(NAME ${name} COMMAND ${name} -max_total_time=${FLEETSWEEP_FUZZ_SECONDS} -verbosity=0
                                ${found} ${ARG_CORPUS})
  math(EXPR timeout "${FLEETSWEEP_FUZZ_SECONDS} + 110")
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT ${timeout})
  set_property(GLOBAL APPEND PROPERTY FS_FUZZ_TARGETS ${name})
endfunction()
