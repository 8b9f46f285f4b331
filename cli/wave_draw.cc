#include "cli/wave_draw.h"

#include <algorithm>
#include <optional>

#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "protocol/trust/schedule.h"

namespace fleetsweep::cli {
namespace {

// A redraw is cheap (a hash for each known host); a wave that no host falls into by then cannot be
// had.
constexpr int kDraws = 200'000;

// Empty: a canary is not in the first wave, or somebody else is.
std::optional<std::vector<std::size_t>> sizes(const model::Order& order,
                                              const std::vector<KnownHost>& hosts,
                                              bool has_canary) {
  const DocumentId id =
      crypto::document_id({std::string(model::kPayloadOrder), codec::encode(order), {}});
  std::vector<std::size_t> result(order.waves.size(), 0);
  for (const KnownHost& host : hosts) {
    const std::size_t wave = trust::wave_of(order.waves, id, host.id);
    if (has_canary && (wave == 0) != host.canary) return std::nullopt;
    ++result[wave];
  }
  return result;
}

}  // namespace

Result<std::vector<std::size_t>> draw_waves(model::Order& order,
                                            const std::vector<KnownHost>& hosts,
                                            const std::function<Nonce()>& random) {
  const bool has_canary = std::ranges::any_of(hosts, &KnownHost::canary);
  const bool has_enough = hosts.size() >= order.waves.size();
  for (int draw = 0; draw < kDraws; ++draw) {
    order.nonce = random();
    const auto drawn = sizes(order, hosts, has_canary);
    if (drawn && (!has_enough || std::ranges::find(*drawn, 0u) == drawn->end())) return *drawn;
  }
  return fail(Code::kInvalid,
              "no draw of the nonce gives these waves their hosts\nnext:  use fewer waves, or a "
              "larger first permille");
}

}  // namespace fleetsweep::cli
