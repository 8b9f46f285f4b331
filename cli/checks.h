#pragma once

// What a word on the command line must look like, in the form of CLI11's check(): empty when it is
// well, else what was expected. The controller and the hosts judge documents for themselves; this
// is so that a typing mistake is neither signed nor sent.

#include <string>

namespace fleetsweep::cli {

std::string check_campaign(const std::string& text);
std::string check_country(const std::string& text);
std::string check_holder(const std::string& text);
std::string check_host_state(const std::string& text);

}  // namespace fleetsweep::cli
