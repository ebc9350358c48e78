// REFUSAL LOG: why connections became no links. A node that dials again and again is no news, so
// each address and reason is logged once; that two nodes dialed each other is never logged.
#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace weir {

class refusal_log {
 public:
  /// A node that dialed us is known by its host, because its port changes.
  void tell(const std::string& endpoint, bool dialed_by_us, const std::string& reason);
  void forget(const std::string& endpoint) { last_.erase(endpoint); }

 private:
  static constexpr size_t remembered_max = 256;
  std::map<std::string, std::string> last_; ///< the last reason, by address
};

} // namespace weir
