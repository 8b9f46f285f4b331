#include "protocol/log/time_query.h"

#include <gtest/gtest.h>

namespace fleetsweep::log {
namespace {

TimeQuery query() {
  TimeQuery query;
  query.tenant.value.fill(0x11);
  query.nonce.value.fill(0x22);
  query.origin = "soc.example/customer";
  return query;
}

TEST(TimeQuery, TheTextDiffersFromItsDescription) {
  const std::string text = "tenant " + std::string(64, '1') + "\nnonce " + std::string(32, '2') +
                           "\norigin soc.example/customer\n";
  EXPECT_EQ(query().text(), text);
  EXPECT_EQ(TimeQuery::parse(text).value(), query());
}

TEST(TimeQuery, AnotherSpellingIsRead) {
  const std::string good = query().text();
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(TimeQuery::parse(good.substr(0, size))) << size;
  for (const std::string& bad :
       {good + "\n", good + "x", "x" + good, "Tenant" + good.substr(6), "tenant  " + good.substr(7),
        "tenant A" + good.substr(8), good.substr(0, good.size() - 1) + "\r\n",
        good.substr(0, good.size() - 2) + " r\n"})
    EXPECT_FALSE(TimeQuery::parse(bad)) << bad;
}

}  // namespace
}  // namespace fleetsweep::log
