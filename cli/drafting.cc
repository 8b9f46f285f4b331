#include "cli/drafting.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/affected_hosts.h"
#include "cli/describe.h"
#include "cli/evidence_source.h"
#include "cli/policy_files.h"
#include "cli/receipt_digest.h"
#include "cli/wave_draw.h"
#include "policies/compiler/compiler.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/seal.h"
#include "protocol/crypto/sign.h"
#include "protocol/trust/order_class.h"
#include "protocol/trust/order_rules.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

Result<compiler::Compiled> compile(const std::string& file) {
  auto read =
      compiler::compile_file(file, std::chrono::floor<Duration>(std::chrono::system_clock::now()));
  if (!read) return fail(of_named_file(read.error(), file));
  if (read->ok()) return read;
  const std::string source = read_text_file(file).value_or("");
  return fail(Code::kInvalid, "the policy has mistakes\n{}\nnext:  fleetsweep policy lint {}",
              compiler::lint_text(read->diagnostics, source), file);
}

Result<std::vector<AgentId>> resolve_all(Session& session, const std::vector<std::string>& names) {
  std::vector<AgentId> ids;
  for (const std::string& name : names) {
    FS_TRY(const std::string hex, resolve_agent(session, name));
    FS_TRY(const AgentId id, AgentId::parse_hex(hex));
    ids.push_back(id);
  }
  std::ranges::sort(ids);
  return ids;
}

bool contains(const std::vector<AgentId>& ids, const AgentId& id) {
  return std::ranges::binary_search(ids, id);
}

// The newest order of this mode, or the one whose id starts with `wanted`.
Result<LoggedOrder> earlier_order(const std::vector<LoggedOrder>& orders, model::Mode mode,
                                  const std::string& wanted) {
  for (auto order = orders.rbegin(); order != orders.rend(); ++order)
    if (order->order.mode == mode && order->id.hex().starts_with(wanted)) return *order;
  return fail(Code::kNotFound, "the campaign has no {} order{}{}", mode_text(mode),
              wanted.empty() ? "" : " " + escaped(wanted),
              mode == model::Mode::kDryRun
                  ? "\nnext:  first a dry run: the same command with --mode dry-run"
                  : "");
}

Status refer_to_dry_run(Session& session, const DraftOptions& options, model::Order& order) {
  FS_TRY(const std::vector<LoggedOrder> orders, orders_of(session, options.campaign));
  FS_TRY(const LoggedOrder dry_run,
         earlier_order(orders, model::Mode::kDryRun, options.dry_run_order));
  if (dry_run.order.policy != order.policy)
    return fail(Code::kConflict,
                "the dry run {} was made with another edition of this policy; make a new dry run",
                dry_run.id.hex().substr(0, 12));
  if (options.standing && dry_run.order.schedule.repeat == Seconds{0})
    return fail(Code::kConflict,
                "the dry run {} runs once, and a standing order acts on what a host saw shortly "
                "before it fires\nnext:  first a dry run that is repeated: --mode dry-run --repeat "
                "1d --life 30d",
                dry_run.id.hex().substr(0, 12));
  order.dry_run_order = dry_run.id;
  FS_TRY(const std::vector<SignedReceipt> receipts, fetch_receipts(session, options.campaign));
  order.dry_run_report = report_digest(receipts, dry_run.id);  // what signers saw
  return {};
}

// What undoes an order is for the same policy and places, on the same authority.
Status refer_to_apply(Session& session, const DraftOptions& options, model::Order& order) {
  FS_TRY(const std::vector<LoggedOrder> orders, orders_of(session, options.campaign));
  FS_TRY(const LoggedOrder apply, earlier_order(orders, model::Mode::kApply, options.undoes));
  order.undoes = apply.id;
  order.policy = apply.order.policy;
  order.policy_size = apply.order.policy_size;
  order.action_class = model::Class::kClean;
  order.title = options.title.empty() ? "Undo: " + apply.order.title : options.title;
  order.authority = apply.order.authority;
  order.scope.jurisdictions =
      options.jurisdictions.empty() ? apply.order.scope.jurisdictions : options.jurisdictions;
  return {};
}

Result<std::vector<KnownHost>> known_hosts(Session& session, const model::Scope& scope,
                                           const std::vector<AgentId>& canaries) {
  std::vector<KnownHost> hosts;
  std::size_t canaries_in_scope = 0;
  FS_TRY(const json agents, get(session, "agents"));
  FS_TRY(const std::vector<RegisteredHost> registered, registered_hosts(agents));
  for (const RegisteredHost& host : registered) {
    if (!in_scope(scope, host)) continue;
    hosts.push_back({host.id, contains(canaries, host.id)});
    canaries_in_scope += hosts.back().canary;
  }
  if (canaries_in_scope < canaries.size())
    return fail(Code::kInvalid, "--canary: {} of {} canaries are not in the order's scope",
                canaries.size() - canaries_in_scope, canaries.size());
  return hosts;
}

Status check(const model::Order& order, std::vector<std::string> mistakes) {
  std::ranges::move(trust::mistakes(order), std::back_inserter(mistakes));
  if (mistakes.empty()) return {};
  return fail(Code::kInvalid, "no host would carry out this order:\n  {}",
              fmt::join(mistakes, "\n  "));
}

}  // namespace

Result<Draft> draft_order(Session& session, const DraftOptions& options) {
  Draft draft;
  model::Order& order = draft.order;
  order.campaign = options.campaign;
  FS_TRY(const std::string tenant, tenant_of(session));
  FS_TRY(order.tenant, TenantId::parse_hex(tenant));

  compiler::Compiled compiled;
  if (!options.policy_file.empty()) {
    FS_TRY(compiled, compile(options.policy_file));
  }
  order.mode = mode_of(options, compiled.defaults);
  if (order.mode != model::Mode::kUndo) {
    draft.policy = codec::encode(compiled.policy);
    draft.hashes = std::move(compiled.hashes);
    order.policy = crypto::sha256(draft.policy);
    order.policy_size = draft.policy.size();
    order.title = options.title.empty() ? compiled.policy.title : options.title;
    order.authority = compiled.defaults.authority;
    order.scope.jurisdictions = options.jurisdictions;
    FS_TRY(order.action_class, trust::class_of(order.mode, compiled.policy));
    for (const compiler::Diagnostic& warning : compiled.diagnostics)
      draft.notes.push_back("warning: " + warning.message);
  }
  if (order.mode == model::Mode::kApply) FS_CHECK(refer_to_dry_run(session, options, order));
  if (order.mode == model::Mode::kUndo) FS_CHECK(refer_to_apply(session, options, order));
  if (!options.contact.empty()) order.authority.contact = options.contact;
  order.scope.groups = options.groups;
  FS_TRY(order.scope.include, resolve_all(session, options.hosts));
  FS_TRY(order.scope.exclude, resolve_all(session, options.exclude));
  FS_TRY(const model::Root root, newest_root(session));
  Remarks remarks = fill_terms(order, options, compiled.defaults, root.policy, now());
  FS_CHECK(check(order, std::move(remarks.mistakes)));
  std::ranges::move(remarks.notes, std::back_inserter(draft.notes));

  FS_TRY(const std::vector<AgentId> canaries, resolve_all(session, options.canary));
  FS_TRY(const std::vector<KnownHost> hosts, known_hosts(session, order.scope, canaries));
  FS_TRY(draft.wave_sizes, draw_waves(order, hosts, crypto::random_nonce));
  std::string sizes;
  for (std::size_t size : draft.wave_sizes)
    sizes += fmt::format("{}{}", sizes.empty() ? "" : " + ", size);
  draft.notes.push_back(fmt::format("{} known hosts in scope, by wave: {}", hosts.size(), sizes));
  if (hosts.empty()) draft.notes.push_back("warning: no known host is in scope");
  return draft;
}

Result<DocumentId> write_draft(const std::string& file, const Draft& draft) {
  const model::Envelope envelope{std::string(model::kPayloadOrder), codec::encode(draft.order), {}};
  FS_CHECK(write_document(file, envelope));
  FS_CHECK(write_policy_files(file + ".policy", draft.policy, draft.hashes));
  return crypto::document_id(envelope);
}

Result<OrderReview> review_draft(Session& session, const Draft& draft) {
  FS_TRY(const OrderEvidence evidence, fetch_evidence(session, draft.order));
  return review_order({std::string(model::kPayloadOrder), codec::encode(draft.order), {}},
                      draft.order,
                      {.policy = draft.policy, .root = std::nullopt, .evidence = &evidence}, now());
}

}  // namespace fleetsweep::cli
