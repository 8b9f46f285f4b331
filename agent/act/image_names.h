#pragma once

// The images that a layer belongs to, by the stores of docker, podman, cri-o and containerd. Act
// looks for their files; a confined process reads what is in them.

#include <array>
#include <set>
#include <string>

#include "agent/act/confined.h"
#include "agent/act/files.h"
#include "protocol/base/ids.h"

namespace fleetsweep::act {

class ImageNames {
 public:
  // Call it before anything secret is read. kUnavailable: no process, or no sandbox for it.
  static Result<std::unique_ptr<ImageNames>> start();

  // None where nobody can say: another store, a damaged one, one that is not root's.
  std::set<Digest> of_layer(const Tree& tree, const std::string& folder) const;

 private:
  explicit ImageNames(std::unique_ptr<Confined> reader) : reader_(std::move(reader)) {}
  std::set<Digest> of_docker(const Tree& tree, const std::string& store,
                             const std::string& layer) const;
  std::set<Digest> of_podman(const Tree& tree, const std::string& store,
                             const std::string& layer) const;
  std::set<Digest> of_containerd(const Tree& tree, const std::string& store,
                                 const std::string& layer) const;
  // images_with(), has_layer(), parse_image_document(), containerd_layer(); what they answer.
  enum class Question : std::uint8_t { kPodman, kConfiguration, kDocument, kContainerd };
  using Answer = std::array<std::set<Digest>, 3>;
  static Bytes answer(const Confined::Message& request);
  Answer ask(Question question, std::span<const int> records, const Digest& layer,
             std::uint64_t number = 0) const;

  std::unique_ptr<Confined> reader_;
};

}  // namespace fleetsweep::act
