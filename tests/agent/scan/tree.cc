#include "tests/agent/scan/tree.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "protocol/codec/codec.h"
#include "protocol/crypto/bulk_hash.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/no_pressure.h"

namespace fleetsweep::scan {

namespace fs = std::filesystem;

model::Predicate is(model::Field field, std::string text, model::Match match) {
  model::Predicate predicate{.field = field, .match = match};
  predicate.values.push_back({.text = std::move(text)});
  return predicate;
}
model::Predicate number(model::Field field, std::int64_t value, model::Match match) {
  model::Predicate predicate{.field = field, .match = match};
  predicate.values.push_back({.number = value});
  return predicate;
}
model::Predicate templated(model::Field field, std::string text, model::Match match) {
  model::Predicate predicate = is(field, std::move(text), match);
  predicate.values[0].templated = true;
  return predicate;
}
model::Detection detection(std::string id, model::ObjectKind object, model::Selection selection) {
  model::Detection result{.id = std::move(id), .object = object};
  if (!selection.empty()) result.any_of.push_back(std::move(selection));
  return result;
}
model::Condition one_of(std::vector<std::uint16_t> detections) {
  return {model::Condition::Kind::kAtLeast, 1, std::move(detections), {}};
}
std::string sha256_hex(std::string_view text) {
  return crypto::sha256(as_bytes(text)).hex();
}

std::string md5_hex(std::string_view text) {
  crypto::BulkHash hash(crypto::HashKind::kMd5);
  hash.update(as_bytes(text));
  return to_hex(hash.finish());
}

LateClock::LateClock(int seconds) {
  ::setenv("FLEETSWEEP_LATE_SECONDS", std::to_string(seconds).c_str(), 1);
  ::setenv("LD_PRELOAD", FS_BINARY_DIR "/fleetsweep-late-clock.so", 1);
}

LateClock::~LateClock() {
  ::unsetenv("LD_PRELOAD");
}

void TreeTest::SetUp() {
  char folder[] = "/tmp/fleetsweep-scan-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  folder_ = folder;
  root_ = folder_ / "root";
  fs::create_directory(root_);
}

pid_t TreeTest::start_program(const std::string& path, const std::string& argument) {
  if (!fs::exists(at(path))) {
    fs::create_directories(at(path).parent_path());
    fs::copy_file("/bin/sleep", at(path));
  }
  int ready[2];
  EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl(at(path).c_str(), at(path).c_str(), argument.c_str(), nullptr);
    ::_exit(1);
  }
  // Its end of the pipe closes when it has become the other program.
  ::close(ready[1]);
  char byte = 0;
  EXPECT_EQ(::read(ready[0], &byte, 1), 0);
  ::close(ready[0]);
  started_.push_back(pid);
  return pid;
}

void TreeTest::TearDown() {
  for (const pid_t pid : started_) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void TreeTest::write(const std::string& path, const std::string& content) {
  fs::create_directories(at(path).parent_path());
  std::ofstream(at(path), std::ios::binary) << content;
}

nlohmann::json TreeTest::scan(const model::Policy& policy, const std::string& before,
                              const std::string& options, const std::string& root) {
  const fs::path file = folder_ / "policy.bin";
  const Bytes bytes = codec::encode(policy);
  std::ofstream(file, std::ios::binary) << as_text(bytes);
  const std::string command = before + " " FS_BINARY_DIR "/fleetsweep-scan --root '" +
                              (root.empty() ? root_.string() : root) + "' --policy '" +
                              file.string() + "' --json " + options;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  std::string text;
  char block[4096];
  std::size_t count = 0;
  while ((count = std::fread(block, 1, sizeof block, pipe)) > 0) text.append(block, count);
  ::pclose(pipe);
  auto result = nlohmann::json::parse(text, nullptr, false);
  EXPECT_FALSE(result.is_discarded()) << text;
  return result;
}

std::set<std::string> TreeTest::files(const nlohmann::json& result) {
  std::set<std::string> found;
  for (const auto& finding : result["findings"])
    if (finding.contains("file"))
      found.insert(finding["detection"].get<std::string>() + " " +
                   finding["file"]["path"].get<std::string>());
  return found;
}

std::set<std::string> TreeTest::persistence(const nlohmann::json& result) {
  std::set<std::string> found;
  for (const auto& finding : result["findings"])
    if (finding.contains("persistence")) {
      const auto& entry = finding["persistence"];
      const std::string text = entry["entry"].get<std::string>();
      found.insert(finding["detection"].get<std::string>() + " " +
                   (text.empty() ? entry["file"]["path"].get<std::string>() : text));
    }
  return found;
}

}  // namespace fleetsweep::scan
