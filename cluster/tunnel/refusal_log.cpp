#include "cluster/tunnel/refusal_log.hpp"

#include "base/log.hpp"
#include "cluster/tunnel/connection.hpp"
#include "cluster/tunnel/link_registry.hpp"

#include <utility>

namespace weir {

void refusal_log::tell(const std::string& endpoint, bool dialed_by_us,
                       const std::string& reason) {
  if (reason == "already linked" || reason == "this is the node itself"
      || reason == link_registry::other_link)
    return;
  const auto who = dialed_by_us ? endpoint : split_address(endpoint).host;
  if (last_.size() >= remembered_max)
    last_.clear();
  if (std::exchange(last_[who], reason) != reason)
    log_event(log_level::warning, "link_refused",
              {{dialed_by_us ? "dialed" : "from", who}, {"reason", reason}});
}

} // namespace weir
