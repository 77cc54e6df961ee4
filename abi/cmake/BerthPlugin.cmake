# SPDX-License-Identifier: Apache-2.0
# berth_add_plugin(NAME SOURCE…): a shared object NAME.so that exports its descriptor alone.
set(BERTH_PLUGIN_MAP ${CMAKE_CURRENT_LIST_DIR}/plugin.map CACHE INTERNAL "")
function(berth_add_plugin name)
    add_library(${name} MODULE ${ARGN})
    target_link_libraries(${name} PRIVATE berth::abi)
    set_target_properties(${name} PROPERTIES
        PREFIX "" C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON
        LINK_DEPENDS ${BERTH_PLUGIN_MAP})
    # No run path, no executable stack, no text relocation, no name left to be found later.
    target_link_options(${name} PRIVATE
        -Wl,--version-script=${BERTH_PLUGIN_MAP} -Wl,-z,defs -Wl,-z,now -Wl,-z,relro
        -Wl,-z,noexecstack -Wl,-z,text)
    set_target_properties(${name} PROPERTIES SKIP_BUILD_RPATH ON)
endfunction()
