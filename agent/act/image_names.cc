#include "agent/act/image_names.h"

#include <filesystem>
#include <optional>

#include "agent/act/pack.h"
#include "agent/overlay/image_store.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kReaderBytes = 1ull << 30;
constexpr std::size_t kCacheIdBytes = 256;
static_assert(limits::kImages * Digest::kSize + sizeof(std::uint32_t) <= Confined::kMessageBytes);

// In the child: the only code of act that looks into what an engine wrote. Docker's configuration
// of an image comes alone, and its digest is the image's id.
Bytes answer_images(const Confined::Message& request) {
  Unpacker in(request.bytes);
  const auto layer = in.fixed<Digest>();
  std::vector<std::string> texts;
  for (const UniqueFd& record : request.descriptors)
    texts.push_back(to_text(read_whole(record.get(), limits::kImageRecordBytes).value_or(Bytes())));
  std::set<Digest> images;
  if (texts.size() == 2)
    images = images_with(texts[0], texts[1], layer);
  else if (texts.size() == 1 && has_layer(texts[0], layer))
    images = {crypto::sha256(as_bytes(texts[0]))};
  Packer answer;
  answer.u32(static_cast<std::uint32_t>(images.size()));
  for (const Digest& image : images) answer.fixed(image);
  return answer.take();
}

// A regular file of root, and no link on the way to it; else none.
UniqueFd record_at(const Tree& tree, const std::string& path) {
  const auto parent = tree.parent(path);
  if (!parent) return {};
  auto file = tree.file(*parent, path);
  struct stat status {};
  if (!file || ::fstat(file->get(), &status) != 0 || status.st_uid != 0) return {};
  return std::move(*file);
}

// Names that are digests; none if there are more.
std::set<Digest> digests_in(const Tree& tree, const std::string& folder, std::size_t most) {
  std::set<Digest> digests;
  if (const auto inside = tree.parent(folder + "/x"))
    for (const std::string& name : names_in(inside->folder.get()))
      if (const auto digest = Digest::parse_hex(name)) digests.insert(*digest);
  return digests.size() <= most ? digests : std::set<Digest>();
}

}  // namespace

Result<std::unique_ptr<ImageNames>> ImageNames::start() {
  FS_TRY(auto reader,
         Confined::start("reader of image stores", {.memory_bytes = kReaderBytes}, answer_images));
  return std::unique_ptr<ImageNames>(new ImageNames(std::move(reader)));
}

std::set<Digest> ImageNames::of_layer(const Tree& tree, const std::string& folder) const {
  const fs::path layer = fs::path(folder).parent_path(), layers = layer.parent_path();
  if (fs::path(folder).filename() != "diff") return {};
  const std::string store = layers.parent_path().string();
  if (layers.filename() == "overlay2") return of_docker(tree, store, layer.filename().string());
  const auto id = Digest::parse_hex(layer.filename().string());
  const UniqueFd images = record_at(tree, store + "/overlay-images/images.json");
  const UniqueFd all_layers = record_at(tree, store + "/overlay-layers/layers.json");
  if (layers.filename() != "overlay" || !id || !images || !all_layers) return {};
  const int records[] = {images.get(), all_layers.get()};
  return ask(*id, records);
}

// The layer's folder has a name of its own; its chain id is that of the folder that tells it.
std::set<Digest> ImageNames::of_docker(const Tree& tree, const std::string& store,
                                       const std::string& layer) const {
  const std::string chains = store + "/image/overlay2/layerdb/sha256";
  const std::string configurations = store + "/image/overlay2/imagedb/content/sha256";
  std::optional<Digest> chain_id;
  for (const Digest& one : digests_in(tree, chains, limits::kImageLayers)) {
    const std::string path = chains + "/" + one.hex() + "/cache-id";
    const UniqueFd record = record_at(tree, path);
    if (record && read_text(record.get(), path, kCacheIdBytes) == layer) chain_id = one;
  }
  if (!chain_id) return {};
  std::set<Digest> found;
  for (const Digest& image : digests_in(tree, configurations, limits::kImages)) {
    const UniqueFd record = record_at(tree, configurations + "/" + image.hex());
    // A file that is not what its name says, docker itself does not take.
    const int records[] = {record.get()};
    if (record && ask(*chain_id, records).contains(image)) found.insert(image);
  }
  return found;
}

std::set<Digest> ImageNames::ask(const Digest& layer, std::span<const int> records) const {
  Packer request;
  request.fixed(layer);
  const auto answer = reader_->ask(request.take(), records);
  std::set<Digest> images;
  if (!answer) return images;
  Unpacker in(*answer);
  for (std::uint32_t left = in.count(); left > 0; --left) images.insert(in.fixed<Digest>());
  return in.done() ? images : std::set<Digest>();
}

}  // namespace fleetsweep::act
