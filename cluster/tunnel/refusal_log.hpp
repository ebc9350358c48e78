// REFUSAL LOG: why connections became no links. A node that dials again and again is no news, so
// each address and reason is logged once; that two nodes dialed each other is none at all.
#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace weir {

class refusal_log {
 public:
  /// Somebody who dialed us is known by the host: the port is of its own choice.
  void tell(const std::string& endpoint, bool dialed_by_us, const std::string& reason);
  void forget(const std::string& endpoint) { last_.erase(endpoint); }

 private:
  static constexpr size_t remembered_max = 256;
  std::map<std::string, std::string> last_; ///< reason, by who
};

} // namespace weir
