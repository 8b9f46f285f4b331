#include "agent/plan/pam.h"

#include <gtest/gtest.h>

namespace fleetsweep::plan {
namespace {

TEST(Pam, ALineThatOthersCountOverGoesAndTheyCountOverAnother) {
  const std::string stack =
      "auth [success=1 default=ignore] pam_unix.so\n"
      "auth optional pam_exec.so /x\n"
      "auth requisite pam_deny.so\n"
      "auth required pam_permit.so\n";
  EXPECT_NE(why_pam_lines_stay(stack, {"auth optional pam_exec.so /x"}, false), "");
  const std::string below =
      "auth [success=1 default=ignore] pam_unix.so\n"
      "auth requisite pam_deny.so\n"
      "auth required pam_permit.so\n"
      "auth optional pam_exec.so /x\n";
  EXPECT_EQ(why_pam_lines_stay(below, {"auth optional pam_exec.so /x"}, false), "");
}

TEST(Pam, ALineThatOthersCountOverIsSpeltInCapitals) {
  const std::string evil = "AUTH optional pam_exec.so /x";
  EXPECT_NE(why_pam_lines_stay("auth [success=2 default=ignore] pam_unix.so\n" + evil +
                                   "\nauth requisite pam_deny.so\nauth required pam_permit.so\n",
                               {evil}, false),
            "");
  EXPECT_NE(
      why_pam_lines_stay("@Include common-auth\n" + evil + "\n", {"@Include common-auth"}, false),
      "");
  EXPECT_EQ(why_pam_lines_stay(evil + "\nauth required pam_unix.so\n", {evil}, false), "");
  EXPECT_NE(why_pam_lines_stay("sshd auth [success=1 default=ignore] pam_unix.so\nSSHD " + evil +
                                   "\nsshd auth required pam_deny.so\n",
                               {"SSHD " + evil}, true),
            "");
  EXPECT_EQ(pam_module_of("auth INCLUDE evil.so", false), "");
}

TEST(Pam, ACountOfOneTypeIsTakenForThatOfAnother) {
  EXPECT_EQ(why_pam_lines_stay("auth [success=1 default=ignore] pam_unix.so\n"
                               "session optional pam_exec.so /x\nsession required pam_unix.so\n"
                               "auth requisite pam_deny.so\n",
                               {"session optional pam_exec.so /x"}, false),
            "");
}

TEST(Pam, TheLastLineOfATypeGoes) {
  const std::string only = "auth required pam_evil.so\naccount required pam_unix.so\n";
  EXPECT_NE(why_pam_lines_stay(only, {"auth required pam_evil.so"}, false), "");
  EXPECT_EQ(why_pam_lines_stay("@include common-auth\nauth optional /x.so\n",
                               {"auth optional /x.so"}, false),
            "");
  EXPECT_EQ(why_pam_lines_stay("sshd auth optional /x.so\nsshd auth required pam_unix.so\n",
                               {"sshd auth optional /x.so"}, true),
            "");
  EXPECT_NE(why_pam_lines_stay("sshd auth optional /x.so\nlogin auth required pam_unix.so\n",
                               {"sshd auth optional /x.so"}, true),
            "");
}

TEST(Pam, AFileThatIsIncludedGoesWithAllItsRules) {
  EXPECT_NE(why_pam_lines_stay("@include common-auth\nauth optional /x.so\n",
                               {"@include common-auth"}, false),
            "");
}

TEST(Pam, ALineStillNamesAModuleThatIsGone) {
  const std::string text =
      "-auth optional \\\n  pam_evil.so x\nauth required /lib/security/pam_evil.so\n"
      "auth include pam_evil.so\n# auth required pam_evil.so\nauth required pam_evil.so.bak\n";
  EXPECT_EQ(pam_lines_naming(text, "pam_evil.so", false),
            (std::vector<std::string>{"-auth optional \\\n  pam_evil.so x",
                                      "auth required /lib/security/pam_evil.so"}));
}

}  // namespace
}  // namespace fleetsweep::plan
