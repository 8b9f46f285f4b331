#pragma once

// What the first byte of an input of fuzz_host chooses: a format of persistence, or one of these.

#include "agent/scan/persistence/persistence.h"

namespace fleetsweep::fuzz {

// Those that were there first; kEntries has them all.
inline constexpr auto kFormats = static_cast<std::uint8_t>(scan::Format::kLibraries) + 1;

enum HostCase : std::uint8_t {
  kSocketLine = kFormats,
  kStatLine,
  kYara,
  kRecord,
  kMetadata,
  kEdit,
  kConfiguration,
  kAddress,
  kPackages,
  kAnswer,
  kHello,
  kJob,
  kTemplate,
  kAnchor,
  kEnrolment,
  kOperatorKey,
  kCurveKey,
  kCapabilities,
  kIdentityTable,
  kProcText,  // maps, environ, status, cgroup, mountinfo and modules of /proc
  kHive,
  kEntries,  // of the format that the second byte chooses
  kBaseline,
  kPam,
  kRpmHeader,
  kSqlite,   // two bytes: how long the database is; the rest is its log
  kNetwork,  // addresses, ports, endpoints, resolv.conf, answers of the packet filter
  kCheckpoint,
  kImages,  // an image of docker's or containerd's; images and layers of podman's with a NUL
            // between
  kBerkeley,
  kNdb,
  kTask,  // of Windows, as XML or as the registry has it
  kArchive,
  kLoaderCache,  // /etc/ld.so.cache
  kManager,      // what systemd answers to a restart, behind its greeting
  kBolt,         // both of containerd's databases at once
  kShell,        // a script that loses lines
  kCases,
};

}  // namespace fleetsweep::fuzz
