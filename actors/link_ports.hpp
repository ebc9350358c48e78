// LINK PORTS: how receipts and the network reach the actor that plays `links` now. What
// comes while nobody does is dropped, as when a link is lost. Any thread.
#pragma once

#include "actors/roles.hpp"
#include "cluster/network.hpp"
#include "proto/messages.hpp"
#include "proto/ports.hpp"

#include <atomic>
#include <memory>

namespace weir {

/// The origin of batches that came over a link. It outlives each actor that plays `links` and
/// remembers for the next how far the sink is: only a commit would tell, and a repeat makes none.
class link_origin final : public receipt_port {
 public:
  /// `roles` outlives it.
  explicit link_origin(const role_table& roles) : roles_(roles) {}
  void deliver(receipt_ptr receipt) noexcept override;
  void stored(uint64_t sequence) noexcept override;
  void resubmit() noexcept override;

  /// The last record that is known to be in the sink. Later ones are told as stored_until
  /// to an actor that was sent a receipt before.
  uint64_t last_stored() const noexcept { return last_stored_.load(); }

 private:
  const role_table& roles_;
  std::atomic<uint64_t> last_stored_{0};
};

std::shared_ptr<link_origin> make_link_origin(const role_table& roles);
/// The same for what the network says.
std::unique_ptr<network_events> make_link_events(const role_table& roles);

} // namespace weir
