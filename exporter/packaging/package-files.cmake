# Run by CPack between installing and packing: what distributions want to be otherwise than
# 'cmake --install' leaves it.

find_program(GZIP gzip REQUIRED)

function(compress file) # without a name and a time in it
  execute_process(COMMAND "${GZIP}" -9n "${file}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(GLOB programs
  "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/*/usr/bin/*"
  "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/*/usr/lib*/nagios/plugins/*")
execute_process(COMMAND "${CPACK_ALIYUN_ECS_STRIP}" --remove-section=.comment --remove-section=.note ${programs}
  COMMAND_ERROR_IS_FATAL ANY)

file(GLOB pages "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/*/usr/share/man/man1/*.1")
foreach(page IN LISTS pages)
  compress("${page}")
endforeach()

if(CPACK_GENERATOR STREQUAL "DEB")
  string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # by SOURCE_DATE_EPOCH, where that is set
  foreach(component IN ITEMS exporter plugin simulator)
    string(TOUPPER ${component} upper)
    set(package "${CPACK_DEBIAN_${upper}_PACKAGE_NAME}")
    set(share "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component}/usr/share")
    set(doc "${share}/doc/${package}")
    file(RENAME "${doc}/CHANGELOG.md" "${doc}/changelog")
    compress("${doc}/changelog")
    file(WRITE "${doc}/changelog.Debian"
"${package} (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) stable; urgency=medium

  * Packaged by the project itself; changelog.gz tells what is new.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
    compress("${doc}/changelog.Debian")
    set(overrides "${CMAKE_CURRENT_LIST_DIR}/deb/${package}.lintian-overrides")
    if(EXISTS "${overrides}")
      file(MAKE_DIRECTORY "${share}/lintian/overrides")
      file(COPY_FILE "${overrides}" "${share}/lintian/overrides/${package}")
    endif()
  endforeach()
endif()
