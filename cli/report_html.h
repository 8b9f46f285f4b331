#pragma once

// A report as one HTML page for people: no script, nothing fetched, prints well. Pure. Names that
// hosts and documents bring are hostile: they are shown as text, and the page forbids all else.

#include <string>

#include "cli/report_file.h"

namespace fleetsweep::cli {

// `file` is the report's name, `sha256` of its bytes: the page is a view of exactly that file.
std::string report_html(const VerifiedReport& report, const std::string& file,
                        const Digest& sha256);

// Where `page` departs from what this program makes of the report, if it does.
std::optional<Complaint> page_difference(std::string_view made, std::string_view page);

}  // namespace fleetsweep::cli
