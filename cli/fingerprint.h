#pragma once

// A document's id as eight words that two people can compare by voice.

#include <string>

#include "protocol/base/ids.h"

namespace fleetsweep::cli {

// The first 128 bits as proquints, five letters for 16 bits: "lusab-babad-...". Source:
// D. Wilkerson, "A Proposal for Proquints", arXiv:0901.4016.
std::string fingerprint(const DocumentId& id);

}  // namespace fleetsweep::cli
