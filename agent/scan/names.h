#pragma once

// Names of the tree: those in a folder, and those that stars stand for. No file is opened.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/scan/root.h"

namespace fleetsweep::scan {

// Nothing is there, or nothing that may be opened.
bool is_absent(int error);
// Of links that are followed: to whoever would use them nothing is there either.
bool leads_nowhere(int error);

// With their types, as dirent has them; at most kPersistenceFiles. `only_folders`: and links, which
// may lead to one.
using Names = std::map<std::string, unsigned char>;
Names names_in(const Root& root, const std::string& folder, const Unreadable& unreadable,
               bool only_folders = false);

// What a link leads to, whoever made it; nothing: it leads nowhere, or that is said.
struct Behind {
  std::string path;
  struct stat status {};
};
std::optional<Behind> behind(const Root& root, const std::string& link,
                             const Unreadable& unreadable);

// Paths that may be there, of one that may have stars; each name takes one of what is `left`.
// Through links as far as Root is led by them; of another one to a folder that holds what is
// wanted it is said that it is not followed. What is known not to be there is left out.
std::vector<std::string> expand(const Root& root, const std::string& path, bool only_folders,
                                std::size_t& left, const Unreadable& unreadable,
                                const std::function<bool()>& is_stopped);

}  // namespace fleetsweep::scan
