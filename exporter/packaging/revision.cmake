# Sets `revision`: what the user says, what 'git archive' wrote into the source, what git says.

set(ALIYUN_ECS_REVISION "" CACHE STRING "The revision that --version names; empty: that of the source")

set(revision "${ALIYUN_ECS_REVISION}")
if(NOT revision)
  file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/revision" revision LIMIT_COUNT 1)
  if(NOT revision MATCHES "^[0-9a-f]+$")
    # A source that lies in somebody else's checkout has not the revision of that.
    execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --show-prefix HEAD
      OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(NOT revision MATCHES "^\n?[0-9a-f]+$")
      set(revision unknown)
    endif()
  endif()
  string(STRIP "${revision}" revision)
  string(SUBSTRING "${revision}" 0 12 revision)
endif()
