#include "agent/act/planning.h"

#include <algorithm>
#include <cstdio>

#include "agent/act/clock.h"
#include "agent/act/expand.h"
#include "agent/act/host_facts.h"
#include "agent/act/process.h"
#include "agent/act/reach.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::act {
namespace {

// Findings as scan sealed them: core cannot make one.
Checked<std::vector<model::Finding>> unseal(const std::vector<model::SealedFinding>& sealed,
                                            const Digest& policy, const crypto::MacKey& key) {
  std::vector<model::Finding> findings;
  for (const auto& one : sealed) {
    if (!crypto::mac_equal(one.mac, crypto::mac(key, {policy.view(), one.finding})))
      return refuse(Reason::kUntrusted, "finding {} was not made by this host's scan",
                    findings.size());
    auto finding = codec::decode<model::Finding>(one.finding);
    if (!finding) return refuse(Reason::kMalformed, "{}", finding.error().message);
    findings.push_back(std::move(*finding));
  }
  if (findings.size() > limits::kFindings)
    return refuse(Reason::kLimit, "{} findings", findings.size());
  return findings;
}

// What was found bears no link in its path; what people write may.
void add_real(const Tree& tree, std::vector<std::string>& paths) {
  const std::size_t written = paths.size();
  for (std::size_t i = 0; i < written; ++i)
    if (std::string real = tree.real(paths[i]); real != paths[i]) paths.push_back(std::move(real));
}

}  // namespace

// What cannot be read must not be read as weaker.
Checked<trust::Consent> read_consent(const Tree& tree, const std::string& state) {
  const auto text =
      files::read_file(state + "/../consent.conf", limits::kConsentBytes, files::Links::kFollow);
  if (!text && text.error().code == Code::kNotFound) return trust::Consent{};
  if (!text) return refuse(Reason::kConsent, "{}", text.error().message);
  auto consent = trust::parse_consent(as_text(*text));
  if (!consent) return refuse(Reason::kConsent, "{}", consent.error().message);
  add_real(tree, consent->denied);
  add_real(tree, consent->roots);
  return *consent;
}

Checked<Begin> plan_order(const Options& options, const Tree& tree, const crypto::MacKey& key,
                          const trust::VerifiedOrder& verified, const model::ActRequest& request,
                          const Nonce& transaction) {
  const model::Order& order = verified.order();
  FS_TRY(const auto findings, unseal(request.findings, order.policy, key));
  FS_TRY(const auto dry_run, unseal(request.dry_run, order.policy, key));
  FS_TRY(const trust::Consent consent, read_consent(tree, options.state));
  const Timestamp now = std::max(read_clock().local, verified.anchor().newest);
  // Whatever core says. In which country this host is only core knows.
  trust::Consent owners = consent;
  owners.jurisdictions.clear();
  FS_CHECK(trust::allows(owners, verified.action_class(), "", now));
  const auto facts = facts_of(tree, findings, options.images);
  const auto running = running_processes(tree);
  const auto own = own_paths(tree, options.state);
  const auto pids = own_pids();
  model::Policy policy = verified.policy();
  add_real(tree, policy.limits.protect);
  plan::Input input{policy, findings, dry_run,      facts, running,         own,
                    pids,   consent,  order.limits, 0,     request.scanned, transaction};
  input.came_back = request.round > 0;
  input.now = now;
  input.no_restarts = options.no_services;
  input.sbin = sbin_of(tree);
  input.platform = options.hives == nullptr ? model::Platform::kLinux : model::Platform::kWindows;
  input.items_max =
      trust::items_allowed(verified.policy().limits.items, order, verified.root(), consent);
  const model::Plan plan = plan::make_plan(input);
  // The host's owner reads in the agent's log what is about to happen, or would have.
  std::fputs(fmt::format("plan of order {}\n{}", verified.id().hex(), plan::to_text(plan)).c_str(),
             stderr);
  if (plan.refused != Reason::kNone) return refuse(plan.refused, "{}", plan.detail);
  return expand(tree, input, plan, verified.root().path_salt, *options.firewall, options.state,
                signed_relays(verified.anchor().tenant, request));
}

}  // namespace fleetsweep::act
