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
// What is not written to its end yet. It is never swapped with anything: what a crash has left
// there and has the owner that ours may have is to go.
std::string unfinished_name(const Op& op);

// Whether the name leads to this open file.
Checked<bool> is_under(const Parent& parent, const std::string& name, int file);
bool remove_under(const Parent& parent, const std::string& name, int file);

// What a name in a folder has, and its digest; zero: nothing, no file, or one of more than `most`
// bytes.
struct Under {
  UniqueFd file;
  Digest digest;
};
Checked<Under> look_under(const Parent& parent, const std::string& name, std::uint64_t most);

// True: a crash had left something. `owner`: of the file that it was to become.
Checked<bool> remove_unfinished(const Op& op, const Parent& parent, std::uint32_t owner);
// A new file, on disk, that gets `name` when `fill` is done with it. kConflict: something has that.
Checked<UniqueFd> write_beside(const Op& op, const Parent& parent, const std::string& name,
                               const std::function<Checked<void>(int file)>& fill);

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
// The old file of an operation that failed, wherever it is now; but under a name of ours it could
// not go any more.
void lock_unless_under(const Op& op, const Parent& parent, const std::string& name, int file,
                       std::uint32_t locks);
// kRaced, and where to look for what could not be given back.
tl::unexpected<trust::Refusal> refuse_raced(const Op& op, const Parent& parent,
                                            const std::string& name);

}  // namespace fleetsweep::act
