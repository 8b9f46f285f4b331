#pragma once

// Work of many, taken in turn: who brings a thousand pieces waits for his own, not the others for
// him. Pure; not for several threads.

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <utility>

namespace fleetsweep::fleet {

template <class Owner, class T>
class FairQueue {
 public:
  explicit FairQueue(std::size_t of_one_max) : of_one_max_(of_one_max) {}

  // False: so many of this owner wait already.
  bool push(const Owner& owner, T one) {
    std::deque<T>& own = waiting_[owner];
    if (own.size() >= of_one_max_) return false;
    own.push_back(std::move(one));
    ++size_;
    return true;
  }
  // The oldest of the owner whose turn it is.
  std::optional<T> pop() {
    if (waiting_.empty()) return std::nullopt;
    auto turn = last_ ? waiting_.upper_bound(*last_) : waiting_.begin();
    if (turn == waiting_.end()) turn = waiting_.begin();
    last_ = turn->first;
    std::optional<T> one(std::move(turn->second.front()));
    turn->second.pop_front();
    if (turn->second.empty()) waiting_.erase(turn);
    --size_;
    return one;
  }
  std::size_t size() const { return size_; }

 private:
  std::size_t of_one_max_;
  std::size_t size_ = 0;
  std::map<Owner, std::deque<T>> waiting_;  // none of them empty
  std::optional<Owner> last_;
};

}  // namespace fleetsweep::fleet
