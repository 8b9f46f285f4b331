#include "agent/act/serve.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <set>

#include "agent/act/actions/network.h"
#include "agent/act/anchor.h"
#include "agent/act/answers.h"
#include "agent/act/clock.h"
#include "agent/act/executor.h"
#include "agent/act/guardian.h"
#include "agent/act/planning.h"
#include "agent/act/process.h"
#include "agent/act/reach.h"
#include "agent/act/retention.h"
#include "agent/act/unit_files.h"
#include "protocol/base/limits.h"
#include "protocol/base/order_name.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "protocol/runtime/files/files.h"
#include "protocol/trust/log_view.h"

namespace fleetsweep::act {

namespace {

using model::ActDone;
using model::ActRequest;
using model::HostState;

constexpr auto kRequestWait = std::chrono::seconds(60);

bool has_cleaned(HostState state) {
  return state == HostState::kCleaned || state == HostState::kResidual ||
         state == HostState::kNeedsReboot;
}

bool may_stop_processes(const Transaction& transaction) {
  const auto& ops = transaction.begin.ops;
  return std::any_of(ops.begin(), ops.end(), [](const Op& op) {
    return op.kind == OpKind::kSuspend || op.kind == OpKind::kKill;
  });
}

// In the guardian: act is dead, and nobody took up what it had begun.
Status settle_for_dead_act(const Options& options) {
  FS_TRY(const auto lock, files::StateLock::acquire(options.state, "fleetsweep-act"));
  FS_TRY(const Tree tree, Tree::open(options.root));
  FS_TRY(Vault vault, Vault::open(options.state, options.vault_quota));
  FS_TRY(Ledger ledger, Ledger::open(options.state + "/journal"));
  const Transaction* open = ledger.find_open();
  if (open == nullptr) return {};
  const Nonce id = open->id;
  // Its line to systemd was act's and died with it.
  Executor executor(
      tree, vault, ledger, nullptr, *options.firewall, nullptr, options.proc,
      [](std::uint32_t, const Step&) {}, [] { return std::optional<Refusal>(); });
  if (open->undo && !open->undo_end) return executor.undo(id, DocumentId(open->undo->order));
  return executor.abandon(
      id, Reason::kTimeout,
      fmt::format("act died, and nobody went on for {}: what it had stopped runs again",
                  to_human(options.patience)));
}

class Server {
 public:
  Server(const Options& options, const crypto::MacKey& key, runtime::Pipe& pipe, Tree tree,
         Vault vault, Ledger ledger)
      : options_(options),
        key_(key),
        pipe_(pipe),
        tree_(std::move(tree)),
        vault_(std::move(vault)),
        ledger_(std::move(ledger)),
        executor_(
            tree_, vault_, ledger_, options.hives, *options.firewall, options.services,
            options.proc, [this](std::uint32_t number, const Step& step) { show(number, step); },
            [this] { return must_end(); }),
        guardian_(options.state, options.patience,
                  [&options] { return settle_for_dead_act(options); }) {}

  ActDone handle(const ActRequest& request) {
    auto anchor = load_anchor(options_.state);
    if (!anchor) {
      const bool is_damaged = anchor.error().code == Code::kInvalid;
      return refused(order_id(request), is_damaged ? Reason::kIo : reason_of_state(anchor.error()),
                     anchor.error().message);
    }
    // Enrolment wrote it. Whom to obey is not learned from whoever asks first.
    if (!*anchor)
      return refused(order_id(request), Reason::kUntrusted,
                     "no anchor: this host's enrolment is not complete, or the anchor is gone");
    if (request.order.empty()) return remember(**anchor, request);
    // Begun is executed, even when a crash came before the anchor was written.
    for (const auto& past : ledger_.history()) {
      (*anchor)->executed.insert({past.begin.order, past.begin.slot});
      if (past.undo && !past.undo->order.is_zero())
        (*anchor)->executed.insert({past.undo->order, 0});
    }
    const auto verified = trust::verify_for_act(**anchor, request, read_clock());

    std::optional<Refusal> stop;
    if (!verified && verified.error().reason == Reason::kStopped) stop = verified.error();
    if (const auto halted = check_halt(); !halted) stop = halted.error();
    // What a crash interrupted is brought to its end first, except to take it back.
    const Transaction* open = ledger_.find_open();
    const bool takes_back = open != nullptr && verified && !request.resume &&
                            verified->order().mode == model::Mode::kUndo &&
                            verified->order().undoes == open->begin.order;
    if (open != nullptr && !takes_back) {
      const Nonce id = open->id;
      if (const auto consent = read_consent(tree_, options_.state); !consent)
        stop = consent.error();
      const bool is_asked = is_about(*open, request);
      // Whoever asks for something else has given it up: it goes no further.
      auto end = stop;
      if (!is_asked && !end)
        end = Refusal{Reason::kTimeout, "nobody went on with it before the next order came"};
      const auto settled = settle(id, end);
      const Transaction& closed = *ledger_.find(id);
      if (is_asked) return settled ? told(closed, stop) : unfinished(id, settled.error());
      if (!settled)
        return refused(order_id(request), reason_of_state(settled.error()),
                       settled.error().message);
    }
    if (request.resume) return last_answer(request, stop);
    if (!verified) {
      // A Stop that was shown once cannot be held back later.
      if (verified.error().reason == Reason::kStopped) (void)remember(**anchor, request);
      return refused(order_id(request), verified.error());
    }
    if (const auto halted = check_halt(); !halted) return refused(verified->id(), halted.error());
    return verified->order().mode == model::Mode::kUndo ? undo(*verified)
                                                        : apply(*verified, request);
  }

  // The host's own root needs no quorum to get its own files back.
  ActDone undo_locally() {
    const auto unknown = [](const DocumentId& order, const std::string& why) {
      auto done = refused(order, Reason::kUndoUnknown, why);
      done.undo = done.local = true;
      return done;
    };
    std::set<DocumentId> known;
    for (const auto& transaction : ledger_.history()) known.insert(transaction.begin.order);
    const auto order =
        order_named(options_.local_undo, known, "`fleetsweep-agent vault list --json`");
    if (!order) return unknown({}, order.error().message);
    const auto rounds = ledger_.rounds(*order);
    if (rounds.empty()) return unknown(*order, "this host never carried it out");
    if (const auto awake = check_windows(); !awake) {
      auto done = refused(*order, awake.error());
      done.undo = done.local = true;
      return done;
    }
    close_unused_by_undo(rounds);
    return undo_rounds(*order, DocumentId{});
  }

 private:
  // Without one act works all the same: its next start goes on with what is open.
  void stand_guard(const Nonce& id) {
    if (is_guarded_ || !may_stop_processes(*ledger_.find(id))) return;
    is_guarded_ = true;
    if (const auto started = guardian_.start(options_.firewall->descriptor()); !started)
      std::fprintf(stderr, "fleetsweep-act: %s\n", started.error().message.c_str());
  }

  void show(std::uint32_t number, const Step& step) {
    // The answer's reader may be gone; the work is finished all the same.
    (void)pipe_.send(model::ActStep{number, total_, step.item, step.path});
  }

  // Core's word is enough to stop: whoever took core over can do less harm with it than by silence.
  // A core that is gone says nothing, and what was begun goes on to its end.
  std::optional<Refusal> must_end() {
    if (!options_.local_undo.empty()) return std::nullopt;  // the owner's own hand
    if (const auto halted = check_halt(); !halted) return halted.error();
    while (!told_to_stop_) {
      const auto received = pipe_.try_receive();
      if (!received || !*received) return std::nullopt;
      const auto* command = std::get_if<model::LocalCommand>(&(*received)->message);
      told_to_stop_ = command != nullptr && command->verb == "stop";
    }
    return Refusal{Reason::kStopped, "stopped while it was being carried out"};
  }

  // Core shows them as soon as it has them: what is remembered, a core that is taken later cannot
  // hold back.
  ActDone remember(const trust::ActAnchor& anchor, const ActRequest& request) {
    const auto learned = trust::learn_stops(anchor, request);
    if (!learned) return refused({}, learned.error());
    if (*learned != anchor)
      if (const auto saved = save_anchor(options_.state, *learned); !saved)
        return refused({}, reason_of_state(saved.error()), saved.error().message);
    keep_isolated(anchor.tenant, request);
    return refused({}, Reason::kNone, "remembered");
  }

  // What cuts this host off lasts its whole time only if the controller is heard all the same, and
  // spares what the tenant has signed since.
  void keep_isolated(const TenantId& tenant, const ActRequest& request) {
    if (request.checkpoint.empty()) return;
    const auto head = trust::accept_root_chain(request.root_chain, tenant);
    const auto clock = read_clock();
    if (!head || !trust::verify_note_time(request.checkpoint, head->root(), clock)) return;
    const auto relays = signed_relays(tenant, request);
    for (const auto& past : ledger_.history()) {
      if (past.is_open() || past.undo) continue;
      for (std::size_t i = 0; i < past.ops.size(); ++i) {
        Op op = past.begin.ops[i];
        if (op.kind != OpKind::kIsolate || past.ops[i].stage != OpStage::kDone) continue;
        if (const auto reach = reach_of(tree_, options_.state + "/../enrolment", true, relays)) {
          op.spared = reach->endpoints;
          op.roots = reach->resolvers;
          op.uid = reach->uid;
        }
        const Seconds whole(op.seconds), left = past.end->at + whole - clock.local;
        const auto renewed = renew_isolation(*options_.firewall, op, std::min(left, whole));
        if (!renewed)
          std::fprintf(stderr, "fleetsweep-act: %s\n", Error(renewed.error()).message.c_str());
      }
    }
  }

  static bool is_about_network(const Begin& begin) {
    return std::any_of(begin.ops.begin(), begin.ops.end(), [](const Op& op) {
      return op.kind == OpKind::kBlock || op.kind == OpKind::kIsolate;
    });
  }
  static bool restarts_services(const Begin& begin) {
    return std::any_of(begin.ops.begin(), begin.ops.end(),
                       [](const Op& op) { return op.kind == OpKind::kRestart; });
  }
  // What was opened while that was allowed: whoever takes this process over later has it no more.
  void close_unused(bool uses_firewall, bool uses_systemd) {
    if (!uses_firewall) options_.firewall->close();
    if (!uses_systemd && options_.services != nullptr) options_.services->close();
  }
  // An undo restarts nothing.
  void close_unused_by_undo(const std::vector<Nonce>& rounds) {
    const auto any = [&](bool (*asked)(const Begin&)) {
      return std::any_of(rounds.begin(), rounds.end(),
                         [&](const Nonce& id) { return asked(ledger_.find(id)->begin); });
    };
    close_unused(any(is_about_network), any(may_change_units));
  }

  static DocumentId order_id(const ActRequest& request) {
    const auto envelope = codec::decode<model::Envelope>(request.order);
    return envelope ? crypto::document_id(*envelope) : DocumentId{};
  }

  ActDone unfinished(const Nonce& id, const Error& error) {
    return failed(answer(*ledger_.find(id), false), error);
  }

  // The owner's halt file lies beside act's folder; whoever has the network cannot talk around it.
  Checked<void> check_halt() const {
    const std::string path = options_.state + "/../halt";
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0)
      return refuse(Reason::kHalted, "the host's owner halted the agent");
    if (errno != ENOENT) return refuse(Reason::kHalted, "{}: {}", path, std::strerror(errno));
    return {};
  }

  Status settle(const Nonce& id, const std::optional<Refusal>& stop) {
    const Transaction& open = *ledger_.find(id);
    total_ = static_cast<std::uint32_t>(open.begin.steps.size());
    stand_guard(id);
    if (open.undo && !open.undo_end) {
      const DocumentId applied = open.begin.order, order = open.undo->order;
      FS_CHECK(executor_.undo(id, order));
      // A Stop begins no further round of it.
      return stop ? Status{} : undo_each(applied, order);
    }
    if (stop) return executor_.abandon(id, stop->reason, stop->detail);
    return executor_.run(id);
  }

  // The answer that a crash swallowed, told again. It may have come between two rounds of an undo.
  ActDone last_answer(const ActRequest& request, const std::optional<Refusal>& stop) {
    const DocumentId order = order_id(request);
    // No order, which an undo by the owner's hand has none of either.
    if (order.is_zero()) return refused(order, Reason::kNone, "nothing was interrupted");
    for (auto at = ledger_.history().rbegin(); at != ledger_.history().rend(); ++at) {
      if (at->undo && at->undo->order == order)
        return stop ? told(*at, stop) : undo_rounds(DocumentId(at->begin.order), order);
      if (at->begin.order == order && at->begin.round == request.round) return answer(*at, false);
    }
    return refused(order, Reason::kNone, "nothing was interrupted");
  }

  ActDone undo_rounds(const DocumentId& applied, const DocumentId& order) {
    const auto undone = undo_each(applied, order);
    ActDone done = answer_undo(rounds_of(applied), applied, order);
    return undone ? done : failed(std::move(done), undone.error());
  }

  // All that an order did, the newest round first: each stands on what the one before it left.
  // What this undo tried and could not take back is not tried again.
  Status undo_each(const DocumentId& applied, const DocumentId& order) {
    for (const Nonce& id : ledger_.rounds(applied)) {
      const Transaction& round = *ledger_.find(id);
      const bool is_ended = round.undo && round.undo_end;
      if (is_ended && (round.undo_end->state == HostState::kUndone ||
                       (!order.is_zero() && round.undo->order == order)))
        continue;
      total_ = static_cast<std::uint32_t>(round.begin.steps.size());
      stand_guard(id);
      FS_CHECK(executor_.undo(id, order));
    }
    return {};
  }

  std::vector<const Transaction*> rounds_of(const DocumentId& applied) const {
    std::vector<const Transaction*> rounds;
    for (const Nonce& id : ledger_.rounds(applied)) rounds.push_back(ledger_.find(id));
    return rounds;
  }

  static bool is_about(const Transaction& transaction, const ActRequest& request) {
    const DocumentId order = order_id(request);
    return (transaction.begin.order == order && transaction.begin.round == request.round) ||
           (transaction.undo && transaction.undo->order == order);
  }

  // To core, who asked for an order and not for what the owner did by hand.
  ActDone told(const Transaction& transaction, const std::optional<Refusal>& stop) const {
    if (!transaction.undo) return answer(transaction, false);
    const DocumentId& applied = transaction.begin.order;
    ActDone done = answer_undo(rounds_of(applied), applied, transaction.undo->order);
    done.local = false;
    if (!stop || done.state == HostState::kUndone) return done;
    done.state = HostState::kFailed;
    done.reason = stop->reason;
    done.detail = stop->detail;
    return done;
  }

  ActDone apply(const trust::VerifiedOrder& verified, const ActRequest& request) {
    const DocumentId& order = verified.id();
    const std::uint64_t slot = verified.execution().slot;
    const Nonce id = transaction_id(order, slot, request.round);
    if (ledger_.find(id) != nullptr) return refused(order, Reason::kExecuted, "carried out before");
    if (const auto fits = check_round(verified, request.round); !fits)
      return refused(order, fits.error());
    if (const auto awake = check_windows(); !awake) return refused(order, awake.error());
    auto begin = plan_order(options_, tree_, key_, verified, request, id);
    if (!begin) return refused(order, begin.error());
    begin->order = order;
    begin->slot = slot;
    begin->round = request.round;
    begin->policy = verified.order().policy;
    begin->undo_ttl = kept_by(verified.policy());
    close_unused(is_about_network(*begin), restarts_services(*begin) || may_change_units(*begin));
    const auto clock = read_clock();
    begin->at = std::max(clock.local, verified.anchor().newest);
    begin->boot = clock.boot;
    std::uint64_t bytes = 0;
    for (const auto& op : begin->ops)
      if (op.kind == OpKind::kStore && keeps_content(*begin, op)) bytes += op.file.size;
    if (const auto room = vault_.room_for(bytes); !room) return refused(order, room.error());

    total_ = static_cast<std::uint32_t>(begin->steps.size());
    if (const auto begun = ledger_.write(id, std::move(*begin)); !begun)
      return refused(order, reason_of_state(begun.error()), begun.error().message);
    if (const auto saved = save_anchor(options_.state, verified.anchor()); !saved) {
      (void)executor_.abandon(id, reason_of_state(saved.error()), saved.error().message);
      return unfinished(id, saved.error());
    }
    stand_guard(id);
    if (const auto ran = executor_.run(id); !ran) return unfinished(id, ran.error());
    return answer(*ledger_.find(id), false);
  }

  Checked<void> check_windows() const {
    return options_.hives == nullptr ? Checked<void>() : check_awake(tree_);
  }

  // As often as the policy says, each round after one that came to its end, and nothing once
  // somebody began to take it back.
  Checked<void> check_round(const trust::VerifiedOrder& verified, std::uint8_t round) const {
    if (round == 0) return {};
    if (round > verified.policy().verify.respawn_rounds)
      return refuse(Reason::kExecuted, "round {}, where the policy has {}", round,
                    verified.policy().verify.respawn_rounds);
    const auto rounds = ledger_.rounds(verified.id());
    const Transaction* before = rounds.empty() ? nullptr : ledger_.find(rounds.front());
    if (before == nullptr || before->begin.round >= round || !before->end ||
        !has_cleaned(before->end->state) || before->undo)
      return refuse(Reason::kExecuted,
                    "round {}: the one before it did not clean, or was taken back", round);
    return {};
  }

  ActDone undo(const trust::VerifiedOrder& verified) {
    const DocumentId& applied = verified.order().undoes;
    const auto rounds = ledger_.rounds(applied);
    const auto is_undone = [this](const Nonce& id) {
      const Transaction& round = *ledger_.find(id);
      return round.undo_end && round.undo_end->state == HostState::kUndone;
    };
    if (rounds.empty()) {
      auto done = refused(verified.id(), Reason::kUndoUnknown, "this host never carried it out");
      done.undo = true;
      return done;
    }
    if (const auto awake = check_windows(); !awake) {
      auto done = refused(verified.id(), awake.error());
      done.undo = true;
      return done;
    }
    close_unused_by_undo(rounds);
    const auto newest = std::find_if_not(rounds.begin(), rounds.end(), is_undone);
    if (newest != rounds.end()) {
      // As with apply: first the journal, which a crash resumes from, then the anchor.
      if (const auto begun = executor_.begin_undo(*newest, verified.id()); !begun)
        return refused(verified.id(), reason_of_state(begun.error()), begun.error().message);
      if (const auto saved = save_anchor(options_.state, verified.anchor()); !saved) {
        const Reason reason = reason_of_state(saved.error());
        (void)ledger_.write(*newest, UndoEnd{HostState::kFailed, reason, saved.error().message});
        return refused(verified.id(), reason, saved.error().message);
      }
    }
    return undo_rounds(applied, verified.id());
  }

  const Options& options_;
  const crypto::MacKey& key_;
  runtime::Pipe& pipe_;
  Tree tree_;
  Vault vault_;
  Ledger ledger_;
  Executor executor_;
  Guardian guardian_;
  std::uint32_t total_ = 0;
  bool told_to_stop_ = false;
  bool is_guarded_ = false;
};

ActDone serve_one(const Options& options, const crypto::MacKey& key, runtime::Pipe& pipe,
                  const ActRequest* request) {
  const auto asked = DocumentId::parse_hex(options.local_undo).value_or(DocumentId{});
  const auto broken = [&](const Error& error) {
    return refused(asked, reason_of_state(error), error.message);
  };
  if (auto made = files::make_private_directory(options.state); !made) return broken(made.error());
  // An act whose monitor was killed still comes to its end: its journal says what is left to do.
  auto lock = files::StateLock::await(options.state);
  if (!lock) return broken(lock.error());
  auto tree = Tree::open(options.root);
  if (!tree) return broken(tree.error());
  auto vault = Vault::open(options.state, options.vault_quota);
  if (!vault) return broken(vault.error());
  auto ledger = Ledger::open(options.state + "/journal");
  if (!ledger) {
    // A damaged journal is no permission problem: its owner has to look.
    auto done = broken(ledger.error());
    if (ledger.error().code == Code::kInvalid) done.reason = Reason::kIo;
    return done;
  }
  Server server(options, key, pipe, std::move(*tree), std::move(*vault), std::move(*ledger));
  return request == nullptr ? server.undo_locally() : server.handle(*request);
}

}  // namespace

Status serve(const Options& options, const crypto::MacKey& mac_key, runtime::Pipe& pipe) {
  if (!options.local_undo.empty()) return pipe.send(serve_one(options, mac_key, pipe, nullptr));
  FS_TRY(const auto received, pipe.receive(kRequestWait));
  const auto* request = std::get_if<ActRequest>(&received.message);
  if (request == nullptr)
    return pipe.send(refused({}, Reason::kMalformed, "an ActRequest was expected"));
  return pipe.send(serve_one(options, mac_key, pipe, request));
}

}  // namespace fleetsweep::act
