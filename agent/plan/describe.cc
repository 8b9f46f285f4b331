#include "agent/plan/network.h"
#include "agent/plan/plan.h"

namespace fleetsweep::plan {

namespace {

std::string text_of(const model::FileIdentity& file) {
  return fmt::format("file {} ({} bytes)", escaped(file.path), file.size);
}

std::string text_of(const model::ProcessIdentity& process) {
  return fmt::format("process {} {} ({})", process.pid, escaped(process.name),
                     escaped(process.exe.path));
}

std::string text_of(const model::PersistenceIdentity& entry) {
  if (entry.entry.empty()) return fmt::format("{} {}", name(entry.kind), escaped(entry.file.path));
  return fmt::format("{} entry {} of {}", name(entry.kind), entry.entry_sha256.hex().substr(0, 12),
                     escaped(entry.file.path));
}

std::string text_of(const model::ConnectionIdentity& connection) {
  return fmt::format("connection of process {} to {} port {}", connection.pid,
                     escaped(connection.remote_address), connection.remote_port);
}

std::string text_of(const model::RegistryIdentity& value) {
  return fmt::format("registry value {} of {} in {}", escaped(value.value_name), escaped(value.key),
                     escaped(value.hive.path));
}

}  // namespace

std::string describe(const model::Identity& identity) {
  return std::visit([](const auto& value) { return text_of(value); }, identity);
}

std::string to_text(const model::Plan& plan) {
  std::string text;
  if (plan.refused != model::Reason::kNone)
    text += fmt::format("refused ({}): {}\nnothing of this will be done:\n", name(plan.refused),
                        plan.detail);
  if (plan.steps.empty()) text += "nothing to do\n";
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const auto& step = plan.steps[i];
    text += fmt::format(
        "{:3}. {:<10} {:<10} {}", i + 1, name(step.phase), name(step.action.kind),
        is_about_network(step.action.kind) ? describe_network(step) : describe(step.identity));
    if (step.action.tree) text += " and its descendants";
    if (!step.note.empty()) text += ", " + step.note;
    text += fmt::format("  [{}, {}]", step.verdict, step.detection);
    if (step.skipped != model::Reason::kNone)
      text += fmt::format("  not touched: {}", name(step.skipped));
    else if (step.action.kind == model::ActionKind::kPurge)
      text += "  gone for good, no undo";
    text += '\n';
  }
  return text;
}

}  // namespace fleetsweep::plan
