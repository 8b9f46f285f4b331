#pragma once

// What a host knows about a file beside the file itself: what its owner is called, which package it
// belongs to, who uses it. Evidence for the vault; nothing is decided by it, so what cannot be read
// is left out.

#include <optional>

#include "agent/act/mapped_files.h"
#include "agent/act/metadata.h"
#include "agent/package_db/package_db.h"

namespace fleetsweep::act {

class Provenance {
 public:
  explicit Provenance(const Tree& tree) : tree_(tree) {}  // borrowed

  // Before anything is stopped or killed: which files processes run, map or hold open, and where
  // they live.
  void note_processes();
  // Everything of a file that read_metadata() cannot tell.
  void fill(Metadata& metadata);
  // Where its processes live.
  void fill_place(Metadata& metadata) const;

 private:
  struct Place {
    std::string container;
    std::uint64_t mount_namespace = 0;
  };
  std::string read(const std::string& path) const;

  const Tree& tree_;
  std::multimap<MappedFile, std::int32_t> users_;
  std::map<std::int32_t, Place> places_;
  std::optional<PackageDb> packages_;
  std::optional<std::string> passwd_, group_;
};

}  // namespace fleetsweep::act
