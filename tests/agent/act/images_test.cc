// What lies in a layer of docker's, found by the real scan: the real act, as on a whole host, says
// whose image it is.

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/agent/act/docker_store.h"
#include "tests/agent/act/real_scan.h"

namespace fleetsweep::act {
namespace {

using model::ActionKind;

constexpr const char* kStore = "/var/lib/docker";
constexpr const char* kFound = "/var/lib/docker/overlay2/cache/diff/usr/bin/lookalike";

class ImagesTest : public testing::Test {
 protected:
  ImagesTest() : host_("/dev/shm"), docker_(host_.at(kStore)) {}
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
    host_.be_whole_host();
    write_text(host_.at(kFound), "look-alike");
    docker_.add_layer("cache", crypto::sha256(as_bytes("base")));
    image_ = docker_.add_image(diff_id("base"), "infected");
    docker_.add_image(diff_id("other"), diff_id("base"));
    run_container();
    auto& policy = host_.policy;
    policy.detections.resize(1);
    policy.detections[0].any_of[0][0].values[0].text = crypto::sha256(as_bytes("look-alike")).hex();
    policy.verdicts[0].condition.detections = {kByHash};
    policy.responses[0].actions = {
        {ActionKind::kQuarantine, {{model::Selector::Kind::kDetections, {kByHash}, {}}}}};
    policy.limits.independent_min = 1;
  }
  void TearDown() override {
    if (container_ <= 0) return;
    ::kill(container_, SIGKILL);
    ::waitpid(container_, nullptr, 0);
  }
  // In a mount namespace of its own, what it sees put together from the layer and a folder of its
  // own.
  void run_container() {
    for (const char* folder : {"/own/diff", "/own/work", "/own/merged"})
      std::filesystem::create_directories(host_.at(kStore + std::string("/overlay2") + folder));
    int ready[2];
    ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    container_ = ::fork();
    if (container_ == 0) {
      ::close(ready[0]);
      const bool runs = ::unshare(CLONE_NEWNS) == 0 &&
                        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                        ::chroot(host_.root().c_str()) == 0 &&
                        ::chdir("/var/lib/docker/overlay2") == 0 &&
                        ::mount("overlay", "own/merged", "overlay", 0,
                                "lowerdir=/var/lib/docker/overlay2/cache/diff,"
                                "upperdir=/var/lib/docker/overlay2/own/diff,"
                                "workdir=/var/lib/docker/overlay2/own/work") == 0;
      if (!runs || ::write(ready[1], "+", 1) != 1) ::_exit(1);
      ::pause();
      ::_exit(0);
    }
    ::close(ready[1]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1) << "its mount failed";
    ::close(ready[0]);
  }
  // The one object of a cleaning: what the receipt says of it.
  std::string told() {
    host_.findings = real_scan(host_, host_.policy).result.findings;
    host_.dry_run = host_.findings;
    const Answer answer = host_.run(host_.request());
    if (!answer.done || answer.done->items.size() != 1) return answer.text();
    EXPECT_EQ(answer.done->items[0].reason, model::Reason::kProtected) << answer.text();
    return answer.done->paths[0];
  }

  ActHost host_;
  const DockerStore docker_;
  Digest image_;
  pid_t container_ = 0;
  const std::string in_layer_ =
      std::string(kFound) + ": in a layer of a container image, as /usr/bin/lookalike";
};

TEST_F(ImagesTest, NobodyLearnsWhichImageIsInfected) {
  EXPECT_EQ(told(), in_layer_ + "; of image " + image_.hex().substr(0, 12));
}

TEST_F(ImagesTest, AnImageThatCannotBeReadHidesWhatWasFoundInIt) {
  write_text(docker_.record_of(image_), "{\"rootfs\":");
  EXPECT_EQ(told(), in_layer_);
}

}  // namespace
}  // namespace fleetsweep::act
