#include "cli/order_signing.h"

#include "protocol/base/bytes.h"

namespace fleetsweep::cli {

Status has_no_objections(const OrderReview& review) {
  if (review.objections.empty()) return {};
  std::string all;
  for (const std::string& objection : review.objections) all += "\n  " + escaped(objection);
  return fail(advise(Error{Code::kUntrusted, "nobody should sign this order:" + all},
                     "look at all of it with `fleetsweep order show FILE`; what is wrong with an "
                     "order only a new draft mends"));
}

Status confirm_order(Session& session, const std::string& plan, const model::Order& order,
                     const OrderReview& review, const std::optional<std::uint64_t>& hosts,
                     std::string_view question) {
  FS_CHECK(has_no_objections(review));
  // A number that a script gave is held to, whatever the class.
  if (!needs_host_count(order) && !(hosts && review.hosts))
    return session.console.confirm(plan, question);
  return session.console.confirm_number(plan, "the number of hosts in scope", review.hosts->size(),
                                        hosts, "--hosts");
}

}  // namespace fleetsweep::cli
