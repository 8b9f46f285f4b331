#pragma once

// What docker writes down of its images, as far as anybody reads it here.

#include "protocol/crypto/digest.h"
#include "tests/agent/act/temp_dir.h"

namespace fleetsweep::act {

inline std::string diff_id(const std::string& content) {
  return "sha256:" + crypto::sha256(as_bytes(content)).hex();
}

class DockerStore {
 public:
  explicit DockerStore(const std::string& folder) : records_(folder + "/image/overlay2/") {}

  // `cache` is the name of its folder.
  void add_layer(const std::string& cache, const Digest& chain_id) const {
    write_text(records_ + "layerdb/sha256/" + chain_id.hex() + "/cache-id", cache);
  }
  // Its id.
  Digest add_image(const std::string& diff_ids, const std::string& label) const {
    const std::string text = R"({"config":{"Labels":{"label":")" + label +
                             R"("}},"rootfs":{"type":"layers","diff_ids":[")" + diff_ids + "\"]}}";
    const Digest id = crypto::sha256(as_bytes(text));
    write_text(record_of(id), text);
    return id;
  }
  std::string record_of(const Digest& image) const {
    return records_ + "imagedb/content/sha256/" + image.hex();
  }

 private:
  std::string records_;
};

}  // namespace fleetsweep::act
