// The documents beside Root and Order in plain words: everything that is signed.

#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/describe.h"
#include "cli/page.h"

namespace fleetsweep::cli {

using nlohmann::json;

std::string describe(const model::Release& release, const DocumentId& id) {
  Page page(fmt::format("Release {}\n", id.hex()));
  page.line("tenant", release.tenant.hex());
  page.line("order", release.order.hex());
  page.line("opens", fmt::format("wave {}", release.wave + 1));
  page.line("until", to_rfc3339(release.expires));
  page.line("evidence", release.evidence.hex());
  return page.take();
}

std::string describe(const model::Stop& stop, const DocumentId& id) {
  Page page(fmt::format("Stop {}\n  {}\n", id.hex(), escaped(stop.reason)));
  page.line("tenant", stop.tenant.hex());
  page.line("issued", to_rfc3339(stop.issued));
  if (stop.halt_all) page.line("stops", "EVERYTHING");
  if (stop.halt_from_class)
    page.line("stops",
              fmt::format("every order of class {} or above", name(*stop.halt_from_class)));
  page.lines("orders", hexes(stop.orders));
  page.lines("policies", hexes(stop.policies));
  page.lines("agents", hexes(stop.agents));
  page.lines("keys", hexes(stop.keys));
  if (!stop.keys.empty()) page.line("", "count no longer, except for root, resume and stop");
  return page.take();
}

std::string describe(const model::Resume& resume, const DocumentId& id) {
  Page page(fmt::format("Resume {}\n  {}\n", id.hex(), escaped(resume.reason)));
  page.line("tenant", resume.tenant.hex());
  page.lines("lifts stops", hexes(resume.stops));
  return page.take();
}

std::string describe(const model::Endpoints& endpoints, const DocumentId& id) {
  Page page(fmt::format("Endpoints {}\n", id.hex()));
  page.line("tenant", endpoints.tenant.hex());
  page.line("version", std::to_string(endpoints.version));
  for (const model::Endpoint& relay : endpoints.relays)
    page.line("relay", fmt::format("{} key {}, {} to {}", escaped(relay.address), relay.curve.hex(),
                                   to_rfc3339(relay.valid_from), to_rfc3339(relay.valid_to)));
  for (const std::string& mirror : endpoints.mirrors) page.line("mirror", escaped(mirror));
  return page.take();
}

std::string describe(const model::EnrolBatch& batch, const DocumentId& id) {
  std::uint64_t hosts = 0;
  for (const model::Token& token : batch.tokens) hosts += token.uses_max;
  Page page(fmt::format("Enrolment of up to {} {}\n", counted(hosts, "host"), id.hex()));
  page.line("tenant", batch.tenant.hex());
  page.line("batch", batch.batch.hex());
  page.line("until", to_rfc3339(batch.not_after));
  page.line("groups", list_text(batch.groups, "none"));
  page.line("country", escaped(batch.jurisdiction));
  for (const model::Token& token : batch.tokens)
    page.line("token", fmt::format("{} for {}", token.pub.hex(), counted(token.uses_max, "host")));
  return page.take();
}

std::string describe(const model::Close& close, const DocumentId& id) {
  Page page(fmt::format("Close {}\n", id.hex()));
  page.line("tenant", close.tenant.hex());
  page.line("campaign", escaped(close.campaign));
  page.line("results", fmt::format("{} with root {}", counted(close.results_size, "receipt"),
                                   close.results_root.hex()));
  return page.take();
}

json to_json(const model::Release& release) {
  return {{"order", release.order.hex()},
          {"wave", release.wave},
          {"evidence", release.evidence.hex()},
          {"expires", to_rfc3339(release.expires)}};
}

json to_json(const model::Stop& stop) {
  return {
      {"halt_all", stop.halt_all},
      {"halt_from_class", stop.halt_from_class ? json(name(*stop.halt_from_class)) : json(nullptr)},
      {"orders", hexes(stop.orders)},
      {"policies", hexes(stop.policies)},
      {"keys", hexes(stop.keys)},
      {"agents", hexes(stop.agents)},
      {"reason", stop.reason},
      {"issued", to_rfc3339(stop.issued)}};
}

json to_json(const model::Resume& resume) {
  return {{"stops", hexes(resume.stops)}, {"reason", resume.reason}};
}

json to_json(const model::Endpoints& endpoints) {
  json relays = json::array();
  for (const model::Endpoint& relay : endpoints.relays)
    relays.push_back({{"address", relay.address},
                      {"curve", relay.curve.hex()},
                      {"valid_from", to_rfc3339(relay.valid_from)},
                      {"valid_to", to_rfc3339(relay.valid_to)}});
  return {{"version", endpoints.version}, {"relays", relays}, {"mirrors", endpoints.mirrors}};
}

json to_json(const model::EnrolBatch& batch) {
  json tokens = json::array();
  for (const model::Token& token : batch.tokens)
    tokens.push_back({{"public", token.pub.hex()}, {"uses_max", token.uses_max}});
  return {{"batch", batch.batch.hex()},
          {"tokens", tokens},
          {"groups", batch.groups},
          {"jurisdiction", batch.jurisdiction},
          {"not_after", to_rfc3339(batch.not_after)}};
}

json to_json(const model::Close& close) {
  return {{"campaign", close.campaign},
          {"results_size", close.results_size},
          {"results_root", close.results_root.hex()}};
}

}  // namespace fleetsweep::cli
