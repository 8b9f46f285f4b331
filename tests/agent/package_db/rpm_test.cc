// Packages of rpm, with rpm itself as the referee where it is installed (./dev test installs it).

#include <cstdio>
#include <fstream>
#include <sstream>

#include "agent/package_db/package_db.h"
#include "agent/package_db/sqlite_rows.h"
#include "tests/agent/package_db/rpm_database.h"
#include "tests/protocol/codec/golden_files.h"

namespace fleetsweep {
namespace {

namespace fs = std::filesystem;

const std::string kSha256(64, 'a'), kMd5(32, 'b');

RpmPackage kit() {
  return {"kit-1.2-3", {{"/usr/bin/kit", kSha256}, {"/lib/old.so", kMd5}, {"/etc/kit.ghost", ""}}};
}

struct RpmTest : testing::Test {
  std::string root = [] {
    char made[] = "/tmp/fleetsweep-rpm-XXXXXX";
    EXPECT_NE(::mkdtemp(made), nullptr);
    return std::string(made);
  }();
  ~RpmTest() override { fs::remove_all(root); }

  std::string at(const std::string& path) const { return root + "/" + path; }
  void expect_kit() {
    const auto db = PackageDb::open(root);
    ASSERT_TRUE(db) << db.error().message;
    EXPECT_EQ(db->owner("/usr/bin/kit"), "kit-1.2-3");
    EXPECT_TRUE(db->intact("/usr/bin/kit", kSha256));
    EXPECT_FALSE(db->owner("/usr/bin/other"));
  }
};

std::string output_of(const std::string& command) {
  std::string text;
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    text.append(buffer, got);
  EXPECT_EQ(::pclose(pipe), 0) << command << "\n" << text;
  return text;
}

TEST_F(RpmTest, FilesOfAPackageAreNobodys) {
  write_rpm_database(root, {kit(), {"empty-1-1", {}}});
  const auto db = PackageDb::open(root);
  ASSERT_TRUE(db) << db.error().message;
  EXPECT_EQ(db->owner("/usr/bin/kit"), "kit-1.2-3");
  EXPECT_EQ(db->owner("/bin/kit"), "kit-1.2-3");  // merged
  EXPECT_TRUE(db->intact("/usr/bin/kit", kSha256));
  EXPECT_FALSE(db->intact("/usr/bin/kit", std::string(64, 'c')));
  EXPECT_TRUE(db->intact("/usr/lib/old.so", kMd5));
  EXPECT_EQ(db->owner("/etc/kit.ghost"), "kit-1.2-3");
  EXPECT_FALSE(db->recorded("/etc/kit.ghost"));
  EXPECT_FALSE(db->owner("/usr/bin/other"));
  EXPECT_EQ(db->files(), 3u);
}

TEST_F(RpmTest, AFileThatRpmLeftOutIsItsPackages) {
  std::vector<RpmFile> files;
  for (const char* path :
       {"/usr/normal", "/usr/replaced", "/left/out", "/usr/shared", "/other/color", "/usr/unsaid"})
    files.push_back({path, kSha256});
  SqliteFile database(at("var/lib/rpm/rpmdb.sqlite"));
  database.make_packages();
  database.insert(rpm_header({"kit-1.2-3", files}, {0, 1, 2, 3, 4}));
  const auto db = PackageDb::open(root);
  ASSERT_TRUE(db) << db.error().message;
  for (const char* path : {"/usr/normal", "/usr/replaced", "/usr/unsaid"})
    EXPECT_TRUE(db->owner(path)) << path;
  for (const char* path : {"/left/out", "/usr/shared", "/other/color"}) {
    EXPECT_FALSE(db->owner(path)) << path;
    EXPECT_FALSE(db->recorded(path)) << path;
  }
}

TEST_F(RpmTest, AHostWithBerkeleyDbIsNeverCleaned) {
  if (!has_berkeley_db()) GTEST_SKIP() << "db5.3-util is not installed";
  for (const std::string folder : {"var/lib/rpm", "usr/lib/sysimage/rpm"}) {
    write_berkeley(at(folder + "/Packages"), {rpm_header({"empty-1-1", {}}), rpm_header(kit())});
    expect_kit();
    fs::remove(at(folder + "/Packages"));
    EXPECT_FALSE(PackageDb::open(root)) << "only its folder is left";
    fs::remove(at(folder));
  }
}

TEST_F(RpmTest, AHostOfSusesIsNeverCleaned) {
  for (const std::string folder : {"var/lib/rpm", "usr/lib/sysimage/rpm"}) {
    fs::create_directories(at(folder));
    test::write_file(at(folder + "/Packages.db"), to_text(database_of_rpms_ndb()));
    expect_kit();
    fs::resize_file(at(folder + "/Packages.db"), 4096);
    const auto db = PackageDb::open(root);
    ASSERT_FALSE(db);
    for (const std::string& said : {folder + "/Packages.db", std::string("byte 36")})
      EXPECT_NE(db.error().message.find(said), std::string::npos) << db.error().message;
    fs::remove_all(at(folder));
  }
}

TEST_F(RpmTest, ADatabaseThatRpmLeftBehindCounts) {
  if (!has_berkeley_db()) GTEST_SKIP() << "db5.3-util is not installed";
  const RpmPackage left{"left-1-1", {{"/usr/bin/other", kSha256}}};
  write_berkeley(at("var/lib/rpm/Packages"), {rpm_header(left)});
  test::write_file(at("var/lib/rpm/Packages.db"), to_text(ndb_database({rpm_header(kit())})));
  expect_kit();
  test::write_file(at("var/lib/rpm/Packages.db"), to_text(ndb_database({rpm_header(left)})));
  write_rpm_database(root, {kit()});
  expect_kit();
}

TEST_F(RpmTest, ADamagedBerkeleyDbMakesEveryFileNobodys) {
  if (!has_berkeley_db()) GTEST_SKIP() << "db5.3-util is not installed";
  const std::string path = at("var/lib/rpm/Packages");
  write_berkeley(path, {rpm_header(kit())});
  fs::resize_file(path, 4096);  // the first page, and nothing it speaks of
  const auto db = PackageDb::open(root);
  ASSERT_FALSE(db);
  for (const char* said : {"var/lib/rpm/Packages", "byte 72"})
    EXPECT_NE(db.error().message.find(said), std::string::npos) << db.error().message;
}

TEST_F(RpmTest, OneSystemsDatabaseHidesTheOthers) {
  write_rpm_database(root, {kit()});
  fs::create_directories(root + "/var/lib/dpkg/info");
  std::ofstream(root + "/var/lib/dpkg/info/ls.list") << "/bin/ls\n";
  const auto db = PackageDb::open(root);
  ASSERT_TRUE(db) << db.error().message;
  EXPECT_TRUE(db->owner("/bin/ls") && db->owner("/usr/bin/kit"));
}

TEST_F(RpmTest, ADatabaseThatCannotBeReadMakesEveryFileNobodys) {
  write_rpm_database(root, {kit()});
  const std::string path = root + "/var/lib/rpm/rpmdb.sqlite";
  fs::resize_file(path, 4096);  // the schema, and nothing it speaks of
  const auto db = PackageDb::open(root);
  ASSERT_FALSE(db);
  EXPECT_NE(db.error().message.find("rpmdb.sqlite"), std::string::npos) << db.error().message;
  fs::remove(path);
  fs::create_symlink("/etc/passwd", path);
  EXPECT_FALSE(PackageDb::open(root));
}

TEST_F(RpmTest, EveryCutAndEveryChangedByteOfAHeaderIsReadWithinItsBounds) {
  const Bytes whole = rpm_header(kit(), {0, 2, 0});
  ASSERT_TRUE(parse_rpm_header(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_rpm_header(BytesView(whole).first(size))) << size;
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int value : {0, 1, 127, 255}) {
      Bytes changed = whole;
      changed[at] = static_cast<std::uint8_t>(value);
      if (const auto package = parse_rpm_header(changed)) {
        EXPECT_LE(package->files.size(), whole.size());
      }
    }
}

void expect_what_rpm_says(const std::string& rpm, const std::string& installed) {
  const auto db = PackageDb::open(installed);
  ASSERT_TRUE(db) << db.error().message;
  // path size mtime digest mode owner group isconfig isdoc rdev symlink
  std::istringstream lines(output_of(rpm + "-qa --dump 2>/dev/null | grep ^/"));
  std::size_t files = 0;
  for (std::string line; std::getline(lines, line); ++files) {
    std::istringstream fields(line);
    std::string path, size, time, digest;
    fields >> path >> size >> time >> digest;
    EXPECT_EQ(db->owner(path), "kit-1.2-3.noarch") << line;
    const bool has_content = digest.find_first_not_of('0') != std::string::npos;
    EXPECT_EQ(db->recorded(path).value_or(""), has_content ? digest : "") << line;
  }
  EXPECT_EQ(files, 6u);
  EXPECT_EQ(db->files(), files);
}

TEST_F(RpmTest, RpmItselfSaysSomethingElse) {
  if (::system("command -v rpmbuild >/dev/null") != 0) GTEST_SKIP() << "rpm is not installed";
  std::ofstream(root + "/kit.spec") << R"(
Name: kit
Version: 1.2
Release: 3
Summary: A look-alike
License: none
BuildArch: noarch
%description
harmless
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/etc/kit.d
echo tool > %{buildroot}/usr/bin/kit
echo conf > %{buildroot}/etc/kit.d/conf
: > %{buildroot}/usr/bin/kit-empty
ln -s kit %{buildroot}/usr/bin/kit-link
%files
/usr/bin/*
%dir /etc/kit.d
%config /etc/kit.d/conf
%ghost /etc/kit.ghost
)";
  const std::string installed = root + "/host";
  output_of("rpmbuild --define '_topdir " + root + "/top' -bb " + root + "/kit.spec");
  const std::string rpm = "rpm --root " + installed + " --dbpath /var/lib/rpm ";
  output_of(rpm + "--define '_db_backend sqlite' -i --justdb --nodeps " + root +
            "/top/RPMS/noarch/kit-1.2-3.noarch.rpm");
  expect_what_rpm_says(rpm, installed);

  // The same in the older database, as Berkeley DB writes it and this rpm reads it.
  const std::string sqlite = installed + "/var/lib/rpm/rpmdb.sqlite";
  const Bytes database = to_bytes(test::read_file(sqlite)),
              log = to_bytes(test::read_file(sqlite + "-wal"));
  std::vector<Bytes> headers;
  ASSERT_TRUE(each_blob(source_of(database), source_of(log), "Packages", 1, 1 << 20,
                        [&](BytesView header) -> Status {
                          headers.push_back(to_bytes(header));
                          return {};
                        }));
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(sqlite + suffix);
  if (!has_berkeley_db()) GTEST_SKIP() << "db5.3-util is not installed";
  write_berkeley(installed + "/var/lib/rpm/Packages", headers);
  expect_what_rpm_says(rpm, installed);
}

}  // namespace
}  // namespace fleetsweep
