#include "actors/link_ports.hpp"

#include "proto/messages.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <utility>

namespace weir {

namespace {

template <class Message>
void tell(const role_table& roles, Message message) noexcept {
  if (const auto links = roles.find("links"))
    caf::anon_send(caf::actor_cast<links_actor>(links), std::move(message));
}

class link_origin final : public receipt_port {
 public:
  explicit link_origin(const role_table& roles) : roles_(roles) {}
  void deliver(receipt_ptr receipt) noexcept override {
    tell(roles_, std::move(receipt));
  }
  void stored(uint64_t sequence) noexcept override {
    tell(roles_, stored_until{sequence});
  }
  void resubmit() noexcept override { tell(roles_, resubmit_atom_v); }

 private:
  const role_table& roles_;
};

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

std::shared_ptr<receipt_port> make_link_origin(const role_table& roles) {
  return std::make_shared<link_origin>(roles);
}

std::unique_ptr<network_events> make_link_events(const role_table& roles) {
  return std::make_unique<link_events>(roles);
}

} // namespace weir
