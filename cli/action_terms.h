#pragma once

// What a host did, in the terms of the tools that read reports: OpenC2 (Language Specification 1.0,
// sections 3.3.1 and 3.3.2), RE&CT response actions, MITRE D3FEND techniques, and OCSF (category 7,
// Remediation).

#include <nlohmann/json_fwd.hpp>

#include "protocol/model/receipt.h"

namespace fleetsweep::cli {

// {"openc2": "contain file", "react": "RA_3303_quarantine_file_by_path", "d3fend": "D3-FEV",
//  "ocsf": {"class_uid": 7002, "activity_id": 1, "status_id": 1}}
// A member is missing where that vocabulary has no word: what is only reported is no remediation.
nlohmann::json terms_of(const model::ReceiptItem& item);

// The status code of an OpenC2 response (3.3.2.2): 102 while the host is at it or has not answered;
// 200 where it did what it was told and nothing is left; 500 where something is, or nobody knows;
// of a refusal 400, 401, 403, 500 or 501.
int openc2_status(model::HostState state, model::Reason reason);

}  // namespace fleetsweep::cli
