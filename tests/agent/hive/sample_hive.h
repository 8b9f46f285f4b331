#pragma once

// A hive to change, and what another implementation than ours reads in one.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <set>

#include "agent/hive/edit.h"
#include "tests/agent/hive/hive_builder.h"

namespace fleetsweep::hive {

inline constexpr char kRun[] = "Microsoft\\Windows\\CurrentVersion\\Run";
inline constexpr char kServices[] = "ControlSet001\\Services";

inline HiveBuilder sample() {
  HiveBuilder builder;
  for (const char* name : {"first", "second", "third"})
    builder.text(kRun, name, std::string("C:\\") + name + ".exe");
  for (const char* name : {"alpha", "beta", "gamma"}) {
    const std::string key = std::string(kServices) + "\\" + name;
    builder.text(key, "ImagePath", std::string("C:\\") + name + ".exe", 2)
        .number(key, "Start", 2)
        .text(key + "\\Parameters", "ServiceDll", std::string(40000, 'd'));
  }
  return builder;
}

// Six hundred services: in one list, or as Windows keeps them, in lists of a hundred each.
inline constexpr std::size_t kManyServices = 600, kListOfServices = 100;
inline std::string service(std::size_t number) {
  return fmt::format("{}\\s{:03}", kServices, number);
}
inline HiveBuilder many_services(std::string_view kind, std::size_t most = kListOfServices,
                                 const std::set<std::size_t>& without = {}) {
  HiveBuilder builder;
  builder.lists(kind, most).key(kServices);
  for (std::size_t i = 0; i < kManyServices; ++i)
    if (!without.contains(i)) builder.text(service(i), "ImagePath", "C:\\s.exe");
  return builder;
}
// Which of them are deleted: the first, one in the middle, the last, all of one list, all.
inline std::vector<std::set<std::size_t>> parts_of_services() {
  std::set<std::size_t> list, all;
  for (std::size_t i = 0; i < kManyServices; ++i) {
    all.insert(i);
    if (i / kListOfServices == 2) list.insert(i);
  }
  return {{0}, {kManyServices / 2 + 7}, {kManyServices - 1}, list, all};
}

// All of it, but where it stands in the file, as libhivex reads it: another implementation than
// ours.
inline std::string as_hivex_reads(const Bytes& hive) {
  char path[] = "/tmp/fleetsweep-hive-XXXXXX";
  const int fd = ::mkstemp(path);
  EXPECT_GE(fd, 0);
  EXPECT_EQ(::write(fd, hive.data(), hive.size()), static_cast<ssize_t>(hive.size()));
  ::close(fd);
  std::FILE* pipe = ::popen(
      ("hivexml " + std::string(path) + " 2>&1 | sed 's,<byte_run[^>]*>,,g; s,</byte_runs>,,g'")
          .c_str(),
      "r");
  std::string text;
  char block[4096];
  std::size_t count = 0;
  while ((count = std::fread(block, 1, sizeof block, pipe)) > 0) text.append(block, count);
  EXPECT_EQ(::pclose(pipe), 0) << text;
  ::unlink(path);
  return text;
}

inline std::vector<Value> all_values(const Hive& hive, Cell key) {
  std::vector<Value> values;
  hive.each_value(key, [&](Value& value) {
    hive.load(value);
    values.push_back(std::move(value));
    return true;
  });
  return values;
}

inline Edit delete_value(std::string key, std::string name) {
  return {Edit::Kind::kDeleteValue, std::move(key), std::move(name), 0};
}
inline Edit delete_key(std::string key) {
  return {Edit::Kind::kDeleteKey, std::move(key), {}, 0};
}
inline std::vector<Edit> delete_services(const std::set<std::size_t>& numbers) {
  std::vector<Edit> edits;
  for (const std::size_t number : numbers) edits.push_back(delete_key(service(number)));
  return edits;
}

}  // namespace fleetsweep::hive
