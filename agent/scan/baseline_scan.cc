#include "agent/scan/baseline_scan.h"

#include "agent/scan/persistence_pass.h"

namespace fleetsweep::scan {

Result<EntryList> list_entries(Root& root, const EngineOptions& options) {
  const model::Policy nothing;
  FS_TRY(const Matcher matcher, Matcher::compile(nothing));
  const PackageDb packages;
  Tallies tallies(1);
  constexpr Policies kOwner = 1;  // nobody else asks
  PersistencePass* reads = nullptr;
  ParserClient parser(matcher, nothing, options.parser, [&](const Job& job, Answer answer) {
    if (answer.entries_read && !is_unread(answer))
      reads->take(job, answer);
    else
      tallies.add_unscannable(kOwner, job.facts.identity.path, answer.detail);
  });
  FS_TRY([[maybe_unused]] const model::SandboxLevel level, parser.start());
  if (options.confine_walker) FS_CHECK(options.confine_walker(false));
  PersistencePass pass(root, packages, parser, tallies, kOwner, [] { return false; });
  reads = &pass;
  pass.list(~PersistenceKinds(), false, nullptr);
  pass.read();
  EntryList result;
  for (const Object& object : pass.entries())
    result.entries.push_back(std::get<PersistenceFacts>(object).identity);
  result.unread = tallies.of[0].unscannable;
  result.unread_paths = std::move(tallies.of[0].unscannable_paths);
  return result;
}

Result<BaselineScan> scan_baseline(Root& root, const EngineOptions& options) {
  FS_TRY(EntryList list, list_entries(root, options));
  BaselineScan result{{}, list.unread, std::move(list.unread_paths)};
  for (const model::PersistenceIdentity& entry : list.entries) result.baseline.add(entry);
  return result;
}

}  // namespace fleetsweep::scan
