// DIALER: watches where nodes may be. Seeds and learned addresses are resolved again and
// again, and every address of a name that no link leads to is dialed again and again: at
// most once a second where nobody answers, and not at all while there is no room for the
// node that was found there. Everything runs on the tunnel's one thread.
#pragma once

#include "cluster/tunnel/dial_plan.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace weir {

class dialer {
 public:
  struct hooks {
    /// True if the peer is linked, or there is no room for it.
    std::function<bool(const std::string& peer)> unwanted;
    std::function<void(std::string endpoint)> dial; ///< ends with found() or failed()
  };

  dialer(boost::asio::io_context& context, std::chrono::milliseconds interval, hooks by)
    : context_(context), interval_(interval), by_(std::move(by)), resolver_(context),
      timer_(context) {}

  void add_seed(const std::string& address) { plan_.add_seed(address); }
  void learn(const std::vector<std::string>& addresses);
  void start();
  void stop();

  /// Tells who answered at an endpoint that was dialed, linked or not.
  void found(const std::string& endpoint, const std::string& peer);
  void found_self(const std::string& endpoint);
  void failed(const std::string& endpoint);
  /// The seed that leads to an endpoint; empty if none does.
  std::string seed_at(const std::string& endpoint) const {
    return plan_.seed_at(endpoint);
  }

 private:
  boost::asio::awaitable<void> dial_all();
  void look_up(const std::string& name, std::chrono::steady_clock::time_point now);
  boost::asio::awaitable<void> resolve(std::string name);

  boost::asio::io_context& context_;
  const std::chrono::milliseconds interval_;
  const hooks by_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::steady_timer timer_;
  dial_plan plan_;
  bool stopping_ = false;
};

} // namespace weir
