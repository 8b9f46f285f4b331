#pragma once

// The detections of a policy, ready to be asked about objects. Pure: facts in, truth out. An object
// may be asked about while only part of it is known; then the answer is kUnknown where a later fact
// could still decide. Immutable after compile(); not for several threads at once (scratch space).
//
// A joined detection (for_each) whose predicates name no field of another detection, and whose
// object is of the same kind as that of the detection it is joined to, asks about that very object;
// all other joined detections ask about every object of their kind, once per binding.

#include <memory>
#include <span>

#include "agent/scan/evaluate/facts.h"
#include "agent/scan/evaluate/hash_set.h"

namespace fleetsweep::scan {

enum class Truth : std::uint8_t { kNo, kYes, kUnknown };

// What one detection of the chain is bound to.
struct Bound {
  std::uint16_t detection = 0;
  const Object* object = nullptr;
};
using Binding = std::span<const Bound>;

// What has to be read of every process, beyond its stat, program and command line.
struct ProcessNeeds {
  bool parent = false, mapped_files = false, environment = false, capabilities = false;
  bool user = false, cwd = false, container = false, command_line = false;
};

// What has to be known of an object, beyond its stat, before a detection can be decided.
struct Needs {
  bool stat = false;  // size, times or owner can say no before the file is opened
  bool package_owned = false;
  bool mtime_delta = false;
  bool owner = false;       // the name of its user
  bool attributes = false;  // of the open file: flags, capabilities, birth
  bool magic = false;
  std::size_t head_bytes = 0;
  bool sha256 = false, sha1 = false, md5 = false;
  bool rule = false;
  ProcessNeeds process;
};

class Matcher {
 public:
  // kInvalid: an index out of range, a pattern that does not compile, a value of the wrong kind, a
  // template that names nothing. kNotFound: a part of a hash set is not among `parts`, whose bytes
  // outlive the matcher. Keeps a copy of the detections.
  static Result<Matcher> compile(const model::Policy& policy, const HashParts& parts = {},
                                 Timestamp now = {});
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;
  ~Matcher();

  // Says nothing about the scope of a file detection. Templates are kUnknown with an empty binding.
  Truth match(std::uint16_t detection, const FileFacts& file, Binding binding = {}) const;
  Truth match(std::uint16_t detection, const Object& object, Binding binding = {}) const;

  const model::Detection& detection(std::uint16_t index) const;
  std::uint16_t detections() const;
  const Needs& needs(std::uint16_t detection) const;
  ProcessNeeds process_needs() const;  // of all detections
  bool has_rules() const;
  // Asks about the object of the detection it is joined to.
  bool is_about_parent(std::uint16_t detection) const;

 private:
  struct Compiled;
  explicit Matcher(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace fleetsweep::scan
