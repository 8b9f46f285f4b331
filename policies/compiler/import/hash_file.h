#pragma once

// A feed of nothing but hashes, and of too many to be written out: the policy names the file.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/model/policy.h"

namespace fleetsweep::indicators {

struct HashFile {
  struct Kind {
    model::Field field = model::Field::kFileSha256;
    std::size_t count = 0;
    bool is_sized = false;  // the size of each is known
  };
  std::string path;  // as a policy names it, relative to where the policy lies
  Digest digest;     // of its text
  std::vector<Kind> kinds;
};

// Nothing: it has no more than an import takes, or holds something else too.
std::optional<HashFile> hash_file(std::string_view text, std::string path);

}  // namespace fleetsweep::indicators
