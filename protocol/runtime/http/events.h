#pragma once

// Server-sent events as text. https://html.spec.whatwg.org/multipage/server-sent-events.html
// Private to this folder.

#include "protocol/runtime/http/http.h"

namespace fleetsweep::http {

std::string format_event(const Event& event);

// Takes the stream in pieces of any size.
class EventParser {
 public:
  // kInvalid: an event larger than limits::kHttpEventBytes. `on_event` returning false ends it.
  enum class State { kMore, kStopped };
  Result<State> take(std::string_view piece, const std::function<bool(const Event&)>& on_event);

 private:
  void take_line(std::string_view line);

  std::string line_;
  Event event_;
  bool has_data_ = false;
};

}  // namespace fleetsweep::http
