# The packages, made of the components of install.cmake by CPack; build-packages.sh runs that.

set(ALIYUN_ECS_PACKAGE_RELEASE 1 CACHE STRING "Release of the packages of this version; an upgrade needs a higher one")
set(ALIYUN_ECS_PACKAGE_MAINTAINER "Alibaba Cloud ECS exporter maintainers <maintainers@aliyun-ecs-exporter.invalid>"
  CACHE STRING "Name and address in the packages")
set(ALIYUN_ECS_PACKAGE_HOMEPAGE "" CACHE STRING "Where the packages say that the project is found; empty: nowhere")

set(CPACK_PACKAGE_NAME aliyun-ecs-exporter)
set(CPACK_PACKAGE_CONTACT "${ALIYUN_ECS_PACKAGE_MAINTAINER}")
set(CPACK_PACKAGE_VENDOR "Alibaba Cloud ECS exporter maintainers")
set(CPACK_PACKAGING_INSTALL_PREFIX "${CMAKE_INSTALL_PREFIX}")
set(CPACK_DEBIAN_PACKAGE_HOMEPAGE "${ALIYUN_ECS_PACKAGE_HOMEPAGE}")
set(CPACK_RPM_PACKAGE_URL "${ALIYUN_ECS_PACKAGE_HOMEPAGE}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # CPack would put it above each package's own
set(CPACK_ALIYUN_ECS_STRIP "${CMAKE_STRIP}")
set(CPACK_COMPONENTS_ALL exporter plugin simulator)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_CURRENT_LIST_DIR}/package-files.cmake")

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE "${ALIYUN_ECS_PACKAGE_RELEASE}")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

set(CPACK_RPM_COMPONENT_INSTALL ON)
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_RELEASE "${ALIYUN_ECS_PACKAGE_RELEASE}")
set(CPACK_RPM_PACKAGE_LICENSE "Apache-2.0 AND MIT AND Zlib AND BSD-3-Clause AND CC0-1.0")

# aliyun_ecs_package(COMPONENT NAME SECTION SUMMARY DESCRIPTION)
function(aliyun_ecs_package component name section summary description)
  string(TOUPPER ${component} upper)
  foreach(setting IN ITEMS
      "DEBIAN_${upper}_PACKAGE_NAME=${name}"
      "DEBIAN_${upper}_PACKAGE_SECTION=${section}"
      "DEBIAN_${upper}_DESCRIPTION=${summary}\n${description}"
      "RPM_${component}_PACKAGE_NAME=${name}"
      "RPM_${component}_PACKAGE_SUMMARY=${summary}"
      "RPM_${component}_PACKAGE_DESCRIPTION=${description}")
    string(REGEX MATCH "^([^=]+)=(.*)$" setting "${setting}")
    set("CPACK_${CMAKE_MATCH_1}" "${CMAKE_MATCH_2}" PARENT_SCOPE)
  endforeach()
endfunction()

aliyun_ecs_package(exporter aliyun-ecs-exporter net
  "Prometheus exporter for Alibaba Cloud ECS instance metadata"
  "It asks the instance metadata service, at a pace that does not get the instance
throttled, who the instance is, how much bandwidth it may use, when its RAM
credential ends, and whether a spot instance is about to be taken away, and
tells Prometheus. What was not read is never shown as all being well.

The package has a sandboxed service for systemd, alert rules and Grafana
dashboards.")
aliyun_ecs_package(plugin check-aliyun-ecs net
  "Monitoring plugin for Alibaba Cloud ECS instances"
  "It judges what the instance metadata service, or a running aliyun-ecs-exporter,
says of an instance: spot termination, RAM credential, metadata service,
hardening, identity, and bandwidth.

The package has examples of objects for Nagios, Icinga 2, NRPE and Checkmk, and
a template for Zabbix.")
aliyun_ecs_package(simulator aliyun-ecs-simulator net
  "Alibaba Cloud ECS instance metadata service in miniature"
  "It plays the metadata service of one or several made-up instances, with session
tokens, spot notices, rotating RAM credentials, throttling and faults, for
tests and drills of what depends on that service.")

set(CPACK_DEBIAN_EXPORTER_PACKAGE_DEPENDS "init-system-helpers (>= 1.54~)")
set(CPACK_DEBIAN_EXPORTER_PACKAGE_SUGGESTS "prometheus, check-aliyun-ecs, aliyun-ecs-simulator")
set(CPACK_DEBIAN_PLUGIN_PACKAGE_SUGGESTS "nagios-nrpe-server | icinga2 | nagios4")
set(CPACK_DEBIAN_PLUGIN_PACKAGE_ENHANCES "nagios-nrpe-server, icinga2, nagios4")
set(CPACK_DEBIAN_SIMULATOR_PACKAGE_SUGGESTS "aliyun-ecs-exporter")

set(scripts "${CMAKE_CURRENT_LIST_DIR}")
set(configuration "${config_dir}/default/aliyun-ecs-exporter")
file(WRITE "${CMAKE_BINARY_DIR}/packages/conffiles" "${configuration}\n")
set(CPACK_DEBIAN_EXPORTER_PACKAGE_CONTROL_EXTRA
  "${scripts}/deb/postinst" "${scripts}/deb/prerm" "${scripts}/deb/postrm" "${CMAKE_BINARY_DIR}/packages/conffiles")
set(CPACK_RPM_exporter_POST_INSTALL_SCRIPT_FILE "${scripts}/rpm/post")
set(CPACK_RPM_exporter_PRE_UNINSTALL_SCRIPT_FILE "${scripts}/rpm/preun")
set(CPACK_RPM_exporter_POST_UNINSTALL_SCRIPT_FILE "${scripts}/rpm/postun")
set(CPACK_RPM_exporter_USER_FILELIST "%config(noreplace) ${configuration}")
# Folders that are other packages'.
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
  /etc/default /usr/share/man /usr/share/man/man1 /usr/share/doc /usr/lib/systemd /usr/lib/systemd/system
  /usr/lib/nagios /usr/lib/nagios/plugins /usr/lib64/nagios /usr/lib64/nagios/plugins)

include(CPack)
