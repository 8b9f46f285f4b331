#include "protocol/base/order_name.h"

#include <algorithm>

namespace fleetsweep {

Result<DocumentId> order_named(std::string_view text, const std::set<DocumentId>& known,
                               std::string_view listed_by) {
  constexpr std::size_t kDigitsMin = 8;
  if (const auto whole = DocumentId::parse_hex(text)) return *whole;
  if (text.size() < kDigitsMin || text.size() > 2 * DocumentId::kSize ||
      text.find_first_not_of("0123456789abcdef") != text.npos)
    return fail(Code::kInvalid,
                "'{}': expected an order's id of {} hex digits, or the first {} of them or more",
                escaped(text), 2 * DocumentId::kSize, kDigitsMin);
  const auto is_meant = [&](const DocumentId& id) { return id.hex().starts_with(text); };
  const auto count = std::count_if(known.begin(), known.end(), is_meant);
  if (count == 0)
    return fail(Code::kNotFound, "no order that is known here begins with {}: {} lists them", text,
                listed_by);
  if (count > 1)
    return fail(Code::kInvalid, "{} orders begin with {}: give more digits", count, text);
  return *std::find_if(known.begin(), known.end(), is_meant);
}

}  // namespace fleetsweep
