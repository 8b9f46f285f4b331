#pragma once

// What is never touched, whatever an order says. Compiled in; a
// policy can only add. Paths are relative to the root and absolute in form: "/etc/passwd".

#include <string>
#include <string_view>
#include <vector>

namespace fleetsweep::plan {

// Of a host. Where sbin is a link to bin (Fedora 42, Arch) its programs lie in bin; where it is a
// folder of its own, /usr/bin/sshd is no sshd.
enum class Sbin { kFolder, kLinkToBin };

// Taking the whole file away. `/usr/lib/x` and `/lib/x` are one file (merged /usr).
bool is_protected_file(std::string_view path, Sbin sbin);

// Or like a log of one, which may hold its newest part. By its name, which anybody may give a file:
// left where it is, and no reason to refuse an order.
bool is_named_like_a_users_hive(std::string_view path);
// The exception to it: "/lib/modules/6.1.0" for a module there, which may go if it is stray
// (ObjectFacts). Empty for all else, also for where modules lie that are built on the host.
std::string module_folder(std::string_view path);
// Taking a line out of it.
bool is_protected_text(std::string_view path);
// Taking a line out of it that lets a key in, as AuthorizedKeysFile may have it in /etc/ssh too.
bool is_protected_key_file(std::string_view path);
// Stopping or killing a process whose program it is.
bool is_protected_program(std::string_view path, Sbin sbin);
bool is_sshd(std::string_view path, Sbin sbin);

// The single files among them, so that a hard link to one is noticed by its inode.
std::vector<std::string> protected_files(Sbin sbin);

// * and ? inside a component, ** as a component: what a policy's `protect` may say.
bool matches_glob(std::string_view pattern, std::string_view path);
// It matches, or lies beneath what does.
bool covers_glob(std::string_view pattern, std::string_view path);
// `path` is `folder` or beneath it.
bool is_beneath(std::string_view folder, std::string_view path);
// "/usr/lib/x" -> "/lib/x" for the folders of a merged /usr.
std::string unmerged(std::string_view path);

}  // namespace fleetsweep::plan
