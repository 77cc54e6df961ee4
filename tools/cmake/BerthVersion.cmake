# SPDX-License-Identifier: Apache-2.0
# What the build says of itself: the commit, where there is one.
set(BERTH_BUILD_HASH "unknown")
set(BERTH_BUILD_DATE "unknown")
find_package(Git QUIET)
if(GIT_FOUND)
    execute_process(COMMAND ${GIT_EXECUTABLE} log -1 --format=%H%n%cI
                    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE commit
                    RESULT_VARIABLE failed ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT failed)
        string(REPLACE "\n" ";" commit "${commit}")
        list(GET commit 0 BERTH_BUILD_HASH)
        list(GET commit 1 BERTH_BUILD_DATE)
    endif()
endif()
configure_file(${CMAKE_SOURCE_DIR}/host/version.h.in ${CMAKE_BINARY_DIR}/generated/host/version.h
               @ONLY)
