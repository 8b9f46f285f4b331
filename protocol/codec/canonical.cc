#include "protocol/codec/canonical.h"

#include <algorithm>
#include <cstring>

#include "protocol/base/assert.h"

namespace fleetsweep::codec {
namespace {

using Word = std::uint64_t;
using Segments = kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>;

enum Kind : unsigned { kStruct = 0, kList = 1, kFar = 2 };
enum ElementSize : unsigned {
  kVoid,
  kBit,
  kByte,
  kTwoBytes,
  kFourBytes,
  kEightBytes,
  kPointer,
  kComposite
};
constexpr unsigned kElementBits[] = {0, 1, 8, 16, 32, 64, 64};
constexpr Word kEmptyStruct = 0xfffffffc;  // offset -1, no sections

struct Sections {
  std::size_t data = 0;
  std::size_t pointers = 0;
  std::size_t words() const { return data + pointers; }
};

Sections sections_of(Word pointer) {
  return {(pointer >> 32) & 0xffff, pointer >> 48};
}

// Where a struct or list pointer at `from` leads: a signed 30-bit offset from the next word.
const Word* target_of(const Word* from) {
  return from + 1 + (static_cast<std::int32_t>(*from) >> 2);
}

Sections trimmed(const Word* content, Sections sections) {
  const Word* pointers = content + sections.data;
  while (sections.data > 0 && content[sections.data - 1] == 0) --sections.data;
  while (sections.pointers > 0 && pointers[sections.pointers - 1] == 0) --sections.pointers;
  return sections;
}

class Copy {
 public:
  Copy(Segments segments, std::span<Word> words) : segments_(segments), words_(words) {}

  std::size_t run() {
    next_ = 1;
    pointer(segment(0), 0);
    return next_;
  }

 private:
  const Word* segment(std::size_t i) const {
    return reinterpret_cast<const Word*>(segments_[i].begin());
  }
  std::size_t take(std::size_t count) {
    FS_ASSERT(count <= words_.size() - next_);
    const std::size_t at = next_;
    next_ += count;
    return at;
  }
  void set(std::size_t at, Kind kind, std::size_t target, Word high) {
    words_[at] = (target - at - 1) << 2 | kind | high << 32;
  }

  void pointer(const Word* from, std::size_t at) {
    if ((*from & 3) == kFar) {
      // Our builder grew into another segment; it never needs the double form.
      FS_ASSERT((*from & 4) == 0);
      from = segment(*from >> 32) + (static_cast<std::uint32_t>(*from) >> 3);
    }
    if (*from == 0)
      words_[at] = 0;
    else if ((*from & 3) == kStruct)
      structure(from, at);
    else
      list(from, at);
  }

  void structure(const Word* from, std::size_t at) {
    const Sections given = sections_of(*from);
    const Word* content = target_of(from);
    const Sections kept = trimmed(content, given);
    if (kept.words() == 0) {
      words_[at] = kEmptyStruct;
      return;
    }
    const std::size_t target = take(kept.words());
    set(at, kStruct, target, kept.data | kept.pointers << 16);
    std::copy_n(content, kept.data, words_.data() + target);
    for (std::size_t i = 0; i < kept.pointers; ++i)
      pointer(content + given.data + i, target + kept.data + i);
  }

  void list(const Word* from, std::size_t at) {
    const Word high = *from >> 32;
    const auto size = static_cast<ElementSize>(high & 7);
    if (size == kComposite) return composite(from, at);
    const std::size_t count = high >> 3;
    const std::size_t length = (count * kElementBits[size] + 63) / 64;
    const std::size_t target = take(length);
    set(at, kList, target, high);
    const Word* content = target_of(from);
    if (size != kPointer) {
      std::copy_n(content, length, words_.data() + target);
      return;
    }
    for (std::size_t i = 0; i < count; ++i) pointer(content + i, target + i);
  }

  // A list of structs: a tag, then the elements, all as large as the largest needs.
  void composite(const Word* from, std::size_t at) {
    const Word* tag = target_of(from);
    const Sections given = sections_of(*tag);
    const std::size_t count = static_cast<std::uint32_t>(*tag) >> 2;
    const Word* content = tag + 1;
    Sections kept;
    for (std::size_t i = 0; i < count; ++i) {
      const Sections own = trimmed(content + i * given.words(), given);
      kept = {std::max(kept.data, own.data), std::max(kept.pointers, own.pointers)};
    }
    const std::size_t target = take(1 + count * kept.words());
    set(at, kList, target, kComposite | static_cast<Word>(count * kept.words()) << 3);
    words_[target] = static_cast<Word>(count) << 2 | static_cast<Word>(kept.data) << 32 |
                     static_cast<Word>(kept.pointers) << 48;
    const auto element = [&](std::size_t i) { return target + 1 + i * kept.words(); };
    for (std::size_t i = 0; i < count; ++i)
      std::copy_n(content + i * given.words(), kept.data, words_.data() + element(i));
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t p = 0; p < kept.pointers; ++p)
        pointer(content + i * given.words() + given.data + p, element(i) + kept.data + p);
  }

  Segments segments_;
  std::span<Word> words_;
  std::size_t next_ = 0;
};

}  // namespace

std::size_t size_in_words(capnp::MessageBuilder& message) {
  std::size_t words = 0;
  for (const auto& segment : message.getSegmentsForOutput()) words += segment.size();
  return words;
}

std::size_t canonical_copy(capnp::MessageBuilder& message, std::span<std::uint64_t> words) {
  return Copy(message.getSegmentsForOutput(), words).run();
}

}  // namespace fleetsweep::codec
