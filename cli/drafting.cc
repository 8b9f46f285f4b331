#include "cli/drafting.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/json_text.h"
#include "policies/compiler/compiler.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/seal.h"
#include "protocol/log/merkle.h"
#include "protocol/trust/gates.h"
#include "protocol/trust/order_class.h"
#include "protocol/trust/schedule.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

// Redraws are cheap (a hash for each known host); a wave that no host falls into by then cannot be
// had.
constexpr int kNonceDraws = 200'000;

Result<compiler::Compiled> compile(const std::string& file) {
  FS_TRY(
      compiler::Compiled compiled,
      compiler::compile_file(file, std::chrono::floor<Duration>(std::chrono::system_clock::now())));
  if (compiled.ok()) return compiled;
  const std::string source = read_text_file(file).value_or("");
  return fail(Code::kInvalid, "the policy has mistakes\n{}",
              compiler::lint_text(compiled.diagnostics, source));
}

Result<model::Wave> parse_wave(const std::string& text) {
  model::Wave wave;
  const auto comma = text.find(',');
  const std::string permille = text.substr(0, comma);
  wave.permille = static_cast<std::uint16_t>(std::strtoul(permille.c_str(), nullptr, 10));
  if (wave.permille == 0 || wave.permille > 1000)
    return fail(
        Code::kInvalid,
        "--wave {}: expected PERMILLE from 1 to 1000, then optionally ,DELAY and ,none|auto|manual",
        escaped(text));
  if (comma == std::string::npos) return wave;
  const auto second = text.find(',', comma + 1);
  FS_TRY(wave.delay_min,
         parse_seconds(
             text.substr(comma + 1, second == std::string::npos ? second : second - comma - 1)));
  if (second == std::string::npos) return wave;
  const auto gate = from_name<model::Gate>(text.substr(second + 1));
  if (!gate) return fail(Code::kInvalid, "--wave {}: gate is none, auto or manual", escaped(text));
  wave.gate = *gate;
  return wave;
}

struct KnownHost {
  AgentId id;
  bool canary = false;
};

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

// As the host itself will judge it, from what the registry says of it.
bool in_scope(const model::Scope& scope, const json& agent, const AgentId& id) {
  std::vector<std::string> groups;
  std::istringstream list(text_of(agent, "group"));
  for (std::string group; std::getline(list, group, ',');) groups.push_back(group);
  return trust::in_scope(scope, id, text_of(agent, "jurisdiction"), groups).has_value();
}

// Draws the nonce until every wave has a known member, and the first holds exactly the canaries if
// any were named.
Status draw_nonce(Draft& draft, const std::vector<KnownHost>& hosts) {
  const bool named = std::ranges::any_of(hosts, &KnownHost::canary);
  const bool fillable = hosts.size() >= draft.order.waves.size();
  for (int i = 0; i < kNonceDraws; ++i) {
    draft.order.nonce = crypto::random_nonce();
    const DocumentId id =
        crypto::document_id({std::string(model::kPayloadOrder), codec::encode(draft.order), {}});
    draft.wave_sizes.assign(draft.order.waves.size(), 0);
    bool good = true;
    for (const KnownHost& host : hosts) {
      const std::size_t wave = trust::wave_of(draft.order.waves, id, host.id);
      ++draft.wave_sizes[wave];
      if (named && (wave == 0) != host.canary) good = false;
    }
    if (good && (!fillable || std::ranges::find(draft.wave_sizes, 0u) == draft.wave_sizes.end()))
      return {};
    if (hosts.empty()) return {};
  }
  return fail(Code::kInvalid,
              "no draw of the nonce gives these waves their hosts; use fewer waves, or a larger "
              "first permille");
}

// The report that signers saw: the Merkle root over the dry run's receipts, in the order of their
// ids.
Result<Digest> dry_run_report(Session& session, const std::string& campaign,
                              const DocumentId& order) {
  FS_TRY(const std::vector<SignedReceipt> receipts, receipts_of(session, campaign));
  std::vector<std::pair<DocumentId, Digest>> leaves;
  for (const SignedReceipt& one : receipts)
    if (one.receipt.order == order)
      leaves.push_back(
          {crypto::document_id(one.envelope), log::leaf_hash(codec::encode(one.envelope))});
  std::ranges::sort(leaves);
  std::vector<Digest> hashes;
  for (const auto& [id, hash] : leaves) hashes.push_back(hash);
  return log::tree_root(hashes);
}

// The newest order of this mode, or the one whose id starts with `wanted`.
Result<LoggedOrder> earlier_order(const std::vector<LoggedOrder>& orders, model::Mode mode,
                                  const std::string& wanted) {
  for (auto order = orders.rbegin(); order != orders.rend(); ++order)
    if (order->order.mode == mode && order->id.hex().starts_with(wanted)) return *order;
  return fail(Code::kNotFound, "the campaign has no {} order{}", name(mode),
              wanted.empty() ? "" : " " + wanted);
}

Status fill_schedule(model::Order& order, const DraftOptions& options,
                     const compiler::AuthorDefaults& defaults) {
  FS_TRY(const Seconds life, parse_seconds(options.life));
  model::Schedule& schedule = order.schedule;
  schedule.not_before = now();
  if (!options.not_before.empty()) {
    FS_TRY(schedule.not_before, from_rfc3339(options.not_before));
  }
  schedule.not_after = schedule.not_before + life;
  FS_TRY(schedule.offline_grace, parse_seconds(options.offline_grace));
  schedule.windows = defaults.windows;
  schedule.jitter = defaults.jitter;
  return {};
}

}  // namespace

Result<Draft> draft_order(Session& session, const DraftOptions& options) {
  Draft draft;
  model::Order& order = draft.order;
  order.campaign = options.campaign;
  order.mode = options.mode == "undo"    ? model::Mode::kUndo
               : options.mode == "apply" ? model::Mode::kApply
                                         : model::Mode::kDryRun;
  FS_TRY(const std::string tenant, tenant_of(session));
  FS_TRY(order.tenant, TenantId::parse_hex(tenant));

  compiler::Compiled compiled;
  if (order.mode != model::Mode::kUndo) {
    FS_TRY(compiled, compile(options.policy_file));
    draft.policy = codec::encode(compiled.policy);
    order.policy = crypto::sha256(draft.policy);
    order.policy_size = draft.policy.size();
    order.title = options.title.empty() ? compiled.policy.title : options.title;
    order.authority = compiled.defaults.authority;
    order.scope.jurisdictions = options.jurisdictions;
    FS_TRY(order.action_class, trust::class_of(order.mode, compiled.policy));
    for (const compiler::Diagnostic& warning : compiled.diagnostics)
      draft.notes.push_back("warning: " + warning.message);
  }
  if (order.mode != model::Mode::kDryRun) {
    FS_TRY(const std::vector<LoggedOrder> orders, orders_of(session, options.campaign));
    if (order.mode == model::Mode::kApply) {
      FS_TRY(const LoggedOrder dry_run,
             earlier_order(orders, model::Mode::kDryRun, options.dry_run_order));
      if (dry_run.order.policy != order.policy)
        return fail(
            Code::kConflict,
            "the dry run {} was made with another edition of this policy; make a new dry run",
            dry_run.id.hex().substr(0, 12));
      order.dry_run_order = dry_run.id;
      FS_TRY(order.dry_run_report, dry_run_report(session, options.campaign, dry_run.id));
    } else {
      FS_TRY(const LoggedOrder apply, earlier_order(orders, model::Mode::kApply, options.undoes));
      order.undoes = apply.id;
      order.policy = apply.order.policy;
      order.policy_size = apply.order.policy_size;
      order.action_class = model::Class::kClean;
      order.title = options.title.empty() ? "Undo: " + apply.order.title : options.title;
      order.authority = apply.order.authority;
      order.scope.jurisdictions =
          options.jurisdictions.empty() ? apply.order.scope.jurisdictions : options.jurisdictions;
    }
  }
  if (!options.contact.empty()) order.authority.contact = options.contact;
  order.scope.groups = options.groups;
  FS_TRY(order.scope.include, resolve_all(session, options.hosts));
  FS_TRY(order.scope.exclude, resolve_all(session, options.exclude));
  FS_CHECK(fill_schedule(order, options, compiled.defaults));
  for (const std::string& text : options.waves) {
    FS_TRY(const model::Wave wave, parse_wave(text));
    order.waves.push_back(wave);
  }
  if (order.waves.empty()) order.waves.push_back({});
  order.breaker = {options.failures, options.failed_permille};

  FS_TRY(const std::vector<AgentId> canaries, resolve_all(session, options.canary));
  std::vector<KnownHost> hosts;
  FS_TRY(const json agents, get(session, "agents"));
  for (const json& agent : agents) {
    FS_TRY(const AgentId id, AgentId::parse_hex(agent.value("agent", "")));
    if (in_scope(order.scope, agent, id)) hosts.push_back({id, contains(canaries, id)});
  }
  FS_CHECK(draw_nonce(draft, hosts));
  std::string sizes;
  for (std::size_t size : draft.wave_sizes)
    sizes += fmt::format("{}{}", sizes.empty() ? "" : " + ", size);
  draft.notes.push_back(fmt::format("{} known hosts in scope, by wave: {}", hosts.size(), sizes));
  if (hosts.empty()) draft.notes.push_back("warning: no known host is in scope");
  return draft;
}

}  // namespace fleetsweep::cli
