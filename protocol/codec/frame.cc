#include "protocol/codec/frame.h"

#include <capnp/any.h>

#include <algorithm>
#include <cstring>

#include "protocol/codec/canonical.h"
#include "protocol/codec/codec.h"

namespace fleetsweep::codec {

void In::refuse(std::string_view field, std::string message) {
  if (failed_) return;
  failed_ = true;
  place_ = field;
  message_ = std::move(message);
}

void In::within(bool before, std::string_view field) {
  if (before || field.empty()) return;
  place_ = place_.empty() ? std::string(field) : fmt::format("{}.{}", field, place_);
}

void In::within(bool before, std::string_view field, std::size_t index) {
  within(before, fmt::format("{}[{}]", field, index));
}

void check_size(In& in, std::string_view field, std::size_t size, std::size_t size_max,
                std::string_view unit) {
  if (size > size_max)
    in.refuse(field, fmt::format("{} {} where at most {} were expected", size, unit, size_max));
}

void refuse_size(In& in, std::string_view field, std::size_t size, std::size_t expected) {
  in.refuse(field, fmt::format("{} bytes where {} were expected", size, expected));
}

void refuse_text(In& in, std::string_view field) {
  in.refuse(field, "text is not UTF-8");
}

void refuse_enum(In& in, std::string_view field, unsigned value, std::size_t count) {
  in.refuse(field, fmt::format("value {} where 0 to {} were expected", value, count - 1));
}

void check_time(In& in, std::string_view field, std::int64_t value, std::int64_t value_max) {
  if (value < 0 || value > value_max)
    in.refuse(field, fmt::format("{} where 0 to {} were expected", value, value_max));
}

namespace {

kj::ArrayPtr<const capnp::word> filled(std::span<std::uint64_t> words, BytesView bytes) {
  std::memcpy(words.data(), bytes.data(), bytes.size());
  return {reinterpret_cast<const capnp::word*>(words.data()), words.size()};
}

capnp::ReaderOptions reader_options(std::size_t words) {
  capnp::ReaderOptions options;
  // Every word of a canonical message is read once; a list of empty structs costs a word for each.
  options.traversalLimitInWords = words + limits::kTraversalSlackWords;
  options.nestingLimit = limits::kNesting;
  return options;
}

Error not_canonical(std::string_view what, BytesView bytes, BytesView expected) {
  const auto [at, other] = std::ranges::mismatch(bytes, expected);
  if (at == bytes.end() || other == expected.end())
    return {Code::kInvalid, fmt::format("{}: not canonical: {} bytes where {} were expected", what,
                                        bytes.size(), expected.size())};
  return {Code::kInvalid,
          fmt::format("{}: not canonical: byte {} is {:#04x} where {:#04x} was expected", what,
                      at - bytes.begin(), *at, *other)};
}

BytesView canonical_view(capnp::MessageBuilder& message, Words& words) {
  const std::size_t count = canonical_copy(message, words.span());
  return {reinterpret_cast<const std::uint8_t*>(words.span().data()), count * sizeof(capnp::word)};
}

}  // namespace

Reader::Reader(BytesView bytes)
    : words_(bytes.size() / sizeof(capnp::word)),
      segments_{filled(words_.span(), bytes)},
      message_(kj::arrayPtr(segments_, 1), reader_options(words_.span().size())) {}

Status check_frame(std::string_view what, BytesView bytes, std::size_t size_max) {
  if (bytes.size() > size_max)
    return fail(Code::kInvalid, "{}: {} bytes where at most {} were expected", what, bytes.size(),
                size_max);
  if (bytes.empty() || bytes.size() % sizeof(capnp::word) != 0)
    return fail(Code::kInvalid, "{}: {} bytes where whole 8-byte words were expected", what,
                bytes.size());
  return {};
}

Error refusal(std::string_view what, const In& in) {
  return {Code::kInvalid, fmt::format("{}: {}: {}", what, in.place(), in.message())};
}

Error refusal(std::string_view what, const kj::Exception& exception) {
  return {Code::kInvalid, fmt::format("{}: not a Cap'n Proto message: {}", what,
                                      escaped(exception.getDescription().cStr()))};
}

Error explain(Error error, std::string_view what, unsigned schema) {
  if (schema == kSchema) return error;
  return {Code::kInvalid, fmt::format("{}: of schema {} where {} was expected; {}", what, schema,
                                      kSchema, error.message)};
}

Result<std::uint16_t> schema_of(BytesView payload) try {
  FS_CHECK(check_frame("document", payload, limits::kPolicyBytes));
  Reader reader(payload);
  const auto data = reader.message().getRoot<capnp::AnyStruct>().getDataSection();
  // `schema` is the first field of every document, so it has the first two bytes.
  return data.size() < 2 ? 0 : data[0] | data[1] << 8;
} catch (const kj::Exception& exception) {
  return fail(refusal("document", exception));
}

Bytes canonical_bytes(capnp::MessageBuilder& message) {
  Words words(size_in_words(message));
  const BytesView bytes = canonical_view(message, words);
  return {bytes.begin(), bytes.end()};
}

Status check_canonical(std::string_view what, BytesView bytes, capnp::MessageBuilder& message) {
  Words words(size_in_words(message));
  const BytesView expected = canonical_view(message, words);
  if (bytes.size() == expected.size() &&
      std::memcmp(bytes.data(), expected.data(), bytes.size()) == 0)
    return {};
  return fail(not_canonical(what, bytes, expected));
}

}  // namespace fleetsweep::codec
