#pragma once

// One campaign for many tenants, as far as it is the same for all of them: what an MSP writes once.
// There is no document across tenants: of the template each tenant gets an order of its own, for
// its own people to sign. Pure.

#include <string>
#include <string_view>

#include "cli/order_terms.h"
#include "protocol/base/result.h"

namespace fleetsweep::cli {

struct CampaignTemplate {
  DraftOptions draft;  // without hosts, dry run and jurisdictions: those are a tenant's
  std::string
      start_in;  // the order begins so long after it is drafted; empty: the policy's, or now
  std::vector<std::string> jurisdictions;  // nowhere else, whatever countries a tenant has
};

// A JSON object; docs/tenants.md lists its keys. `directory` is where its policy is looked for.
// kInvalid names every key that is wrong.
Result<CampaignTemplate> parse_campaign_template(std::string_view text,
                                                 const std::string& directory);

// What one tenant's order is drafted from: the countries are those of its hosts that the template
// allows. kNotFound: there are none.
Result<DraftOptions> options_for_tenant(const CampaignTemplate& from,
                                        const std::vector<std::string>& countries, Timestamp now);

}  // namespace fleetsweep::cli
