#include "actors/link_ports.hpp"

#include "proto/messages.hpp"
#include "proto/role_names.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <utility>

namespace weir {

namespace {

template <class Message>
void tell(const role_table& roles, Message message) noexcept {
  if (const auto links = roles.find(role_name::links))
    caf::anon_send(caf::actor_cast<links_actor>(links), std::move(message));
}

class link_events final : public network_events {
 public:
  explicit link_events(const role_table& roles) : roles_(roles) {}
  void link_up(link_id link, const node_card& peer) noexcept override {
    tell(roles_, link_opened{link, peer});
  }
  void link_down(link_id link, const std::string& reason) noexcept override {
    tell(roles_, link_closed{link, reason});
  }
  void received(link_id link, std::string head, std::string text,
                frame_slip slip) noexcept override {
    tell(roles_, link_frame{link, std::move(head), std::move(text), std::move(slip)});
  }

 private:
  const role_table& roles_;
};

} // namespace

void link_origin::deliver(receipt_ptr receipt) noexcept {
  tell(roles_, std::move(receipt));
}

/// Stored before it is told: an actor that takes the role in between finds it here.
void link_origin::stored(uint64_t sequence) noexcept {
  auto before = last_stored_.load();
  while (before < sequence && !last_stored_.compare_exchange_weak(before, sequence)) {
  }
  tell(roles_, stored_until{sequence});
}

void link_origin::resubmit() noexcept {
  tell(roles_, resubmit_atom_v);
}

std::shared_ptr<link_origin> make_link_origin(const role_table& roles) {
  return std::make_shared<link_origin>(roles);
}

std::unique_ptr<network_events> make_link_events(const role_table& roles) {
  return std::make_unique<link_events>(roles);
}

} // namespace weir
