#include "agent/hive/winlogon.h"

#include <algorithm>
#include <set>

#include "agent/hive/task.h"
#include "agent/hive/text.h"
#include "protocol/base/limits.h"

namespace fleetsweep::hive {
namespace {

bool is_list(const Value& value) {
  return is_program_list(value.name) &&
         (type_name(value.type) == "REG_SZ" || type_name(value.type) == "REG_EXPAND_SZ");
}

std::string program_in(BytesView part) {
  return bounded(std::string(without_blanks(from_utf16(part))));
}

// Up to the first zero; false of `visit` ends it.
void each_part(BytesView list, const std::function<bool(BytesView)>& visit) {
  std::size_t from = 0, at = 0;
  for (; at + 1 < list.size() && le16(list, at) != 0; at += 2) {
    if (le16(list, at) != ',') continue;
    if (!visit(list.subspan(from, at - from))) return;
    from = at + 2;
  }
  visit(list.subspan(from, at - from));
}

}  // namespace

bool is_program_list(std::string_view value_name) {
  return is_equal(value_name, "Shell") || is_equal(value_name, "Userinit");
}

std::vector<std::string> programs_of(const Value& value) {
  if (!is_list(value)) return {bounded(text_of(value))};
  std::vector<std::string> programs;
  std::set<std::string> known;
  each_part(value.data, [&](BytesView part) {
    std::string program = program_in(part);
    if (!program.empty() && known.insert(program).second) programs.push_back(std::move(program));
    return programs.size() <= limits::kPersistenceEntries;  // one too many is noticed
  });
  return programs;
}

Bytes without_program(const Value& value, std::string_view program) {
  // Four bytes or fewer would have to move into the cell of the value itself.
  constexpr std::size_t kLeastBytes = 6;
  if (!is_list(value)) return {};
  Bytes rest;
  bool is_first = true, has_program = false;
  each_part(value.data, [&](BytesView part) {
    const std::string one = program_in(part);
    if (one == program) return true;
    if (!is_first) append(rest, to_utf16(","));
    append(rest, part);
    is_first = false;
    has_program |= !one.empty();
    return true;
  });
  if (!has_program) return {};
  rest.resize(std::max(rest.size() + 2, kLeastBytes));  // it ends with a zero
  return rest;
}

}  // namespace fleetsweep::hive
