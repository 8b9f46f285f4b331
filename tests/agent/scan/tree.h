#pragma once

// A private root with files, and fleetsweep-scan run on it as a program.

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "protocol/model/policy.h"

namespace fleetsweep::scan {

// Predicates and detections in one line each.
model::Predicate is(model::Field field, std::string text,
                    model::Match match = model::Match::kEquals);
model::Predicate number(model::Field field, std::int64_t value,
                        model::Match match = model::Match::kEquals);
model::Predicate templated(model::Field field, std::string text,
                           model::Match match = model::Match::kEquals);
model::Detection detection(std::string id, model::ObjectKind object, model::Selection selection);
model::Condition one_of(std::vector<std::uint16_t> detections);
std::string sha256_hex(std::string_view text);
std::string md5_hex(std::string_view text);

// As long as it lives, programs that are started see a clock that goes so many seconds late: what
// they look at has lain there so long. A file's own times cannot be set.
class LateClock {
 public:
  explicit LateClock(int seconds = 120);
  ~LateClock();
  LateClock(const LateClock&) = delete;
  LateClock& operator=(const LateClock&) = delete;
};

class TreeTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  std::filesystem::path at(const std::string& path) const { return root_ / path.substr(1); }
  void write(const std::string& path, const std::string& content);
  // Runs the program that lies there, at first a copy of /bin/sleep; killed at the end.
  pid_t start_program(const std::string& path, const std::string& argument = "1000");
  // Runs the program by hand mode and gives its JSON; `before` is put in front (strace ...),
  // `options` at the end. Of another root than the tree if one is named.
  nlohmann::json scan(const model::Policy& policy, const std::string& before = "",
                      const std::string& options = "", const std::string& root = "");
  // "detection path" of each finding that is a file.
  static std::set<std::string> files(const nlohmann::json& result);
  // "detection entry-or-path" of each finding that is a persistence entry.
  static std::set<std::string> persistence(const nlohmann::json& result);

  std::filesystem::path folder_, root_;
  std::vector<pid_t> started_;
};

}  // namespace fleetsweep::scan
