#include "policies/compiler/import/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policies/compiler/import/text.h"
#include "protocol/base/limits.h"
#include "tests/policies/import/feed.h"

namespace fleetsweep::indicators {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// --- Feodo Tracker ------------------------------------------------------------------------------

constexpr const char* kFeodoHead =
    "################################################################\r\n"
    "# abuse.ch Feodo Tracker Botnet C2 IP Blocklist (CSV)          #\r\n"
    "################################################################\r\n"
    "\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"last_online\",\"malware\"\r\n";

TEST(ImportFeodo, AControllerThatWentOfflineLongAgoStillCounts) {
  const auto result = imported(
      Format::kFeodo,
      std::string(kFeodoHead) +
          "\"2026-11-01 "
          "07:44:46\",\"198.51.100.7\",\"443\",\"online\",\"2026-11-20\",\"Example\"\r\n"
          "\"2021-01-17 "
          "07:44:46\",\"198.51.100.8\",\"8080\",\"offline\",\"2022-02-08\",\"Example\"\r\n"
          "\"2026-11-01 "
          "07:44:46\",\"198.51.100.999\",\"443\",\"online\",\"2026-11-20\",\"Example\"\r\n"
          "\"2026-11-01 07:44:46\",\"198.51.100.9\",\"0\",\"online\",\"2026-11-20\",\"Example\"\r\n"
          "\"2026-11-01 07:44:46\",\"198.51.100.9\",\"443\"\r\n"
          "\"2026-11-01,\r\n"
          "# END 2 entries\r\n");
  EXPECT_THAT(shown(result), ElementsAre("address network-traffic.dst_ref=198.51.100.7 "
                                         "network-traffic.dst_port=443 @5 <2026-12-20"));
  EXPECT_EQ(result.indicators[0].origins[0].note, "Example, online, last online 2026-11-20");
  EXPECT_THAT(refusals(result), ElementsAre("6: 198.51.100.8: it expired on 2022-03-10T00:00:00Z",
                                            "7: 198.51.100.999: not an IP address",
                                            "8: 198.51.100.9: its port is not 1 to 65535",
                                            HasSubstr("3 columns where the head line has 6"),
                                            HasSubstr("a quote does not end")));
}

TEST(ImportFeodo, ItsJsonAndItsPlainTextSaySomethingElse) {
  const auto json =
      imported(Format::kFeodo,
               R"([{"ip_address":"198.51.100.7","port":443,"status":"online","hostname":null,
               "as_number":64496,"as_name":"EXAMPLE","country":"ZZ",
               "first_seen":"2026-11-01 07:44:46","last_online":"2026-11-20",
               "malware":"Example"}])");
  ASSERT_THAT(shown(json), ElementsAre("address network-traffic.dst_ref=198.51.100.7 "
                                       "network-traffic.dst_port=443 <2026-12-20"));
  EXPECT_EQ(json.indicators[0].origins[0].note, "Example, online, last online 2026-11-20");
  EXPECT_THAT(shown(imported(Format::kFeodo, "# abuse.ch\n198.51.100.7\n")),
              ElementsAre("address network-traffic.dst_ref=198.51.100.7 @2 <2026-12-23"));
}

TEST(ImportFeodo, AControllerThatWasNeverSeenAgainCountsFromNow) {
  const auto row = [](const std::string& more) {
    return R"([{"ip_address":"198.51.100.7","port":443,"last_online":null,)" + more + "}]";
  };
  EXPECT_THAT(refusals(imported(Format::kFeodo,
                                row(R"("status":"offline","first_seen":"2021-01-17 07:44:46")"))),
              ElementsAre("0: 198.51.100.7: it expired on 2021-02-16T07:44:46Z"));
  for (const char* more :
       {R"("status":"online","first_seen":"2021-01-17 07:44:46")", R"("status":"offline")"})
    EXPECT_THAT(shown(imported(Format::kFeodo, row(more))), ElementsAre(HasSubstr("<2026-12-23")));
}

TEST(ImportFeodo, ItsJsonBehindAByteOrderMarkIsReadAsLines) {
  EXPECT_THAT(shown(imported(Format::kFeodo,
                             "\xEF\xBB\xBF"
                             R"([{"ip_address":"198.51.100.7","port":443}])")),
              ElementsAre("address network-traffic.dst_ref=198.51.100.7 "
                          "network-traffic.dst_port=443 <2026-12-23"));
}

// --- MISP ---------------------------------------------------------------------------------------

TEST(ImportMisp, AnAttributeThatIsContextOnlyIsTakenForASign) {
  const std::string event = R"({"response":[{"Event":{"info":"x","Attribute":[
    {"uuid":"u1","type":"sha256","to_ids":true,"value":")" +
                            kHash + R"(","comment":"dropper",
     "Tag":[{"name":"misp:confidence-level=\"usually-confident\""}]},
    {"uuid":"u2","type":"filename|md5","to_ids":true,"value":"evil.bin|)" +
                            kMd5 + R"("},
    {"uuid":"u3","type":"ip-dst|port","to_ids":true,"value":"198.51.100.7|8080"},
    {"uuid":"u4","type":"domain|ip","to_ids":true,"value":"c2.example.org|198.51.100.8"},
    {"uuid":"u5","type":"ip-dst","to_ids":false,"value":"198.51.100.9"},
    {"uuid":"u6","type":"mutex","to_ids":true,"value":"Global\\x"},
    {"uuid":"u7","type":"sha1","to_ids":true,"value":"123"},
    {"uuid":"u8","type":"md5","to_ids":true,"deleted":true,"value":"x"}],
    "Object":[{"name":"file","Attribute":[
      {"uuid":"o1","type":"size-in-bytes","to_ids":false,"value":"4096"},
      {"uuid":"o2","type":"sha256","to_ids":"1","value":")" +
                            kOther + R"("},
      {"uuid":"o3","type":"filename","to_ids":true,"value":"/tmp/evil"}]}]}}]})";
  const auto result = imported(Format::kMisp, event);
  EXPECT_THAT(shown(result), ElementsAre("hash file.hashes.SHA-256=" + kHash + " c75",
                                         "hash file.hashes.MD5=" + kMd5,
                                         "address network-traffic.dst_ref=198.51.100.7 "
                                         "network-traffic.dst_port=8080 <2026-12-23",
                                         "domain persistence.command#c2.example.org <2026-12-23",
                                         "address network-traffic.dst_ref=198.51.100.8 <2026-12-23",
                                         "hash file.size=4096 file.hashes.SHA-256=" + kOther,
                                         "file path file.path=/tmp/evil"));
  EXPECT_EQ(result.indicators[0].origins[0].id, "u1");
  EXPECT_THAT(refusals(result),
              ElementsAre(HasSubstr("to_ids is not set"),
                          HasSubstr("no field of the policy language for the type 'mutex'"),
                          HasSubstr("'123' is not a hash"), HasSubstr("it was deleted")));
}

TEST(ImportMisp, ATypeIsUnknownOrMeansAnotherField) {
  const std::string sha1(40, 'b'), address = "address network-traffic.dst_ref=198.51.100.7",
                                   domain = "domain persistence.command#c2.example <2026-12-23",
                                   key = R"(windows-registry-key.key=HKEY_USERS\Evil)",
                                   value =
                                       "combination windows-registry-key.key=HKEY_USERS "
                                       "windows-registry-key.values.name=Evil",
                                   data = " windows-registry-key.values.data=evil.exe";
  const std::string of_md5 = "hash file.hashes.MD5=" + kMd5,
                    of_sha1 = "hash file.hashes.SHA-1=" + sha1,
                    of_sha256 = "hash file.hashes.SHA-256=" + kHash;
  const std::tuple<std::string, std::string, std::vector<std::string>> rows[] = {
      {"md5", kMd5, {of_md5}},
      {"sha1", sha1, {of_sha1}},
      {"sha256", kHash, {of_sha256}},
      {"filename", "evil.exe", {"file name file.name=evil.exe"}},
      {"ip-dst", "198.51.100.7", {address + " <2026-12-23"}},
      {"ip-src", "198.51.100.7", {address + " <2026-12-23"}},
      {"domain", "c2.example", {domain}},
      {"hostname", "c2.example", {domain}},
      {"url", "http://c2.example/a", {"url persistence.command~http://c2.example/a <2026-12-23"}},
      {"regkey", R"(HKEY_USERS\\Evil)", {"registry " + key, value}},
      {"filename|md5", "evil.exe|" + kMd5, {of_md5}},
      {"filename|sha1", "evil.exe|" + sha1, {of_sha1}},
      {"filename|sha256", "evil.exe|" + kHash, {of_sha256}},
      {"malware-sample", "evil.exe|" + kMd5, {of_md5}},
      {"ip-dst|port", "198.51.100.7|80", {address + " network-traffic.dst_port=80 <2026-12-23"}},
      {"ip-src|port", "198.51.100.7|80", {address + " network-traffic.dst_port=80 <2026-12-23"}},
      {"domain|ip", "c2.example|198.51.100.7", {domain, address + " <2026-12-23"}},
      {"hostname|port", "c2.example|80", {domain}},
      {"regkey|value", R"(HKEY_USERS\\Evil|evil.exe)", {"combination " + key + data, value + data}},
  };
  for (const auto& [type, text, taken] : rows) {
    const auto result = imported(
        Format::kMisp,
        R"({"Attribute":[{"to_ids":true,"type":")" + type + R"(","value":")" + text + R"("}]})",
        "feed", model::Platform::kWindows);
    EXPECT_THAT(refusals(result), IsEmpty());
    EXPECT_EQ(shown(result), taken) << type;
  }
}

TEST(ImportMisp, AnAddressThatWasLastSeenYearsAgoStillCounts) {
  const auto attribute = [](const std::string& value, const std::string& more) {
    return R"({"type":"ip-dst","to_ids":true,"value":")" + value + "\"" + more + "}";
  };
  const auto result =
      imported(Format::kMisp,
               R"({"Event":{"date":"2026-11-03","Attribute":[)" +
                   attribute("198.51.100.1", R"(,"last_seen":"2026-11-20T10:00:00.000000+00:00",
                                       "timestamp":"1600000000")") +
                   "," + attribute("198.51.100.2", R"(,"last_seen":"2020-11-20T10:00:00+00:00")") +
                   "," + attribute("198.51.100.3", R"(,"timestamp":"1795305600")") + "," +
                   attribute("198.51.100.4", "") + "," +
                   attribute("198.51.100.5", R"(,"last_seen":"2099-01-01")") + "," +
                   attribute("198.51.100.6", R"(,"last_seen":"lately")") +
                   R"(,{"type":"sha256","to_ids":true,"last_seen":"2020-11-20","value":")" + kHash +
                   R"("}],"Object":[{"last_seen":"2026-11-21","Attribute":[)" +
                   attribute("198.51.100.7", "") + "]}]}}");
  EXPECT_THAT(shown(result),
              ElementsAre("address network-traffic.dst_ref=198.51.100.1 <2026-12-20",
                          "address network-traffic.dst_ref=198.51.100.3 <2026-12-22",
                          "address network-traffic.dst_ref=198.51.100.4 <2026-12-03",
                          "address network-traffic.dst_ref=198.51.100.5 <2026-12-23",
                          "hash file.hashes.SHA-256=" + kHash,
                          "address network-traffic.dst_ref=198.51.100.7 <2026-12-21"));
  EXPECT_THAT(refusals(result), ElementsAre(HasSubstr("it expired on 2020-12-20"),
                                            HasSubstr("last_seen 'lately' is no time")));
}

TEST(ImportMisp, WhatSomebodySawWhereItIsHarmlessStillCounts) {
  const auto sighting = [](const char* type, const char* date) {
    return fmt::format(R"({{"type":"{}","date_sighting":"{}"}})", type,
                       unix_seconds(*from_rfc3339(std::string(date) + "T00:00:00Z")));
  };
  const std::string seen = sighting("0", "2026-11-10");
  std::string attributes;
  for (const auto& [name, sightings] : std::vector<std::pair<std::string, std::string>>{
           {"harmless", seen + "," + sighting("1", "2026-11-12")},
           {"seen-again", seen + "," + sighting("1", "2026-11-08")},
           {"ended", seen + "," + sighting("2", "2026-11-12")},
           {"will-end", seen + "," + sighting("2", "2027-02-01")},
           {"seen-after-its-end", seen + "," + sighting("2", "2026-11-08")},
           {"only-harmless", sighting("1", "2026-11-08") + R"(,{"type":"9"},7)"}})
    attributes +=
        (attributes.empty() ? "" : ",") + (R"({"type":"filename","to_ids":true,"value":")" + name +
                                           R"(","Sighting":[)" + sightings + "]}");
  const auto result = imported(Format::kMisp, R"({"Event":{"Attribute":[)" + attributes + "]}}");
  EXPECT_THAT(shown(result), ElementsAre("file name file.name=seen-again",
                                         "file name file.name=will-end <2027-02-01",
                                         "file name file.name=seen-after-its-end"));
  EXPECT_THAT(refusals(result),
              ElementsAre("0: filename harmless: somebody saw it where it is harmless, on "
                          "2026-11-12T00:00:00Z",
                          "0: filename ended: it expired on 2026-11-12T00:00:00Z",
                          HasSubstr("only-harmless: somebody saw it where it is harmless")));
}

TEST(ImportMisp, WhatIsTaggedAsAFalsePositiveStillCounts) {
  const auto attribute = [](const std::string& value, const std::string& tag) {
    return R"({"type":"filename","to_ids":true,"value":")" + value + R"(","Tag":[{"name":")" + tag +
           R"("}]})";
  };
  const auto event = [](const std::string& attributes, const std::string& more = "") {
    return imported(Format::kMisp, R"({"Event":{"Attribute":[)" + attributes + "]" + more + "}}");
  };
  const auto result = event(attribute("alone", "false-positive:confirmed") + "," +
                            attribute("true", R"(false-positive:confirmed=\"true\")") + "," +
                            attribute("false", R"(false-positive:confirmed=\"false\")") + "," +
                            attribute("risk", R"(false-positive:risk=\"high\")"));
  EXPECT_THAT(shown(result), ElementsAre("file name file.name=false", "file name file.name=risk"));
  EXPECT_THAT(refusals(result), ElementsAre("0: filename alone: it is tagged as a false positive",
                                            "0: filename true: it is tagged as a false positive"));
  EXPECT_THAT(refusals(event(attribute("all", "tlp:clear"),
                             R"(,"Tag":[{"name":"false-positive:confirmed"}])")),
              ElementsAre("0: filename all: it is tagged as a false positive"));
}

TEST(ImportMisp, NobodyKnowsWhichEventAnAttributeIsOf) {
  const std::string event =
      R"("uuid":"e1","info":"A campaign","Orgc":{"name":"Example CERT"},
         "Tag":[{"name":"misp:confidence-level=\"fairly-confident\""}])";
  const std::string hash =
      R"("uuid":"a1","type":"sha256","to_ids":true,"comment":"dropper","value":")" + kHash + "\"";
  for (const std::string& text :
       {R"({"Event":{)" + event + R"(,"Attribute":[{)" + hash + "}]}}",
        R"({"response":{"Attribute":[{)" + hash + R"(,"Event":{)" + event + "}}]}}"}) {
    const auto result = imported(Format::kMisp, text);
    ASSERT_EQ(result.indicators.size(), 1u) << text;
    EXPECT_EQ(result.indicators[0].origins[0].id, "e1/a1");
    EXPECT_EQ(result.indicators[0].origins[0].note, "dropper; A campaign; Example CERT");
    EXPECT_EQ(result.indicators[0].confidence, 50);
  }
}

TEST(ImportMisp, WhatLiesInADeletedObjectVanishesWithoutAWord) {
  const auto result = imported(Format::kMisp, R"({"Object":[{"deleted":true,"Attribute":[
          {"type":"filename","to_ids":true,"value":"evil"}]}]})");
  EXPECT_THAT(refusals(result), ElementsAre("0: filename evil: it was deleted"));
}

TEST(ImportMisp, ASizeThatWasDeletedIsDemandedOfTheFile) {
  EXPECT_THAT(shown(imported(Format::kMisp, R"({"Object":[{"name":"file","Attribute":[
          {"type":"size-in-bytes","value":"5","deleted":true},
          {"type":"sha256","to_ids":true,"value":")" +
                                                kHash + R"("}]}]})")),
              ElementsAre("hash file.hashes.SHA-256=" + kHash));
}

TEST(ImportMisp, APathOfWindowsIsTakenForAName) {
  const std::string event = R"({"Attribute":[
      {"type":"filename","to_ids":true,"value":"C:\\Temp\\evil.exe"},
      {"type":"filename","to_ids":true,"value":"%TEMP%\\evil.exe"}]})";
  const auto result = imported(Format::kMisp, event, "feed", model::Platform::kWindows);
  EXPECT_THAT(shown(result), ElementsAre("file path file.path=C:\\Temp\\evil.exe"));
  EXPECT_THAT(refusals(result), ElementsAre(HasSubstr("%VARIABLES% stand for folders that only")));
}

TEST(ImportMisp, ANameInTheResourcesOrTheHashOfASectionIsTakenForThatOfAFile) {
  const auto object = [](const std::string& name, const std::string& attributes) {
    return R"({"name":")" + name + R"(","Attribute":[)" + attributes + "]}";
  };
  const auto attribute = [](const std::string& type, const std::string& relation,
                            const std::string& value) {
    return R"({"to_ids":true,"type":")" + type + R"(","object_relation":")" + relation +
           R"(","value":")" + value + R"("})";
  };
  const std::string size = attribute("size-in-bytes", "size-in-bytes", "512") + ",";
  std::string objects = object("pe", attribute("filename", "original-filename", "setup.exe") + "," +
                                         attribute("filename", "internal-filename", "setup") + "," +
                                         attribute("md5", "richpe", kMd5));
  objects += "," + object("process", attribute("filename", "parent-image", "/usr/bin/bash") + "," +
                                         attribute("filename", "image", "/tmp/evil"));
  for (const char* section : {"pe-section", "elf-section", "macho-section"})
    objects += "," + object(section, size + attribute("sha256", "sha256", kHash));
  objects += "," + object("email", size + attribute("sha256", "sha256", kHash));
  objects += "," + object("file", size + attribute("sha256", "sha256", kOther));
  const auto result = imported(Format::kMisp, R"({"Event":{"Object":[)" + objects + "]}}");
  EXPECT_THAT(shown(result),
              ElementsAre("file path file.path=/tmp/evil", "hash file.hashes.SHA-256=" + kHash,
                          "hash file.size=512 file.hashes.SHA-256=" + kOther));
  EXPECT_THAT(refusals(result),
              ElementsAre(HasSubstr("filename setup.exe: it is about a name in the resources"),
                          HasSubstr("filename setup: it is about a name in the resources"),
                          HasSubstr("it is about the hash of a header"),
                          HasSubstr("it is about the program that started the process"),
                          HasSubstr("it is about a section"), HasSubstr("it is about a section"),
                          HasSubstr("it is about a section")));
}

TEST(ImportMisp, APortOfAUrlIsLostAndAnyOtherIsASign) {
  EXPECT_THAT(shown(imported(Format::kMisp, R"({"Attribute":[
      {"type":"url","to_ids":true,"value":"http://198.51.100.7:80"},
      {"type":"url","to_ids":true,"value":"http://198.51.100.7"},
      {"type":"url","to_ids":true,"value":"http://127.0.0.1:80"}]})")),
              ElementsAre(R"(url persistence.commandrehttp://198\.51\.100\.7:80(?:[^0-9]|$) )"
                          "<2026-12-23",
                          "address network-traffic.dst_ref=198.51.100.7 <2026-12-23"));
}

// --- OpenIOC ------------------------------------------------------------------------------------

std::string openioc(const std::string& inside) {
  return R"(<?xml version="1.0" encoding="utf-8"?>
<OpenIOC xmlns="http://openioc.org/schemas/OpenIOC_1.1" id="ioc-1" last-modified="2026-11-01T00:00:00">
<metadata><short_description>Ours</short_description></metadata>
<criteria><Indicator operator="OR">)" +
         inside + "</Indicator></criteria></OpenIOC>";
}
std::string item(const std::string& search, const std::string& content,
                 const std::string& condition = "is", const std::string& more = "") {
  return "\n<IndicatorItem condition=\"" + condition + "\" preserve-case=\"false\" " +
         (more.empty() ? "negate=\"false\"" : more) + "><Context document=\"" +
         search.substr(0, search.find('/')) + "\" search=\"" + search +
         "\" type=\"mir\"/><Content type=\"string\">" + content + "</Content></IndicatorItem>";
}

TEST(ImportOpenioc, AnAndBelowAnOrIsRead) {
  const auto result = imported(
      Format::kOpenioc,
      openioc(item("FileItem/Md5sum", kMd5) + item("Network/DNS", "c2.example.org", "contains") +
              "<Indicator operator=\"AND\">" + item("FileItem/FileName", "dropper") +
              item("FileItem/SizeInBytes", "4096") +
              item("FileItem/FullPath", "/opt/good/dropper", "is", "negate=\"1\"") +
              "</Indicator>" + item("FileItem/FileName", "^evil[0-9]$", "matches") +
              item("ProcessItem/HandleList/Handle/Name", "m") +
              item("FileItem/FileName", "a", "near") +
              item("Network/DNS", "^c[0-9]\\.example$", "matches") +
              item("Network/URI", "/gate.php?id=", "contains")));
  EXPECT_THAT(
      shown(result),
      ElementsAre("hash file.hashes.MD5=" + kMd5 + " @5",
                  "domain persistence.command#c2.example.org @6 <2026-12-23",
                  "combination file.name=dropper file.size=4096 "
                  "!file.path=/opt/good/dropper @7",
                  "file name file.namere^evil[0-9]$ @10",
                  R"(url persistence.commandre://[^\s"']*/gate\.php\?id= @14 <2026-12-23)"));
  EXPECT_TRUE(result.indicators[3].all_of[0].caseless);
  for (const auto& indicator : result.indicators) {
    EXPECT_EQ(indicator.origins.at(0).id, "ioc-1");
    EXPECT_EQ(indicator.origins.at(0).note, "Ours");
  }
  EXPECT_THAT(refusals(result),
              ElementsAre(HasSubstr("'ProcessItem/HandleList/Handle/Name' (line 11)"),
                          HasSubstr("the condition 'near' of FileItem/FileName (line 12)"),
                          HasSubstr("Network/DNS: a pattern of domains")));
}

TEST(ImportOpenioc, ATermOrAConditionIsUnknownOrMeansAnother) {
  const std::string sha1(40, 'b'), domain = "domain persistence.command#c2.example",
                                   url = "url persistence.command~http://c2.example/a",
                                   key = "registry windows-registry-key.";
  const std::tuple<std::string, std::string, std::string> terms[] = {
      {"FileItem/Md5sum", kMd5, "hash file.hashes.MD5=" + kMd5},
      {"FileItem/Sha1sum", sha1, "hash file.hashes.SHA-1=" + sha1},
      {"FileItem/Sha256sum", kHash, "hash file.hashes.SHA-256=" + kHash},
      {"FileItem/FileName", "evil.exe", "file name file.name=evil.exe"},
      {"FileItem/FullPath", R"(C:\evil.exe)", R"(file path file.path=C:\evil.exe)"},
      {"FileItem/FilePath", R"(C:\Temp)", R"(file path file.pathre^C:\\Temp\\[^\\]+$)"},
      {"PortItem/remoteIP", "198.51.100.7", "address network-traffic.dst_ref=198.51.100.7"},
      {"PortItem/remotePort", "4444", "combination network-traffic.dst_port=4444"},
      {"PortItem/localPort", "4444", "combination network-traffic.src_port=4444"},
      {"PortItem/process", "evil.exe", "combination network-traffic.process.name=evil.exe"},
      {"Network/DNS", "c2.example", domain},
      {"DnsEntryItem/Host", "c2.example", domain},
      {"DnsEntryItem/RecordName", "c2.example", domain},
      {"Network/URI", "http://c2.example/a", url},
      {"UrlHistoryItem/URL", "http://c2.example/a", url},
      {"ProcessItem/name", "evil.exe", "process process.name=evil.exe"},
      {"ProcessItem/path", R"(C:\evil.exe)", R"(process process.exe.path=C:\evil.exe)"},
      {"ProcessItem/arguments", "evil --now", "process process.command_line=evil --now"},
      {"RegistryItem/Path", R"(HKEY_USERS\Evil)", key + R"(key=HKEY_USERS\Evil)"},
      {"RegistryItem/KeyPath", "Evil", key + R"(key$\Evil)"},
      {"RegistryItem/ValueName", "Evil", key + "values.name=Evil"},
      {"RegistryItem/Value", "evil.exe", key + "values.data=evil.exe"},
      {"RegistryItem/Text", "evil.exe", key + "values.data=evil.exe"},
  };
  std::string items;
  std::vector<testing::Matcher<std::string>> taken;
  for (const auto& [search, content, line] : terms) {
    items += item(search, content);
    taken.push_back(testing::StartsWith(line + " @"));
    if (search == "RegistryItem/Path")
      taken.push_back(HasSubstr("key=HKEY_USERS windows-registry-key.values.name=Evil @"));
  }
  items += "<Indicator operator=\"AND\">" + item("FileItem/FileName", "evil.exe") +
           item("FileItem/SizeInBytes", "5") + "</Indicator>";
  taken.push_back(HasSubstr("combination file.name=evil.exe file.size=5 "));
  for (const auto& [condition, sign] : {std::pair{"is", "="},
                                        {"contains", "~"},
                                        {"matches", "re"},
                                        {"starts-with", "^"},
                                        {"ends-with", "$"}}) {
    items += item("FileItem/FileName", "evil", condition);
    taken.push_back(HasSubstr(fmt::format("file.name{}evil @", sign)));
  }
  for (const auto& [condition, sign] : {std::pair{"greater-than", ">"}, {"less-than", "<"}}) {
    items += item("PortItem/remotePort", "1024", condition);
    taken.push_back(HasSubstr(fmt::format("network-traffic.dst_port{}1024 @", sign)));
  }
  const auto result = imported(Format::kOpenioc, openioc(items), "feed", model::Platform::kWindows);
  EXPECT_THAT(refusals(result), IsEmpty());
  EXPECT_THAT(shown(result), testing::ElementsAreArray(taken));
}

TEST(ImportOpenioc, AFolderIsTakenForTheWholePath) {
  const auto both = [](const std::string& folder, const std::string& name) {
    return "<Indicator operator=\"AND\">" + item("FileItem/FilePath", folder) +
           item("FileItem/FileName", name) + "</Indicator>";
  };
  const auto result =
      imported(Format::kOpenioc,
               openioc(both("/tmp/.x", "evil") + item("FileItem/FilePath", "/tmp/.x/") +
                       item("FileItem/FullPath", "/tmp/.x/evil") +
                       item("FileItem/FilePath", "/.x", "ends-with") +
                       item("FileItem/FilePath", "/tmp/.x", "starts-with") +
                       item("FileItem/FilePath", "^/tmp$", "matches") +
                       item("FileItem/FilePath", "/home/*/x") + item("FileItem/FilePath", "")));
  EXPECT_THAT(shown(result), ElementsAre("file path file.path=/tmp/.x/evil @6",
                                         "file path file.pathre^/tmp/\\.x/[^/]+$ @7",
                                         "file path file.path=/tmp/.x/evil @8",
                                         "file path file.pathre/\\.x/[^/]+$ @9",
                                         "file path file.pathre^/tmp/\\.x[^/]*/ @10"));
  EXPECT_THAT(refusals(result),
              ElementsAre(HasSubstr("FilePath: a pattern of folders (line 11)"),
                          HasSubstr("a pattern of folders (line 12)"), HasSubstr("it is empty")));
  const auto on_windows =
      imported(Format::kOpenioc,
               openioc(both("WINDOWS\\system32", "evil.dll") + both("\\Temp", "evil.dll") +
                       both("C:\\Temp\\", "evil.dll") + item("FileItem/FilePath", "WINDOWS\\Temp")),
               "feed", model::Platform::kWindows);
  EXPECT_THAT(refusals(on_windows), IsEmpty());
  EXPECT_THAT(shown(on_windows),
              ElementsAre("file path file.path$\\WINDOWS\\system32\\evil.dll @6",
                          "file path file.path$\\Temp\\evil.dll @8",
                          "file path file.path=C:\\Temp\\evil.dll @10",
                          "file path file.pathre\\\\WINDOWS\\\\Temp\\\\[^\\\\]+$ @11"));
}

TEST(ImportOpenioc, AVariableInAPathIsTakenForAFolder) {
  const auto in_folder = [](const std::string& folder) {
    return "<Indicator operator=\"AND\">" + item("FileItem/FilePath", folder) +
           item("FileItem/FileName", "evil.exe") + "</Indicator>";
  };
  const std::string paths =
      openioc(in_folder("%APPDATA%") + in_folder("%SystemRoot%\\Temp") +
              in_folder("%USERPROFILE%\\Downloads") + item("FileItem/FilePath", "%TEMP%") +
              item("FileItem/FilePath", "\\%TEMP%", "ends-with") +
              item("FileItem/FullPath", "%TEMP%\\evil.exe", "ends-with") +
              item("ProcessItem/path", "C:\\Users\\%USERNAME%\\evil.exe"));
  for (const auto platform : {model::Platform::kWindows, model::Platform::kLinux}) {
    const auto result = imported(Format::kOpenioc, paths, "feed", platform);
    EXPECT_THAT(shown(result), IsEmpty());
    EXPECT_EQ(result.not_taken.size(), 7u);
    for (const NotTaken& one : result.not_taken)
      EXPECT_THAT(one.why, HasSubstr("%VARIABLES% stand for folders that only scope.paths knows"));
  }
}

TEST(ImportOpenioc, APathWithSlashesBehindItsDriveIsNeverFound) {
  const std::string paths =
      openioc("<Indicator operator=\"AND\">" + item("FileItem/FilePath", "C:/Windows/Temp") +
              item("FileItem/FileName", "evil.exe") + "</Indicator>" +
              item("FileItem/FilePath", "c:/Temp/") +
              item("FileItem/FullPath", "C:/Temp/ev", "starts-with"));
  EXPECT_THAT(shown(imported(Format::kOpenioc, paths, "feed", model::Platform::kWindows)),
              ElementsAre("file path file.path=C:\\Windows\\Temp\\evil.exe @6",
                          "file path file.pathre^c:\\\\Temp\\\\[^\\\\]+$ @7",
                          "file path file.path^C:\\Temp\\ev @8"));
  EXPECT_THAT(refusals(imported(Format::kOpenioc, paths)),
              testing::Each(HasSubstr("it is about Windows")));
}

TEST(ImportOpenioc, APartOfAFolderIsFoundInTheNamesOfFiles) {
  const std::string folders = openioc(item("FileItem/FilePath", "temp", "contains") +
                                      item("FileItem/FilePath", "/temp/", "contains") +
                                      item("FileItem/FilePath", "/x", "contains") +
                                      item("FileItem/FilePath", "temp", "starts-with") +
                                      item("FileItem/FilePath", "/home/*/x", "contains"));
  const auto result = imported(Format::kOpenioc, folders);
  EXPECT_THAT(shown(result),
              ElementsAre("file path file.pathretemp[^/]*/ @5", "file path file.path~/temp/ @6"));
  EXPECT_THAT(refusals(result), ElementsAre(HasSubstr("a part of 2 bytes is in half of all names"),
                                            HasSubstr("it is not an absolute path"),
                                            HasSubstr("* and ? stand for themselves")));
  EXPECT_THAT(shown(imported(Format::kStix,
                             R"({"type":"indicator","pattern_type":"stix","pattern":
      "[file:parent_directory_ref.path LIKE '%temp%' AND file:name = 'evil']"})")),
              ElementsAre("combination file.pathretemp[^/]*/ file.name=evil"));
  const auto on_windows = imported(Format::kOpenioc, folders, "feed", model::Platform::kWindows);
  ASSERT_FALSE(on_windows.indicators.empty());
  EXPECT_EQ(on_windows.indicators[0].all_of[0].value, R"(temp[^\\]*\\)");
  EXPECT_TRUE(on_windows.indicators[0].all_of[0].caseless);
}

TEST(ImportOpenioc, AKeyWithoutItsHiveAndAnExtensionWithADotAreNeverFound) {
  const auto result = imported(
      Format::kOpenioc,
      openioc(item("RegistryItem/KeyPath", "Software\\Evil") + "<Indicator operator=\"AND\">" +
              item("FileItem/FileName", "evil", "starts-with") +
              item("FileItem/FileExtension", ".dll") + "</Indicator>"),
      "feed", model::Platform::kWindows);
  EXPECT_THAT(shown(result), ElementsAre("registry windows-registry-key.key$\\Software\\Evil @5",
                                         "combination file.name^evil file.extension=dll @6"));
}

TEST(ImportOpenioc, APathThatEndsInTheNameOfAValueIsNeverFound) {
  const std::string run = R"(HKLM\Software\Run)", path = "windows-registry-key.key=" + run,
                    evil = R"(windows-registry-key.key=HKLM\Software\Run\Evil)",
                    value = "windows-registry-key.values.name=";
  const auto both = [](const std::string& one, const std::string& other) {
    return openioc("<Indicator operator=\"AND\">" + one + other + "</Indicator>");
  };
  const auto taken = [](const std::string& text) {
    return imported(Format::kOpenioc, text, "feed", model::Platform::kWindows);
  };
  EXPECT_THAT(
      shown(taken(openioc(item("RegistryItem/Path", run + R"(\Evil)")))),
      ElementsAre("registry " + evil + " @5", "combination " + path + " " + value + "Evil @5"));
  const auto named =
      taken(both(item("RegistryItem/Path", run), item("RegistryItem/ValueName", "Evil")));
  EXPECT_THAT(shown(named), ElementsAre("combination " + path + " " + value + "Evil @5"));
  EXPECT_THAT(refusals(named), IsEmpty()) << "Run is no value's name where Evil is";
  EXPECT_THAT(shown(taken(both(item("RegistryItem/Path", run + R"(\Evil)"),
                               item("RegistryItem/ValueName", "Evil")))),
              ElementsAre("combination " + evil + " " + value + "Evil @5",
                          "combination " + path + " " + value + "Evil @5"));
  EXPECT_THAT(
      shown(taken(both(item("RegistryItem/Text", "evil.exe"),
                       item("RegistryItem/Path", run + R"(\Evil)", "is", R"(negate="true")")))),
      ElementsAre(testing::EndsWith("!" + path + " !" + evil + " @5"),
                  testing::EndsWith("!" + evil + " !" + value + "Evil @5")));
}

TEST(ImportOpenioc, AReadingIsLostWhereOnlyTheCaseOfANameDiffers) {
  const auto both = [](const std::string& one, const std::string& other) {
    return openioc("<Indicator operator=\"AND\">" + one + other + "</Indicator>");
  };
  const std::string run = "windows-registry-key.key=HKLM\\Software\\Run",
                    name = " windows-registry-key.values.name=";
  const auto named = imported(Format::kOpenioc,
                              both(item("RegistryItem/Path", "HKLM\\Software\\Run\\Evil"),
                                   item("RegistryItem/ValueName", "evil")),
                              "feed", model::Platform::kWindows);
  EXPECT_THAT(shown(named), ElementsAre("combination " + run + "\\Evil" + name + "evil @5",
                                        "combination " + run + name + "Evil @5"));
  EXPECT_THAT(refusals(named), IsEmpty());
  const std::string names =
      both(item("FileItem/FileName", "Evil"), item("FileItem/FileName", "evil"));
  EXPECT_THAT(shown(imported(Format::kOpenioc, names)),
              ElementsAre("combination file.name=Evil @5"));
  std::string cased = names;
  for (auto at = cased.find("preserve-case=\"false\""); at != std::string::npos;
       at = cased.find("preserve-case=\"false\""))
    cased.replace(at, 21, "preserve-case=\"true\"");
  EXPECT_THAT(refusals(imported(Format::kOpenioc, cased)),
              ElementsAre(HasSubstr("it demands two values of file.name at once")));
}

TEST(ImportOpenioc, APortOrAnExtensionThatEveryHostHasIsASign) {
  const auto result = imported(
      Format::kOpenioc,
      openioc(item("PortItem/remotePort", "443") + item("PortItem/localPort", "22") +
              item("FileItem/FileExtension", "exe") + "<Indicator operator=\"AND\">" +
              item("FileItem/FileExtension", ".exe") + item("FileItem/SizeInBytes", "4096") +
              "</Indicator>" + item("PortItem/remotePort", "4444")));
  EXPECT_THAT(shown(result), ElementsAre("combination network-traffic.dst_port=4444 @10"));
  EXPECT_EQ(result.not_taken.size(), 4u);
  for (const NotTaken& one : result.not_taken)
    EXPECT_THAT(one.why, HasSubstr("every host has such"));
}

TEST(ImportOpenioc, WhatIsDemandedBesideAnEmptyGroupIsLostInSilence) {
  const auto result = imported(
      Format::kOpenioc,
      openioc("<Indicator operator=\"AND\">" + item("FileItem/FileName", "evil") +
              "\n<Indicator operator=\"OR\"/></Indicator>\n<Indicator operator=\"AND\"/>"));
  EXPECT_THAT(shown(result), IsEmpty());
  EXPECT_THAT(refusals(result), ElementsAre("5: Ours: a group without an item (line 6)",
                                            "7: Ours: a group without an item (line 7)"));
}

TEST(ImportOpenioc, ATextIsCutAtItsFirstCommentOrCdata) {
  std::string text =
      openioc(item("FileItem/FileName", "evil<!-- of 2026 -->bot") +
              item("FileItem/FileName", "evil <![CDATA[&]]> <![CDATA[x]]>", "contains") +
              item("RegistryItem/Path", "HKEY_USERS\\<![CDATA[Evil]]>") +
              item("FileItem/FullPath", "/tmp/<b>evil</b>", "starts-with") +
              item("RegistryItem/Path", "HKEY_USERS<b>\\Evil</b>"));
  text.replace(text.find("Ours"), 4, "Ours<!-- still --><![CDATA[, of 2026]]>");
  const auto result = imported(Format::kOpenioc, text, "feed", model::Platform::kWindows);
  EXPECT_THAT(
      shown(result),
      ElementsAre("file name file.name=evilbot @5", "file name file.name~evil & x @6",
                  "registry windows-registry-key.key=HKEY_USERS\\Evil @7", HasSubstr("@7")));
  EXPECT_EQ(result.indicators[0].origins[0].note, "Ours, of 2026");
  EXPECT_THAT(refusals(result),
              ElementsAre(HasSubstr("FileItem/FullPath: its content holds elements (line 8)"),
                          HasSubstr("RegistryItem/Path: its content holds elements (line 9)")));
}

TEST(ImportOpenioc, AnEntityOfTheFileIsExpanded) {
  const auto result = imported(Format::kOpenioc, "<!DOCTYPE x [<!ENTITY a \"evil-evil\">]>" +
                                                     openioc(item("FileItem/FileName", "&a;")));
  EXPECT_THAT(shown(result), ElementsAre("file name file.name=&a; @5"));
}

// --- all of them --------------------------------------------------------------------------------

TEST(Import, WhatIsNoSuchFeedIsTakenForAnEmptyOne) {
  EXPECT_THAT(complaint(Format::kStix, "{\"type\":\"report\"}"), HasSubstr("'type' is 'report'"));
  EXPECT_THAT(complaint(Format::kStix, "{"), HasSubstr("feed: not JSON"));
  EXPECT_THAT(complaint(Format::kMisp, "{}"), HasSubstr("no Event"));
  EXPECT_THAT(complaint(Format::kOpenioc, "<ioc/>"), HasSubstr("its first element is <ioc>"));
  EXPECT_THAT(complaint(Format::kOpenioc, "<a"), HasSubstr("not XML"));
  EXPECT_THAT(complaint(Format::kPlain, std::string(limits::kImportFileBytes + 1, 'x')),
              HasSubstr("split it"));
}

TEST(Import, AFileOfUtf16IsComplainedAboutLineByLine) {
  using namespace std::string_literals;
  for (const Format format : {Format::kPlain, Format::kLoki, Format::kClamav, Format::kStix})
    for (const std::string& text : {"\xFF\xFE/\0t\0m\0p\0\n\0"s, "\xFE\xFF\0/\0t\0m\0p\0\n"s})
      EXPECT_EQ(complaint(format, text, "hash-iocs.txt"),
                "'hash-iocs.txt' is UTF-16: save it as UTF-8");
}

TEST(Import, ADefangedHostIsLookedForLetterByLetter) {
  const auto url = HasSubstr("persistence.command~http://c2.example/gate"),
             domain = HasSubstr("domain persistence.command#c2.example"),
             address = HasSubstr("dst_ref=198.51.100.7"),
             range = HasSubstr("dst_refin203.0.113.0/24");
  const auto attribute = [](const char* type, const char* value) {
    return fmt::format(R"({{"type":"{}","to_ids":true,"value":"{}"}})", type, value);
  };
  EXPECT_THAT(shown(imported(Format::kMisp, R"({"Attribute":[)" +
                                                attribute("url", "hxxp://c2[.]example/gate") + "," +
                                                attribute("url", "hXXp[:]//c2[.]example") + "," +
                                                attribute("hostname", "c2(.)example") + "," +
                                                attribute("ip-dst", "198[.]51[.]100[.]7") + "," +
                                                attribute("ip-dst", "203.0.113[.]0[/]24") + "]}")),
              ElementsAre(url, domain, domain, address, range));
  EXPECT_THAT(
      shown(imported(
          Format::kStix,
          R"({"type":"indicator","pattern_type":"stix","pattern":"[url:value = )"
          R"('hxxp://c2[.]example/gate' OR url:value LIKE 'hxxp://c2[.]example/gate%' OR )"
          R"(domain-name:value = 'c2[.]example' OR ipv4-addr:value = '198[.]51[.]100[.]7' OR )"
          R"(ipv4-addr:value ISSUBSET '203[.]0.113.0/24']"})")),
      ElementsAre(url, url, domain, address, range));
  EXPECT_THAT(shown(imported(Format::kOpenioc,
                             openioc(item("Network/URI", "hxxp://c2[.]example/gate") +
                                     item("Network/URI", "hxxp://c2[.]example/gate", "contains") +
                                     item("Network/DNS", "c2[dot]example", "contains") +
                                     item("PortItem/remoteIP", "198.51.100[.]7")))),
              ElementsAre(url, url, domain, address));
  const auto no_host =
      imported(Format::kMisp, R"({"Attribute":[)" + attribute("url", "http://*.c2.example/gate") +
                                  "," + attribute("url", "http://c2,example/gate") + "]}");
  EXPECT_THAT(shown(no_host), IsEmpty());
  EXPECT_THAT(refusals(no_host), ElementsAre(HasSubstr("'http://*.c2.example/gate' is not a URL"),
                                             HasSubstr("is not a URL")));
}

TEST(Import, LinesOfAnOldMacAreOneLine) {
  EXPECT_THAT(shown(imported(Format::kPlain, "198.51.100.7\r198.51.100.8\r\n\r\n198.51.100.9\n\r")),
              ElementsAre(HasSubstr("198.51.100.7 @1"), HasSubstr("198.51.100.8 @2"),
                          HasSubstr("198.51.100.9 @4")));
}

TEST(Import, TheSameIndicatorOfTwoFeedsLosesOneOfItsSources) {
  auto first = imported(Format::kLoki, kHash + ";One\n", "hash-iocs.txt").indicators;
  auto second = imported(Format::kPlain, kHash + "\n", "list.txt").indicators;
  second[0].confidence = 90;
  first.push_back(second[0]);
  const auto one = merged(first, 50);
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].confidence, 90);
  ASSERT_EQ(one[0].origins.size(), 2u);
  EXPECT_EQ(one[0].origins[0].source, "hash-iocs.txt");
  EXPECT_EQ(one[0].origins[1].source, "list.txt");
}

TEST(Import, AnUngradedFeedTakesTheLowGradeOfAnother) {
  const auto graded = [](const std::vector<std::optional<std::uint8_t>>& confidences) {
    std::vector<Indicator> all;
    for (const auto& confidence : confidences) {
      all.push_back(imported(Format::kPlain, kHash).indicators.at(0));
      all.back().confidence = confidence;
    }
    return merged(all, 50).at(0).confidence;
  };
  EXPECT_EQ(graded({10, std::nullopt}), std::nullopt) << "it has the 50 of what is not graded";
  EXPECT_EQ(graded({std::nullopt, 10}), std::nullopt);
  EXPECT_EQ(graded({std::nullopt, 60, 10}), 60);
  EXPECT_EQ(graded({10, 20}), 20);
}

TEST(Import, ATimeOfAFeedIsReadInAnotherZone) {
  const auto read = [](const char* text) {
    const auto time = feed_time(text);
    return time ? to_rfc3339(*time) : std::string("none");
  };
  EXPECT_EQ(read("2026-11-01"), "2026-11-01T00:00:00Z");
  EXPECT_EQ(read("2026-11-01 07:44:46"), "2026-11-01T07:44:46Z");
  EXPECT_EQ(read("2026-11-01 07:44:46 UTC"), "2026-11-01T07:44:46Z");
  EXPECT_EQ(read("2026-11-01T07:44:46.123456Z"), "2026-11-01T07:44:46Z");
  EXPECT_EQ(read("2026-11-01T07:44:46+02:00"), "2026-11-01T05:44:46Z");
  for (const char* bad : {"", "2026-13-01", "2026-11-01T07:44", "2026-11-01T07:44:46.", "yesterday",
                          "9999-12-31T23:59:59-02:00"})
    EXPECT_EQ(read(bad), "none") << bad;
}

}  // namespace
}  // namespace fleetsweep::indicators
