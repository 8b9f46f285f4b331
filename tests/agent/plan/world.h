#pragma once

// A host that a small family has infected, and what a plan for it is made of.

#include "agent/plan/plan.h"

namespace fleetsweep::plan {

// A small family: a file by hash, a file by name, its process, a preload line; and a link to the
// named file.
enum : std::uint16_t { kHash, kName, kProcess, kPreload, kLink };

inline model::Condition at_least(std::uint16_t count, std::vector<std::uint16_t> detections) {
  return {model::Condition::Kind::kAtLeast, count, std::move(detections), {}};
}

inline model::Action action(model::ActionKind kind, std::vector<std::uint16_t> detections,
                            model::Selector::Kind selector = model::Selector::Kind::kDetections) {
  model::Action result;
  result.kind = kind;
  result.select.push_back({selector, std::move(detections), {}});
  return result;
}

inline model::Policy a_policy() {
  model::Policy policy;
  policy.platform = model::Platform::kLinux;
  model::Predicate hash{model::Field::kFileSha256, model::Match::kEquals, false, false, 0, {}};
  model::Predicate file_name{model::Field::kFileName, model::Match::kEquals, false, false, 0, {}};
  policy.detections.resize(5);
  policy.detections[kHash] = {"hash", model::ObjectKind::kFile, {}, {{hash}}, {}, -1, -1, 100};
  policy.detections[kName] = {"name", model::ObjectKind::kFile, {}, {{file_name}}, {}, -1, -1, 20};
  policy.detections[kProcess] = {"process", model::ObjectKind::kProcess, {}, {}, {}, -1, -1, 20};
  policy.detections[kPreload] = {"preload", model::ObjectKind::kPersistence, {}, {}, {}, -1, -1, 0};
  policy.detections[kLink] = {"link", model::ObjectKind::kPersistence, {}, {}, {}, kName, -1, 40};
  policy.verdicts.push_back({"confirmed", at_least(2, {kHash, kName, kProcess, kPreload}), 95, ""});
  policy.responses.push_back({{0},
                              90,
                              {action(model::ActionKind::kQuarantine, {kHash, kName}),
                               action(model::ActionKind::kKill, {kProcess}),
                               action(model::ActionKind::kRemove, {kPreload}),
                               action(model::ActionKind::kReport, {}, model::Selector::Kind::kAll),
                               action(model::ActionKind::kSuspend, {kProcess})}});
  return policy;
}

inline model::FileIdentity file(std::string path, std::uint64_t inode) {
  model::FileIdentity identity{std::move(path), 1, inode, 100, 1, 1, 1, {}};
  identity.sha256.value[0] = static_cast<std::uint8_t>(inode);
  return identity;
}

struct World {
  model::Policy policy = a_policy();
  std::vector<model::Finding> findings;
  std::vector<model::Finding> dry_run;
  std::vector<ObjectFacts> facts;
  std::vector<Running> running;
  std::vector<std::string> own = {"/var/lib/fleetsweep"};
  std::vector<std::int32_t> own_pids = {77};
  trust::Consent consent;
  model::OrderLimits limits;
  std::uint32_t items_max = 0;
  std::uint64_t scanned = 100;
  Timestamp now;

  void find(std::uint16_t detection, model::Identity identity,
            std::uint32_t joined = model::Finding::kNoJoin, bool in_dry_run = true) {
    const auto number = static_cast<std::uint32_t>(findings.size());
    findings.push_back({detection, number, joined, std::move(identity), {}});
    facts.emplace_back();
    if (in_dry_run) dry_run.push_back(findings.back());
  }

  static World infected() {
    World world;
    world.find(kHash, file("/tmp/x", 10));
    world.find(kProcess, model::ProcessIdentity{500, 1, file("/tmp/x", 10), false, "x", "x"});
    model::PersistenceIdentity line;
    line.kind = model::PersistenceKind::kLdSoPreload;
    line.file = file("/etc/ld.so.preload", 12);
    line.entry = "/etc/libsystem.so";
    world.find(kPreload, line);
    return world;
  }

  model::Plan plan() const {
    Input input{policy,   findings, dry_run, facts,     running, own,
                own_pids, consent,  limits,  items_max, scanned, Nonce{}};
    input.now = now;
    return make_plan(input);
  }
};

}  // namespace fleetsweep::plan
