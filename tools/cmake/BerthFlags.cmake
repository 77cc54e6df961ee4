# SPDX-License-Identifier: Apache-2.0
# Compiler and linker flags of the house, on the interface target berth_flags.
add_library(berth_flags INTERFACE)
target_compile_definitions(berth_flags INTERFACE _GNU_SOURCE)
target_compile_options(berth_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla -Wundef -Wformat=2 -Wcast-qual
    -Wimplicit-fallthrough -Wno-gnu-zero-variadic-macro-arguments
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # A message in two forms, chosen by a condition, is what this one does not see through.
    target_compile_options(berth_flags INTERFACE -Wno-format-nonliteral)
    # GCC does not know the option that clang needs for the log macro.
    get_target_property(options berth_flags INTERFACE_COMPILE_OPTIONS)
    list(REMOVE_ITEM options -Wno-gnu-zero-variadic-macro-arguments)
    set_target_properties(berth_flags PROPERTIES INTERFACE_COMPILE_OPTIONS "${options}")
else()
    target_compile_options(berth_flags INTERFACE -Wno-format-nonliteral)
endif()
if(BERTH_WERROR)
    target_compile_options(berth_flags INTERFACE -Werror)
endif()

# Hardening, where the optimiser is on and no sanitizer is.
if(CMAKE_BUILD_TYPE MATCHES "Release|RelWithDebInfo" AND NOT BERTH_SANITIZE)
    include(CheckPIESupported)
    check_pie_supported(LANGUAGES C)
    target_compile_options(berth_flags INTERFACE
        -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fno-plt
        -fno-semantic-interposition)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
        target_compile_options(berth_flags INTERFACE -fcf-protection)
    endif()
    target_link_options(berth_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()

if(BERTH_SANITIZE)
    # CURL_STATICLIB and the like are not needed: shared libraries are used as Debian builds them.
    add_compile_options(-fsanitize=${BERTH_SANITIZE} -fno-omit-frame-pointer
                        -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${BERTH_SANITIZE})
endif()
