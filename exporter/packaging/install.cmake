# Where things go when they are installed, by component: exporter, plugin, simulator.

include(GNUInstallDirs)

# As Debian and most others have it: the plugins are no matter of the architecture's library folder.
string(REGEX REPLACE "^lib/.+" "lib" plugin_parent "${CMAKE_INSTALL_LIBDIR}")
set(ALIYUN_ECS_PLUGIN_DIR "${plugin_parent}/nagios/plugins" CACHE STRING
  "Where the monitoring plugin goes; relative to the prefix, or absolute")
# /usr/lib/systemd/system and /usr/local/lib/systemd/system are read by every systemd.
set(ALIYUN_ECS_UNIT_DIR "lib/systemd/system" CACHE STRING
  "Where the unit goes; relative to the prefix, or absolute")

# With the prefix /usr, settings belong into /etc; otherwise below a prefix, whichever that will be.
set(config_dir "${CMAKE_INSTALL_SYSCONFDIR}")
if(NOT CMAKE_INSTALL_FULL_SYSCONFDIR STREQUAL "${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SYSCONFDIR}")
  set(config_dir "${CMAKE_INSTALL_FULL_SYSCONFDIR}")
endif()
cmake_path(GET CMAKE_INSTALL_DOCDIR PARENT_PATH doc_dir)

set(packaging "${CMAKE_CURRENT_LIST_DIR}")
set(exporter_data "${CMAKE_INSTALL_DATADIR}/aliyun-ecs-exporter")
set(plugin_examples "${doc_dir}/check-aliyun-ecs/examples")

# Files name others by their paths in a Debian package; this says where those really are. The prefix
# is known for sure only when things are installed.
function(aliyun_ecs_install_with_paths component file destination)
  cmake_path(GET file FILENAME name)
  install(CODE "
    set(paths
      /usr/bin/ \"${CMAKE_INSTALL_BINDIR}/\"
      /etc/default/ \"${config_dir}/default/\"
      /usr/lib/nagios/plugins/ \"${ALIYUN_ECS_PLUGIN_DIR}/\"
      /usr/share/doc/ \"${doc_dir}/\"
      /usr/share/aliyun-ecs-exporter/ \"${exporter_data}/\")
    file(READ \"${file}\" text)
    while(paths)
      list(POP_FRONT paths from to)
      cmake_path(ABSOLUTE_PATH to BASE_DIRECTORY \"\${CMAKE_INSTALL_PREFIX}\" NORMALIZE)
      string(REPLACE \"\${from}\" \"\${to}\" text \"\${text}\")
    endwhile()
    file(WRITE \"${CMAKE_BINARY_DIR}/installed/${name}\" \"\${text}\")"
    COMPONENT ${component})
  install(${ARGN} "${CMAKE_BINARY_DIR}/installed/${name}" DESTINATION "${destination}" COMPONENT ${component})
endfunction()

foreach(package IN ITEMS
    "exporter/aliyun-ecs-exporter/aliyun_ecs_exporter/${CMAKE_INSTALL_BINDIR}"
    "plugin/check-aliyun-ecs/check_aliyun_ecs/${ALIYUN_ECS_PLUGIN_DIR}"
    "simulator/aliyun-ecs-simulator/aliyun_ecs_simulator/${CMAKE_INSTALL_BINDIR}")
  string(REGEX MATCH "^([^/]+)/([^/]+)/([^/]+)/(.+)$" package "${package}")
  set(component ${CMAKE_MATCH_1})
  set(doc "${doc_dir}/${CMAKE_MATCH_2}")
  set(program ${CMAKE_MATCH_3})
  install(TARGETS ${program} RUNTIME DESTINATION "${CMAKE_MATCH_4}" COMPONENT ${component})
  aliyun_ecs_install_with_paths(${component} "${packaging}/man/${program}.1" "${CMAKE_INSTALL_MANDIR}/man1" FILES)
  install(FILES "${packaging}/deb/copyright" "${CMAKE_SOURCE_DIR}/CHANGELOG.md"
    DESTINATION "${doc}" COMPONENT ${component})
endforeach()

set(unit "${packaging}/aliyun-ecs-exporter.service")
if(NOT ALIYUN_ECS_SYSTEMD)
  # systemd would wait in vain for a word from it, and end it.
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${unit}")
  file(READ "${unit}" text)
  string(REPLACE "\nType=notify\nNotifyAccess=main\n" "\nType=simple\n" text "${text}")
  string(REGEX REPLACE "\n#[^\n]*\nWatchdogSec=[^\n]*\n" "\n" text "${text}")
  set(unit "${CMAKE_BINARY_DIR}/without-libsystemd/aliyun-ecs-exporter.service")
  file(WRITE "${unit}" "${text}")
endif()
aliyun_ecs_install_with_paths(exporter "${unit}" "${ALIYUN_ECS_UNIT_DIR}" FILES)
aliyun_ecs_install_with_paths(exporter "${packaging}/default/aliyun-ecs-exporter" "${config_dir}/default" FILES)
file(GLOB rules CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/alerts/rules/*.yml")
file(GLOB dashboards CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/dashboards/*.json")
install(FILES ${rules} DESTINATION "${exporter_data}/alerts" COMPONENT exporter)
install(FILES ${dashboards} DESTINATION "${exporter_data}/dashboards" COMPONENT exporter)
# In the folders of the source, so that their links to each other hold.
foreach(page IN ITEMS
    README.md
    SECURITY.md
    alerts/README.md
    alerts/RUNBOOKS.md
    dashboards/README.md
    exporter/METRICS.md
    exporter/README.md)
  cmake_path(GET page PARENT_PATH folder)
  install(FILES ${page} DESTINATION "${doc_dir}/aliyun-ecs-exporter/${folder}" COMPONENT exporter)
endforeach()
install(FILES
    "${packaging}/config.example.yml"
    alerts/alertmanager.example.yml
    dashboards/provisioning/dashboards.yaml
  DESTINATION "${doc_dir}/aliyun-ecs-exporter/examples" COMPONENT exporter)

install(DIRECTORY "${packaging}/discovery" USE_SOURCE_PERMISSIONS
  DESTINATION "${doc_dir}/aliyun-ecs-exporter/examples" COMPONENT exporter)

aliyun_ecs_install_with_paths(plugin "${packaging}/monitoring.md" "${doc_dir}/check-aliyun-ecs" FILES)
install(DIRECTORY "${packaging}/icinga2" "${packaging}/nagios" "${packaging}/zabbix"
  DESTINATION "${plugin_examples}" COMPONENT plugin)
aliyun_ecs_install_with_paths(plugin "${packaging}/nrpe/aliyun_ecs.cfg" "${plugin_examples}/nrpe" FILES)
aliyun_ecs_install_with_paths(plugin "${packaging}/checkmk/aliyun_ecs" "${plugin_examples}/checkmk" PROGRAMS)

install(FILES tests/simulator/README.md tests/simulator/scenario.schema.json
  DESTINATION "${doc_dir}/aliyun-ecs-simulator" COMPONENT simulator)
install(DIRECTORY tests/simulator/scenarios
  DESTINATION "${doc_dir}/aliyun-ecs-simulator/examples" COMPONENT simulator)
