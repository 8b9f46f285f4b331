#pragma once

// A bolt database as its own library writes one: a bucket that is small and has no other in it lies
// in its value, a page that is full becomes several below a branch, a large value overflows.

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/bytes.h"

namespace fleetsweep {

class BoltBuilder {
 public:
  explicit BoltBuilder(std::size_t page_bytes = 4096) : page_bytes_(page_bytes) {}

  // `path`: buckets, and the key.
  BoltBuilder& put(const std::vector<std::string>& path, std::string_view value) {
    Bucket* bucket = &root_;
    for (std::size_t i = 0; i + 1 < path.size(); ++i) bucket = &bucket->buckets[path[i]];
    bucket->values[path.back()] = value;
    return *this;
  }

  Bytes build(std::uint64_t transaction = 7) const {
    Bytes bytes(2 * page_bytes_);
    const std::uint64_t root = pages_of(root_, bytes);
    for (std::uint64_t i : {transaction, transaction - 1}) put_meta(bytes, i, root);
    return bytes;
  }

  // Once more, with a right checksum.
  void put_meta(Bytes& bytes, std::uint64_t transaction, std::uint64_t root) const {
    Bytes meta;
    for (const std::uint32_t one : {0xed0cdaedu, 2u, static_cast<unsigned>(page_bytes_), 0u})
      number(meta, one, 4);
    for (const std::uint64_t one :
         {root, std::uint64_t{0}, ~std::uint64_t{0}, bytes.size() / page_bytes_, transaction})
      number(meta, one, 8);
    std::uint64_t sum = 14695981039346656037u;
    for (const std::uint8_t byte : meta) sum = (sum ^ byte) * 1099511628211u;
    number(meta, sum, 8);
    Bytes page = header(transaction % 2, 4, 0, 0);
    append(page, meta);
    std::copy(page.begin(), page.end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(transaction % 2 * page_bytes_));
  }

 private:
  struct Bucket {
    std::map<std::string, std::string> values;
    std::map<std::string, Bucket> buckets;
  };
  struct Element {
    std::uint32_t flags;  // of a leaf
    std::uint64_t page;   // of a branch
    std::string key, value;
    std::size_t size() const { return 16 + key.size() + value.size(); }
  };
  using Elements = std::vector<Element>;

  static void number(Bytes& bytes, std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  static Bytes header(std::uint64_t page, std::uint16_t flags, std::size_t count,
                      std::size_t overflow) {
    Bytes bytes;
    number(bytes, page, 8);
    number(bytes, flags, 2);
    number(bytes, count, 2);
    number(bytes, overflow, 4);
    return bytes;
  }
  static std::size_t size_of(const Elements& elements) {
    std::size_t size = 16;
    for (const Element& element : elements) size += element.size();
    return size;
  }
  static Bytes page_of(const Elements& elements, bool is_leaf, std::uint64_t page,
                       std::size_t overflow) {
    Bytes bytes = header(page, is_leaf ? 2 : 1, elements.size(), overflow), data;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const Element& element = elements[i];
      const std::size_t place = 16 * (elements.size() - i) + data.size();
      if (is_leaf) number(bytes, element.flags, 4);
      number(bytes, place, 4);
      number(bytes, element.key.size(), 4);
      if (is_leaf)
        number(bytes, element.value.size(), 4);
      else
        number(bytes, element.page, 8);
      append(data, element.key);
      append(data, element.value);
    }
    append(bytes, data);
    return bytes;
  }

  std::uint64_t add_page(const Elements& elements, bool is_leaf, Bytes& bytes) const {
    const std::uint64_t page = bytes.size() / page_bytes_;
    const std::size_t count = (size_of(elements) + page_bytes_ - 1) / page_bytes_;
    append(bytes, page_of(elements, is_leaf, page, count - 1));
    bytes.resize((page + count) * page_bytes_);
    return page;
  }

  Elements elements_of(const Bucket& bucket, Bytes& bytes) const {
    Elements elements;
    for (const auto& [key, value] : bucket.values) elements.push_back({0, 0, key, value});
    for (const auto& [key, inside] : bucket.buckets) {
      Bytes value;
      const Elements of_it = elements_of(inside, bytes);
      const bool is_inline = inside.buckets.empty() && size_of(of_it) <= page_bytes_ / 4;
      number(value, is_inline ? 0 : pages_of(of_it, true, bytes), 8);
      number(value, 0, 8);
      if (is_inline) append(value, page_of(of_it, true, 0, 0));
      elements.push_back({1, 0, key, to_text(value)});
    }
    std::sort(elements.begin(), elements.end(),
              [](const Element& a, const Element& b) { return a.key < b.key; });
    return elements;
  }

  std::uint64_t pages_of(const Bucket& bucket, Bytes& bytes) const {
    return pages_of(elements_of(bucket, bytes), true, bytes);
  }
  std::uint64_t pages_of(const Elements& elements, bool is_leaf, Bytes& bytes) const {
    std::vector<Elements> parts(1);
    for (const Element& element : elements) {
      if (parts.back().size() >= 2 && size_of(parts.back()) + element.size() > page_bytes_)
        parts.emplace_back();
      parts.back().push_back(element);
    }
    if (parts.size() == 1) return add_page(parts[0], is_leaf, bytes);
    Elements branch;
    for (const Elements& part : parts)
      branch.push_back({0, add_page(part, is_leaf, bytes), part.front().key, ""});
    return pages_of(branch, false, bytes);
  }

  const std::size_t page_bytes_;
  Bucket root_;
};

}  // namespace fleetsweep
