// A policy of a hostile author: the compiler must end, say the same twice, and compile to nothing
// when it complains. YARA's own parser stays out: it is not ours and is asked about the sample
// only. What begins with a brace is the specification of a root, or the
// template of a campaign.

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/campaign_template.h"
#include "cli/root_specification.h"
#include "policies/compiler/compiler.h"
#include "policies/compiler/hash_list.h"
#include "policies/compiler/yara_text.h"
#include "protocol/base/assert.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fleetsweep;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.starts_with('{')) {
    const auto root = cli::parse_root_specification(text, "/nowhere", timestamp(1'795'428'000));
    if (root) static_cast<void>(codec::decode<model::Root>(codec::encode(*root)));
    if (root) FS_ASSERT(cli::root_specification(*root).starts_with('{'));
    const auto campaign = cli::parse_campaign_template(text, "/nowhere");
    if (campaign) FS_ASSERT(!campaign->draft.campaign.empty());
    return 0;
  }
  compiler::Sink sink("policy.yaml");
  const compiler::HashList hashes = compiler::read_hash_list(text, "list", 32, sink);
  FS_ASSERT(hashes.records.size() * 64 <= size);
  FS_ASSERT(sink.take().size() <= limits::kHashListMistakes + 1);
  const compiler::ReadFile read = [](const std::string&, std::size_t) -> Result<std::string> {
    return std::string("rule r { strings: $a = \"marker\" condition: $a }");
  };
  const auto now = Instant(std::chrono::hours(24 * 365 * 56));
  const auto first = compiler::compile_text(text, "policy.yaml", read, now);
  const auto second = compiler::compile_text(text, "policy.yaml", read, now);
  FS_ASSERT(first.policy == second.policy && first.diagnostics == second.diagnostics);
  FS_ASSERT(first.ok() || first.policy == model::Policy{});
  FS_ASSERT(!compiler::lint_text(first.diagnostics, text).empty());
  if (first.ok()) FS_ASSERT(!compiler::explain(first.policy, first.defaults).empty());
  compiler::yara_text_problems(text);
  return 0;
}
