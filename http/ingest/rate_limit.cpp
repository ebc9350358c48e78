#include "http/ingest/rate_limit.hpp"

#include <algorithm>
#include <cmath>

namespace weir {

namespace {

double burst_of(const record_rate& rate) noexcept {
  return std::max(1.0, rate.burst > 0 ? rate.burst : rate.per_second);
}

constexpr auto round_time = std::chrono::seconds{3};

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
  const double debt_max = std::max(burst_of(rate), rate.per_second * debt_seconds_max);
  tokens_ = std::max(tokens_ - records, -debt_max);
}

int rate_limiter::check(const subject& who, time_point now) {
  if (!limited(who.stream_rate) && !limited(who.client_rate))
    return 0;
  const std::lock_guard guard{lock_};
  int seconds = 0;
  // The stream's bucket bounds all clients together, the share's bucket each one of them.
  if (limited(who.stream_rate)) {
    seconds = stream_of(who.stream).bucket.wait_seconds(who.stream_rate, now);
    const auto [bucket, rate] = share_of(who, now);
    seconds = std::max(seconds, bucket->wait_seconds(rate, now));
  }
  if (limited(who.client_rate))
    seconds =
      std::max(seconds, client_of(who.client).bucket.wait_seconds(who.client_rate, now));
  return seconds;
}

void rate_limiter::charge(const subject& who, uint64_t records, time_point now) {
  if (!limited(who.stream_rate) && !limited(who.client_rate))
    return;
  const std::lock_guard guard{lock_};
  const auto count = static_cast<double>(records);
  if (limited(who.stream_rate)) {
    stream_of(who.stream).bucket.charge(who.stream_rate, count, now);
    const auto [bucket, rate] = share_of(who, now);
    bucket->charge(rate, count, now);
  }
  if (limited(who.client_rate))
    client_of(who.client).bucket.charge(who.client_rate, count, now);
}

uint32_t rate_limiter::batch_records(const subject& who, uint32_t most) noexcept {
  for (const auto& rate : {who.stream_rate, who.client_rate})
    if (limited(rate) && burst_of(rate) < most)
      most = static_cast<uint32_t>(burst_of(rate));
  return most;
}

std::pair<token_bucket*, record_rate> rate_limiter::share_of(const subject& who,
                                                             time_point now) {
  auto& stream = stream_of(who.stream);
  if (now - stream.round_began >= round_time) {
    const bool just_ended = now - stream.round_began < 2 * round_time;
    stream.clients_before = just_ended ? stream.clients : 0;
    stream.clients = 0;
    stream.round_began = now;
    ++stream.round;
  }
  std::string name{who.stream}; // no client's name has a line end in it
  auto& client = client_of(name.append(1, '\n').append(who.client));
  if (std::exchange(client.round, stream.round) != stream.round)
    ++stream.clients;
  const auto all = static_cast<double>(std::max(stream.clients, stream.clients_before));
  return {&client.bucket, {who.stream_rate.per_second / all, burst_of(who.stream_rate)}};
}

void rate_limiter::set_clients_max(size_t clients_max) {
  const std::lock_guard guard{lock_};
  clients_max_ = std::max<size_t>(1, clients_max);
}

size_t rate_limiter::clients() const {
  const std::lock_guard guard{lock_};
  return recent_.size();
}

rate_limiter::stream_entry& rate_limiter::stream_of(std::string_view stream) {
  const auto found = streams_.find(stream);
  return found != streams_.end() ? found->second : streams_[std::string{stream}];
}

rate_limiter::client_entry& rate_limiter::client_of(std::string_view client) {
  if (const auto found = clients_.find(client); found != clients_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    return recent_.front();
  }
  while (!recent_.empty() && recent_.size() >= clients_max_) {
    clients_.erase(recent_.back().name);
    recent_.pop_back();
  }
  recent_.push_front({std::string{client}, {}, 0});
  // The key is a view of the list's string.
  clients_.emplace(recent_.front().name, recent_.begin());
  return recent_.front();
}

} // namespace weir
