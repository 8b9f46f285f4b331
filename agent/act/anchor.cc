#include "agent/act/anchor.h"

#include "agent/act/faults.h"
#include "agent/act/pack.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::act {

namespace {

constexpr std::uint8_t kFormat = 1;

Bytes encode(const trust::ActAnchor& anchor) {
  Packer out;
  out.u8(kFormat);
  out.fixed(anchor.tenant);
  out.u64(anchor.root_version);
  out.i64(unix_seconds(anchor.newest));
  out.u32(static_cast<std::uint32_t>(anchor.executed.size()));
  for (const auto& execution : anchor.executed) {
    out.fixed(execution.order);
    out.u64(execution.slot);
  }
  out.u32(static_cast<std::uint32_t>(anchor.stops.size()));
  for (const auto& stop : anchor.stops) out.blob(stop);
  Bytes bytes = out.take();
  append(bytes, crypto::sha256(bytes).view());
  return bytes;
}

Result<trust::ActAnchor> decode(BytesView bytes) {
  if (bytes.size() < Digest::kSize ||
      !equal(crypto::sha256(bytes.first(bytes.size() - Digest::kSize)).view(),
             bytes.last(Digest::kSize)))
    return fail(Code::kInvalid, "its checksum does not match");
  Unpacker in(bytes.first(bytes.size() - Digest::kSize));
  trust::ActAnchor anchor;
  const auto format = in.u8();
  anchor.tenant = in.fixed<TenantId>();
  anchor.root_version = in.u64();
  anchor.newest = timestamp(in.i64());
  for (auto left = in.count(); left > 0 && in.ok(); --left) {
    trust::Execution execution;
    execution.order = in.fixed<DocumentId>();
    execution.slot = in.u64();
    anchor.executed.insert(execution);
  }
  for (auto left = in.count(); left > 0 && in.ok(); --left) anchor.stops.push_back(in.blob());
  if (!in.done() || format != kFormat) return fail(Code::kInvalid, "it does not parse");
  return anchor;
}

}  // namespace

Result<std::optional<trust::ActAnchor>> load_anchor(const std::string& state) {
  std::string damage;
  for (const char* name : {"/anchor", "/anchor.old"}) {
    const auto bytes = files::read_file(state + name, limits::kAnchorBytes);
    if (!bytes && bytes.error().code == Code::kNotFound) continue;
    if (!bytes) return fail(bytes.error());
    auto anchor = decode(*bytes);
    if (anchor) return std::optional(std::move(*anchor));
    damage = anchor.error().within(state + name).message;
  }
  if (!damage.empty()) return fail(Code::kInvalid, "{}", damage);
  return std::optional<trust::ActAnchor>();
}

Status save_anchor(const std::string& state, const trust::ActAnchor& anchor) {
  const std::string path = state + "/anchor";
  if (const auto old = files::read_file(path, limits::kAnchorBytes); old && decode(*old))
    FS_CHECK(files::write_file_atomic(state + "/anchor.old", *old));
  const Bytes bytes = encode(anchor);
  if (bytes.size() > limits::kAnchorBytes)
    return fail(Code::kOverloaded, "{}: {} bytes, at most {}: a Resume makes room", path,
                bytes.size(), limits::kAnchorBytes);
  fault_point("anchor");
  return files::write_file_atomic(path, bytes);
}

Status begin_anchor(const std::string& state, const TenantId& tenant, std::uint64_t root_version) {
  FS_CHECK(files::make_private_directory(state));
  FS_TRY(const auto old, load_anchor(state));
  if (old && old->tenant == tenant) return {};
  if (old && !old->executed.empty())
    return fail(Code::kConflict,
                "{}: holds what was done on this host for tenant {}; undo that and move the folder "
                "away first",
                state, old->tenant.hex());
  trust::ActAnchor anchor;
  anchor.tenant = tenant;
  anchor.root_version = root_version;
  return save_anchor(state, anchor);
}

}  // namespace fleetsweep::act
