#pragma once

// What an undo says to the host's owner: how much is back, what is not, and why. Pure.

#include <string>
#include <vector>

#include "protocol/model/local.h"

namespace fleetsweep::agent {

struct NotPutBack {
  std::string path;  // as act names the object; raw bytes
  model::Reason reason = model::Reason::kNone;
  std::string why;  // for people; empty: the reason says it all
};
std::vector<NotPutBack> not_put_back(const model::ActDone& undo);

// "4 put back, 2 not: PATH: REASON (WHY), ..., and what act adds"; of one that was refused only the
// latter.
std::string undo_text(const model::ActDone& undo);

}  // namespace fleetsweep::agent
