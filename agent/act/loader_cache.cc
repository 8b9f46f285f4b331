#include "agent/act/loader_cache.h"

#include <algorithm>
#include <functional>

#include "agent/plan/protected.h"

namespace fleetsweep::act {

namespace {

// A text of the cache ends in a zero and stands behind another one.
bool holds(std::string_view cache, const std::string& path) {
  const std::string text = '\0' + path + '\0';
  const auto found = std::search(cache.begin(), cache.end(),
                                 std::boyer_moore_horspool_searcher(text.begin(), text.end()));
  return found != cache.end();
}

}  // namespace

std::vector<std::string> paths_in_cache(BytesView cache, const std::vector<std::string>& paths) {
  std::vector<std::string> named;
  for (const auto& path : paths) {
    const std::string plain = plan::unmerged(path), merged = "/usr" + plain;
    if (holds(as_text(cache), plain) ||
        (plan::unmerged(merged) == plain && holds(as_text(cache), merged)))
      named.push_back(path);
  }
  return named;
}

}  // namespace fleetsweep::act
