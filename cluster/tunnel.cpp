#include "cluster/tunnel.hpp"

#include "cluster/connection.hpp"
#include "cluster/dial_plan.hpp"
#include "cluster/hello.hpp"
#include "cluster/link_registry.hpp"
#include "proto/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <pthread.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
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
using std::chrono::steady_clock;

namespace {

constexpr size_t pump_bytes = size_t{64} << 10;

link_id random_link() {
  link_id link = 0;
  while (link == 0)
    if (::getrandom(&link, sizeof link, 0) != static_cast<ssize_t>(sizeof link))
      link = static_cast<link_id>(steady_clock::now().time_since_epoch().count());
  return link;
}

class asio_tunnel final : public tunnel {
 public:
  asio_tunnel(tunnel_config config, tunnel_events events)
    : config_(std::move(config)), events_(std::move(events)), acceptor_(context_),
      resolver_(context_), timer_(context_), work_(context_.get_executor()) {}

  ~asio_tunnel() override {
    asio::post(context_, [this] {
      stopping_ = true;
      error_code ignored;
      acceptor_.close(ignored);
      resolver_.cancel();
      timer_.cancel();
      end_all("this node stops");
      work_.reset();
    });
    if (thread_.joinable())
      thread_.join();
  }

  result<void> prepare();
  void run() override;

  void close(link_id link, std::string reason) override {
    asio::post(context_, [this, link, reason = std::move(reason)] {
      const auto found = links_.find(link);
      if (found == links_.end())
        return events_.closed(link, reason);
      found->second->end(reason);
    });
  }
  void close_all(std::string reason) override {
    asio::post(context_, [this, reason = std::move(reason)] { end_all(reason); });
  }
  void learn(std::vector<std::string> addresses) override {
    asio::post(context_, [this, addresses = std::move(addresses)] {
      for (const auto& address : addresses)
        plan_.learn(address, steady_clock::now());
    });
  }
  void confirm(link_id link) override {
    asio::post(context_, [this, link] {
      const auto found = links_.find(link);
      if (found == links_.end())
        return;
      found->second->confirmed = true;
      found->second->deadline.cancel();
    });
  }
  const node_card& self() const noexcept override { return config_.self; }

 private:
  result<void> listen();
  void work();
  void end_all(const std::string& reason) {
    for (const auto& one : open_)
      one->end(reason);
  }

  connection_ptr open(tcp::socket socket, std::string endpoint, bool dialed_by_us);
  void watch(const connection_ptr& one);
  awaitable<void> accept_all();
  awaitable<void> dial_all();
  awaitable<void> resolve(std::string name);
  awaitable<void> dial(std::string endpoint);
  awaitable<void> serve(connection_ptr one);

  awaitable<bool> receive(connection& one, std::string& body);
  awaitable<bool> say(connection& one, std::string_view bytes);
  awaitable<bool> greet_as_dialer(connection& one);
  awaitable<bool> greet_as_listener(connection& one);
  void refused(connection& one, const std::string& reason);
  awaitable<void> carry(connection_ptr one, bool entered);
  awaitable<void> pump_in(connection_ptr one);
  bool make_link(const connection_ptr& one);
  void finish(const connection_ptr& one);

  tunnel_config config_;
  tunnel_events events_;
  std::unique_ptr<asio::ssl::context> tls_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  tcp::resolver resolver_;
  asio::steady_timer timer_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::optional<link_registry> registry_;
  dial_plan plan_;
  std::set<connection_ptr> open_;
  std::map<link_id, connection_ptr> links_;
  std::map<std::string, std::string> last_refusal_; ///< by endpoint: each is logged once
  bool stopping_ = false;
  std::thread thread_;
};

// -- start

result<void> asio_tunnel::prepare() {
  if (config_.identity.enabled()) {
    auto made = make_wire_context(config_.identity, config_.self.name);
    if (!made)
      return tl::unexpected(made.error());
    tls_ = std::move(*made);
  }
  if (auto listening = listen(); !listening)
    return listening;
  registry_.emplace(config_.self, config_.peers_max);
  for (const auto& seed : config_.seeds)
    plan_.add_seed(seed);
  return {};
}

void asio_tunnel::run() {
  asio::co_spawn(context_, accept_all(), asio::detached);
  asio::co_spawn(context_, dial_all(), asio::detached);
  thread_ = std::thread{[this] { work(); }};
}

result<void> asio_tunnel::listen() {
  error_code failure;
  const auto address = asio::ip::make_address(config_.host, failure);
  if (failure)
    return fail(ec::invalid_config,
                "cluster.listen: " + config_.host + " is no IP address");
  if (!tls_ && !address.is_loopback())
    return fail(
      ec::invalid_config,
      "cluster.listen: " + config_.host
        + " is not loopback: set cluster.tls (weir certs init, weir certs issue)");
  const tcp::endpoint end{address, config_.port};
  acceptor_.open(end.protocol(), failure);
  if (!failure)
    acceptor_.set_option(tcp::acceptor::reuse_address{true}, failure);
  if (!failure)
    acceptor_.bind(end, failure);
  if (!failure)
    acceptor_.listen(asio::socket_base::max_listen_connections, failure);
  if (failure)
    return fail(ec::io_failed, "cluster.listen: cannot listen on " + endpoint_text(end)
                                 + ": " + failure.message());
  const auto bound = acceptor_.local_endpoint(failure);
  if (config_.self.address.empty())
    config_.self.address = endpoint_text(bound);
  return {};
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

// -- connections come

connection_ptr asio_tunnel::open(tcp::socket socket, std::string endpoint,
                                 bool dialed_by_us) {
  tune(socket);
  auto one = std::make_shared<connection>(std::move(socket), tls_.get(), context_);
  one->endpoint = std::move(endpoint);
  one->dialed_by_us = dialed_by_us;
  open_.insert(one);
  watch(one);
  return one;
}

void asio_tunnel::watch(const connection_ptr& one) {
  one->deadline.expires_after(config_.handshake_deadline);
  one->deadline.async_wait([this, one](error_code cancelled) {
    if (!cancelled && !one->confirmed)
      one->end("no handshake within " + std::to_string(config_.handshake_deadline.count())
               + " ms");
  });
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
    if (open_.size() >= config_.handshakes_max + links_.size())
      continue; // closed: too many are at their handshake
    auto one = open(std::move(socket), endpoint_text(peer), false);
    asio::co_spawn(context_, serve(std::move(one)), asio::detached);
  }
}

awaitable<void> asio_tunnel::dial_all() {
  while (!stopping_) {
    const auto now = steady_clock::now();
    for (auto& name : plan_.to_resolve(now))
      asio::co_spawn(context_, resolve(name), asio::detached);
    for (auto& endpoint : plan_.to_dial(
           now, [this](const std::string& peer) { return registry_->linked(peer); }))
      asio::co_spawn(context_, dial(endpoint), asio::detached);
    error_code cancelled;
    timer_.expires_after(config_.dial_interval);
    co_await timer_.async_wait(redirect_error(use_awaitable, cancelled));
  }
}

awaitable<void> asio_tunnel::resolve(std::string name) {
  const auto at = split_address(name);
  error_code failure;
  const auto found = co_await resolver_.async_resolve(
    at.host, at.port, redirect_error(use_awaitable, failure));
  std::vector<std::string> endpoints;
  if (!failure)
    for (const auto& entry : found)
      endpoints.push_back(endpoint_text(entry.endpoint()));
  plan_.resolved(name, std::move(endpoints), steady_clock::now());
  if (!stopping_)
    timer_.cancel(); // dials what was found at once
}

awaitable<void> asio_tunnel::dial(std::string endpoint) {
  const auto at = split_address(endpoint);
  error_code failure;
  const auto address = asio::ip::make_address(at.host, failure);
  const tcp::endpoint end{address, static_cast<uint16_t>(std::stoul(at.port))};
  auto one = open(tcp::socket{context_, end.protocol()}, endpoint, true);
  co_await one->outside.socket().async_connect(end,
                                               redirect_error(use_awaitable, failure));
  if (failure) {
    one->end(failure.message());
    plan_.failed(endpoint, steady_clock::now());
    finish(one);
    co_return;
  }
  co_await serve(one);
}

// -- the handshake
//
// What a co_await's arguments refer to has a name of its own: g++ 12 destroys an unnamed one of
// class type twice.

awaitable<void> asio_tunnel::serve(connection_ptr one) {
  bool agreed = false;
  if (const auto failure = co_await one->outside.handshake(one->dialed_by_us); failure)
    refused(*one, "TLS: " + failure.message());
  else if (one->dialed_by_us)
    agreed = co_await greet_as_dialer(*one);
  else
    agreed = co_await greet_as_listener(*one);
  if (one->dialed_by_us && !one->peer.name.empty())
    plan_.found(one->endpoint, one->peer.name, steady_clock::now());
  else if (one->dialed_by_us)
    plan_.failed(one->endpoint, steady_clock::now());
  const bool entered = agreed && make_link(one);
  co_await carry(one, entered);
}

awaitable<bool> asio_tunnel::receive(connection& one, std::string& body) {
  std::array<char, hello_head_bytes> head_bytes{};
  if (const auto failure = co_await one.outside.read(head_bytes); failure) {
    refused(one, failure.message());
    co_return false;
  }
  const auto head = read_hello_head({head_bytes.data(), head_bytes.size()});
  if (!head) {
    refused(one, head.error().text);
    co_return false;
  }
  body.resize(head->bytes);
  if (const auto failure = co_await one.outside.read(body); failure) {
    refused(one, failure.message());
    co_return false;
  }
  co_return true;
}

awaitable<bool> asio_tunnel::say(connection& one, std::string_view bytes) {
  const auto failure = co_await one.outside.write(bytes);
  if (failure)
    refused(one, failure.message());
  co_return !failure;
}

awaitable<bool> asio_tunnel::greet_as_dialer(connection& one) {
  const auto link = random_link();
  std::string body;
  const auto greeting = encode_hello({link, config_.self});
  const bool said = co_await say(one, greeting);
  if (!said)
    co_return false;
  const bool answered = co_await receive(one, body);
  if (!answered)
    co_return false;
  const auto answer = decode_answer(body);
  if (!answer) {
    refused(one, answer.error().text);
    co_return false;
  }
  if (registry_->is_self(answer->card)) {
    plan_.found_self(one.endpoint, steady_clock::now());
    one.end("the node itself");
    co_return false;
  }
  const auto certified = one.outside.certified_name();
  if (!certified.empty() && certified != answer->card.name) {
    refused(one,
            "its certificate is for " + certified + ", not for " + answer->card.name);
    co_return false;
  }
  one.peer = answer->card;
  if (!answer->accepted) {
    refused(one, answer->reason);
    co_return false;
  }
  const auto go = encode_go();
  const bool gone = co_await say(one, go);
  one.link = link;
  co_return gone;
}

awaitable<bool> asio_tunnel::greet_as_listener(connection& one) {
  std::string body;
  const bool came = co_await receive(one, body);
  if (!came) {
    // In words the other side can read, whatever it speaks.
    const auto refusal = encode_answer({false, one.reason, config_.self});
    (void)co_await say(one, refusal);
    co_return false;
  }
  const auto words = decode_hello(body);
  if (!words) {
    refused(one, words.error().text);
    co_return false;
  }
  one.peer = words->card;
  const auto verdict = registry_->judge(words->card, one.outside.certified_name());
  if (verdict.close)
    if (const auto old = links_.find(*verdict.close); old != links_.end())
      old->second->end("the node was restarted");
  const auto answer = encode_answer({verdict.accepted, verdict.reason, config_.self});
  const bool said = co_await say(one, answer);
  if (!said)
    co_return false;
  if (!verdict.accepted) {
    refused(one, verdict.reason);
    co_return false;
  }
  const bool going = co_await receive(one, body);
  one.link = words->link;
  co_return going && !links_.contains(words->link);
}

/// Logged once for each address and reason: a node that dials again and again is no news.
void asio_tunnel::refused(connection& one, const std::string& reason) {
  if (one.reason.empty())
    one.reason = reason;
  constexpr size_t remembered_max = 256;
  // A port of the peer's own choice says nothing, so an incoming one is known by its host.
  const auto who = one.dialed_by_us ? one.endpoint : split_address(one.endpoint).host;
  if (last_refusal_.size() >= remembered_max)
    last_refusal_.clear();
  auto& last = last_refusal_[who];
  const bool expected = reason == "already linked" || reason == "this is the node itself";
  if (last == reason || expected || stopping_)
    return;
  last = reason;
  log_event(log_level::warning, "link_refused",
            {{one.dialed_by_us ? "dialed" : "from", who}, {"reason", reason}});
}

// -- the link

bool asio_tunnel::make_link(const connection_ptr& one) {
  if (const auto loser = registry_->enter(one->peer, one->link, one->dialed_by_us)) {
    if (*loser == one->link)
      return false;
    if (const auto old = links_.find(*loser); old != links_.end())
      old->second->end("another link to the node has taken its place");
  }
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    registry_->leave(one->link);
    refused(*one, "no descriptors left");
    return false;
  }
  error_code failure;
  one->inside.assign(local_stream{}, ends[0], failure);
  links_[one->link] = one;
  last_refusal_.erase(one->endpoint);
  watch(one);
  events_.opened({one->link, one->peer, ends[1], one->dialed_by_us});
  return true;
}

/// From CAF to the peer; the other direction beside it.
awaitable<void> asio_tunnel::carry(connection_ptr one, bool entered) {
  if (entered) {
    asio::co_spawn(context_, pump_in(one), asio::detached);
    std::vector<char> buffer(pump_bytes);
    error_code failure;
    while (!failure) {
      const auto got = co_await one->inside.async_read_some(
        asio::buffer(buffer), redirect_error(use_awaitable, failure));
      const std::string_view bytes{buffer.data(), failure ? 0 : got};
      if (!failure)
        failure = co_await one->outside.write(bytes);
    }
    one->end(failure.message());
  } else {
    one->end("no link");
  }
  finish(one);
}

awaitable<void> asio_tunnel::pump_in(connection_ptr one) {
  std::vector<char> buffer(pump_bytes);
  error_code failure;
  while (!failure) {
    const auto got = co_await one->outside.read_some(buffer, failure);
    if (!failure)
      co_await asio::async_write(one->inside, asio::buffer(buffer.data(), got),
                                 redirect_error(use_awaitable, failure));
  }
  one->end(failure == asio::error::eof ? "the peer closed it" : failure.message());
}

void asio_tunnel::finish(const connection_ptr& one) {
  open_.erase(one);
  const auto found = links_.find(one->link);
  if (one->link == 0 || found == links_.end() || found->second != one)
    return;
  links_.erase(found);
  registry_->leave(one->link);
  events_.closed(one->link, one->reason);
}

} // namespace

result<std::unique_ptr<tunnel>> tunnel::open(tunnel_config config, tunnel_events events) {
  auto made = std::make_unique<asio_tunnel>(std::move(config), std::move(events));
  if (auto ready = made->prepare(); !ready)
    return tl::unexpected(ready.error());
  return made;
}

} // namespace weir
