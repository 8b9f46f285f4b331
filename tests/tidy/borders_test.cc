// Who may include whom (ARCHITECTURE.md, "Folders and borders"). Reads the #include lines of the
// tree and says which border was crossed and why it is there.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Include {
  std::string file;    // relative to the top
  std::string target;  // as written
  bool quoted = false;
};

std::vector<Include> includes() {
  std::vector<Include> found;
  const fs::path top = FS_SOURCE_DIR;
  const std::regex line_shape(R"(^\s*#include\s*([<"])([^>"]+)[>"])");
  for (const char* part :
       {"protocol", "policies", "controller", "agent", "cli", "witness", "tests"}) {
    if (!fs::exists(top / part)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(top / part)) {
      const auto extension = entry.path().extension();
      if (entry.path().string().find("node_modules") != std::string::npos ||
          (extension != ".h" && extension != ".cc"))
        continue;
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) {
        std::smatch match;
        if (std::regex_search(line, match, line_shape))
          found.push_back({fs::relative(entry.path(), top).string(), match[2], match[1] == "\""});
      }
    }
  }
  return found;
}

bool in_folder(const std::string& file, const std::vector<std::string>& folders) {
  for (const std::string& folder : folders)
    if (file.starts_with(folder)) return true;
  return false;
}

struct ThirdParty {
  std::string header;  // a prefix of what stands in <>
  std::vector<std::string> folders;
  std::string reason;
};

const std::vector<ThirdParty> kThirdParties = {
    {"zmq", {"protocol/runtime/net/"}, "a socket has one owner and one set of options"},
    {"capnp/", {"protocol/codec/"}, "hostile bytes become values in one place"},
    {"kj/", {"protocol/codec/"}, "hostile bytes become values in one place"},
    {"sodium", {"protocol/crypto/"}, "keys are wiped and signatures checked in one place"},
    {"openssl/",
     {"protocol/crypto/", "protocol/runtime/http/tls."},
     "core and monitor must not carry OpenSSL; they link no http"},
    {"httplib", {"protocol/runtime/http/"}, "it throws and takes seconds to compile"},
    {"sqlite3", {"protocol/runtime/sqlite/"}, "SQL is spoken through one wrapper"},
    {"prometheus/", {"protocol/runtime/metrics/"}, "metrics are written in one place"},
    {"seccomp", {"protocol/runtime/sandbox/"}, "the filter is one table"},
    {"systemd/", {"agent/act/service_manager."}, "D-Bus is spoken through one wrapper"},
    {"yara",
     {"agent/scan/", "policies/compiler/"},
     "yara.h defines macros that break other headers"},
    {"archive",
     {"agent/scan/archive/", "agent/vault/sample_archive."},
     "it may open files and start programs, if it is let"},
    {"hs", {"agent/scan/", "policies/compiler/"}, "x86 only: it must stay replaceable"},
    {"yaml-cpp/", {"policies/compiler/"}, "agents never parse YAML"},
    {"utf8proc", {"agent/hive/"}, "names of Windows are compared in one place"},
    {"pugixml", {"policies/compiler/import/"}, "feeds are read on the author's machine only"},
};

TEST(Borders, AThirdPartyHeaderIsIncludedInItsOwnFolderOnly) {
  for (const Include& include : includes()) {
    if (include.quoted || include.file.starts_with("tests/")) continue;
    for (const ThirdParty& party : kThirdParties) {
      const bool is_it = party.header.ends_with("/")
                             ? include.target.starts_with(party.header)
                             : include.target == party.header ||
                                   include.target.starts_with(party.header + ".") ||
                                   include.target.starts_with(party.header + "/");
      if (is_it) {
        EXPECT_TRUE(in_folder(include.file, party.folders))
            << include.file << " includes <" << include.target << ">: " << party.reason;
      }
    }
  }
}

struct Border {
  std::vector<std::string> from;
  std::vector<std::string> never;
  std::string reason;
};

const std::vector<Border> kBorders = {
    {{"protocol/"},
     {"controller/", "agent/", "cli/", "witness/", "policies/"},
     "the protocol knows nobody"},
    {{"controller/"},
     {"agent/", "cli/", "witness/core", "policies/"},
     "controller and agent meet on the wire only"},
    {{"agent/"},
     {"controller/", "cli/", "witness/", "policies/"},
     "controller and agent meet on the wire only"},
    {{"witness/"},
     {"controller/", "agent/", "cli/", "policies/", "protocol/trust/"},
     "a witness does nothing else"},
    {{"policies/"},
     {"controller/", "agent/", "cli/", "witness/", "protocol/runtime/"},
     "a compiler is pure: values in, values out; only trust knows the class of an order"},
    {{"protocol/trust/", "protocol/log/", "protocol/model/", "protocol/base/", "protocol/codec/",
      "controller/campaign/", "controller/fleet/", "controller/core", "agent/core/", "agent/plan/",
      "agent/schedule/", "agent/report/"},
     {"protocol/runtime/"},
     "what decides has no I/O, clock or randomness"},
    {{"agent/scan/"},
     {"protocol/runtime/net/", "protocol/runtime/http/", "protocol/trust/"},
     "the scanner has no network and no authority"},
    {{"agent/act/"},
     {"protocol/runtime/net/", "protocol/runtime/http/"},
     "what changes a host has no network"},
    {{"agent/monitor/"},
     {"protocol/runtime/net/", "protocol/runtime/http/"},
     "root has no network"},
};

TEST(Borders, NobodyReachesAcrossABorder) {
  std::size_t seen = 0;
  for (const Include& include : includes()) {
    if (!include.quoted || include.file.starts_with("tests/")) continue;
    ++seen;
    for (const Border& border : kBorders)
      if (in_folder(include.file, border.from)) {
        EXPECT_FALSE(in_folder(include.target, border.never))
            << include.file << " includes " << include.target << ": " << border.reason;
      }
  }
  EXPECT_GT(seen, 100u) << "the test reads no sources";
}

TEST(Borders, APureCoreReadsNoClockAndNoRandomness) {
  const std::regex forbidden(
      R"(system_clock::now|steady_clock::now|std::random_device|\btime\(nullptr\)|\brand\(\))");
  const fs::path top = FS_SOURCE_DIR;
  for (const char* part : {"protocol/trust", "protocol/log", "controller/campaign",
                           "controller/fleet", "agent/core", "agent/plan", "agent/schedule"}) {
    if (!fs::exists(top / part)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(top / part)) {
      std::ifstream file(entry.path());
      std::size_t number = 0;
      for (std::string line; std::getline(file, line);) {
        ++number;
        EXPECT_FALSE(std::regex_search(line, forbidden))
            << fs::relative(entry.path(), top).string() << ":" << number << ": " << line;
      }
    }
  }
}

}  // namespace
