#pragma once

// What `fleetsweep-scan --policy FILE --json` prints.

#include <string>

#include "agent/scan/engine.h"

namespace fleetsweep::scan {

// {"reason", "detail", "sandbox", "scanned", "scanned_bytes", "opened", "recalled", "unscannable",
// "unscannable_paths",
//  "findings": [{"number", "detection", "object", "joined", "rule",
//                "rule_strings": [{"name", "offset"}], ...identity}],
//  "verdicts": [{"id", "confidence", "level", "findings": [numbers of those that made it true]}]}
// Bytes that are not text are escaped.
std::string to_json(const model::Policy& policy, const model::ScanDone& done,
                    const SweepCounts& counts);

}  // namespace fleetsweep::scan
