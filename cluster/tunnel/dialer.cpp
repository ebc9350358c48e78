#include "cluster/tunnel/dialer.hpp"

#include "cluster/tunnel/connection.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir {

namespace asio = boost::asio;
using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using boost::system::error_code;
using std::chrono::steady_clock;

void dialer::start() {
  asio::co_spawn(context_, dial_all(), asio::detached);
}

void dialer::stop() {
  stopping_ = true;
  resolver_.cancel();
  timer_.cancel();
}

void dialer::learn(const std::vector<std::string>& addresses) {
  for (const auto& address : addresses)
    plan_.learn(address, steady_clock::now());
}

void dialer::found(const std::string& endpoint, const std::string& peer) {
  plan_.found(endpoint, peer, steady_clock::now());
}

void dialer::found_self(const std::string& endpoint) {
  plan_.found_self(endpoint, steady_clock::now());
}

void dialer::failed(const std::string& endpoint) {
  plan_.failed(endpoint, steady_clock::now());
}

awaitable<void> dialer::dial_all() {
  while (!stopping_) {
    const auto now = steady_clock::now();
    for (const auto& name : plan_.to_resolve(now))
      look_up(name, now);
    for (auto& endpoint : plan_.to_dial(now, by_.unwanted))
      by_.dial(std::move(endpoint));
    error_code cancelled;
    timer_.expires_after(interval_);
    co_await timer_.async_wait(redirect_error(use_awaitable, cancelled));
  }
}

/// Asio resolves one name after the other, and one may take a minute: an address that
/// needs no resolving must not wait for that.
void dialer::look_up(const std::string& name, steady_clock::time_point now) {
  if (auto endpoint = numeric_endpoint(name); !endpoint.empty())
    plan_.resolved(name, {std::move(endpoint)}, now);
  else
    asio::co_spawn(context_, resolve(name), asio::detached);
}

awaitable<void> dialer::resolve(std::string name) {
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
    timer_.cancel(); // dials at once what was found
}

} // namespace weir
