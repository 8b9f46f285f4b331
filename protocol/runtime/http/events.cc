#include "protocol/runtime/http/events.h"

#include <utility>

#include "protocol/base/bytes.h"

namespace fleetsweep::http {

std::string format_event(const Event& event) {
  std::string text;
  if (!event.name.empty()) text += fmt::format("event: {}\n", escaped(event.name));
  for (std::string_view rest = event.data;;) {
    const auto end = rest.find('\n');
    text += fmt::format("data: {}\n", rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return text + "\n";
}

Result<EventParser::State> EventParser::take(std::string_view piece,
                                             const std::function<bool(const Event&)>& on_event) {
  while (!piece.empty()) {
    const auto end = piece.find('\n');
    line_ += piece.substr(0, end);
    if (line_.size() + event_.data.size() > limits::kHttpEventBytes)
      return fail(Code::kInvalid, "an event is larger than {} bytes", limits::kHttpEventBytes);
    if (end == std::string_view::npos) break;
    piece.remove_prefix(end + 1);
    std::string line = std::exchange(line_, {});
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) {
      take_line(line);
      continue;
    }
    const Event event = std::exchange(event_, {});
    if (std::exchange(has_data_, false) && !on_event(event)) return State::kStopped;
  }
  return State::kMore;
}

void EventParser::take_line(std::string_view line) {
  const auto colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") {
    event_.name = value;
  } else if (field == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  }  // a comment, or a field we have no use for
}

}  // namespace fleetsweep::http
