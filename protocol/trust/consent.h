#pragma once

// consent.conf: what the host's owner allows. Strict `key = value` lines, '#' starts a comment.
//   max_class = clean                 observe, read, contain, clean, destroy
//   jurisdictions = DE, FR            the host acts only while it is enrolled in one of these
//   deny = /srv/db                    repeated: never touched, with everything beneath: files, and
//                                     processes whose program lies there
//   root = /home                      repeated: only what lies beneath one of these is touched
//   items_max = 20
//   expires = 2027-01-01T00:00:00Z    after it no order at all
// It can only narrow: a missing file or key allows what the tenant's quorum allows.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/time.h"
#include "protocol/model/order.h"
#include "protocol/trust/verdict.h"

namespace fleetsweep::trust {

struct Consent {
  model::Class max_class = model::Class::kDestroy;
  std::vector<std::string> jurisdictions;  // empty: any
  std::vector<std::string> denied;
  std::vector<std::string> roots;  // empty: everywhere
  std::optional<std::uint32_t> items_max;
  std::optional<Timestamp> expires;
  Digest digest;  // SHA-256 of the file; zero when there is none

  bool operator==(const Consent&) const = default;
};

// kInvalid with every mistake at once, each with its line: a file the owner wrote wrongly must not
// be read as a weaker one, so the caller stays halted until it is mended.
Result<Consent> parse_consent(std::string_view text);

// kConsent. `now` is the effective time.
Checked<void> allows(const Consent& consent, model::Class action_class,
                     std::string_view jurisdiction, Timestamp now);
// Whether an absolute path may be touched at all.
bool allows_path(const Consent& consent, std::string_view path);

}  // namespace fleetsweep::trust
