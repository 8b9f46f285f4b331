#pragma once

// Feeds in the shapes that their publishers document, written by us: documentation addresses,
// example domains, hashes of texts of our own.

#include <string>
#include <vector>

#include "policies/compiler/import/import.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::indicators {

inline const std::string kHash = crypto::sha256(as_bytes("harmless one")).hex();
inline const std::string kOther = crypto::sha256(as_bytes("harmless two")).hex();
inline const std::string kMd5 = std::string(32, 'a');

Imported imported(Format format, const std::string& text, std::string source = "feed",
                  model::Platform platform = model::Platform::kLinux);
std::string complaint(Format format, const std::string& text, std::string source = "feed");

// "hash file.size=3 file.hashes.MD5=... !file.name=x @7 c80 <2026-12-01"
std::vector<std::string> shown(const Imported& result);

// "3: value: why"
std::vector<std::string> refusals(const Imported& result);

}  // namespace fleetsweep::indicators
