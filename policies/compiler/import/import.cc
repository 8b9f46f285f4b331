#include "policies/compiler/import/import.h"

#include "policies/compiler/import/text.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"

namespace fleetsweep::indicators {
namespace {

// Files of the same shape as lists of signs, told by their names.
Status holds_signs(Format format, std::string_view source) {
  const std::string name = in_small_letters(source.substr(source.rfind('/') + 1));
  if (name.ends_with(".fp") || name.ends_with(".sfp"))
    return fail(Code::kInvalid, "a list of files that ClamAV shall leave alone, no signs");
  if (name.ends_with(".imp"))
    return fail(Code::kInvalid, "hashes of import tables of PE files, not of whole files");
  if (name.find("falsepositive") != std::string::npos ||
      (format == Format::kLoki && name.find("trusted") != std::string::npos))
    return fail(Code::kInvalid, "a list of files that Loki shall leave alone, no signs");
  return {};
}

}  // namespace

Result<Imported> import_feed(Format format, std::string_view bytes, const Context& context) {
  if (const auto signs = holds_signs(format, context.source); !signs)
    return fail(signs.error().within(escaped(context.source)));
  if (auto hashes = hash_file(bytes, context.source)) {
    if (format == Format::kLoki)
      if (const auto unscored = check_unscored(bytes); !unscored)
        return fail(unscored.error().within(escaped(context.source)));
    return Imported{.hash_file = std::move(*hashes)};
  }
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
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
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
