// fleetsweep-vault: what `fleetsweep-agent vault` becomes. A program of its own, so that neither
// the process with the network nor the one that changes files carries what writes archives.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "agent/act/anchor.h"
#include "agent/act/clock.h"
#include "agent/act/retention.h"
#include "agent/vault/contents.h"
#include "agent/vault/options.h"
#include "agent/vault/sample_archive.h"
#include "protocol/base/limits.h"
#include "protocol/runtime/files/files.h"
#include "protocol/runtime/log/event_log.h"
#include "protocol/runtime/prompt/prompt.h"

namespace fleetsweep::agent {
namespace {

using Json = nlohmann::json;
enum Exit { kDone = 0, kRefused = 1, kBroken = 70 };

int complain(const Error& error) {
  // A next step has a line of its own.
  const std::size_t split = error.message.find("\nnext:");
  std::fprintf(stderr, "fleetsweep-agent: %s\n", escaped(error.message.substr(0, split)).c_str());
  if (split != std::string::npos)
    std::fprintf(stderr, "%s\n", escaped(error.message.substr(split + 1)).c_str());
  return error.code == Code::kInternal ? kBroken : kRefused;
}

// Act's state, while no act works with it: not to be held while a person or a pager is waited for.
struct Opened {
  files::StateLock lock;
  act::Vault vault;
  act::Ledger ledger;
};

Result<Opened> open_state(const std::string& state) {
  const std::string folder = state + "/act";
  if (::access(folder.c_str(), F_OK) != 0)
    return fail(Code::kNotFound, "{}: no agent has worked with this state; give --state DIR",
                folder);
  if (::access(folder.c_str(), R_OK | W_OK | X_OK) != 0)
    return fail(Code::kInvalid, "{}: only root may look into the vault", folder);
  FS_TRY(auto lock, files::StateLock::await(folder));
  FS_TRY(auto vault, act::Vault::open(folder));
  FS_TRY(auto ledger, act::Ledger::open(folder + "/journal"));
  return Opened{std::move(lock), std::move(vault), std::move(ledger)};
}

Result<std::string> listing(const VaultOptions& options) {
  FS_TRY(const auto opened, open_state(options.state));
  const auto entries = entries_of(opened.vault, opened.ledger.history());
  std::uint64_t bytes = 0;
  std::string lines;
  Json json{
      {"entries", Json::array()}, {"bytes_max", opened.vault.quota()}, {"purged", Json::array()}};
  for (const Entry& entry : entries) {
    bytes += entry.bytes;
    if (options.json)
      json["entries"].push_back(Json::parse(to_json(entry)));
    else
      lines += to_line(entry) + "\n";
  }
  json["bytes"] = bytes;
  for (const auto& past : opened.ledger.history()) {
    if (!past.purged) continue;
    json["purged"].push_back({{"order", past.begin.order.hex()},
                              {"at", to_rfc3339(past.purged->at)},
                              {"files", past.purged->files},
                              {"bytes", past.purged->bytes}});
    lines += fmt::format("order {:.12}  purged {}: {} entries\n", past.begin.order.hex(),
                         to_rfc3339(past.purged->at), past.purged->files);
  }
  if (options.json) return json.dump() + "\n";
  return lines + fmt::format("{} entries, {} of {}\n", entries.size(), bytes_in_words(bytes),
                             bytes_in_words(opened.vault.quota()));
}

int run_list(const VaultOptions& options) {
  const auto lines = listing(options);
  if (!lines) return complain(lines.error());
  std::fputs(lines->c_str(), stdout);
  return kDone;
}

Result<std::string> passphrase_of(const VaultOptions& options) {
  std::string passphrase;
  if (options.passphrase_file.empty()) {
    FS_TRY(passphrase, prompt::ask_twice("passphrase for the archive"));
  } else {
    FS_TRY(const Bytes text, files::read_file(options.passphrase_file, limits::kTokenFileBytes,
                                              files::Links::kFollow));
    passphrase = as_text(text).substr(0, as_text(text).find('\n'));
  }
  if (passphrase.empty())
    return fail(Code::kInvalid, "an empty passphrase protects nothing: give one of some words");
  return passphrase;
}

Result<Entry> chosen(const VaultOptions& options) {
  FS_TRY(const auto opened, open_state(options.state));
  FS_TRY(Entry entry, find_entry(opened.vault, opened.ledger.history(), options.entry));
  if (!entry.damage.empty()) return fail(Code::kInvalid, "{}", entry.damage);
  if (!entry.metadata.has_content)
    return fail(Code::kInvalid,
                "of what is purged the vault never has the content; all that is known of it says "
                "`fleetsweep-agent vault list --json`");
  return entry;
}

Status write_archive(const VaultOptions& options, const Entry& entry,
                     const std::string& passphrase) {
  FS_TRY(const auto opened, open_state(options.state));
  FS_TRY(auto archive, SampleArchive::create(options.to, passphrase));
  const std::string json = to_json(entry) + "\n";
  FS_CHECK(archive.begin("metadata.json", json.size()));
  FS_CHECK(archive.add(as_bytes(json)));
  // Not by the name it had, which may be any.
  FS_CHECK(archive.begin(entry.metadata.sha256.hex(), entry.metadata.size));
  const auto loaded = opened.vault.load(entry.transaction, entry.name,
                                        [&](BytesView piece) { return archive.add(piece); });
  if (!loaded) return fail(loaded.error());
  return archive.finish();
}

int run_export(const VaultOptions& options) {
  const auto entry = chosen(options);
  if (!entry) return complain(entry.error());
  const auto passphrase = passphrase_of(options);
  if (!passphrase) return complain(passphrase.error());
  if (const auto written = write_archive(options, *entry, *passphrase); !written)
    return complain(written.error());
  if (options.json)
    std::printf("%s\n", Json{{"entry", entry->id},
                             {"to", escaped(options.to)},
                             {"sha256", entry->metadata.sha256.hex()}}
                            .dump()
                            .c_str());
  else
    std::printf("%s holds %s as %s, and metadata.json\n", escaped(options.to).c_str(),
                escaped(entry->metadata.path).c_str(), entry->metadata.sha256.hex().c_str());
  return kDone;
}

// An owner may have it gone sooner than its policy says, and is told.
std::string promised(const std::vector<act::Transaction>& history, const act::Transaction& past,
                     Timestamp now) {
  const auto until = act::kept_until(history, past.begin.order, std::nullopt);
  return until && *until > now ? ", to be kept until " + to_rfc3339(*until) : "";
}

bool is_confirmed() {
  std::fprintf(stderr, "Delete them for good? What is gone cannot be undone any more. [y/N] ");
  std::string answer;
  return std::getline(std::cin, answer) && (answer == "y" || answer == "yes");
}

// What is to go, and how its owner is told.
struct Due {
  std::vector<Nonce> ids;
  std::string lines;
};

Due due_of(const VaultOptions& options, const Opened& opened, Timestamp now) {
  Due due;
  const auto& history = opened.ledger.history();
  const auto add = [&](const act::Transaction& past) {
    const auto kept = opened.vault.kept(past.id);
    if (kept.empty()) return;
    due.ids.push_back(past.id);
    const DocumentId& order = past.begin.order;
    due.lines += fmt::format(
        "{} of {}: {} entries{}\n",
        order.is_zero() ? "an order of an older journal" : fmt::format("order {:.12}", order.hex()),
        to_rfc3339(past.begin.at), kept.size(), promised(history, past, now));
  };
  if (options.unattended) {  // strays stay: how long their policies promised to keep them is lost
    for (const auto* past : act::expired(history, now, options.keep)) add(*past);
    return due;
  }
  const auto before = strays(opened.vault, history);
  for (const auto* transactions : {&before, &history})
    for (const auto* past : act::older(*transactions, now - options.older_than)) add(*past);
  return due;
}

Result<Due> look(const VaultOptions& options, Timestamp now) {
  FS_TRY(const auto opened, open_state(options.state));
  return due_of(options, opened, now);
}

// Of what was shown, all that still is to go: an undo may have begun meanwhile.
Result<act::Purged> purge(const VaultOptions& options, const Due& shown, Timestamp now) {
  FS_TRY(auto opened, open_state(options.state));
  // What a crash left of an earlier one.
  for (const auto& past : opened.ledger.history())
    if (past.purged && !opened.vault.kept(past.id).empty()) FS_CHECK(opened.vault.purge(past.id));
  act::Purged sum{now, 0, 0};
  const Due due = due_of(options, opened, now);
  for (const Nonce& id : due.ids) {
    if (std::ranges::find(shown.ids, id) == shown.ids.end()) continue;
    FS_TRY(const auto purged, act::purge(opened.vault, opened.ledger, id, now));
    sum.files += purged.files;
    sum.bytes += purged.bytes;
  }
  return sum;
}

int run_purge(const VaultOptions& options) {
  const auto clock = act::read_clock();
  Timestamp now = clock.local;
  if (options.unattended) {
    const auto anchor = act::load_anchor(options.state + "/act");
    if (!anchor) return complain(anchor.error());
    now = act::believable_now(clock, *anchor ? (*anchor)->newest : Timestamp{});
  }
  const auto due = look(options, now);
  if (!due) return complain(due.error());
  if (!options.json && !options.unattended) std::fputs(due->lines.c_str(), stdout);
  const bool asks = !options.yes && !options.unattended && !due->ids.empty();
  if (asks && !is_confirmed())
    return complain({Code::kInvalid, "nothing was deleted; --yes deletes without asking"});
  const auto purged = purge(options, *due, now);
  if (!purged) return complain(purged.error());
  if (options.unattended) {
    if (!due->ids.empty())
      event_log::EventLog().info("vault_purged",
                                 {{"entries", purged->files}, {"bytes", purged->bytes}});
  } else if (options.json) {
    std::printf("%s\n", Json{{"entries", purged->files}, {"bytes", purged->bytes}}.dump().c_str());
  } else {
    std::printf("%u entries deleted, %s\n", purged->files, bytes_in_words(purged->bytes).c_str());
  }
  return kDone;
}

int run(int count, char** arguments) {
  const auto [exit, options] = parse_vault_options(count, arguments);
  if (exit) return *exit;
  switch (options.verb) {
    case VaultOptions::Verb::kList:
      return run_list(options);
    case VaultOptions::Verb::kExport:
      return run_export(options);
    case VaultOptions::Verb::kPurge:
      return run_purge(options);
  }
  return kBroken;
}

}  // namespace
}  // namespace fleetsweep::agent

int main(int count, char** arguments) {
  return fleetsweep::agent::run(count, arguments);
}
