#pragma once

// Many byte strings at once: does one of them occur? Hyperscan, 1 to 4 GB/s.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/rule_text/literal.h"

namespace fleetsweep::scan {

using rule_text::Literal;

class LiteralSet {
 public:
  // At least one literal, none of them empty.
  static Result<LiteralSet> compile(const std::vector<Literal>& literals);
  LiteralSet(LiteralSet&&) noexcept;
  LiteralSet& operator=(LiteralSet&&) noexcept;
  ~LiteralSet();

  // Which of them occur, by their place in the list; `is_enough` is asked after each and ends it.
  void find(BytesView bytes, const std::function<bool(std::size_t)>& is_enough) const;
  bool occurs_in(BytesView bytes) const;  // stops at the first

 private:
  struct Database;
  explicit LiteralSet(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace fleetsweep::scan
