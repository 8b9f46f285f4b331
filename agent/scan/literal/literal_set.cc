#include "agent/scan/literal/literal_set.h"

#include "agent/scan/literal/database.h"
#include "protocol/base/assert.h"

namespace fleetsweep::scan {

struct LiteralSet::Database : HyperscanDatabase {};

LiteralSet::LiteralSet(std::unique_ptr<Database> database) : database_(std::move(database)) {}
LiteralSet::LiteralSet(LiteralSet&&) noexcept = default;
LiteralSet& LiteralSet::operator=(LiteralSet&&) noexcept = default;
LiteralSet::~LiteralSet() = default;

Result<LiteralSet> LiteralSet::compile(const std::vector<Literal>& literals) {
  FS_ASSERT(!literals.empty());
  std::vector<const char*> expressions;
  std::vector<std::size_t> lengths;
  std::vector<unsigned> flags, ids;
  for (const Literal& literal : literals) {
    expressions.push_back(literal.bytes.data());
    lengths.push_back(literal.bytes.size());
    flags.push_back(HS_FLAG_SINGLEMATCH | (literal.cased ? 0 : HS_FLAG_CASELESS));
    ids.push_back(static_cast<unsigned>(ids.size()));
  }
  auto result = std::make_unique<Database>();
  hs_compile_error_t* error = nullptr;
  if (hs_compile_lit_multi(expressions.data(), flags.data(), ids.data(), lengths.data(),
                           static_cast<unsigned>(ids.size()), HS_MODE_BLOCK, nullptr,
                           &result->database, &error) != HS_SUCCESS) {
    const std::string reason = error->message;
    hs_free_compile_error(error);
    return fail(Code::kInternal, "hyperscan: literals do not compile: {}", reason);
  }
  if (hs_alloc_scratch(result->database, &result->scratch) != HS_SUCCESS)
    return fail(Code::kInternal, "hyperscan: no scratch space");
  return LiteralSet(std::move(result));
}

void LiteralSet::find(BytesView bytes, const std::function<bool(std::size_t)>& is_enough) const {
  const auto report = [](unsigned id, unsigned long long, unsigned long long, unsigned,
                         void* context) {
    return (*static_cast<const std::function<bool(std::size_t)>*>(context))(id) ? 1 : 0;
  };
  hs_scan(database_->database, reinterpret_cast<const char*>(bytes.data()),
          static_cast<unsigned>(bytes.size()), 0, database_->scratch, report,
          const_cast<std::function<bool(std::size_t)>*>(&is_enough));
}

bool LiteralSet::occurs_in(BytesView bytes) const {
  bool found = false;
  find(bytes, [&found](std::size_t) { return found = true; });
  return found;
}

}  // namespace fleetsweep::scan
