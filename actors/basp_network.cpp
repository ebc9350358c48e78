#include "actors/basp_network.hpp"

#include "proto/messages.hpp"

#include <caf/actor_cast.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace weir {

namespace {

/// BASP names what it publishes by a port; there is none here, so any number will do.
constexpr uint16_t nominal_port = 1;

/// Links the tunnel has agreed on, and where each one's frames go once BASP is through.
class link_doors {
 public:
  void agreed(link_id link, const node_card& peer) {
    const std::lock_guard guard{lock_};
    doors_[link].peer = peer;
  }
  /// The peer, if the link is there and was not up before.
  std::optional<node_card> up(link_id link, const caf::actor& door) {
    const std::lock_guard guard{lock_};
    const auto found = doors_.find(link);
    if (found == doors_.end() || found->second.door)
      return {};
    found->second.door = door;
    return found->second.peer;
  }
  void down(link_id link) {
    entry released; // outlives the lock
    const std::lock_guard guard{lock_};
    const auto found = doors_.find(link);
    if (found == doors_.end())
      return;
    released = std::move(found->second);
    doors_.erase(found);
  }
  caf::actor door(link_id link) const {
    const std::lock_guard guard{lock_};
    const auto found = doors_.find(link);
    return found == doors_.end() ? caf::actor{} : found->second.door;
  }
  void clear() {
    std::map<link_id, entry> released;
    const std::lock_guard guard{lock_};
    released.swap(doors_);
  }

 private:
  struct entry {
    node_card peer;
    caf::actor door;
  };
  mutable std::mutex lock_;
  std::map<link_id, entry> doors_;
};

class network final : public basp_network {
 public:
  network(caf::actor_system& system, network_events& events)
    : system_(system), events_(events) {}

  ~network() override {
    caf::anon_send_exit(door_, caf::exit_reason::user_shutdown);
    caf::scoped_actor self{system_};
    self->wait_for(door_); // it uses this
    tunnel_.reset();
    doors_.clear();
  }

  result<void> start(tunnel_config config) {
    broker_ = system_.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
    door_ = system_.spawn<caf::hidden>(
      [this](caf::event_based_actor* self) { return door_behavior(self); });
    tunnel_events events;
    events.opened = [this](tunnel_link link) { connect(link); };
    events.closed = [this](link_id link, const std::string& reason) {
      doors_.down(link);
      events_.link_down(link, reason);
    };
    auto made = tunnel::open(std::move(config), std::move(events));
    if (!made)
      return tl::unexpected(made.error());
    tunnel_ = std::move(*made);
    tunnel_->run();
    return {};
  }

  void send(link_id to, std::string frame) noexcept override {
    if (const auto door = doors_.door(to))
      caf::anon_send(door, link_frame{to, std::move(frame)});
  }
  void close(link_id link, std::string reason) noexcept override {
    tunnel_->close(link, std::move(reason));
  }
  void reset() noexcept override {
    tunnel_->close_all("this node's links are restarted");
  }
  void learn(std::vector<std::string> addresses) noexcept override {
    if (!addresses.empty())
      tunnel_->learn(std::move(addresses));
  }
  const node_card& self() const noexcept override { return tunnel_->self(); }

 private:
  /// On the tunnel's thread.
  void connect(const tunnel_link& link) {
    doors_.agreed(link.link, link.peer);
    auto scribe = system_.middleman().backend().new_scribe(link.descriptor);
    if (link.dialed_by_us)
      return caf::anon_send(door_, link.link, std::move(scribe));
    // BASP greets as a server, with the door as what is published.
    caf::anon_send(caf::actor_cast<caf::actor>(broker_), caf::publish_atom::value,
                   std::move(scribe), nominal_port,
                   caf::actor_cast<caf::strong_actor_ptr>(door_),
                   std::set<std::string>{});
  }

  caf::behavior door_behavior(caf::event_based_actor* self) {
    return {
      [this, self](link_id link, caf::io::scribe_ptr& scribe) {
        greet(self, link, scribe);
      },
      [this](const link_open& open) { up(open.link, open.door); },
      [this](link_frame& frame) { events_.received(frame.link, std::move(frame.bytes)); },
    };
  }

  void greet(caf::event_based_actor* self, link_id link, caf::io::scribe_ptr& scribe) {
    self
      ->request(broker_, caf::infinite, caf::connect_atom::value, std::move(scribe),
                nominal_port)
      .then(
        [this, self, link](const caf::node_id&, const caf::strong_actor_ptr& peer,
                           const std::set<std::string>&) {
          if (!peer)
            return tunnel_->close(link, "CAF's handshake gave no actor");
          const auto door = caf::actor_cast<caf::actor>(peer);
          self->send(door, link_open{link, caf::actor_cast<caf::actor>(self)});
          up(link, door);
        },
        [this, self, link](const caf::error& why) {
          tunnel_->close(link, "CAF's handshake failed: " + self->system().render(why));
        });
  }

  void up(link_id link, const caf::actor& door) {
    const auto peer = doors_.up(link, door);
    if (!peer)
      return;
    tunnel_->confirm(link);
    events_.link_up(link, *peer);
  }

  caf::actor_system& system_;
  network_events& events_;
  caf::actor broker_;
  caf::actor door_;
  link_doors doors_;
  std::unique_ptr<tunnel> tunnel_;
};

} // namespace

result<std::unique_ptr<basp_network>> basp_network::start(caf::actor_system& system,
                                                          tunnel_config config,
                                                          network_events& events) {
  auto made = std::make_unique<network>(system, events);
  if (auto started = made->start(std::move(config)); !started)
    return tl::unexpected(started.error());
  return made;
}

} // namespace weir
