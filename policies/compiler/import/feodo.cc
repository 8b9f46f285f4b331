// abuse.ch Feodo Tracker: addresses of botnet controllers. They change hands, so each counts for
// the context's lifetime after it was last seen online.

#include <algorithm>

#include "policies/compiler/import/import.h"
#include "policies/compiler/import/json_feed.h"
#include "policies/compiler/import/text.h"
#include "policies/compiler/reader.h"

namespace fleetsweep::indicators {
namespace {

// As the file has it; empty: it does not say.
struct Controller {
  std::string address, port, status, first_seen, last_online, malware;
};

void take(const Controller& controller, std::uint32_t line, Collector& into) {
  std::string note = controller.malware;
  if (!controller.status.empty()) note += (note.empty() ? "" : ", ") + controller.status;
  if (!controller.last_online.empty()) note += ", last online " + controller.last_online;
  const Origin origin = into.origin(line, note);
  const auto refuse = [&](std::string why) {
    into.refuse(origin, controller.address, std::move(why));
  };
  auto indicator = address_indicator(controller.address);
  if (!indicator || indicator->all_of[0].match == model::Match::kCidr)
    return refuse("not an IP address");
  if (!controller.port.empty()) {
    const auto port = compiler::parse_whole(controller.port);
    if (!port || *port < 1 || *port > 65535) return refuse("its port is not 1 to 65535");
    indicator->all_of.push_back(
        {model::Field::kNetworkDstPort, model::Match::kEquals, std::to_string(*port), false});
  }
  for (const auto& [written, target] :
       {std::pair{&controller.first_seen, &indicator->valid_from},
        std::pair{&controller.last_online, &indicator->last_seen}}) {
    if (written->empty()) continue;
    *target = feed_time(*written);
    if (!*target) return refuse(fmt::format("'{}' is no time", shown_note(*written)));
  }
  // It was never seen again.
  if (!indicator->last_seen && controller.status == "offline")
    indicator->last_seen = indicator->valid_from;
  indicator->kind = Kind::kAddress;
  indicator->origins = {origin};
  into.take(std::move(*indicator), controller.address);
}

Status from_json(std::string_view bytes, Collector& into) {
  FS_TRY(const Json rows, parse_json(bytes));
  if (!rows.is_array()) return fail(Code::kInvalid, "not the JSON list of Feodo Tracker");
  for (const Json& row : rows)
    take({text_in(row, "ip_address"), text_in(row, "port"), text_in(row, "status"),
          text_in(row, "first_seen"), text_in(row, "last_online"), text_in(row, "malware")},
         0, into);
  return {};
}

}  // namespace

Status import_feodo(std::string_view bytes, Collector& into) {
  if (const auto begin = trimmed(bytes); begin.starts_with('[') || begin.starts_with('{'))
    return from_json(bytes, into);
  std::vector<std::string> columns;  // of the head line; plain text has none
  for (const Line& line : lines_of(bytes)) {
    if (line.text.starts_with('#')) continue;
    const auto fields = comma_separated(line.text);
    if (!fields) {
      into.refuse(into.origin(line.number), line.text, "a quote does not end");
      continue;
    }
    if (columns.empty() && std::find(fields->begin(), fields->end(), "dst_ip") != fields->end()) {
      columns = *fields;
      continue;
    }
    if (columns.empty() && fields->size() == 1) {
      take({.address = fields->front()}, line.number, into);
      continue;
    }
    if (fields->size() != columns.size()) {
      into.refuse(into.origin(line.number), line.text,
                  columns.empty() ? std::string("no head line with dst_ip stands above it")
                                  : fmt::format("{} columns where the head line has {}",
                                                fields->size(), columns.size()));
      continue;
    }
    const auto column = [&](const char* wanted) -> std::string {
      const auto found = std::find(columns.begin(), columns.end(), wanted);
      return found == columns.end() ? std::string()
                                    : (*fields)[static_cast<std::size_t>(found - columns.begin())];
    };
    take({column("dst_ip"), column("dst_port"), column("c2_status"), column("first_seen_utc"),
          column("last_online"), column("malware")},
         line.number, into);
  }
  return {};
}

}  // namespace fleetsweep::indicators
