// The driver's side of the folders in which a Stop may lie.

#include "agent/driver/driver.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::agent {

namespace {

// Shares tell nobody that a file was put there, and a stick comes when it comes: so they are asked.
constexpr Duration kMirrorEvery = std::chrono::seconds(5);

}  // namespace

void Driver::watch_mirrors() {
  mirrors_ = std::make_unique<MirrorWatch>(parts_.mirrors);
  parts_.loop.watch(mirrors_->found.fd(), [this](Instant) {
    for (auto& files : mirrors_->found.take()) {
      mirrors_->is_looking = false;
      on_mirror_files(std::move(files));
    }
  });
  look_into_mirrors();
}

void Driver::look_into_mirrors() {
  if (!outcome_) return;
  parts_.loop.after(kMirrorEvery, [this](Instant) { look_into_mirrors(); });
  if (mirrors_->is_looking) return;
  // With a new root all are offered once more: it may name who signed a Stop that was refused.
  const std::uint64_t epoch = parts_.core.status().root_version;
  mirrors_->is_looking = mirrors_->worker.submit([watch = mirrors_.get(), epoch] {
    static_cast<void>(watch->found.push(watch->mirror.look(epoch)));
  });
}

void Driver::on_mirror_files(std::vector<Mirror::File> files) {
  for (const Mirror::File& file : files) {
    if (!parts_.guard.begin(crypto::sha256(file.content))) {
      parts_.log.warning("poison", {{"what", file.path}});
      continue;
    }
    const auto envelope = codec::from_dsse_json(as_text(file.content));
    parts_.guard.end();
    if (!envelope)
      parts_.log.warning("mirror_file_not_read",
                         {{"file", file.path}, {"why", envelope.error().message}});
    // What is not a Stop may lie there too: the same folder may serve other documents.
    else if (envelope->payload_type == model::kPayloadStop)
      static_cast<void>(take_stop(codec::encode(*envelope), file.path));
    if (!outcome_) return;
  }
}

}  // namespace fleetsweep::agent
