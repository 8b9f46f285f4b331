#pragma once

// Writes registry hives for tests: what stands in one is what the test put there.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/bytes.h"

namespace fleetsweep::hive {

class HiveBuilder {
 public:
  // `key` is separated by backslashes; the keys above it come with it. Names beyond ASCII are
  // written as UTF-16.
  HiveBuilder& key(const std::string& key);
  HiveBuilder& text(const std::string& key, const std::string& name, const std::string& text,
                    std::uint32_t type = 1);
  HiveBuilder& number(const std::string& key, const std::string& name, std::uint32_t number);
  HiveBuilder& bytes(const std::string& key, const std::string& name, std::uint32_t type,
                     Bytes data);
  // To a key as the kernel spells it: \Registry\Machine\Software\...
  HiveBuilder& link(const std::string& key, const std::string& target);
  // What keys list those below them in: "lh", "lf" of older versions, "li" of the oldest. More than
  // `most` are in several such lists, and these in an "ri".
  HiveBuilder& lists(std::string_view kind, std::size_t most = 0xffff);
  // Keys of one number share who may open them; it is 0 where nothing is said.
  HiveBuilder& security(const std::string& key, std::uint8_t number);

  Bytes build() const;

 private:
  struct Value {
    std::string name;
    std::uint32_t type;
    Bytes data;
  };
  struct Key {
    std::vector<Value> values;
    std::map<std::string, Key> keys;  // as Windows sorts them: in upper case
    std::string name;
    bool is_link = false;
    std::uint8_t security = 0;
  };
  struct Lists {
    std::string kind = "lh";
    std::size_t most = 0xffff;
  };
  Key& at(const std::string& key);
  class Writer;
  Key root_;
  Lists lists_;
};

Bytes utf16(std::string_view text, bool terminated = true);
// The value "Actions" of a scheduled task that starts each of these with its arguments.
Bytes task_actions(const std::vector<std::pair<std::string, std::string>>& programs);
// After a change of a header: its checksum.
void seal_header(Bytes& hive);
// A transaction log whose one entry has this number; a hive of the builder stands at 7.
Bytes log_with(std::uint8_t sequence);
// As Windows leaves it when it is switched off.
void make_dirty(Bytes& hive);

}  // namespace fleetsweep::hive
