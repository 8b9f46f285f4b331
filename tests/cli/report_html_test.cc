#include "cli/report_html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "protocol/crypto/digest.h"
#include "tests/cli/closed_campaign.h"

namespace fleetsweep::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class ReportHtml : public testing::Test {
 protected:
  std::string page() const {
    VerifiedReport report;
    report.close_out = *prove(world_.evidence, kCampaign, world_.trusted());
    report.created = fixture::start();
    report.signed_by = {"carol"};
    return report_html(report, "report & \"co\".json", crypto::sha256(as_bytes("x")));
  }
  ClosedCampaign world_;
};

TEST_F(ReportHtml, AHostnameOrATitleIsMarkup) {
  const std::string html = page();
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_THAT(html, HasSubstr("&lt;img src=x onerror=alert(2)&gt;"));
  EXPECT_THAT(html, HasSubstr("think &lt;i&gt;first&lt;/i&gt;"));
  EXPECT_THAT(html, HasSubstr("CISO &quot;&amp;&quot; board"));
  EXPECT_THAT(html, HasSubstr("report &amp; &quot;co&quot;.json"));
  for (const char* live : {"<script", "<img", "<i>", "onerror=alert(2)>"})
    EXPECT_THAT(html, Not(HasSubstr(live)));
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
}

TEST_F(ReportHtml, ThePageFetchesSomething) {
  const std::string html = page();
  for (const char* fetch : {"http://", "https://", "src=", "href=", "url(", "@import", "<link"})
    EXPECT_THAT(html.substr(0, html.find("&lt;img")), Not(HasSubstr(fetch)));
}

TEST_F(ReportHtml, BreakGlassIsNotSeen) {
  EXPECT_THAT(page(), testing::AllOf(Not(HasSubstr("sealed keys")), Not(HasSubstr("standing"))));
  VerifiedReport report;
  report.close_out = *prove(world_.evidence, kCampaign, world_.trusted());
  report.close_out.orders[0].sealed = true;
  report.close_out.orders[1].order.standing = true;
  report.close_out.steering[0].sealed = true;
  const std::string html = report_html(report, "report.json", {});
  EXPECT_THAT(html, HasSubstr("with sealed keys</span> <b>alice</b>"));
  EXPECT_THAT(html, HasSubstr("standing order, approved ahead</span>"));
  EXPECT_THAT(html, HasSubstr("with sealed keys</span> carol</td>"));
}

TEST_F(ReportHtml, HostThatCouldNotReadEverythingEndedWellWithoutAWord) {
  EXPECT_THAT(page(), Not(HasSubstr("not read in full")));
  VerifiedReport report;
  report.close_out = *prove(world_.evidence, kCampaign, world_.trusted());
  report.close_out.hosts[0].reason = model::Reason::kUnscannable;
  EXPECT_THAT(report_html(report, "report.json", {}), HasSubstr("1 host was not read in full"));
}

TEST_F(ReportHtml, AnEditedPageIsTakenForTheReports) {
  const std::string html = page();
  EXPECT_EQ(page_difference(html, page()), std::nullopt);
  std::string nicer = html;
  const std::size_t at = nicer.find("<b>3</b>hosts targeted");
  ASSERT_NE(at, std::string::npos);
  nicer[at + 3] = '9';
  const auto found = page_difference(html, nicer);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->place, fmt::format("page, byte {}", at + 3));
  EXPECT_THAT(found->expected, HasSubstr("<b>3</b>hosts targeted"));
  EXPECT_THAT(found->found, HasSubstr("<b>9</b>hosts targeted"));
  EXPECT_EQ(page_difference(html, html + "\x1b")->expected, "its end");
  EXPECT_THAT(page_difference(html, html + "\x1b")->found, testing::EndsWith("\\x1b"));
  EXPECT_EQ(page_difference(html, html.substr(0, 100))->found, "its end");
}

TEST_F(ReportHtml, ATagIsLeftOpen) {
  const std::string html = page();
  std::vector<std::string> open;
  const std::regex tag("<(/?)([a-z0-9]+)[^>]*>");
  for (auto at = std::sregex_iterator(html.begin(), html.end(), tag); at != std::sregex_iterator();
       ++at) {
    const std::string name = (*at)[2];
    if (name == "meta" || name == "br") continue;
    if ((*at)[1].length() == 0) {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << at->str();
    EXPECT_EQ(open.back(), name) << at->position();
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

TEST_F(ReportHtml, ThePageLeavesOutWhatPeopleAskFor) {
  const std::string html = page();
  for (const char* said :
       {"Everything in this report holds", "<b>alice, bob</b>, in the role <b>clean</b>", "T-1",
        "worked out again from 2 receipts", "the controller&#39;s word",
        "cosigned by at least 1 of 1", "hosts targeted", "fleetsweep audit verify report &amp;",
        "6 receipts, root"})
    EXPECT_THAT(html, HasSubstr(said));
}

}  // namespace
}  // namespace fleetsweep::cli
