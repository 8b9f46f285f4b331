#pragma once

// The frame of every encode and decode: one segment without a segment table, canonical, and
// refused unless encoding the decoded value gives back the very same bytes.

#include <capnp/message.h>

#include <memory>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/codec/read.h"
#include "protocol/codec/write.h"

namespace fleetsweep::codec {

// Messages up to this size are built and read on the stack.
inline constexpr std::size_t kScratchWords = 512;

Bytes canonical_bytes(capnp::MessageBuilder& message);

// Whole words, aligned: a frame of the network is neither.
class AlignedWords {
 public:
  explicit AlignedWords(BytesView bytes);
  kj::ArrayPtr<const capnp::word> words() const { return {begin_, count_}; }

 private:
  std::size_t count_;
  capnp::word small_[kScratchWords];
  std::unique_ptr<capnp::word[]> large_;
  capnp::word* begin_;
};

capnp::ReaderOptions reader_options(std::size_t words);
Status check_frame(std::string_view what, BytesView bytes, std::size_t size_max);
Error refusal(std::string_view what, const In& in);
Error refusal(std::string_view what, const kj::Exception& exception);
Error not_canonical(std::string_view what, BytesView bytes, BytesView expected);
Error unknown_schema(std::string_view what, unsigned schema);

template <class Schema, class Model>
Bytes encode_frame(const Model& model) {
  capnp::word scratch[kScratchWords] = {};
  capnp::MallocMessageBuilder message(kj::arrayPtr(scratch, kScratchWords));
  write(Out{}, model, message.initRoot<Schema>());
  return canonical_bytes(message);
}

// The only schema number so far.
inline constexpr std::uint16_t kSchema = 1;

template <class Schema, class Model>
Result<Model> decode_frame(std::string_view what, BytesView bytes, std::size_t size_max) try {
  FS_CHECK(check_frame(what, bytes, size_max));
  const AlignedWords aligned(bytes);
  const kj::ArrayPtr<const capnp::word> segments[] = {aligned.words()};
  capnp::SegmentArrayMessageReader message(kj::arrayPtr(segments, 1),
                                           reader_options(aligned.words().size()));
  const auto root = message.getRoot<Schema>();
  if constexpr (requires { root.getSchema(); })
    if (root.getSchema() != kSchema) return fail(unknown_schema(what, root.getSchema()));
  Model model;
  In in;
  read(in, root, model);
  if (in.failed()) return fail(refusal(what, in));
  if (const Bytes again = encode_frame<Schema>(model); !equal(again, bytes))
    return fail(not_canonical(what, bytes, again));
  return model;
} catch (const kj::Exception& exception) {
  return fail(refusal(what, exception));
}

}  // namespace fleetsweep::codec
