#include "http/rate_limit.hpp"

#include <algorithm>
#include <cmath>

namespace weir {

namespace {

double burst_of(const record_rate& rate) noexcept {
  return std::max(1.0, rate.burst > 0 ? rate.burst : rate.per_second);
}

bool limited(const record_rate& rate) noexcept {
  return rate.per_second > 0;
}

} // namespace

void token_bucket::refill(const record_rate& rate, time_point now) noexcept {
  if (!started_) {
    started_ = true;
    tokens_ = burst_of(rate);
    filled_ = now;
    return;
  }
  const double passed =
    std::max(0.0, std::chrono::duration<double>(now - filled_).count());
  tokens_ = std::min(burst_of(rate), tokens_ + passed * rate.per_second);
  filled_ = now;
}

int token_bucket::wait_seconds(const record_rate& rate, time_point now) noexcept {
  refill(rate, now);
  if (tokens_ > 0)
    return 0;
  // One token more than nothing: at exactly zero the client would be refused again.
  const double seconds = std::ceil((1 - tokens_) / rate.per_second);
  return static_cast<int>(std::clamp(seconds, 1.0, 3600.0));
}

void token_bucket::charge(const record_rate& rate, double records,
                          time_point now) noexcept {
  refill(rate, now);
  tokens_ -= records;
}

int rate_limiter::check(const subject& who, time_point now) {
  if (!limited(who.stream_rate) && !limited(who.client_rate))
    return 0;
  const std::lock_guard guard{lock_};
  int seconds = 0;
  if (limited(who.stream_rate))
    seconds = stream_bucket(who.stream).wait_seconds(who.stream_rate, now);
  if (limited(who.client_rate))
    seconds =
      std::max(seconds, client_bucket(who.client).wait_seconds(who.client_rate, now));
  return seconds;
}

void rate_limiter::charge(const subject& who, uint64_t records, time_point now) {
  if (!limited(who.stream_rate) && !limited(who.client_rate))
    return;
  const std::lock_guard guard{lock_};
  const auto count = static_cast<double>(records);
  if (limited(who.stream_rate))
    stream_bucket(who.stream).charge(who.stream_rate, count, now);
  if (limited(who.client_rate))
    client_bucket(who.client).charge(who.client_rate, count, now);
}

void rate_limiter::set_clients_max(size_t clients_max) {
  const std::lock_guard guard{lock_};
  clients_max_ = std::max<size_t>(1, clients_max);
}

size_t rate_limiter::clients() const {
  const std::lock_guard guard{lock_};
  return recent_.size();
}

token_bucket& rate_limiter::stream_bucket(std::string_view stream) {
  const auto found = streams_.find(stream);
  return found != streams_.end() ? found->second : streams_[std::string{stream}];
}

token_bucket& rate_limiter::client_bucket(std::string_view client) {
  if (const auto found = clients_.find(client); found != clients_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    return recent_.front().bucket;
  }
  while (!recent_.empty() && recent_.size() >= clients_max_) {
    clients_.erase(recent_.back().name);
    recent_.pop_back();
  }
  recent_.push_front({std::string{client}, {}});
  clients_.emplace(recent_.front().name,
                   recent_.begin()); // the key views the list's string
  return recent_.front().bucket;
}

} // namespace weir
