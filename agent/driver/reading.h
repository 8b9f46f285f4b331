#pragma once

// The poison counter. What is being read stands in one small file, written before a byte of it is
// parsed; if the process dies of it, the next one finds it there and counts. No fsync: it has to
// outlive this process, not the machine, and so it costs no more than one write() per document.
// Counts of documents that were read well after all are forgotten.

#include <map>
#include <memory>
#include <string>

#include "agent/driver/store.h"
#include "protocol/base/unique_fd.h"
#include "protocol/trust/guard.h"

namespace fleetsweep::agent {

class Reading final : public trust::Guard {
 public:
  // Counts what the last process died of. `store` outlives it. Errors as of the store and files.
  static Result<std::unique_ptr<Reading>> open(const std::string& path, Store& store);

  bool begin(const Digest& document) override;
  void end() override;

 private:
  Reading(UniqueFd file, Store& store, std::map<Digest, unsigned> deaths)
      : file_(std::move(file)), store_(store), deaths_(std::move(deaths)) {}
  void write(const Digest& document);

  UniqueFd file_;
  Store& store_;
  std::map<Digest, unsigned> deaths_;
  Digest now_;  // zero: nothing
};

}  // namespace fleetsweep::agent
