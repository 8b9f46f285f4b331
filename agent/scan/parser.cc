#include "agent/scan/parser.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "agent/scan/content.h"
#include "agent/scan/large_pages.h"
#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

constexpr std::uint64_t kMemoryBytes = 1ull << 30;
constexpr Duration kForEver{-1};
constexpr Duration kSendTimeout = std::chrono::seconds(60);

// YARA's compiler asks for a megabyte many times and fills it with zeroes, Hyperscan's for small
// pieces: all of it comes from large pages then.
void expect_rules() {
  constexpr std::size_t kHeapBytes = 20u << 20, kArenaBytes = 2u << 20;
  ::mallopt(M_MMAP_THRESHOLD, 2 * kHeapBytes);
  ::mallopt(M_TRIM_THRESHOLD, 2 * kHeapBytes);
  void* heap = std::malloc(kHeapBytes);
  if (heap != nullptr) expect_all(heap, kHeapBytes);
  std::free(heap);
  ::mallopt(M_MMAP_THRESHOLD, kArenaBytes);
}

}  // namespace

void write(Writer& writer, const Hello& hello) {
  writer.small(static_cast<std::uint8_t>(hello.level));
  writer.text(hello.sandbox_error);
  writer.text(hello.rules_error);
}

Hello read_hello(Reader& reader) {
  Hello hello;
  const std::uint8_t level = reader.small();
  if (level <= static_cast<std::uint8_t>(model::SandboxLevel::kFull))
    hello.level = static_cast<model::SandboxLevel>(level);
  hello.sandbox_error = escaped(reader.text().substr(0, limits::kTextBytes));
  hello.rules_error = escaped(reader.text().substr(0, limits::kTextBytes));
  return hello;
}

void run_parser(Channel channel, BytesView memory, const Matcher& matcher,
                const model::Policy& policy, const ParserOptions& options) {
  // Both libraries look at files and the clock when they start: before the doors close.
  std::optional<YaraLibrary> library;
  if (matcher.has_rules()) {
    expect_rules();
    library.emplace();
  }
  ContentReader reader(matcher);
  for (std::uint16_t d = 0; d < matcher.detections(); ++d)
    if (matcher.detection(d).scope.archives) {
      prepare_archives();
      break;
    }

  Hello hello;
  const int keep[] = {channel.fd(), STDERR_FILENO};
  const auto level = runtime::confine_parser(keep, options.user, {.memory_bytes = kMemoryBytes});
  if (level) {
    hello.level = *level;
    if (const auto compiled = reader.compile_rules(policy); !compiled)
      hello.rules_error = compiled.error().message;
    ::malloc_trim(0);  // what the compilers needed meanwhile
  } else {
    hello.sandbox_error = level.error().message;
  }
  Writer first;
  write(first, hello);
  if (!channel.send(first.bytes(), {}, kSendTimeout) || !level) ::_exit(1);

  while (true) {
    const auto frame = channel.receive(kForEver);
    if (!frame || !*frame) ::_exit(0);
    Reader jobs(**frame);
    Writer answers;
    const std::uint64_t count = jobs.number();
    for (std::uint64_t i = 0; i < count && !jobs.is_bad(); ++i) {
      const Job job = read_job(jobs);
      const bool is_given = jobs.small() != 0;
      const std::uint64_t place = jobs.number();
      if (is_given) {
        write(answers, reader.read(job, memory.subspan(place, job.facts.identity.size)));
        continue;
      }
      if (channel.descriptors().empty()) ::_exit(2);
      const UniqueFd fd = std::move(channel.descriptors().front());
      channel.descriptors().pop_front();
      write(answers, reader.read(job, fd.get()));
    }
    if (!channel.send(answers.bytes(), {}, kSendTimeout)) ::_exit(0);
  }
}

}  // namespace fleetsweep::scan
