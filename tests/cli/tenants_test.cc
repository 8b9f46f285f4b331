#include "cli/tenants.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

TEST(Tenants, TenantIsMistakenForAnother) {
  const json tenants = {{{"tenant", "aabb01"}, {"name", "soc.example"}},
                        {{"tenant", "aabb02"}, {"name", "soc.example/acme"}},
                        {{"tenant", "cc"}, {"name", "aabb"}}};
  const auto called = [&](const char* what) {
    const auto tenant = tenant_called(tenants, what);
    return tenant ? tenant->value("tenant", "") : std::string(name(tenant.error().code));
  };
  EXPECT_EQ(called("aabb01"), "aabb01");
  EXPECT_EQ(called("soc.example"), "aabb01") << "a whole name, not the start of one";
  EXPECT_EQ(called("soc.example/acme"), "aabb02");
  EXPECT_EQ(called("aabb"), "cc") << "a name before the start of an id";
  EXPECT_EQ(called("aab"), "invalid") << "two of them";
  EXPECT_EQ(called(""), "invalid");
  EXPECT_EQ(called("dd"), "not_found");
}

}  // namespace
}  // namespace fleetsweep::cli
