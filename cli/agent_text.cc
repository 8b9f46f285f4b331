#include "cli/agent_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/console.h"
#include "cli/json_text.h"

namespace fleetsweep::cli {

using nlohmann::json;

namespace {

// The parts that there are, with spaces between.
std::string words(std::initializer_list<std::string> parts) {
  std::string text;
  for (const std::string& part : parts)
    if (!part.empty()) text += (text.empty() ? "" : " ") + part;
  return text;
}

json member(const json& object, const char* name, json::value_t otherwise) {
  const auto found = object.find(name);
  return found != object.end() && found->type() == otherwise ? *found : json(otherwise);
}

}  // namespace

std::string agent_text(const json& agent) {
  std::string text = fmt::format("{}  {}\n", text_of(agent, "hostname"), text_of(agent, "agent"));
  const auto line = [&](std::string_view label, const std::string& value) {
    text += fmt::format("  {:<14}{}\n", label, value.empty() ? "-" : value);
  };
  const std::string activity = text_of(agent, "activity");
  line("state", fmt::format("{}{}; last heard {}", text_of(agent, "state"),
                            activity.empty() ? "" : ", " + activity, text_of(agent, "last_heard")));
  if (!text_of(agent, "transport_key").empty())
    line("transport key", fmt::format("{} since {}", text_of(agent, "transport_key").substr(0, 16),
                                      text_of(agent, "transport_key_since")));
  line("group", text_of(agent, "group"));
  line("country", text_of(agent, "jurisdiction"));
  line("enrolled", text_of(agent, "enrolled"));
  line("version",
       fmt::format("{}, sandbox {}", text_of(agent, "version"), text_of(agent, "sandbox")));
  const json facts = member(agent, "facts", json::value_t::object);
  line("system", words({text_of(facts, "os"), text_of(facts, "os_id"), text_of(facts, "os_version"),
                        text_of(facts, "kernel"), text_of(facts, "arch")}));
  std::string labels;
  for (const json& label : member(facts, "labels", json::value_t::array))
    if (label.is_string()) labels = words({labels, escaped(label.get<std::string>())});
  line("labels", labels);
  line("log", fmt::format("{} entries, root version {}", text_of(agent, "log_size"),
                          text_of(agent, "root_version")));
  if (agent.value("forked", json()) == json(true))
    line("FORKED", "two receipts with one number: a cloned image or a stolen key");
  if (const auto clones = count_of(agent, "clones_refused"))
    line("CLONES",
         fmt::format("{} refused, last {}: its machine or its identity asked to enrol again",
                     counted(clones, "enrolment"), text_of(agent, "clone_last_refused")));
  const json campaigns = member(agent, "campaigns", json::value_t::object);
  if (campaigns.empty()) return text + "  in no campaign";
  std::size_t width = 12;
  for (const auto& [campaign, host] : campaigns.items())
    width = std::max(width, escaped(campaign).size());
  text += "  campaigns";
  for (const auto& [campaign, host] : campaigns.items()) {
    const std::string reason = text_of(host, "reason");
    text += fmt::format("\n    {:<{}}  {:<11} wave {}, {} matched, {} {}, last receipt {}{}",
                        escaped(campaign), width, text_of(host, "state"), text_of(host, "wave"),
                        text_of(host, "matched"), text_of(host, "acted"),
                        text_of(host, "kind") == "undo" ? "put back" : "acted",
                        text_of(host, "finished").empty() ? "none" : text_of(host, "finished"),
                        reason.empty() || reason == "none" ? "" : "; because " + reason);
  }
  return text;
}

}  // namespace fleetsweep::cli
