#include "policies/compiler/import/import.h"

#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"

namespace fleetsweep::indicators {

Result<Imported> import_feed(Format format, std::string_view bytes, const Context& context) {
  if (bytes.size() > limits::kImportFileBytes)
    return fail(
        Code::kInvalid,
        "'{}' has {} bytes; at most {}: split it, or, if it holds nothing but hashes, name it "
        "with 'file:' in a list of the policy",
        escaped(context.source), bytes.size(), limits::kImportFileBytes);
  // XML says what it is written in; all else is bytes.
  if (format != Format::kOpenioc &&
      (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")))
    return fail(Code::kInvalid, "'{}' is UTF-16: save it as UTF-8", escaped(context.source));
  constexpr Status (*kImporters[])(std::string_view, Collector&) = {
      import_stix,   import_feodo,   import_loki, import_misp,
      import_clamav, import_openioc, import_plain};
  static_assert(std::size(kImporters) == kCount<Format>);
  Collector collector(context);
  if (const auto read = kImporters[static_cast<std::size_t>(format)](bytes, collector); !read)
    return fail(read.error().within(escaped(context.source)));
  return collector.finish();
}

}  // namespace fleetsweep::indicators
