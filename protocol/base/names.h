#pragma once

// Enumerations whose spelling matters (JSON, metrics, the command line) state it once:
//   template <> struct Names<Mode> { static constexpr std::string_view kAll[] = {"dryRun", "apply",
//   "undo"}; };
// The values are 0, 1, 2 ... in the order of the names.

#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>

namespace fleetsweep {

template <class E>
struct Names;

template <class E>
inline constexpr std::size_t kCount = std::size(Names<E>::kAll);

template <class E>
requires requires {
  Names<E>::kAll;
}
constexpr std::string_view name(E value) {
  const auto index = static_cast<std::size_t>(value);
  return index < kCount<E> ? Names<E>::kAll[index] : std::string_view("unknown");
}

template <class E>
constexpr std::optional<E> from_name(std::string_view text) {
  for (std::size_t i = 0; i < kCount<E>; ++i)
    if (Names<E>::kAll[i] == text) return static_cast<E>(i);
  return std::nullopt;
}

}  // namespace fleetsweep
