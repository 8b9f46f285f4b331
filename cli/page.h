#pragma once

// Lines of a label and a value; a value that goes on keeps its column.

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetsweep::cli {

class Page {
 public:
  explicit Page(std::string head) : text_(std::move(head)) {}
  void line(std::string_view label, std::string_view value) {
    text_ += fmt::format("  {:<14}{}\n", label, value);
  }
  // A line each, under one label.
  void lines(std::string_view label, const std::vector<std::string>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) line(i == 0 ? label : "", values[i]);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// Ids in full: who signs one must be able to compare it.
template <class Id>
std::vector<std::string> hexes(const std::vector<Id>& ids) {
  std::vector<std::string> texts;
  for (const Id& id : ids) texts.push_back(id.hex());
  return texts;
}

}  // namespace fleetsweep::cli
