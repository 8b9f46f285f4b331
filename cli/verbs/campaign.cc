#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/action_terms.h"
#include "cli/checks.h"
#include "cli/close_out.h"
#include "cli/close_out_json.h"
#include "cli/describe.h"
#include "cli/draft_flags.h"
#include "cli/json_text.h"
#include "cli/order_signing.h"
#include "cli/policy_files.h"
#include "cli/progress_view.h"
#include "cli/receipt_digest.h"
#include "cli/report.h"
#include "cli/report_file.h"
#include "cli/report_html.h"
#include "cli/signer.h"
#include "cli/steering.h"
#include "cli/submission.h"
#include "cli/unseal.h"
#include "cli/verbs/verbs.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/seal.h"
#include "protocol/log/merkle.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string campaign;
  std::string state;
  std::string reason;
  std::string until;
  std::string deadline = "10m";
  unsigned wave = 0;
  bool with_pending = false;
  std::string out;
  std::string html;
  std::string evidence_key;
  Submission submission;
  std::optional<std::uint64_t> hosts;
  DraftOptions draft;
};

Status status(Session& session, const Options& options) {
  if (options.campaign.empty()) {
    FS_TRY(const json campaigns, get(session, "campaigns"));
    if (session.console.json) {
      session.console.print(campaigns.dump());
      return {};
    }
    for (const json& campaign : campaigns) session.console.print(progress_line(campaign));
    return {};
  }
  FS_TRY(const json campaign, get(session, "campaigns/" + options.campaign));
  session.console.print(session.console.json ? campaign.dump()
                                             : progress_view(campaign, session.console));
  return {};
}

// "verified=3": when to stop watching; by default when every host is settled.
struct Until {
  std::optional<model::HostState> state;
  std::uint64_t hosts = 0;

  bool is_reached(const json& campaign) const {
    if (!state) return is_settled(campaign);
    return campaign.value("states", json::object())
               .value(std::string(name(*state)), std::uint64_t{0}) >= hosts;
  }
};

Result<Until> parse_until(const std::string& text) {
  Until until;
  if (text.empty()) return until;
  const auto equals = std::min(text.find('='), text.size());
  const char* const end = text.data() + text.size();
  const auto number = std::from_chars(std::min(text.data() + equals + 1, end), end, until.hosts);
  until.state = from_name<model::HostState>(text.substr(0, equals));
  if (!until.state || number.ec != std::errc() || number.ptr != end)
    return fail(Code::kInvalid,
                "--until {}: expected STATE=N, like verified=3; a state is one of {}",
                escaped(text), fmt::join(Names<model::HostState>::kAll, ", "));
  return until;
}

Status watch(Session& session, const Options& options) {
  FS_TRY(const Seconds deadline, parse_seconds(options.deadline));
  FS_TRY(const Until until, parse_until(options.until));
  const Timestamp end = now() + deadline;
  FS_CHECK(get(session, "campaigns/" + options.campaign));  // a stream says less when it is refused
  bool done = false;
  json newest;
  std::string last;
  const auto show = [&](const std::string& event) {
    const json campaign = json::parse(event, nullptr, false);
    if (campaign.is_discarded()) return true;
    newest = campaign;
    if (session.console.json) {
      session.console.print(campaign.dump());
    } else if (session.console.out_is_terminal()) {
      session.console.redraw(progress_view(campaign, session.console));
    } else if (const std::string line = progress_line(campaign); line != last) {
      session.console.print(last = line);
    }
    done = until.is_reached(campaign);
    return !done;
  };
  FS_CHECK(stream(session, "campaigns/" + options.campaign + "/events", show,
                  [&] { return now() < end; }));
  if (done) {
    if (options.until.empty() && has_unwell(newest)) session.exit = kPartly;
    return {};
  }
  const std::string again = "\nnext:  fleetsweep campaign watch " + options.campaign;
  if (now() < end) return fail(Code::kUnavailable, "the controller ended the view{}", again);
  return fail(Code::kUnavailable,
              "the campaign has not got there after {}; it goes on without this view{}",
              options.deadline, again);
}

Status hosts(Session& session, const Options& options) {
  FS_TRY(json list, get(session, "campaigns/" + options.campaign + "/hosts" +
                                     (options.state.empty() ? "" : "?state=" + options.state)));
  std::sort(list.begin(), list.end(), [](const json& a, const json& b) {
    return text_of(a, "hostname") < text_of(b, "hostname");
  });
  if (session.console.json) {
    for (json& host : list)
      if (const auto state = from_name<model::HostState>(text_of(host, "state")))
        host["openc2_status"] = openc2_status(
            *state,
            from_name<model::Reason>(text_of(host, "reason")).value_or(model::Reason::kNone));
    session.console.print(list.dump());
    return {};
  }
  std::vector<std::vector<std::string>> rows = {
      {"HOST", "AGENT", "WAVE", "STATE", "REASON", "MATCHED", "ACTED", "LAST RECEIPT"}};
  for (const json& host : list)
    rows.push_back({text_of(host, "hostname"), text_of(host, "agent").substr(0, 12),
                    text_of(host, "wave"), text_of(host, "state"), text_of(host, "reason"),
                    text_of(host, "matched"), text_of(host, "acted"), text_of(host, "finished")});
  session.console.table(rows);
  return {};
}

Status sign_draft(Session& session, const Draft& draft, const Options& options) {
  Bytes payload = codec::encode(draft.order);
  const model::Envelope unsigned_order{std::string(model::kPayloadOrder), payload, {}};
  FS_TRY(const OrderReview review, review_draft(session, draft));
  std::string plan = describe(draft.order, crypto::document_id(unsigned_order), review);
  for (const std::string& line : draft.notes) plan += "  " + line + "\n";
  FS_CHECK(confirm_order(session, plan, draft.order, review, options.hosts,
                         "Sign and submit this order?"));
  if (!draft.policy.empty()) FS_CHECK(post_policy(session, draft.policy, draft.hashes));
  FS_TRY(const DocumentId id, sign_and_submit(session, std::string(model::kPayloadOrder),
                                              std::move(payload), options.submission.keys));
  session.console.print(session.console.json
                            ? json{{"order", id.hex()}, {"campaign", draft.order.campaign}}.dump()
                            : "order " + id.hex());
  session.console.next("fleetsweep campaign watch " + draft.order.campaign);
  return {};
}

Status start(Session& session, const Options& options) {
  FS_TRY(const Draft draft, draft_order(session, options.draft));
  return sign_draft(session, draft, options);
}

Status undo(Session& session, Options options) {
  options.draft.mode = "undo";
  options.draft.campaign = options.campaign;
  FS_TRY(const Draft draft, draft_order(session, options.draft));
  return sign_draft(session, draft, options);
}

Status stop(Session& session, const Options& options) {
  FS_TRY(const std::vector<LoggedOrder> orders, orders_of(session, options.campaign));
  if (orders.empty())
    return fail(Code::kNotFound, "campaign {} has no orders", escaped(options.campaign));
  model::Stop document{.tenant = orders.front().order.tenant,
                       .nonce = crypto::random_nonce(),
                       .issued = now(),
                       .reason = options.reason};
  std::string plan =
      fmt::format("Stop campaign {}: no host starts another step of\n", escaped(options.campaign));
  for (const LoggedOrder& order : orders) {
    document.orders.push_back(order.id);
    plan += fmt::format("  {} {:<7} {}\n", order.id.hex().substr(0, 12),
                        mode_text(order.order.mode), escaped(order.order.title));
  }
  FS_CHECK(session.console.confirm(plan, "Sign and submit this stop?"));
  FS_TRY(const Proven proven,
         submit_proven(session, {std::string(model::kPayloadStop), codec::encode(document), {}},
                       options.submission));
  print_proven(
      session, proven, {{"stop", proven.id.hex()}, {"orders", document.orders.size()}},
      fmt::format("stop {} names {}", proven.id.hex(), counted(document.orders.size(), "order")));
  if (const auto missed = not_stopped(proven.witnessed.state, options.campaign); !missed.empty())
    return fail(Code::kConflict,
                "campaign {} has orders that the stop does not name, because the controller did "
                "not show them before: {}\nnext:  stop it once more",
                escaped(options.campaign), fmt::join(missed, ", "));
  session.console.next("fleetsweep campaign status " + options.campaign +
                       "   (`fleetsweep campaign resume` lifts it, and takes a quorum)");
  return {};
}

Status release(Session& session, const Options& options) {
  FS_TRY(const LogHistory history, fetch_history(session));
  FS_TRY(model::Release document, draft_release(history.state, options.campaign, options.wave));
  const model::Order& order = history.state.orders.at(document.order).order;
  FS_TRY(const json campaign, get(session, "campaigns/" + options.campaign));
  FS_TRY(const std::vector<SignedReceipt> receipts, fetch_receipts(session, options.campaign));
  document.evidence = report_digest(receipts, document.order);  // what the signer saw
  const bool fires = order.standing && document.wave == 0;
  const std::string plan = fmt::format(
      "{} wave {} of campaign {}: up to {} of its hosts may go on\n  {} {} {}\n  until {}\n  "
      "now   {}\n",
      fires ? "FIRE the standing order, everybody is alarmed: release" : "Release", options.wave,
      escaped(options.campaign), percent(order.waves[document.wave].permille),
      document.order.hex().substr(0, 12), mode_text(order.mode), escaped(order.title),
      to_rfc3339(document.expires), progress_line(campaign));
  FS_CHECK(session.console.confirm(plan, "Sign and submit this release?"));
  FS_TRY(const DocumentId id, sign_and_submit(session, std::string(model::kPayloadRelease),
                                              codec::encode(document), options.submission.keys));
  session.console.print(
      session.console.json
          ? json{{"release", id.hex()}, {"order", document.order.hex()}, {"wave", options.wave}}
                .dump()
          : fmt::format("release {} opens wave {}", id.hex(), options.wave));
  session.console.next("fleetsweep campaign watch " + options.campaign);
  return {};
}

Status resume(Session& session, const Options& options) {
  FS_TRY(const LogHistory history, fetch_history(session));
  FS_TRY(const model::Resume document,
         draft_resume(history.state, options.campaign, options.reason));
  std::string plan = fmt::format("Resume campaign {}: these stops are lifted for ever\n",
                                 escaped(options.campaign));
  for (const DocumentId& id : document.stops) {
    const model::Stop& stop = history.state.stops.at(id).stop;
    plan +=
        fmt::format("  {} of {}, names {}: {}\n", id.hex().substr(0, 12), to_rfc3339(stop.issued),
                    counted(stop.orders.size(), "order"), escaped(stop.reason));
  }
  FS_CHECK(submit_resume(session, document, plan, options.submission));
  session.console.next("fleetsweep campaign watch " + options.campaign);
  return {};
}

Status close(Session& session, const Options& options) {
  FS_TRY(const json campaign, get(session, "campaigns/" + options.campaign));
  FS_TRY(const LogHistory history, fetch_history(session));
  FS_TRY(const std::vector<SignedReceipt> receipts, fetch_receipts(session, options.campaign));
  std::vector<Digest> leaves;
  for (const SignedReceipt& one : receipts)
    leaves.push_back(log::leaf_hash(codec::encode(one.envelope)));
  FS_TRY(const model::Close document, draft_close(history.state, options.campaign, leaves));
  FS_CHECK(check_signatures(session, history.state, receipts));
  if (const std::uint64_t pending = pending_hosts(campaign); pending > 0 && !options.with_pending)
    return fail(
        Code::kConflict,
        "{} of campaign {} may still answer: {}\nnext:  wait (fleetsweep campaign watch {}), "
        "or close with what there is: --with-pending",
        counted(pending, "host"), escaped(options.campaign), progress_line(campaign),
        escaped(options.campaign));
  const std::string plan = fmt::format(
      "Close campaign {}: its results log ends for ever, at {} with root\n  {}\n  now   {}\n  a "
      "receipt that comes later is stored, and stands in no closed log\n",
      escaped(options.campaign), counted(leaves.size(), "receipt"), document.results_root.hex(),
      progress_line(campaign));
  FS_CHECK(session.console.confirm(plan, "Sign and submit this close?"));
  FS_TRY(const DocumentId id, sign_and_submit(session, std::string(model::kPayloadClose),
                                              codec::encode(document), options.submission.keys));
  session.console.print(session.console.json
                            ? json{{"close", id.hex()},
                                   {"receipts", leaves.size()},
                                   {"root", document.results_root.hex()}}
                                  .dump()
                            : fmt::format("close {} ends the results log at {}", id.hex(),
                                          counted(leaves.size(), "receipt")));
  session.console.next("fleetsweep campaign report " + options.campaign +
                       " --out report.json --key YOUR.key");
  return {};
}

// Signs nothing that does not hold: what is written was read again.
Status write_report(Session& session, const Options& options) {
  FS_TRY(const Evidence evidence, gather_evidence(session, options.campaign));
  FS_TRY(const model::Envelope root, codec::decode<model::Envelope>(evidence.log.front().entry));
  const auto out = prove(evidence, options.campaign, root);
  if (!out) return fail(Error(out.error()));
  FS_TRY(model::Envelope report, make_report(*out, evidence, now()));
  for (const std::string& file : options.submission.keys) {
    FS_TRY(const Signer signer, open_signer(session, file));
    FS_CHECK(add_signature(signer, report));
  }
  const std::string text = codec::to_dsse_json(report);
  const auto verified = verify_report(text, root);
  if (!verified) return fail(Error(verified.error()));
  FS_CHECK(write_text_file(options.out, text));
  const Digest sha256 = crypto::sha256(as_bytes(text));
  const std::string name = std::filesystem::path(options.out).filename().string();
  if (!options.html.empty())
    FS_CHECK(write_text_file(options.html, report_html(*verified, name, sha256)));
  session.console.print(session.console.json
                            ? json{{"file", options.out},
                                   {"sha256", sha256.hex()},
                                   {"signed_by", verified->signed_by},
                                   {"close_out", to_json(verified->close_out)}}
                                  .dump()
                            : fmt::format("{}: {} and {}, signed by {}", options.out,
                                          counted(out->hosts.size(), "host"),
                                          counted(out->results_size, "receipt"),
                                          fmt::join(verified->signed_by, " and ")));
  session.console.next(fmt::format("fleetsweep audit verify {} --root root.dsse", options.out));
  return {};
}

Status report(Session& session, const Options& options) {
  if (!options.out.empty()) return write_report(session, options);
  FS_TRY(const std::string text, campaign_report(session, options.campaign, session.console.json));
  session.console.print(text);
  return {};
}

Status paths(Session& session, const Options& options) {
  FS_TRY(const std::string text, read_text_file(options.evidence_key));
  FS_TRY(const crypto::BoxKeyPair key, parse_evidence_key(text));
  FS_TRY(const model::Root root, newest_root(session));
  FS_TRY(const std::vector<SignedReceipt> receipts, fetch_receipts(session, options.campaign));
  FS_TRY(const std::vector<FoundPath> found, unseal_paths(receipts, key, root.path_salt));
  json list = json::array();
  std::vector<std::vector<std::string>> rows = {
      {"AGENT", "RECEIPT", "DETECTION", "ACTION", "OUTCOME", "PATH"}};
  for (const FoundPath& one : found) {
    rows.push_back({one.agent.hex().substr(0, 12), std::to_string(one.seq),
                    escaped(one.item.detection), std::string(name(one.item.action)),
                    std::string(name(one.item.outcome)), escaped(one.path)});
    list.push_back({{"agent", one.agent.hex()},
                    {"seq", one.seq},
                    {"detection", one.item.detection},
                    {"action", name(one.item.action)},
                    {"outcome", name(one.item.outcome)},
                    {"reason", name(one.item.reason)},
                    {"terms", terms_of(one.item)},
                    {"path", escaped(one.path)}});
  }
  if (session.console.json)
    session.console.print(list.dump());
  else
    session.console.table(rows);
  return {};
}

}  // namespace

void add_campaign_verbs(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* campaign =
      app.add_subcommand("campaign", "orders on one policy, and where every host stands");
  campaign->require_subcommand(1);
  const auto verb = [&](const char* name, const char* help, auto run, const char* example) {
    CLI::App* sub = campaign->add_subcommand(name, help);
    sub->footer(std::string("Example: fleetsweep campaign ") + example);
    sub->callback([&session, options, run] { session.finish(run(session, *options)); });
    return sub;
  };
  const auto named = [&](CLI::App* sub, bool required = true) {
    sub->add_option("campaign", options->campaign, "the campaign")
        ->required(required)
        ->check(check_campaign, "");
    return sub;
  };
  const auto keys = [&](CLI::App* sub) {
    sub->add_option("--key", options->submission.keys, "an approver's key; repeat for a quorum")
        ->required();
    return sub;
  };

  const auto host_count = [&](CLI::App* sub) {
    sub->add_option("--hosts", options->hosts,
                    "for scripts, from class clean on: how many hosts it reaches, as shown");
  };

  CLI::App* begin = keys(
      verb("start", "draft, sign and submit an order in one step", start,
           "start --policy policy.yaml --mode dry-run --campaign web-1 --jurisdiction DE --key "
           "alice.key --key bob.key"));
  add_draft_flags(*begin, options->draft);
  host_count(begin);
  named(verb("status", "counts by wave and state; without a name a line a campaign", status,
             "status web-1"),
        false);

  CLI::App* live = named(verb("watch", "a live view until every host is settled", watch,
                              "watch web-1 --until verified=3 --deadline 1h"));
  live->add_option("--until", options->until, "stop watching at STATE=N, like verified=3");
  live->add_option("--deadline", options->deadline, "give up watching after")
      ->capture_default_str();

  named(verb("hosts", "a line a host", hosts, "hosts web-1 --state failed"))
      ->add_option("--state", options->state, "only hosts in this state")
      ->check(check_host_state, "");

  const auto steering = [&](CLI::App* sub) {
    named(keys(sub))->add_option("--reason", options->reason, "why; stands in the log")->required();
    add_wait_flag(*sub, options->submission);
  };
  steering(verb("stop", "one signature: no host starts another step of this campaign", stop,
                "stop web-1 --key alice.key --reason \"wrong policy\""));

  named(keys(verb("release", "open a gate: a wave that waits for a person goes on", release,
                  "release web-1 --wave 2 --key alice.key")))
      ->add_option("--wave", options->wave, "the wave, 1 is the first")
      ->required();

  steering(verb("resume", "lift the stops of this campaign; takes a quorum", resume,
                "resume web-1 --key alice.key --key bob.key --reason \"policy mended\""));

  CLI::App* back =
      named(keys(verb("undo", "put back what the campaign's newest apply order changed", undo,
                      "undo web-1 --host web-02 --key alice.key --key bob.key")));
  add_undo_flags(*back, options->draft);
  host_count(back);

  add_template_verbs(*campaign, session);

  named(
      keys(verb("close", "end the results log: what stands in it is final, and its root is logged",
                close, "close web-1 --key alice.key")))
      ->add_flag("--with-pending", options->with_pending, "although hosts have not settled");

  CLI::App* account = named(verb("report",
                                 "who ordered what, and what came of it; with --out as a "
                                 "signed file that proves it",
                                 report,
                                 "report web-1 --out report.json --html report.html --key "
                                 "alice.key"));
  CLI::Option* out = account->add_option("--out", options->out, "the report of a closed campaign");
  CLI::Option* key =
      account->add_option("--key", options->submission.keys, "whose word it is; repeat for more");
  account->add_option("--html", options->html, "the same for people, one page")->needs(out);
  out->needs(key);
  key->needs(out);

  named(verb("paths", "the paths in its receipts, which only the evidence key opens", paths,
             "paths web-1 --evidence-key evidence.key"))
      ->add_option("--evidence-key", options->evidence_key, "of `root init --evidence-key`")
      ->required();
}

}  // namespace fleetsweep::cli
