#pragma once

// The names that act gives a file of its own beside the one it is for, and what it does about
// somebody who swaps files meanwhile: what is his comes back to where it was, and is never deleted.

#include <functional>
#include <string>

#include "agent/act/files.h"
#include "agent/act/operation.h"

namespace fleetsweep::act {

std::string hidden_name(const Op& op);  // what is on its way out
// What is on its way in. Nobody knows it beforehand who has seen the hidden one.
std::string temporary_name(const Op& op);
// What is not written to its end yet. It is never swapped with anything, and gets another owner
// only when it has its name: what a crash has left there and is a file of ours is to go.
std::string unfinished_name(const Op& op);

// Whether the name leads to this open file.
bool is_under(const Parent& parent, const std::string& name, int file);
// Of what a name in a folder has. Zero: nothing, no file, or one of more than `most` bytes.
Checked<Digest> digest_under(const Parent& parent, const std::string& name, std::uint64_t most);

// True: a crash had left something.
Checked<bool> remove_unfinished(const Op& op, const Parent& parent);
// A new file, on disk, that gets `name` when its content is written, and then the rest. kConflict:
// something has the name.
using Fill = std::function<Checked<void>(int file)>;
Checked<UniqueFd> write_beside(const Op& op, const Parent& parent, const std::string& name,
                               const Fill& write, const Fill& finish);

// The new `file` takes the old one's name. Where they can, the two swap places, and false says that
// the file system (NTFS) cannot: then the old one is gone at once, and the vault has it.
Checked<bool> exchange(const Op& op, const Parent& parent, const std::string& temporary, int file);
// A file of ours that is not wanted. If something else has its name by now, that is given back.
void discard(const Parent& parent, const std::string& name, int file);

// What stands under `name` gets its own again: where nothing has that, or, in exchange, a file of
// ours with this content, which is deleted. False: something else has it, and it stays.
bool give_back(const Parent& parent, const std::string& name, const Digest& ours,
               std::uint64_t most);
// The hidden name under its own again, unless something else has that now.
void put_back(const Op& op, const Intent& intent, const Parent& parent);
// kRaced, and where to look for what could not be given back.
tl::unexpected<trust::Refusal> refuse_raced(const Op& op, const Parent& parent,
                                            const std::string& name);

}  // namespace fleetsweep::act
