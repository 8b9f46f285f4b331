#include "agent/act/pack.h"
#include "agent/act/transaction.h"
#include "protocol/base/names.h"

namespace fleetsweep::act {

void pack(Packer& out, const model::RuleMatch& rule) {
  out.text(rule.name);
  out.u32(static_cast<std::uint32_t>(rule.strings.size()));
  for (const auto& string : rule.strings) {
    out.text(string.name);
    out.u64(string.offset);
  }
}

model::RuleMatch unpack_rule(Unpacker& in, bool has_strings) {
  model::RuleMatch rule;
  rule.name = in.text();
  for (auto left = has_strings ? in.count() : 0; left > 0 && in.ok(); --left) {
    std::string name = in.text();
    rule.strings.push_back({std::move(name), in.u64()});
  }
  return rule;
}

namespace {

constexpr std::uint8_t kFormat = 10;
// Before a rule told where its strings were found.
constexpr std::uint8_t kFormatWithoutStrings = 9;
// Before an undo told what it began with, and said only whether that was edited.
constexpr std::uint8_t kFormatWithoutUndoBefore = 8;
// Before the boot was told in which the devices of files have their numbers.
constexpr std::uint8_t kFormatWithoutBoot = 7;
// Before the locks of a file were told that is edited or loses rights.
constexpr std::uint8_t kFormatWithoutLocks = 6;
// Before a cleaning told how long its evidence is kept, and an operation of permissions.
constexpr std::uint8_t kFormatOldest = 5;

void pack(Packer& out, const model::FileIdentity& file) {
  out.text(file.path);
  out.u64(file.device);
  out.u64(file.inode);
  out.u64(file.size);
  out.i64(file.mtime_ns);
  out.i64(file.ctime_ns);
  out.u32(file.links);
  out.fixed(file.sha256);
}

model::FileIdentity unpack_file(Unpacker& in) {
  model::FileIdentity file;
  file.path = in.text();
  file.device = in.u64();
  file.inode = in.u64();
  file.size = in.u64();
  file.mtime_ns = in.i64();
  file.ctime_ns = in.i64();
  file.links = in.u32();
  file.sha256 = in.fixed<Digest>();
  return file;
}

void pack(Packer& out, const Op& op) {
  out.u8(static_cast<std::uint8_t>(op.kind));
  out.u32(op.step);
  out.u64(op.token);
  pack(out, op.file);
  out.u32(op.store);
  out.flag(op.is_first_take);
  out.flag(op.any_content);
  out.text(op.text);
  out.text(op.rest);
  out.u8(static_cast<std::uint8_t>(op.join));
  out.flag(op.may_empty);
  out.flag(op.clear_flags);
  out.u32(op.uid);
  out.u32(op.gid);
  out.u32(op.mode);
  out.u32(op.clears);
  out.u32(static_cast<std::uint32_t>(op.pid));
  out.u64(op.start_ticks);
  out.flag(op.tree);
  out.flag(op.whole_program);
  for (const auto* list : {&op.spared, &op.roots, &op.what}) {
    out.u32(static_cast<std::uint32_t>(list->size()));
    for (const auto& text : *list) out.text(text);
  }
  out.u64(op.bytes_max);
  out.u64(op.seconds);
}

Op unpack_op(Unpacker& in, std::uint8_t format) {
  Op op;
  op.kind = in.one_of(OpKind::kMode);
  op.step = in.u32();
  op.token = in.u64();
  op.file = unpack_file(in);
  op.store = in.u32();
  op.is_first_take = in.flag();
  op.any_content = in.flag();
  op.text = in.text();
  op.rest = in.text();
  op.join = in.one_of(lines::kJoinLast);
  op.may_empty = in.flag();
  op.clear_flags = in.flag();
  op.uid = in.u32();
  op.gid = in.u32();
  if (format != kFormatOldest) {
    op.mode = in.u32();
    op.clears = in.u32();
  }
  op.pid = static_cast<std::int32_t>(in.u32());
  op.start_ticks = in.u64();
  op.tree = in.flag();
  op.whole_program = in.flag();
  for (auto* list : {&op.spared, &op.roots, &op.what})
    for (auto left = in.count(); left > 0; --left) list->push_back(in.text());
  op.bytes_max = in.u64();
  op.seconds = in.u64();
  return op;
}

void pack(Packer& out, const Step& step) {
  out.text(step.item.detection);
  out.text(step.item.verdict);
  out.u8(static_cast<std::uint8_t>(step.item.object));
  out.u8(static_cast<std::uint8_t>(step.item.action));
  out.u8(static_cast<std::uint8_t>(step.item.outcome));
  out.u8(static_cast<std::uint8_t>(step.item.reason));
  out.fixed(step.item.path_hash);
  out.fixed(step.item.sha256);
  out.u64(step.item.size);
  out.text(step.path);
  pack(out, step.rule);
  out.fixed(step.object);
}

Step unpack_step(Unpacker& in, std::uint8_t format) {
  Step step;
  step.item.detection = in.text();
  step.item.verdict = in.text();
  step.item.object = in.one_of(model::ObjectKind::kWindowsRegistryKey);
  step.item.action = in.one_of(model::ActionKind::kIsolate);
  step.item.outcome = in.one_of(model::Outcome::kFailed);
  step.item.reason = in.one_of(Reason::kInternal);
  step.item.path_hash = in.fixed<Digest>();
  step.item.sha256 = in.fixed<Digest>();
  step.item.size = in.u64();
  step.path = in.text();
  step.rule = unpack_rule(in, format > kFormatWithoutStrings);
  step.object = in.fixed<Digest>();
  return step;
}

void pack(Packer& out, const Begin& begin) {
  out.fixed(begin.order);
  out.u64(begin.slot);
  out.u8(begin.round);
  out.fixed(begin.policy);
  out.i64(begin.at.time_since_epoch().count());
  out.i64(begin.undo_ttl.count());
  out.u32(static_cast<std::uint32_t>(begin.steps.size()));
  for (const auto& step : begin.steps) pack(out, step);
  out.u32(static_cast<std::uint32_t>(begin.ops.size()));
  for (const auto& op : begin.ops) pack(out, op);
  out.fixed(begin.boot);
}

void pack(Packer& out, const Intended& event) {
  out.u32(event.op);
  out.i64(event.intent.parent_mtime_ns);
  out.u64(event.intent.parent_device);
  out.u64(event.intent.parent_inode);
  out.fixed(event.intent.before);
  out.fixed(event.intent.after);
  out.u32(event.intent.locks);
}

void pack(Packer& out, const FrozenOne& event) {
  out.u32(event.op);
  out.u32(static_cast<std::uint32_t>(event.process.pid));
  out.u64(event.process.start_ticks);
  out.text(event.process.group);
}

void pack(Packer& out, const Done& event) {
  out.u32(event.op);
  out.i64(event.post.parent_mtime_ns);
  out.fixed(event.post.digest);
  out.u64(event.post.bytes);
}

void pack(Packer& out, const Failed& event) {
  out.u32(event.op);
  out.u8(static_cast<std::uint8_t>(event.reason));
}

template <class T>
void pack_end(Packer& out, const T& event) {
  out.u8(static_cast<std::uint8_t>(event.state));
  out.u8(static_cast<std::uint8_t>(event.reason));
  out.text(event.detail);
}
void pack(Packer& out, const End& event) {
  pack_end(out, event);
  out.i64(event.at.time_since_epoch().count());
}
void pack(Packer& out, const UndoEnd& event) {
  pack_end(out, event);
}

void pack(Packer& out, const UndoBegin& event) {
  out.fixed(event.order);
}

void pack(Packer& out, const UndoIntended& event) {
  out.u32(event.op);
  out.flag(event.intent.restore_parent_mtime);
  out.flag(event.intent.before.has_value());
  if (event.intent.before) out.fixed(*event.intent.before);
  out.fixed(event.intent.after);
}

void pack(Packer& out, const Undone& event) {
  out.u32(event.op);
  out.u8(static_cast<std::uint8_t>(event.reason));
}

void pack(Packer& out, const Purged& event) {
  out.i64(event.at.time_since_epoch().count());
  out.u32(event.files);
  out.u64(event.bytes);
}

template <class T>
T unpack_end(Unpacker& in) {
  T event;
  event.state = in.one_of(model::HostState::kUndone);
  event.reason = in.one_of(Reason::kInternal);
  event.detail = in.text();
  return event;
}

Event unpack_event(Unpacker& in, std::uint8_t kind, std::uint8_t format) {
  switch (kind) {
    case 0: {
      Begin begin;
      begin.order = in.fixed<DocumentId>();
      begin.slot = in.u64();
      begin.round = in.u8();
      begin.policy = in.fixed<Digest>();
      begin.at = timestamp(in.i64());
      if (format != kFormatOldest) begin.undo_ttl = Seconds(in.i64());
      for (auto left = in.count(); left > 0 && in.ok(); --left)
        begin.steps.push_back(unpack_step(in, format));
      for (auto left = in.count(); left > 0 && in.ok(); --left)
        begin.ops.push_back(unpack_op(in, format));
      if (format > kFormatWithoutBoot) begin.boot = in.fixed<BootId>();
      return begin;
    }
    case 1: {
      Intended event;
      event.op = in.u32();
      event.intent.parent_mtime_ns = in.i64();
      event.intent.parent_device = in.u64();
      event.intent.parent_inode = in.u64();
      event.intent.before = in.fixed<Digest>();
      event.intent.after = in.fixed<Digest>();
      if (format > kFormatWithoutLocks) event.intent.locks = in.u32();
      return event;
    }
    case 2: {
      FrozenOne event;
      event.op = in.u32();
      event.process.pid = static_cast<std::int32_t>(in.u32());
      event.process.start_ticks = in.u64();
      event.process.group = in.text();
      return event;
    }
    case 3: {
      Done event;
      event.op = in.u32();
      event.post.parent_mtime_ns = in.i64();
      event.post.digest = in.fixed<Digest>();
      event.post.bytes = in.u64();
      return event;
    }
    case 4: {
      Failed event;
      event.op = in.u32();
      event.reason = in.one_of(Reason::kInternal);
      return event;
    }
    case 5: {
      End event = unpack_end<End>(in);
      if (format != kFormatOldest) event.at = timestamp(in.i64());
      return event;
    }
    case 6: {
      UndoBegin event;
      event.order = in.fixed<DocumentId>();
      return event;
    }
    case 7: {
      UndoIntended event;
      event.op = in.u32();
      event.intent.restore_parent_mtime = in.flag();
      const bool has_before = in.flag() && format > kFormatWithoutUndoBefore;
      if (has_before) event.intent.before = in.fixed<Digest>();
      event.intent.after = in.fixed<Digest>();
      return event;
    }
    case 8: {
      Undone event;
      event.op = in.u32();
      event.reason = in.one_of(Reason::kInternal);
      return event;
    }
    case 9:
      return unpack_end<UndoEnd>(in);
    default: {
      Purged event;
      event.at = timestamp(in.i64());
      event.files = in.u32();
      event.bytes = in.u64();
      return event;
    }
  }
}

}  // namespace

Bytes encode(const Record& record) {
  Packer out;
  out.u8(kFormat);
  out.fixed(record.transaction);
  out.u8(static_cast<std::uint8_t>(record.event.index()));
  std::visit([&](const auto& event) { pack(out, event); }, record.event);
  return out.take();
}

Result<Record> decode_record(BytesView bytes) {
  Unpacker in(bytes);
  const auto format = in.u8();
  Record record;
  record.transaction = in.fixed<Nonce>();
  const auto kind = in.u8();
  if (format < kFormatOldest || format > kFormat)
    return fail(Code::kInvalid,
                "journal: a record of format {}, and this version reads format {}: undo what it "
                "tells of with the version that wrote it, then move act/journal away",
                format, kFormat);
  if (!in.ok() || kind >= std::variant_size_v<Event>)
    return fail(Code::kInvalid, "journal: a record of kind {}", kind);
  record.event = unpack_event(in, kind, format);
  if (!in.done()) return fail(Code::kInvalid, "journal: a record that does not parse");
  return record;
}

}  // namespace fleetsweep::act
