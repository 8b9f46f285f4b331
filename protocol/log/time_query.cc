#include "protocol/log/time_query.h"

#include "protocol/log/note.h"

namespace fleetsweep::log {
namespace {

Result<std::string_view> take_line(std::string_view& rest, std::string_view word) {
  const auto end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  if (end == std::string_view::npos || !line.starts_with(word) || line.size() == word.size() ||
      line[word.size()] != ' ')
    return fail(Code::kInvalid, "time query: '{}' where the line \"{} ...\" was expected",
                escaped(line.substr(0, 80)), word);
  rest.remove_prefix(end + 1);
  return line.substr(word.size() + 1);
}

}  // namespace

std::string TimeQuery::text() const {
  return fmt::format("tenant {}\nnonce {}\norigin {}\n", tenant.hex(), nonce.hex(), origin);
}

Result<TimeQuery> TimeQuery::parse(std::string_view text) {
  TimeQuery query;
  const std::string_view whole = text;
  FS_TRY(const auto tenant, take_line(text, "tenant"));
  FS_TRY(query.tenant, TenantId::parse_hex(tenant));
  FS_TRY(const auto nonce, take_line(text, "nonce"));
  FS_TRY(query.nonce, Nonce::parse_hex(nonce));
  FS_TRY(const auto origin, take_line(text, "origin"));
  if (!is_key_name(origin) || !text.empty())
    return fail(Code::kInvalid, "time query: '{}' is not the name of a log and the end",
                escaped(origin.substr(0, 80)));
  query.origin = origin;
  if (query.text() != whole)
    return fail(Code::kInvalid, "time query: hex digits in lower case were expected");
  return query;
}

}  // namespace fleetsweep::log
