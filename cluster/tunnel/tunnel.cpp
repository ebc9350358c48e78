#include "cluster/tunnel/tunnel.hpp"

#include "base/log.hpp"
#include "cluster/tunnel/dialer.hpp"
#include "cluster/tunnel/frame_lane.hpp"
#include "cluster/tunnel/greeting.hpp"
#include "cluster/tunnel/refusal_log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <pthread.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

namespace weir {

namespace asio = boost::asio;
using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

class asio_tunnel final : public tunnel {
 public:
  asio_tunnel(tunnel_config config, network_events& events)
    : config_(std::move(config)), events_(events), acceptor_(context_),
      dialer_(context_, config_.dial_interval,
              {[this](const std::string& peer) {
                 return registry_->linked(peer) || registry_->full();
               },
               [this](std::string endpoint) {
                 asio::co_spawn(context_, dial(std::move(endpoint)), asio::detached);
               }}),
      work_(context_.get_executor()) {}
  ~asio_tunnel() override;

  result<void> prepare();
  void run() override;
  const node_card& self() const noexcept override { return config_.self; }

  void send(link_id to, outgoing_frame frame) noexcept override;
  void close(link_id link, std::string reason) noexcept override;
  void reset() noexcept override;
  void learn(std::vector<std::string> addresses) noexcept override;

 private:
  void work();
  void end_all(const std::string& reason);

  connection_ptr open(tcp::socket socket, std::string endpoint, bool dialed_by_us);
  size_t accepted_handshakes() const;
  awaitable<void> accept_all();
  awaitable<void> dial(std::string endpoint);
  awaitable<void> serve(connection_ptr one);
  void met(const connection& one);

  std::string enter(const connection_ptr& one);
  std::string left_out(const connection& one) const;
  bool has_link(const connection_ptr& one) const;
  awaitable<void> carry(connection_ptr one);
  awaitable<void> send_waiting(connection_ptr one);
  void drop(link_id link, const std::string& reason);

  tunnel_config config_;
  network_events& events_;
  std::unique_ptr<asio::ssl::context> tls_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  dialer dialer_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::optional<link_registry> registry_;
  std::set<connection_ptr> open_;
  std::map<link_id, connection_ptr> links_; ///< as in registry_
  refusal_log refusals_;
  bool stopping_ = false;
  std::thread thread_;
};

// -- start and end

result<void> asio_tunnel::prepare() {
  if (config_.identity.enabled()) {
    auto made = make_wire_context(config_.identity, config_.self.name);
    if (!made)
      return tl::unexpected(made.error());
    tls_ = std::move(*made);
  }
  if (auto listening = listen(acceptor_, config_.host, config_.port, tls_ != nullptr);
      !listening)
    return listening;
  // Port 0 in the configuration means any: only the bind tells which.
  if (config_.self.address.empty())
    config_.self.address = endpoint_text(acceptor_.local_endpoint());
  registry_.emplace(config_.self, config_.peers_max);
  for (const auto& seed : config_.seeds)
    dialer_.add_seed(seed);
  return {};
}

void asio_tunnel::run() {
  asio::co_spawn(context_, accept_all(), asio::detached);
  dialer_.start();
  thread_ = std::thread{[this] { work(); }};
}

void asio_tunnel::work() {
  ::pthread_setname_np(::pthread_self(), "weir-links");
  while (true) {
    try {
      context_.run();
      return;
    } catch (const std::exception& e) {
      log_event(log_level::error, "tunnel_handler_failed", {{"reason", e.what()}});
    }
  }
}

void asio_tunnel::end_all(const std::string& reason) {
  for (const auto& one : open_)
    one->end(reason);
}

asio_tunnel::~asio_tunnel() {
  asio::post(context_, [this] {
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    dialer_.stop();
    end_all("this node stops");
    work_.reset();
  });
  if (thread_.joinable())
    thread_.join();
}

// -- requests of the actors

void asio_tunnel::send(link_id to, outgoing_frame frame) noexcept {
  asio::post(context_, [this, to, frame = std::move(frame)]() mutable {
    const auto found = links_.find(to);
    if (found == links_.end() || !found->second->up)
      return;
    auto& one = found->second;
    one->waiting.push(std::move(frame));
    if (one->waiting.small_bytes() > config_.small_waiting_bytes_max)
      return drop(to, "the peer takes what it is sent too slowly");
    if (!std::exchange(one->sending, true))
      asio::co_spawn(context_, send_waiting(one), asio::detached);
  });
}

void asio_tunnel::close(link_id link, std::string reason) noexcept {
  asio::post(context_, [this, link, reason = std::move(reason)] {
    if (links_.contains(link))
      drop(link, reason);
    else
      events_.link_down(link, reason);
  });
}

void asio_tunnel::reset() noexcept {
  asio::post(context_, [this] { end_all("this node's links are restarted"); });
}

void asio_tunnel::learn(std::vector<std::string> addresses) noexcept {
  if (!addresses.empty())
    asio::post(context_,
               [this, addresses = std::move(addresses)] { dialer_.learn(addresses); });
}

// -- new connections

connection_ptr asio_tunnel::open(tcp::socket socket, std::string endpoint,
                                 bool dialed_by_us) {
  tune(socket);
  auto one = std::make_shared<connection>(std::move(socket), context_, tls_.get(),
                                          config_.unread_bytes_max);
  one->endpoint = std::move(endpoint);
  one->dialed_by_us = dialed_by_us;
  open_.insert(one);
  // The handler shares the connection, which lives at least until the timer ends.
  one->deadline.expires_after(config_.handshake_deadline);
  one->deadline.async_wait([this, one](error_code cancelled) {
    if (!cancelled && !one->up)
      one->end("no handshake within " + std::to_string(config_.handshake_deadline.count())
               + " ms");
  });
  return one;
}

/// Counts only what others dialed: this node's own dials are bounded elsewhere and must
/// not take their room.
size_t asio_tunnel::accepted_handshakes() const {
  return static_cast<size_t>(
    std::count_if(open_.begin(), open_.end(), [this](const connection_ptr& one) {
      return !one->dialed_by_us && !has_link(one);
    }));
}

awaitable<void> asio_tunnel::accept_all() {
  while (!stopping_) {
    error_code failure;
    tcp::endpoint peer;
    auto socket =
      co_await acceptor_.async_accept(peer, redirect_error(use_awaitable, failure));
    if (stopping_ || !acceptor_.is_open())
      co_return;
    if (failure) { // out of descriptors: the connection waits in the backlog
      asio::steady_timer pause{context_, config_.dial_interval};
      co_await pause.async_wait(redirect_error(use_awaitable, failure));
      continue;
    }
    if (accepted_handshakes() >= config_.handshakes_max)
      continue; // closes it: too many connections are at their handshake
    auto one = open(std::move(socket), endpoint_text(peer), false);
    asio::co_spawn(context_, serve(std::move(one)), asio::detached);
  }
}

awaitable<void> asio_tunnel::dial(std::string endpoint) {
  const auto at = split_address(endpoint);
  error_code failure;
  const auto address = asio::ip::make_address(at.host, failure);
  const tcp::endpoint end{address, static_cast<uint16_t>(std::stoul(at.port))};
  tcp::socket socket{context_};
  if (!failure)
    socket.open(end.protocol(), failure); // there may be no descriptor left
  if (failure || stopping_)
    co_return dialer_.failed(endpoint);
  auto one = open(std::move(socket), endpoint, true);
  co_await one->outside.socket().async_connect(end,
                                               redirect_error(use_awaitable, failure));
  if (!failure)
    co_return co_await serve(one);
  one->end(failure.message());
  dialer_.failed(endpoint);
  open_.erase(one);
}

awaitable<void> asio_tunnel::serve(connection_ptr one) {
  std::optional<link_id> outdated;
  auto problem = co_await introduce(*one, *registry_, outdated);
  if (outdated)
    drop(*outdated, "the node was restarted");
  if (one->dialed_by_us)
    met(*one);
  if (problem.empty())
    problem = enter(one);
  if (problem.empty())
    problem = co_await conclude(*one);
  if (!problem.empty() && one->reason.empty())
    one->reason = problem;
  if (!problem.empty() && !stopping_)
    refusals_.tell(one->endpoint, one->dialed_by_us, one->reason);
  else if (has_link(one)) // unless it lost to another link meanwhile
    co_await carry(one);
  one->end("no link");
  if (has_link(one))
    drop(one->link, one->reason);
  open_.erase(one);
}

/// Tells the dialer who answered where this node dialed, if anybody did.
void asio_tunnel::met(const connection& one) {
  if (one.peer.name.empty())
    dialer_.failed(one.endpoint);
  else if (registry_->is_self(one.peer))
    dialer_.found_self(one.endpoint);
  else
    dialer_.found(one.endpoint, one.peer.name);
}

// -- links

/// Why the connection becomes no link; empty if it does.
std::string asio_tunnel::enter(const connection_ptr& one) {
  if (links_.contains(one->link))
    return link_registry::other_link;
  const auto verdict = registry_->enter(one->peer, one->link, one->dialed_by_us);
  if (!verdict.accepted)
    return verdict.reason == link_registry::other_link ? verdict.reason
                                                       : verdict.reason + left_out(*one);
  if (verdict.close)
    drop(*verdict.close, link_registry::other_link);
  links_[one->link] = one;
  refusals_.forget(one->endpoint);
  return {};
}

/// Learned nodes may be too many; the operator should hear of a seed that is left out.
std::string asio_tunnel::left_out(const connection& one) const {
  const auto seed = one.dialed_by_us ? dialer_.seed_at(one.endpoint) : std::string{};
  return seed.empty() ? seed : ", and the seed " + seed + " has none: raise it";
}

bool asio_tunnel::has_link(const connection_ptr& one) const {
  const auto found = links_.find(one->link);
  return found != links_.end() && found->second == one;
}

awaitable<void> asio_tunnel::carry(connection_ptr one) {
  one->up = true;
  one->deadline.cancel();
  events_.link_up(one->link, one->peer);
  const frame_taker take = [this, &one](std::string head, std::string text,
                                        frame_slip slip) {
    events_.received(one->link, std::move(head), std::move(text), std::move(slip));
  };
  const auto why = co_await receive_frames(one->outside, one->unread, take);
  one->end(why);
}

/// By then everything the actors send in one go has been posted, and it goes together.
awaitable<void> asio_tunnel::send_waiting(connection_ptr one) {
  co_await asio::post(context_, use_awaitable);
  const auto failure = co_await send_frames(one->waiting, one->outside);
  one->sending = false;
  if (failure)
    one->end(failure.message());
}

void asio_tunnel::drop(link_id link, const std::string& reason) {
  const auto found = links_.find(link);
  if (found == links_.end())
    return;
  const auto one = found->second;
  links_.erase(found);
  registry_->leave(link);
  one->end(reason);
  if (one->up)
    events_.link_down(link, one->reason);
}

} // namespace

result<std::unique_ptr<tunnel>> tunnel::open(tunnel_config config,
                                             network_events& events) {
  auto made = std::make_unique<asio_tunnel>(std::move(config), events);
  if (auto ready = made->prepare(); !ready)
    return tl::unexpected(ready.error());
  return made;
}

} // namespace weir
