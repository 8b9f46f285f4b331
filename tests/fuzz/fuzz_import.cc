// A feed of a hostile publisher: its importer must end, and what it takes must be written as a
// policy that the compiler reads as one, whatever stands in names, comments and values. The first
// byte says the format and the platform.

#include <cstdint>
#include <string>
#include <string_view>

#include "policies/compiler/compiler.h"
#include "policies/compiler/import/import.h"
#include "policies/compiler/import/stix_pattern.h"
#include "policies/compiler/import/write.h"
#include "protocol/base/assert.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fleetsweep;
  if (size == 0) return 0;
  const std::uint8_t choice = data[0] & 0x7f;
  const auto platform = data[0] & 0x80 ? model::Platform::kWindows : model::Platform::kLinux;
  const auto format = static_cast<indicators::Format>(choice % kCount<indicators::Format>);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr const char* kSources[] = {"hash-iocs.txt", "filename-iocs.txt", "c2-iocs.txt"};
  const Timestamp now = timestamp(1'795'428'000);
  const indicators::Context context{
      .source = kSources[(choice / 8) % 3], .now = now, .platform = platform};
  static_cast<void>(indicators::parse_stix_pattern(text));
  auto imported = indicators::import_feed(format, text, context);
  if (!imported) {
    FS_ASSERT(!imported.error().message.empty());
    return 0;
  }
  for (const auto& one : imported->not_taken) FS_ASSERT(!one.why.empty());
  const auto merged = indicators::merged(std::move(imported->indicators), 50);
  if (merged.empty()) return 0;
  const auto written = indicators::write_policy(merged, {.title = "t",
                                                         .family = "f",
                                                         .author = "a",
                                                         .issuer = "i",
                                                         .reference = "r",
                                                         .platform = platform,
                                                         .sources = {context.source},
                                                         .now = now});
  const compiler::ReadFile none = [](const std::string&, std::size_t) -> Result<std::string> {
    return fail(Code::kNotFound, "no rule");
  };
  if (!written.not_taken.empty()) return 0;
  FS_ASSERT(compiler::compile_text(written.yaml, "imported.yaml", none, Instant(now)).ok());
  return 0;
}
