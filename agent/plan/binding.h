#pragma once

// Is it still the same object? (decisions 8). Pure.

#include <string>

#include "protocol/base/ids.h"
#include "protocol/model/finding.h"

namespace fleetsweep::plan {

// A file: path, dev, ino, size, mtime, ctime, sha256. A process: its program; the pid may differ.
// Persistence: path and digest of the entry, and which part of its line. A connection: the
// remote end and the program.
bool is_same_object(const model::Identity& a, const model::Identity& b);

// One line of ld.so.preload may name several libraries, one of a unit's environment several
// variables: which of them the entry is. Empty for a kind whose entry is the whole line.
std::string part_of(const model::PersistenceIdentity& entry);

// What took the place of an object that was removed: the same one, or a file of its path, size and
// content, or a process or a connection of a program of its size and content.
bool is_back(const model::Identity& was, const model::Identity& now);

// Found by the same detection, and the same object; with `came_back`, or what took its place.
bool is_bound(const model::Finding& found, const std::vector<model::Finding>& dry_run,
              bool came_back = false);

// Equal for two findings of one object on one host at one time: a process here is one pid.
std::string object_key(const model::Identity& identity);

Digest object_digest(const model::Identity& identity);  // of the key

// A deleted program that still runs, or a memfd: its bytes can be had from its process alone.
bool has_no_name(const model::FileIdentity& file);

// The file behind it: itself, the program, the file around the line. Empty path if none.
const model::FileIdentity& file_of(const model::Identity& identity);
// The file itself, and not something in it.
bool is_file_itself(const model::Identity& identity);

}  // namespace fleetsweep::plan
